//! `promote`, `abort`, `resume`: what ends or goes on with something that is in flight.

use crate::cli::{Looking, PromoteArgs, TargetArgs};
use crate::cluster::{Sources, connect};
use crate::commands::check::Passed;
use crate::commands::context::Context;
use crate::error::Error;
use crate::journal::Verb;
use crate::plan::{Analyze, Plan, Step};
use crate::situation::{Observed, Situation};
use crate::source;
use crate::step;
use crate::strategy;

/// Makes the canary the only version.
pub(super) async fn promote(args: &PromoteArgs, context: Context<'_>) -> Result<(), Error> {
    let file = source::analysis_file(&args.analysis.compared)?;
    let looking =
        Looking { time: args.analysis_time, early_pass: false, on_inconclusive: args.on_inconclusive };
    let analyze = args.analysis.asked(file, looking)?;
    let sources = context.sources(analyze.as_ref(), &[])?;
    let planner = |observed: &Observed| strategy::promote_judged(observed, analyze.as_ref());
    Box::pin(end(&args.target, context, Verb::Promote, sources, planner)).await
}

/// Makes a canary the only version that has stood an experiment.
pub(super) async fn promote_tried(args: &TargetArgs, context: Context<'_>) -> Result<(), Error> {
    Box::pin(end(args, context, Verb::Promote, Sources::default(), strategy::promote)).await
}

/// Goes back to the stable version.
pub(super) async fn abort(args: &TargetArgs, context: Context<'_>) -> Result<(), Error> {
    let planner = |observed: &Observed| Ok(strategy::abort(observed));
    Box::pin(end(args, context, Verb::Abort, Sources::default(), planner)).await
}

async fn end(
    args: &TargetArgs,
    context: Context<'_>,
    verb: Verb,
    sources: Sources,
    planner: impl Fn(&Observed) -> Result<Plan, Error>,
) -> Result<(), Error> {
    let cluster = connect(context.global).await?.with_sources(sources);
    let mut engine = context.open(&cluster, &args.name, &args.guard).await?;
    if engine.observed()?.traffic.is_none()
        && let Some(traffic) = cluster.leftover(&engine.observed()?.workload, cluster.marks().await).await?
    {
        engine.route_by(traffic).await?;
    }
    let observed = engine.observed()?;
    let locked = observed.lock.as_ref().is_some_and(|lock| lock.holder.is_some());
    let is_over = match planner(&observed) {
        Ok(plan) => plan.steps.is_empty() && !locked && observed.fault.is_none(),
        Err(error) => return Err(context.refused(&mut engine, verb, error).await),
    };
    if is_over {
        let id = observed.workload.id();
        return engine.nothing(&format!("nothing is in flight for {id}: nothing to {}", verb.name()));
    }
    context.carry_out(&mut engine, verb, Passed::nothing_new(), 0, planner).await
}

/// Goes on with the plan in the journal.
pub(super) async fn resume(args: &TargetArgs, context: Context<'_>) -> Result<(), Error> {
    let cluster = connect(context.global).await?;
    let mut engine = context.open(&cluster, &args.name, &args.guard).await?;
    let observed = engine.observed()?;
    let journal = observed.journal.clone();
    let Some(journal) =
        journal.filter(|journal| journal.is_open() && journal.cursor < journal.plan.steps.len())
    else {
        if observed.fault.is_some() && context.global.dry_run.is_none() {
            let ended = engine.end_fault_alone().await;
            return engine.conclude(ended).await;
        }
        let id = observed.workload.id();
        return engine.nothing(&format!("nothing was interrupted for {id}: nothing to resume"));
    };
    if let Some(error) = step::foreign(&Situation::of(&observed)) {
        return Err(context.refused(&mut engine, Verb::Canary, error).await);
    }
    let mut ahead = journal.plan.steps.iter().skip(journal.cursor);
    if let Some(test) = ahead.clone().find_map(Step::test) {
        // Whoever may write the Lease must not have this machine run a program.
        let error = test.not_named(&observed.workload.id(), journal.verb.name());
        return Err(context.refused(&mut engine, journal.verb, error).await);
    }
    let ahead = ahead.find_map(Step::analyze);
    let kept = ahead.map(Analyze::of_command_line).unwrap_or_default();
    if !kept.is_empty() {
        engine.warn(&format!(
            "resume does not ask {}: run the {} command again in its place, with the same --analysis",
            kept.join(", "),
            journal.verb.name()
        ));
    }
    context
        .carry_out(&mut engine, journal.verb, Passed::nothing_new(), journal.cursor, |_| {
            Ok(journal.plan.clone())
        })
        .await
}

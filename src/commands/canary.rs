//! `canary`: give a new version a share of the traffic, or change the share.

use crate::cli::{CanaryArgs, Looking};
use crate::cluster::connect;
use crate::commands::check::{Passed, preflight};
use crate::commands::context::Context;
use crate::commands::gate;
use crate::commands::routing::{RoutingFlags, find};
use crate::error::Error;
use crate::journal::Verb;
use crate::model::{Strategy, deployment_name};
use crate::preflight::Subject;
use crate::situation::{Observed, Situation};
use crate::source;
use crate::strategy::{self, CanaryRequest, Wanted};

/// Runs the verb.
pub(super) async fn run(args: &CanaryArgs, context: Context<'_>) -> Result<(), Error> {
    let name = deployment_name(&args.name)?;
    if !args.steps.is_sorted_by(|a, b| a < b) {
        return Err(Error::usage("--steps must rise: write for example --steps 10,25,50"));
    }
    let file = source::analysis_file(&args.analysis.compared)?;
    let looking = Looking {
        time: args.looks.analysis_time,
        early_pass: args.looks.early_pass,
        on_inconclusive: args.on_inconclusive,
    };
    let analyze = args.analysis.asked(file, looking)?;
    let sources = context.sources(analyze.as_ref(), &args.verify.smoke.verify_command)?;
    let cluster = connect(context.global).await?.with_sources(sources);
    let experiment = gate::asked(args, name, &cluster.namespace, context)?;
    let mut engine = context.open(&cluster, name, &args.guard).await?;
    find(&cluster, &mut engine, RoutingFlags { args: &args.traffic, switch: None }).await?;
    let observed = engine.observed()?;
    let share = args.weight.is_some() || !args.steps.is_empty();
    if observed.traffic.is_none() && args.canary_replicas.is_some() && share {
        return Err(Error::usage(
            "--canary-replicas beside --weight or --steps takes a router: without one the pods are the share",
        ));
    }
    let traffic = observed.traffic.as_ref();
    let request = CanaryRequest {
        template: source::template(
            &cluster,
            &observed.workload,
            &args.source,
            context.environment,
            context.output,
        )
        .await?,
        wait_seconds: args.step_wait.as_secs(),
        analyze: analyze.clone(),
        verify: args.verify.asked(),
        gate: args.gate.asked().map(|gate| (gate, args.chaos_at)),
        promote: args.promote,
        exact: args.exact,
        shrink: args.shrink_stable,
        wanted: Wanted {
            weights: args.weight.map_or_else(|| args.steps.clone(), |weight| vec![weight]),
            pods: args.canary_replicas,
            matches: traffic.map_or_else(|| args.traffic.matches(&[]), |traffic| traffic.matches.clone()),
            mirror: traffic.map_or_else(|| args.traffic.mirror(None), |traffic| traffic.mirror),
        },
    };
    // Between its last share and the promotion the experiment is run.
    let held = CanaryRequest { promote: args.promote && experiment.is_none(), ..request.clone() };
    let plan = |observed: &Observed| {
        let first = strategy::first(request.template.as_ref(), &request.verify, observed);
        let first = first.filter(|_| args.first.or_first);
        first.unwrap_or_else(|| {
            let whole = strategy::canary(&request, observed)?;
            if whole.only_follows() { Ok(whole) } else { strategy::canary(&held, observed) }
        })
    };
    let mut passed = Passed::nothing_new();
    // Another share for a version that is held already brings nothing new to judge.
    if request.template.is_some() || Situation::of(&observed).hold.is_none() {
        let plan = match plan(&observed) {
            Ok(plan) => plan,
            Err(error) => return Err(context.refused(&mut engine, Verb::Canary, error).await),
        };
        let mut subject = Subject::of(&Situation::of(&observed), &plan, Strategy::Canary);
        // The hold itself says how the share comes out; a dry run does not get that far.
        subject.sizing = subject.sizing.filter(|_| context.global.dry_run.is_some());
        // The version that is live already is only followed.
        if !plan.only_follows() {
            passed = preflight(&cluster, &subject, &args.preflight.force, engine.output()).await?;
        }
    }
    context.carry_out(&mut engine, Verb::Canary, passed, 0, plan).await?;
    let observed = engine.observed()?;
    match experiment.filter(|_| observed.is_held() && context.global.dry_run.is_none()) {
        Some(asked) => gate::stand(&asked, &args.guard, args.promote, &observed.workload.id(), context).await,
        None => Ok(()),
    }
}

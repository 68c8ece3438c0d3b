//! `blue-green`: a whole second set, tried through a preview, then one switch.

use crate::cli::{BlueGreenArgs, Looking, TrafficArgs};
use crate::cluster::connect;
use crate::commands::check::{Passed, preflight};
use crate::commands::context::Context;
use crate::commands::routing::{RoutingFlags, find};
use crate::error::Error;
use crate::journal::Verb;
use crate::model::{Strategy, deployment_name};
use crate::plan::Analyze;
use crate::preflight::Subject;
use crate::situation::{Observed, Situation};
use crate::source;
use crate::strategy::{self, BlueGreenRequest, VerifyRequest};

/// Runs the verb.
pub(super) async fn run(args: &BlueGreenArgs, context: Context<'_>) -> Result<(), Error> {
    let name = deployment_name(&args.name)?;
    let file = source::analysis_file(&args.analysis.compared)?;
    let looking =
        Looking { time: args.analysis_time, early_pass: false, on_inconclusive: args.on_inconclusive };
    let analyze =
        args.analysis.asked(file, looking)?.map(Analyze::alone).transpose().map_err(Error::usage)?;
    if analyze.is_some() && !args.auto_promote {
        return Err(Error::usage("metrics are judged after the switch, which is made with --auto-promote"));
    }
    if args.gate.file().is_some() {
        return Err(Error::usage(
            "--chaos FILE: an experiment is run on what is held: 'chaos run FILE NAME' before 'promote'",
        )
        .next("--chaos kill-pods"));
    }
    let sources = context.sources(analyze.as_ref(), &args.smoke.verify_command)?;
    let cluster = connect(context.global).await?.with_sources(sources);
    let mut engine = context.open(&cluster, name, &args.guard).await?;
    let traffic = TrafficArgs {
        router: args.router,
        service: args.service.clone(),
        settings: args.settings.clone(),
        ..TrafficArgs::default()
    };
    find(&cluster, &mut engine, RoutingFlags { args: &traffic, switch: Some(args.soak.as_secs()) }).await?;
    let observed = engine.observed()?;
    let request = BlueGreenRequest {
        template: source::template(
            &cluster,
            &observed.workload,
            &args.source,
            context.environment,
            context.output,
        )
        .await?,
        checks: args.verify.clone(),
        tests: args.smoke.verify_command.clone(),
        gate: args.gate.asked(),
        promote: args.auto_promote,
        analyze: analyze.clone(),
    };
    let planned = |observed: &Observed| {
        let tests = VerifyRequest::tests(&request.tests);
        let first = strategy::first(request.template.as_ref(), &tests, observed);
        let first = first.filter(|_| args.first.or_first);
        first.unwrap_or_else(|| strategy::blue_green(&request, observed))
    };
    let plan = planned(&observed)?;
    if plan.steps.is_empty() {
        return engine.nothing("the new version has the traffic already: promote finishes, abort goes back");
    }
    let mut passed = Passed::nothing_new();
    if Situation::of(&observed).hold.is_none() && plan.steps.len() > 1 {
        let subject = Subject::of(&Situation::of(&observed), &plan, Strategy::BlueGreen);
        passed = preflight(&cluster, &subject, &args.preflight.force, engine.output()).await?;
        for autoscaler in cluster.autoscalers(name).await? {
            engine.warn(&format!(
                "HorizontalPodAutoscaler {autoscaler} counts the pods of both sets: beside an idle one the load looks \
                 halved, and it may take half of the pods away; raise its minReplicas to {} until the end",
                observed.workload.replicas()
            ));
        }
    }
    context.carry_out(&mut engine, Verb::BlueGreen, passed, 0, planned).await
}

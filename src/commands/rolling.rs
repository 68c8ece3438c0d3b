//! `rolling` and `restart`: the stock rolling update, judged, and undone if the new version fails.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::{Looking, RestartArgs, RollingArgs};
use crate::cluster::connect;
use crate::commands::context::Context;
use crate::error::Error;
use crate::journal::Verb;
use crate::keys::RESTARTED_AT;
use crate::model::deployment_name;
use crate::source;
use crate::strategy::Trial;
use crate::world::timestamp;

/// Replaces the version.
pub(super) async fn run(args: &RollingArgs, context: Context<'_>) -> Result<(), Error> {
    let name = deployment_name(&args.name)?;
    let file = source::analysis_file(&args.analysis.compared)?;
    let looking = Looking { time: Duration::ZERO, early_pass: false, on_inconclusive: args.on_inconclusive };
    let analyze = args.analysis.asked(file, looking)?;
    let sources = context.sources(analyze.as_ref(), &args.verify.smoke.verify_command)?;
    let cluster = connect(context.global).await?.with_sources(sources);
    let mut engine = context.open(&cluster, name, &args.guard).await?;
    let observed = engine.observed()?;
    let Some(template) =
        source::template(&cluster, &observed.workload, &args.source, context.environment, context.output)
            .await?
    else {
        return Err(Error::usage(format!("there is no new version for {}", observed.workload.id()))
            .next("name the new version: --image [CONTAINER=]IMAGE")
            .next("or give a manifest: -f FILE|DIRECTORY|-")
            .next(format!("kubectl rollout-plus restart {name} (new pods of the same version)")));
    };
    let trial = Trial { verify: args.verify.asked(), analyze };
    context.roll(&cluster, &mut engine, Verb::Rolling, &template, &trial, &args.preflight).await
}

/// Replaces the pods.
pub(super) async fn restart(args: &RestartArgs, context: Context<'_>) -> Result<(), Error> {
    let name = deployment_name(&args.name)?;
    let cluster = connect(context.global).await?;
    let mut engine = context.open(&cluster, name, &args.guard).await?;
    let template = restarted(&engine.observed()?.workload.spec.template);
    let trial = Trial::default();
    context.roll(&cluster, &mut engine, Verb::Restart, &template, &trial, &args.preflight).await
}

fn restarted(template: &Value) -> Value {
    let mut template = template.clone();
    let now = timestamp();
    let annotations = &mut template["metadata"]["annotations"];
    annotations[RESTARTED_AT] = json!(format!("{}Z", now.split('.').next().unwrap_or_default()));
    template
}

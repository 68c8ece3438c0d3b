//! `rollback`: go back to a former version, judged like any other.

use crate::cli::RollbackArgs;
use crate::cluster::connect;
use crate::commands::context::Context;
use crate::error::Error;
use crate::history;
use crate::journal::{self, Verb};
use crate::model::{deployment_name, without_hash};
use crate::strategy::{self, Trial};

/// Runs the verb.
pub(super) async fn run(args: &RollbackArgs, context: Context<'_>) -> Result<(), Error> {
    let name = deployment_name(&args.name)?;
    let cluster = connect(context.global).await?;
    let mut engine = context.open(&cluster, name, &args.guard).await?;
    let observed = engine.observed()?;
    let outcomes = engine.lease().map(journal::outcomes).unwrap_or_default();
    let (target, why) = history::target(&observed, &outcomes, args.to_revision)?;
    let template = without_hash(&target.spec.template);
    // A plan that is refused is refused before anything is told about it.
    strategy::rolling(&template, &observed)?;
    let revision = target.revision().unwrap_or_default();
    engine.note(&format!("going back to revision {revision}: {why}"));
    for line in history::difference(&observed.workload.spec.template, &template) {
        engine.note(&line);
    }
    for line in cluster.changed_since(target, &observed).await {
        engine.warn(&line);
    }
    let trial = Trial::default();
    context.roll(&cluster, &mut engine, Verb::Rollback, &template, &trial, &args.preflight).await
}

//! `chaos`: a fault on some pods, what is seen meanwhile, and the way back.

use crate::chaos::{Aim, Fault, HowMany};
use crate::cli::{ChaosAction, ChaosArgs, DryRun, GuardArgs};
use crate::cluster::connect;
use crate::commands::context::Context;
use crate::commands::experiment;
use crate::engine::Attempt;
use crate::error::Error;

/// Runs the verb.
pub(super) async fn run(args: &ChaosArgs, context: Context<'_>) -> Result<(), Error> {
    let (fault, args) = match &args.action {
        ChaosAction::Run(args) => return Box::pin(experiment::run(args, false, context)).await,
        ChaosAction::Check(args) => return Box::pin(experiment::run(args, true, context)).await,
        ChaosAction::KillPods(args) => (Fault::KillPods, args),
        ChaosAction::FailPods(args) => (Fault::FailPods, args),
        ChaosAction::SlowPods(args) => (Fault::SlowPods, args),
        ChaosAction::CutPods(args) => (Fault::CutPods, args),
    };
    if args.delete && fault != Fault::KillPods {
        return Err(Error::usage("--delete: only kill-pods deletes pods"));
    }
    let cluster = connect(context.global).await?;
    let mut engine = context.open(&cluster, &args.name, &GuardArgs::of(&args.told)).await?;
    let workload = engine.observed()?.workload;
    let id = workload.id();
    let labels = workload.metadata.labels.unwrap_or_default();
    let how_many = args.how_many().or_else(|| HowMany::of_kube_monkey(&labels));
    let asked = Attempt {
        fault,
        deletes: args.delete,
        group: args.group(),
        compare: args.compare,
        aim: Aim { how_many: how_many.unwrap_or(HowMany::Count(1)), min_ready: args.min_ready },
        lasting: args.lasting(fault),
        limit: args.recover_within,
        steady: args.steady.clone(),
        port: args.steady_port.clone(),
    };
    let dry_run = context.global.dry_run.map(|depth| depth == DryRun::Server);
    let trials = match Box::pin(engine.attempt(&asked, dry_run)).await {
        Ok(trials) => trials,
        Err(error) if dry_run.is_some() => return Err(error),
        Err(error) => return engine.conclude(Err(error)).await,
    };
    if dry_run.is_some() {
        return Ok(());
    }
    if let [stable, canary] = &trials[..] {
        engine.note(&stable.beside(canary));
    }
    let ended = trials.iter().try_for_each(|trial| trial.verdict().ended(&id.to_string()));
    engine.conclude(ended).await
}

//! `canary --chaos FILE`: an experiment between the last share and the promotion. It is none of the plan's steps: what it asks and
//! runs is of this machine, and a run that is gone on with elsewhere must not do it there.

use crate::cli::{CanaryArgs, ExperimentArgs, GuardArgs, OnFailure, TargetArgs};
use crate::commands::context::Context;
use crate::commands::{change, experiment};
use crate::error::{Error, Kind};
use crate::model::ObjectName;
use tokio::time::Instant;

/// Lets the canary that is held stand the experiment, and promotes it or takes it back.
pub(super) async fn stand(
    asked: &ExperimentArgs,
    guard: &GuardArgs,
    promote: bool,
    id: &ObjectName,
    context: Context<'_>,
) -> Result<(), Error> {
    let begin = Instant::now();
    let target = TargetArgs { name: id.name.clone(), guard: guard.clone() };
    let ended = Box::pin(experiment::run(asked, false, context)).await;
    let result = end(ended, guard.on_failure, promote, &target, id, context).await;
    // What went before it ended well, and so did the way back: this is the end of the whole.
    if result.is_err() {
        context.output.about(id.clone(), false).ended(&result, None, begin.elapsed().as_secs_f64());
    }
    result
}

async fn end(
    ended: Result<(), Error>,
    on_failure: OnFailure,
    promote: bool,
    target: &TargetArgs,
    id: &ObjectName,
    context: Context<'_>,
) -> Result<(), Error> {
    match (ended, on_failure) {
        (Ok(()), _) if promote => change::promote_tried(target, context).await,
        (Ok(()), _) => Ok(()),
        (Err(error), OnFailure::Continue) if error.kind == Kind::VersionFailed => {
            context.output.error(&error);
            if promote { change::promote_tried(target, context).await } else { Ok(()) }
        }
        (Err(error), OnFailure::Abort) if error.kind == Kind::VersionFailed => {
            match change::abort(target, context).await {
                Ok(()) => {
                    Err(Error { message: format!("{}; the stable version is back", error.message), ..error })
                }
                Err(other) => {
                    let message = format!("{}; going back: {}", error.message, other.message);
                    Err(Error { message, next: other.next, ..error })
                }
            }
        }
        (Err(error), OnFailure::Abort | OnFailure::Hold | OnFailure::Continue) => {
            Err(error.next(id.command("promote")).next(id.command("abort")))
        }
    }
}

/// Returns the experiment that is asked for, after what is wrong with it was refused.
pub(super) fn asked(
    args: &CanaryArgs,
    name: &str,
    namespace: &str,
    context: Context<'_>,
) -> Result<Option<ExperimentArgs>, Error> {
    let gate = &args.gate;
    let Some(file) = gate.file() else { return Ok(None) };
    if let Some(flag) = gate.stray(args.chaos_at) {
        let file = file.display();
        return Err(Error::usage(format!(
            "{flag}: the experiment {file} says itself what is done, and when"
        )));
    }
    let asked = ExperimentArgs::of_gate(file, name, gate, &args.guard);
    experiment::refuse(&asked, namespace, context)?;
    Ok(Some(asked))
}

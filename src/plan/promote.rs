//! Make the canary the only version.

use crate::error::Error;
use crate::model::{Observed, Situation, fingerprint, images};
use crate::plan::routed::Moves;
use crate::plan::{Plan, Step};

/// Returns the plan of a promotion.
///
/// # Errors
/// [`crate::error::Kind::Usage`] if nothing is held, [`crate::error::Kind::Refused`] if what is held is not
/// what was tried.
pub fn promote(observed: &Observed) -> Result<Plan, Error> {
    let situation = Situation::of(observed);
    let id = observed.deployment.id();
    let follow = Plan { steps: follow(observed, &situation) };
    if situation.hold.is_none() {
        // A promotion that was interrupted may have finished by itself: then only its record is open.
        let live = fingerprint(&observed.deployment.spec.template);
        if situation.way_back.is_some_and(|snapshot| snapshot.canary == live) {
            return Ok(follow);
        }
        return Err(Error::usage(format!("there is nothing to promote: {id} is not held")).next(format!(
            "kubectl rollout-plus canary {} -n {} --image IMAGE --weight N",
            id.name, id.namespace
        )));
    }
    let abort = format!("kubectl rollout-plus abort {} -n {}", id.name, id.namespace);
    if situation.is_on_stable_template() {
        return Err(Error::refused(format!(
            "somebody put the stable template of {id} back: the canary's pods are left over and its template is gone"
        ))
        .next(abort));
    }
    if situation.is_superseded() {
        return Err(Error::refused(format!(
            "somebody replaced the canary of {id} by a version that was never tried: {}",
            images(&observed.deployment.spec.template).join(", ")
        ))
        .next(abort)
        .next(format!(
            "kubectl rollout-plus canary {} -n {} --weight N with --image or -f (to try it)",
            id.name, id.namespace
        )));
    }
    Ok(follow)
}

fn follow(observed: &Observed, situation: &Situation<'_>) -> Vec<Step> {
    let record = situation.hold.as_ref().and_then(|hold| hold.record.as_ref());
    let (mut steps, after) = match Moves::of(observed) {
        Some(moves) => moves.promote(record.and_then(|record| record.asked)),
        None => Default::default(),
    };
    steps.extend([Step::Release, Step::AwaitRollout]);
    steps.extend(after);
    steps
}

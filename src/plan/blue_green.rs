//! Start a whole second set beside the first, try it through a preview, and switch all traffic at once.
//!
//! Without a router the user's own Service is pinned to one version, and the switch is one patch of its selector.
//! With one it is one patch of each route, between two pinned Services.

use serde_json::Value;

use super::canary::{new_template, refuse_what_cannot_be_held, with_name};
use super::promote::refuse_what_was_not_tried;
use super::routed::Moves;
use crate::error::{Error, Kind};
use crate::model::{Observed, ReplicaSet, Situation};
use crate::plan::{CanaryRequest, Check, Plan, Step};
use crate::share::{Size, Stable};
use crate::step;
use crate::traffic::Role;

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub struct BlueGreenRequest {
    /// The new version's template; `None` if none was named.
    pub template: Option<Value>,
    /// What the preview has to answer before the switch.
    pub checks: Vec<Check>,
    /// Switch and finish without a `promote`.
    pub promote: bool,
}

/// Returns the plan that brings the second set up, and switches if that was asked.
///
/// # Errors
/// As [`super::canary()`]; [`Kind::Refused`] if no Service selects the pods.
pub fn blue_green(request: &BlueGreenRequest, observed: &Observed) -> Result<Plan, Error> {
    let situation = Situation::of(observed);
    let id = situation.deployment().id();
    let Some(traffic) = &observed.traffic else {
        return Err(Error::refused(format!(
            "no Service selects the pods of {id}: there is nothing to switch"
        ))
        .next(format!("kubectl expose deployment/{} -n {} --port PORT", id.name, id.namespace)));
    };
    if situation.hold.is_some() && traffic.switch.is_none() {
        return Err(Error::refused(format!(
            "a canary of {id} is held: it has to be promoted or aborted first"
        ))
        .next(format!("kubectl rollout-plus promote {} -n {}", id.name, id.namespace))
        .next(format!("kubectl rollout-plus abort {} -n {}", id.name, id.namespace)));
    }
    if is_switched(observed) {
        // The second set serves already: what is left is to finish.
        return if request.promote { promote(observed) } else { Ok(Plan::default()) };
    }
    let asked = CanaryRequest { template: request.template.clone(), ..CanaryRequest::default() };
    let mut unpaused = observed.clone();
    unpaused.deployment.spec.paused &= situation.hold.is_none();
    let template = new_template(&asked, &Situation::of(&unpaused))?;
    refuse_what_cannot_be_held(&situation)?;
    if situation.hold.is_none() && situation.canary.is_some_and(|rs| rs.replicas() > 0) {
        return Err(Error::refused(format!("a rollout of {id} is under way"))
            .next(format!("kubectl rollout status deployment/{} -n {}", id.name, id.namespace)));
    }
    let size = Size::Pods(situation.deployment().replicas());
    step::sizing(&situation, size, Stable::Whole).map_err(|error| with_name(error, &situation))?;
    let hold = [Step::Hold { template, size, stable: Stable::Whole }, Step::AwaitCanary];
    let mut steps = if let Some(moves) = Moves::of(observed) {
        moves.second_set(hold)
    } else {
        [Step::Pin { role: Some(Role::Stable) }].into_iter().chain(hold).collect()
    };
    steps.push(Step::Publish { role: Role::Preview });
    if !request.checks.is_empty() {
        steps.push(Step::Verify { checks: request.checks.clone() });
    }
    if request.promote {
        steps.extend(finish(observed));
    }
    Ok(Plan { steps })
}

/// Returns the plan that switches to the second set and retires the first.
///
/// # Errors
/// [`Kind::Refused`] if what is held is not what was tried.
pub(super) fn promote(observed: &Observed) -> Result<Plan, Error> {
    let situation = Situation::of(observed);
    refuse_what_was_not_tried(&situation)?;
    if situation.canary.is_some_and(|rs: &ReplicaSet| rs.ready() == 0) && !is_switched(observed) {
        let id = situation.deployment().id();
        return Err(Error::new(Kind::Refused, format!("no pod of the new version of {id} is Ready"))
            .next(format!("kubectl rollout-plus status {} -n {}", id.name, id.namespace)));
    }
    Ok(Plan { steps: finish(observed) })
}

/// The switch, the time in which it is judged, and the end of the first set.
fn finish(observed: &Observed) -> Vec<Step> {
    let soak = observed.traffic.as_ref().and_then(|traffic| traffic.switch).unwrap_or_default();
    let mut steps = vec![Step::AwaitCanary, Step::Freeze];
    let mut after = vec![Step::Pin { role: None }, Step::Withdraw];
    match Moves::of(observed) {
        Some(moves) => {
            steps.extend(moves.switch());
            let (before, moves_after) = moves.promote(100);
            steps.push(Step::Soak { seconds: soak });
            steps.extend(before);
            after = moves_after;
        }
        None => steps.extend([Step::Pin { role: Some(Role::Canary) }, Step::Soak { seconds: soak }]),
    }
    steps.extend([Step::Release, Step::AwaitRollout]);
    steps.extend(after);
    steps
}

/// Whether the second set has the traffic.
fn is_switched(observed: &Observed) -> bool {
    let situation = Situation::of(observed);
    let (Some(traffic), Some(canary)) = (&observed.traffic, situation.canary) else { return false };
    if let Some(moves) = Moves::of(observed) {
        return situation.hold.is_some() && moves.is_switched();
    }
    let hash = observed
        .roads
        .service(&traffic.service)
        .map(|service| &service["spec"]["selector"][crate::keys::POD_TEMPLATE_HASH]);
    situation.hold.is_some() && hash.is_some_and(|hash| hash == canary.hash())
}

//! Which limits a step sets.

use crate::error::Error;
use crate::model::Revision;
use crate::plan::{Plan, Step};
use crate::share::{Bounds, Size, Sizing, Stable, Unavailable};
use crate::situation::Situation;

/// Returns the sizing that a [`Step::Hold`] means for a workload.
///
/// # Errors
/// [`crate::error::Kind::Refused`] if no such numbers can be kept.
pub fn sizing(situation: &Situation<'_>, size: Size, stable: Stable) -> Result<(Sizing, Stable), Error> {
    let kind = situation.workload().kind;
    let stable = kind.stable(stable);
    let replicas = situation.workload().replicas();
    let left = situation.stable.map_or(replicas, Revision::replicas);
    // A set that was shrunk on purpose has to stay so: it cannot grow back under a hold.
    let whole = |bounds: &Bounds| bounds.unavailable == Unavailable::Pods(0);
    let shrunk = situation.hold.is_some() && situation.live_bounds().is_some_and(|live| !whole(&live));
    let stable = if stable == Stable::Whole && shrunk { Stable::AsIs } else { stable };
    Ok((Sizing::choose(kind.names().kind, size, stable, replicas, left)?, stable))
}

/// Returns the limits that stop a rolling update that is under way.
pub(super) fn stopping(situation: &Situation<'_>) -> Bounds {
    situation.workload().kind.stopping(situation.workload())
}

/// Returns the limits that a plan is going to set, as far as the counts of now tell.
pub fn limits(plan: &Plan, situation: &Situation<'_>) -> Vec<Bounds> {
    let of_step = |step: &Step| match step {
        Step::Hold { size, stable, .. } => {
            let kind = situation.workload().kind;
            sizing(situation, *size, *stable).ok().map(|(sizing, stable)| kind.bounds(&sizing, stable))
        }
        Step::Stop => Some(stopping(situation)),
        Step::AwaitCanary
        | Step::Soak { .. }
        | Step::Update { .. }
        | Step::Release
        | Step::AwaitRollout
        | Step::Follow { .. }
        | Step::Restore
        | Step::AwaitStable
        | Step::Publish { .. }
        | Step::Own { .. }
        | Step::Route { .. }
        | Step::Pin { .. }
        | Step::Withdraw
        | Step::Freeze
        | Step::Verify { .. }
        | Step::Fault { .. }
        | Step::Smoke { .. } => None,
    };
    plan.steps.iter().filter_map(of_step).collect()
}

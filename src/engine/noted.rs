//! What the journal says of a plan beside its steps.

use crate::journal::{Loan, Snapshot};
use crate::plan::{Plan, Step};
use crate::situation::{Observed, Situation};
use crate::{step, strategy};

/// What a run leaves for the next one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Left {
    /// A hold.
    pub(super) held: bool,
    /// Requests that go by what is ours.
    pub(super) routed: bool,
    /// Fields of the user's with values of ours.
    pub(super) owes: bool,
}

impl Left {
    pub(super) fn of(observed: &Observed) -> Self {
        let held = observed.is_held();
        Self { held, routed: held || strategy::is_woven(observed), owes: observed.owes() }
    }
}

/// Returns the way home, to be noted before the first write of a plan.
pub(super) fn snapshot(plan: &Plan, observed: &Observed) -> Option<Snapshot> {
    let new = plan.steps.iter().find_map(Step::template);
    let known = observed.snapshot().map(|snapshot| snapshot.canary.clone());
    let situation = Situation::of(observed);
    let mut snapshot = situation.snapshot(new.unwrap_or(&observed.workload.spec.template))?;
    // On the way back the live template may be the stable one already; the canary's name must survive.
    if new.is_none() && plan.steps.contains(&Step::Restore) && situation.is_on_stable_template() {
        snapshot.canary = known.unwrap_or_default();
    }
    Some(snapshot)
}

/// Returns what a plan is going to put into fields of the user's.
pub(super) fn loan(plan: &Plan, observed: &Observed) -> Option<Loan> {
    observed.lending(step::limits(plan, &Situation::of(observed)))
}

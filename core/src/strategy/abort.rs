//! Go back to the stable version.

use crate::hold::{self, Keep};
use crate::plan::{Plan, Step};
use crate::situation::{Observed, Phase, Situation};
use crate::strategy::routed::RoutedSteps;
use crate::traffic::Role;

/// Returns the plan of an abort; without steps if nothing of ours is in flight.
pub fn abort(observed: &Observed) -> Plan {
    let situation = Situation::of(observed);
    back(observed, situation.phase != Phase::Idle || is_to_answer(&situation))
}

/// Whether the live version is whole, and its run did not come to what it has to answer, or got a wrong answer and did not go
/// back yet.
fn is_to_answer(situation: &Situation<'_>) -> bool {
    let journal = situation.observed.journal.as_ref().filter(|_| situation.came_from().is_some());
    let left = journal.and_then(|journal| journal.plan.steps.get(journal.cursor..)).unwrap_or_default();
    left.iter().any(|step| step.asks() || *step == Step::Restore)
}

/// Returns the plan that takes back what this very run rolled out: also where its pods were all there for a moment.
pub fn undo(observed: &Observed) -> Plan {
    back(observed, true)
}

fn back(observed: &Observed, is_under_way: bool) -> Plan {
    let situation = Situation::of(observed);
    let moves = RoutedSteps::of(observed);
    let mut steps = if situation.hold.is_some() || (situation.way_back.is_some() && is_under_way) {
        vec![Step::Restore, Step::AwaitStable]
    } else if hold::release(&situation, Keep::New).patch.is_empty() {
        vec![]
    } else {
        // Only fields are left over: the template is not ours to choose any more.
        vec![Step::Release]
    };
    if let Some(moves) = moves {
        let (before, after) = moves.abort();
        steps.splice(0..0, before);
        steps.extend(after);
    } else if observed.traffic.is_some() {
        // Back first, then the pods go, then the Service is the user's again.
        if situation.hold.is_some() {
            steps.insert(0, Step::Pin { role: Some(Role::Stable) });
        } else {
            steps.insert(0, Step::Pin { role: None });
        }
        steps.extend([Step::Pin { role: None }, Step::Withdraw]);
    }
    Plan { steps }
}

#[cfg(test)]
mod tests;

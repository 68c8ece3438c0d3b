//! Hold a rollout where it stands.

use crate::plan::{Plan, Step};
use crate::share::{Size, Stable};
use crate::situation::Situation;

/// Returns the plan; without steps if it is held already.
pub fn stop(situation: &Situation<'_>) -> Plan {
    let pods = situation.canary.map_or(0, crate::model::Revision::replicas);
    if situation.hold.is_some() || pods == 0 {
        return Plan::default();
    }
    let hold = Step::Hold { template: None, size: Size::Pods(pods), stable: Stable::AsIs, changes: true };
    Plan { steps: vec![Step::Stop, hold] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{held, idle, replica_set, template};

    #[test]
    fn a_rolling_update_is_held_where_it_stands() {
        let mut observed = idle();
        observed.workload.spec.template = template("web:2");
        observed.revisions.push(replica_set("web:2", 1));
        let plan = stop(&Situation::of(&observed));
        assert!(matches!(
            plan.steps.as_slice(),
            [Step::Stop, Step::Hold { size: Size::Pods(1), stable: Stable::AsIs, .. }]
        ));
        assert_eq!(stop(&Situation::of(&held())), Plan::default());
    }
}

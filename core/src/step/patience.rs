//! How long a step takes by the workload's own settings, however well it goes.

use std::time::Duration;

use crate::model::Revision;
use crate::plan::Step;
use crate::situation::Situation;

/// Returns the user's own `minReadySeconds`, those of a hold left aside.
pub(super) fn min_ready(situation: &Situation<'_>) -> Duration {
    Duration::from_secs(situation.own_settings().min_ready_seconds.unwrap_or(0).max(0).unsigned_abs())
}

/// Returns the time that `minReadySeconds` alone takes in a step. What is waited for besides has `--timeout`.
///
/// A rolling update has `maxSurge + maxUnavailable` pods on the way at a time, and each is waited for.
pub fn least(step: &Step, situation: &Situation<'_>) -> Duration {
    let rounds = match step {
        Step::AwaitCanary => 1,
        Step::AwaitRollout | Step::Follow { .. } => {
            let workload = situation.workload();
            let at_a_time = workload.max_surge().saturating_add(workload.max_unavailable()).max(1);
            let there = situation.current.map_or(0, Revision::ready);
            workload.replicas().saturating_sub(there).div_ceil(at_a_time)
        }
        Step::Hold { .. }
        | Step::Soak { .. }
        | Step::Update { .. }
        | Step::Release
        | Step::Restore
        | Step::AwaitStable
        | Step::Publish { .. }
        | Step::Own { .. }
        | Step::Route { .. }
        | Step::Pin { .. }
        | Step::Withdraw
        | Step::Freeze
        | Step::Stop
        | Step::Verify { .. }
        | Step::Fault { .. }
        | Step::Smoke { .. } => 0,
    };
    min_ready(situation).saturating_mul(rounds)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{held, idle, replica_set, template};

    #[test]
    fn a_canary_is_waited_for_by_the_users_own_seconds() {
        let mut observed = idle();
        observed.workload.spec.min_ready_seconds = Some(900);
        let original = crate::journal::Originals::of(&observed.workload);
        let mut observed = held();
        let mut record = crate::journal::HeldRecord::parse(
            observed.workload.annotation(crate::keys::HELD_ANNOTATION).unwrap(),
        )
        .unwrap();
        record.original = original;
        let text = serde_json::to_string(&record).unwrap();
        observed.workload.metadata.annotations =
            Some([(crate::keys::HELD_ANNOTATION.to_owned(), text)].into());
        assert_eq!(least(&Step::AwaitCanary, &Situation::of(&observed)), Duration::from_secs(900));
        assert_eq!(least(&Step::AwaitStable, &Situation::of(&observed)), Duration::ZERO);
        assert_eq!(least(&Step::AwaitCanary, &Situation::of(&idle())), Duration::ZERO);
    }

    #[test]
    fn a_rolling_update_takes_them_once_for_each_round() {
        let mut observed = idle();
        observed.workload.spec.min_ready_seconds = Some(40);
        observed.workload.spec.replicas = Some(4);
        observed.workload.spec.template = template("web:2");
        observed.revisions.push(replica_set("web:2", 1));
        for (surge, unavailable, seconds) in [(1, 0, 120), (1, 1, 80), (4, 0, 40)] {
            let limits = json!({"maxSurge": surge, "maxUnavailable": unavailable});
            observed.workload.spec.strategy = Some(json!({"rollingUpdate": limits}));
            let least = least(&Step::AwaitRollout, &Situation::of(&observed));
            assert_eq!(least, Duration::from_secs(seconds), "{surge} {unavailable}");
        }
        observed.workload.spec.strategy = Some(json!({"type": "Recreate"}));
        assert_eq!(least(&Step::AwaitRollout, &Situation::of(&observed)), Duration::from_secs(40));
    }
}

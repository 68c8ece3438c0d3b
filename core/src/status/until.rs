//! What `status --until` waits for.

use crate::health::Class;
use crate::model::Workload;
use crate::situation::Phase;
use crate::status::{Condition, WorkloadStatus};

/// A state to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Goal {
    /// Rolled out, all wanted pods Ready, nothing held or paused.
    Healthy,
    /// A canary is held, and its pods are Ready.
    Held,
    /// Somebody paused it (`kubectl rollout pause`).
    Paused,
    /// The version failed, or the Deployment controller gave it up.
    Failed,
}

/// How far one workload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It is there.
    Yes,
    /// Not yet.
    No,
    /// It will not come there.
    Never(Class),
}

impl Goal {
    /// Returns it as it is typed.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Held => "held",
            Self::Paused => "paused",
            Self::Failed => "failed",
        }
    }

    /// Whether a workload is there. Before its controller has seen the newest spec, a status means nothing.
    pub fn reached(self, workload: &Workload, status: &WorkloadStatus) -> Reached {
        let failed = status.health.state == Condition::Failed;
        let is_there = match self {
            Self::Healthy if failed => return Reached::Never(status.health.class.unwrap_or(Class::Version)),
            Self::Healthy => {
                status.phase == Phase::Idle
                    && !workload.spec.paused
                    && matches!(status.health.state, Condition::Healthy | Condition::Unjudged)
            }
            Self::Held => {
                let serves = status.canary.as_ref().is_none_or(|c| c.replicas > 0 && c.ready >= c.replicas);
                status.phase == Phase::Held && serves
            }
            Self::Paused => workload.spec.paused,
            Self::Failed => failed || status.phase == Phase::Failed,
        };
        if is_there && workload.is_observed() { Reached::Yes } else { Reached::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use crate::situation::Observed;

    fn reached(goal: Goal, observed: &Observed) -> Reached {
        goal.reached(&observed.workload, &WorkloadStatus::of(observed, &[]))
    }

    #[test]
    fn each_word_means_its_state() {
        let idle = fixtures::idle();
        assert_eq!(reached(Goal::Healthy, &idle), Reached::Yes);
        for goal in [Goal::Held, Goal::Paused, Goal::Failed] {
            assert_eq!(reached(goal, &idle), Reached::No, "{goal:?}");
        }
        let mut held = fixtures::held();
        assert_eq!(reached(Goal::Held, &held), Reached::Yes);
        assert_eq!(reached(Goal::Healthy, &held), Reached::No);
        held.revisions[1].status.ready_replicas = 0;
        assert_eq!(reached(Goal::Held, &held), Reached::No);
    }

    #[test]
    fn paused_and_unseen_are_not_healthy() {
        let mut paused = fixtures::idle();
        paused.workload.spec.paused = true;
        assert_eq!(reached(Goal::Paused, &paused), Reached::Yes);
        assert_eq!(reached(Goal::Healthy, &paused), Reached::No);
        paused.workload.metadata.generation = Some(5);
        assert_eq!(reached(Goal::Paused, &paused), Reached::No, "the controller has not seen it");
    }

    #[test]
    fn nobody_waits_for_pods_that_are_not_wanted() {
        let mut asleep = fixtures::idle();
        asleep.workload.spec.replicas = Some(0);
        asleep.workload.status =
            serde_json::from_value(serde_json::json!({"observedGeneration": 4})).unwrap();
        asleep.revisions = vec![fixtures::replica_set("web:1", 0)];
        assert_eq!(reached(Goal::Healthy, &asleep), Reached::Yes);
    }

    #[test]
    fn a_rollout_that_was_given_up_never_gets_healthy() {
        let mut observed = fixtures::idle();
        observed.workload.status.conditions = vec![crate::model::Condition {
            type_: "Progressing".into(),
            status: "False".into(),
            reason: Some("ProgressDeadlineExceeded".into()),
            ..Default::default()
        }];
        assert_eq!(reached(Goal::Healthy, &observed), Reached::Never(Class::Version));
        assert_eq!(reached(Goal::Failed, &observed), Reached::Yes);
    }
}

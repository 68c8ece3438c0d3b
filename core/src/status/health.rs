//! What `status` says about a version's health: the verdict in words.

use serde::Serialize;

use crate::health::{Class, Meanwhile, State, Verdict};
use crate::situation::{Phase, Situation};

/// How the version of the live template is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// In one word.
    pub state: Condition,
    /// The name of the rule in `docs/health.md`; null if nothing is wrong.
    pub reason: Option<String>,
    /// Whose fault a failure is.
    pub class: Option<Class>,
    /// What the cluster said.
    pub message: Option<String>,
}

/// How a version is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It will not become healthy: what is wrong has lasted too long, or cannot pass.
    Failed,
    /// Something is wrong that may still pass.
    Failing,
    /// Not all pods are there and Ready, and nothing is known to be wrong.
    InProgress,
    /// No pod is wanted: nothing is known.
    Unjudged,
    /// Every wanted pod is Ready, and nothing is wrong.
    Healthy,
}

/// What is said where no pod is wanted.
pub const NOTHING_TO_JUDGE: &str = "0 pods are wanted: nothing could be judged";

impl Condition {
    /// Returns it as the JSON has it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Failing => "failing",
            Self::InProgress => "in-progress",
            Self::Unjudged => "unjudged",
            Self::Healthy => "healthy",
        }
    }

    /// Whether something is wrong.
    pub(super) const fn is_trouble(self) -> bool {
        match self {
            Self::Failed | Self::Failing => true,
            Self::InProgress | Self::Unjudged | Self::Healthy => false,
        }
    }
}

impl Health {
    pub(super) fn of(situation: &Situation<'_>, verdict: &Verdict) -> Self {
        if let Some(failure) = &verdict.failure {
            return Self {
                state: Condition::Failed,
                reason: Some(failure.reason.clone()),
                class: Some(failure.class),
                message: Some(failure.message.clone()),
            };
        }
        let urgent = verdict.pending.first().filter(|_| verdict.state != State::Healthy);
        let state = match (verdict.state, urgent) {
            (State::Healthy, _) => Condition::Healthy,
            (_, Some(signal)) if signal.rule.meanwhile == Meanwhile::Trouble => Condition::Failing,
            (_, None) if is_at_rest(situation) && situation.workload().replicas() == 0 => {
                let message = Some(NOTHING_TO_JUDGE.to_owned());
                return Self { state: Condition::Unjudged, reason: None, class: None, message };
            }
            (_, None) if is_at_rest(situation) => Condition::Healthy,
            _ => Condition::InProgress,
        };
        Self {
            state,
            reason: urgent.map(|signal| signal.rule.reason.to_owned()),
            class: urgent.filter(|_| state == Condition::Failing).map(|signal| signal.rule.class),
            message: urgent.map(|signal| signal.message.clone()).filter(|message| !message.is_empty()),
        }
    }

    /// Returns it in a few words.
    pub fn sentence(&self) -> String {
        let word = self.state.word();
        match (&self.reason, &self.message) {
            (Some(reason), Some(message)) => format!("{word}: {reason}: {message}"),
            (Some(reason), None) => format!("{word}: {reason}"),
            (None, Some(message)) => format!("{word}: {message}"),
            (None, None) => word.to_owned(),
        }
    }
}

/// Paused or scaled to nothing, and as many pods Ready as there are to be.
fn is_at_rest(situation: &Situation<'_>) -> bool {
    let wanted = situation.workload().replicas();
    let whole = situation.current.is_some_and(|rs| rs.replicas() == wanted && rs.ready() == wanted);
    situation.phase == Phase::Idle && (whole || wanted == 0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use crate::fixtures;
    use crate::health::{Moment, Watch};
    use crate::model::Pod;
    use crate::situation::Observed;
    use crate::status::{Condition, Pods, WorkloadStatus};

    fn pod(name: &str, status: &serde_json::Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name, "uid": name, "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-web-1", "uid": "web-1", "controller": true}]},
            "spec": {"containers": [{"name": "web"}]},
            "status": status,
        }))
        .unwrap()
    }

    fn ready(name: &str) -> Pod {
        pod(name, &json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}))
    }

    fn crashing(name: &str) -> Pod {
        pod(
            name,
            &json!({"phase": "Running", "containerStatuses": [{"name": "web", "restartCount": 7,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}),
        )
    }

    fn with(pods: Vec<Pod>) -> Observed {
        Observed { pods: pods.into_iter().map(Arc::new).collect(), ..fixtures::idle() }
    }

    #[test]
    fn one_bad_pod_is_failing_and_most_of_them_failed() {
        let status = WorkloadStatus::of(&with(vec![ready("a"), ready("b"), ready("c")]), &[]);
        assert_eq!((status.health.state, status.health.reason), (Condition::Healthy, None));
        let status = WorkloadStatus::of(&with(vec![ready("a"), ready("b"), crashing("c")]), &[]);
        assert_eq!(status.health.state, Condition::Failing);
        assert_eq!(status.health.reason.as_deref(), Some("CrashLoopBackOff"));
        insta::assert_snapshot!(status.sentence(), @"Idle: stable 2/3 Ready; failing: CrashLoopBackOff: web ended 8 times: exit code 1 (Error)");
        let most = with(vec![ready("a"), crashing("b"), crashing("c")]);
        assert_eq!(WorkloadStatus::of(&most, &[]).health.state, Condition::Failed);
        let brief = WorkloadStatus::brief(&most).stable.unwrap();
        assert_eq!(brief.pods.iter().map(|pod| pod.name.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(brief.ready, 1, "those that are not shown count");
    }

    #[test]
    fn a_line_tells_a_trouble_once_and_shortly() {
        let long = format!("no {}", "such image ".repeat(40));
        let waiting = json!({"phase": "Pending", "containerStatuses": [{"name": "web",
            "state": {"waiting": {"reason": "ErrImagePull", "message": long}}}]});
        let status = WorkloadStatus::of(&with(vec![pod("a", &waiting), ready("b")]), &[]);
        assert!(status.is_failing() && status.health.message.as_ref().is_some_and(|text| text.len() > 400));
        assert!(status.sentence().len() < 260, "{}", status.sentence());
        assert!(status.sentence().contains('…') && status.sentence().contains("failing: ImagePull: no such"));
        let rest = status.sentence_after("1 of 3 pods updated; a: ImagePull: no such image");
        assert_eq!(rest, "Idle: stable 1/3 Ready");
    }

    #[test]
    fn what_a_container_or_a_registry_says_is_scrubbed() {
        let said = |state: &serde_json::Value| {
            let pods = ["a", "b", "c"]
                .map(|name| pod(name, &json!({"phase": "Running", "containerStatuses": [state]})));
            let status = WorkloadStatus::of(&with(pods.to_vec()), &[]);
            format!("{} {}", serde_json::to_string(&status).unwrap(), status.sentence())
        };
        let words = said(
            &json!({"name": "web", "restartCount": 7, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": "fatal: DB_PASSWORD=hunter22"}}}),
        );
        assert!(words.contains("DB_PASSWORD=***") && !words.contains("hunter22"), "{words}");
        let words = said(&json!({"name": "web", "state": {"waiting": {"reason": "ErrImagePull",
            "message": "get https://robot:pa/ss@registry.example/v2/: denied"}}}));
        assert!(words.contains("robot:***@registry") && !words.contains("pa/ss"), "{words}");
    }

    #[test]
    fn a_pod_that_only_starts_is_in_progress_until_its_time_is_over() {
        let slow = pod(
            "c",
            &json!({"phase": "Running", "containerStatuses": [{"name": "web", "state": {"running": {}}}]}),
        );
        let observed = with(vec![slow.clone(), pod("b", &json!(slow.status)), ready("a")]);
        let mut watch = Watch::default();
        let (status, wake) =
            WorkloadStatus::watched(&observed, &[], Pods::All, &mut watch, Moment::from_secs(1));
        assert_eq!(status.health.state, Condition::InProgress);
        assert_eq!(wake, Some(Moment::from_secs(121)));
        let (status, _) =
            WorkloadStatus::watched(&observed, &[], Pods::All, &mut watch, Moment::from_secs(121));
        assert_eq!(status.health.state, Condition::Failed);
    }

    #[test]
    fn paused_is_healthy_and_nothing_wanted_is_unjudged() {
        let mut observed = fixtures::idle();
        observed.workload.spec.replicas = Some(0);
        observed.workload.status = serde_json::from_value(json!({"observedGeneration": 4})).unwrap();
        observed.revisions = vec![fixtures::replica_set("web:1", 0)];
        let health = WorkloadStatus::of(&observed, &[]).health;
        assert_eq!(health.state, Condition::Unjudged);
        assert_eq!(health.sentence(), "unjudged: 0 pods are wanted: nothing could be judged");
        let mut observed = with(vec![ready("a"), ready("b"), ready("c")]);
        observed.workload.spec.paused = true;
        assert_eq!(WorkloadStatus::of(&observed, &[]).health.state, Condition::Healthy);
    }
}

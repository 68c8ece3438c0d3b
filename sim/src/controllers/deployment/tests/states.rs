//! What the status says.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus, ReplicaSet};
use serde_json::{Value, from_value, json};

use super::{arcs, deployment, look, set};
use crate::controllers::deployment::conditions::{self, PROGRESSING};
use crate::controllers::deployment::look::Look;
use crate::controllers::talk::Server;

fn with_status(mut deployment: Deployment, status: &Value) -> Look {
    deployment.status = Some(from_value(status.clone()).unwrap());
    look(Server::default(), deployment, Vec::new())
}

fn counts([replicas, updated, ready, available]: [i32; 4]) -> Value {
    json!({
        "observedGeneration": 1, "replicas": replicas, "updatedReplicas": updated, "readyReplicas": ready,
        "availableReplicas": available,
    })
}

/// `TestDeploymentComplete`, `pkg/controller/deployment/util/deployment_util_test.go`.
#[test]
fn a_rollout_is_complete_when_all_are_new_and_available() {
    let cases = [
        (5, [5, 5, 0, 4], false),
        (5, [5, 5, 0, 3], false),
        (5, [5, 5, 0, 5], true),
        (5, [5, 4, 0, 5], false),
        (1, [2, 1, 0, 1], false),
        (1, [1, 1, 0, 0], false),
    ];
    for (replicas, numbers, expected) in cases {
        let look = with_status(deployment(&json!({"replicas": replicas})), &counts(numbers));
        assert_eq!(look.is_complete_now(), expected, "{replicas} {numbers:?}");
    }
}

/// `TestDeploymentProgressing`, `pkg/controller/deployment/util/deployment_util_test.go`.
#[test]
fn progress_is_more_of_the_new_or_less_of_the_old() {
    let cases = [
        ([10, 4, 4, 4], [10, 6, 4, 4], true),
        ([10, 4, 4, 4], [10, 4, 4, 4], false),
        ([10, 4, 6, 6], [8, 4, 6, 6], true),
        ([10, 7, 3, 3], [10, 6, 3, 3], false),
        ([10, 4, 7, 7], [8, 8, 5, 5], true),
        ([10, 10, 9, 8], [10, 10, 10, 8], true),
        ([10, 10, 10, 9], [10, 10, 10, 10], true),
    ];
    for (before, after, expected) in cases {
        let look = with_status(deployment(&json!({})), &counts(before));
        let status: DeploymentStatus = from_value(counts(after)).unwrap();
        assert_eq!(look.is_progressing(&status), expected, "{before:?} {after:?}");
    }
}

fn progressing(status: &str, reason: &str, at: &str) -> Value {
    json!({"type": PROGRESSING, "status": status, "reason": reason, "lastUpdateTime": at, "lastTransitionTime": at})
}

/// `TestDeploymentTimedOut`, `pkg/controller/deployment/util/deployment_util_test.go`; the look is at 18:49:30.
#[test]
fn a_deadline_counts_from_the_last_progress() {
    let cases = [
        (Value::Null, "", "2017-02-15T18:49:19Z", false),
        (json!(i32::MAX), "", "2017-02-15T18:49:19Z", false),
        (json!(10), "", "2017-02-15T18:49:19Z", true),
        (json!(10), "", "2017-02-15T18:49:20Z", false),
        (json!(10), "", "2017-02-15T18:49:21Z", false),
        (json!(10), "NewReplicaSetAvailable", "2017-02-15T18:00:00Z", false),
    ];
    for (deadline, reason, at, expected) in cases {
        let status = json!({"conditions": [progressing("True", reason, at)]});
        let look = with_status(deployment(&json!({"progressDeadlineSeconds": deadline})), &status);
        assert_eq!(
            look.is_timed_out(&look.deployment.status.clone().unwrap()),
            expected,
            "{deadline} {reason} {at}"
        );
    }
}

/// `TestRequeueStuckDeployment`, `pkg/controller/deployment/progress_test.go`; upstream adds the second when it queues.
#[test]
fn a_stuck_rollout_is_looked_at_again_at_its_deadline() {
    let stuck = |at: &str| json!([progressing("True", "", at)]);
    let failed = json!([progressing("False", "ProgressDeadlineExceeded", "2017-02-15T18:49:00Z")]);
    let soon = Some(Duration::from_millis(5));
    let cases = [
        (Value::Null, [3, 3, 2], json!([]), None),
        (json!(i32::MAX), [3, 3, 2], json!([]), None),
        (json!(60), [3, 3, 2], json!([]), None),
        (json!(60), [3, 3, 3], stuck("2017-02-15T18:49:00Z"), None),
        (json!(60), [3, 3, 0], failed, None),
        (json!(60), [3, 3, 1], stuck("2017-02-15T18:49:00Z"), Some(Duration::from_secs(31))),
        (json!(60), [3, 3, 1], stuck("2017-02-15T18:48:31Z"), Some(Duration::from_secs(2))),
        (json!(60), [3, 3, 1], stuck("2017-02-15T18:48:30Z"), soon),
        (json!(60), [3, 3, 1], stuck("2017-02-15T18:47:30Z"), soon),
    ];
    for (deadline, [replicas, updated, available], conditions, expected) in cases {
        let mut status = counts([replicas, updated, 0, available]);
        status["conditions"] = conditions.clone();
        let look =
            with_status(deployment(&json!({"replicas": 3, "progressDeadlineSeconds": deadline})), &status);
        let status = look.deployment.status.clone().unwrap();
        assert_eq!(look.next_check(&status), expected, "{deadline} {available} {conditions}");
    }
}

fn with_available(name: &str, size: i32, replicas: i32, available: i32) -> ReplicaSet {
    let mut set = set(name, size, available, 1);
    set.status.get_or_insert_default().replicas = replicas;
    set
}

/// `TestSyncRolloutStatus`, `pkg/controller/deployment/progress_test.go`.
#[test]
fn the_condition_tells_of_progress() {
    const OLD: &str = "2017-02-15T17:00:00Z";
    let failed = || json!([progressing("False", "ProgressDeadlineExceeded", OLD)]);
    let done = || json!([progressing("True", "NewReplicaSetAvailable", OLD)]);
    let updated = || json!([progressing("True", "ReplicaSetUpdated", OLD)]);
    let old = || Some(with_available("bar", 0, 1, 1));
    let new = |count: i32| Some(with_available("foo", 3, count, count));
    let one_active = Some(with_available("bar", 3, 3, 3));
    let none = Some(with_available("foo", 0, 0, 0));
    let cases = vec![
        (None, [3, 2, 2, 2], updated(), old(), new(2), None),
        (Some(60), [3, 3, 3, 3], done(), one_active, None, Some(("True", "NewReplicaSetAvailable", true))),
        (Some(60), [3, 2, 2, 2], updated(), old(), new(2), Some(("True", "ReplicaSetUpdated", true))),
        (Some(60), [3, 2, 2, 2], failed(), old(), new(2), Some(("True", "ReplicaSetUpdated", false))),
        (Some(60), [3, 2, 2, 2], json!([]), old(), new(2), Some(("True", "ReplicaSetUpdated", false))),
        (Some(60), [3, 3, 3, 3], updated(), None, new(3), Some(("True", "NewReplicaSetAvailable", true))),
        (Some(60), [3, 3, 3, 3], failed(), None, new(3), Some(("True", "NewReplicaSetAvailable", false))),
        (Some(60), [3, 3, 3, 3], json!([]), None, new(3), Some(("True", "NewReplicaSetAvailable", false))),
        (Some(60), [0, 3, 3, 3], updated(), none, None, Some(("True", "NewReplicaSetAvailable", true))),
        (Some(60), [3, 2, 2, 2], updated(), None, new(2), Some(("False", "ProgressDeadlineExceeded", false))),
        (Some(60), [3, 2, 2, 2], failed(), None, new(2), Some(("False", "ProgressDeadlineExceeded", true))),
    ];
    for (deadline, [replicas, current, fresh, available], conditions, old, new, expected) in cases {
        // As in upstream's table, no set of it has a Ready pod, and the controller has seen the Deployment.
        let mut status = counts([current, fresh, 0, available]);
        status["conditions"] = conditions.clone();
        let spec = json!({
            "replicas": replicas, "strategy": {"type": "Recreate"}, "progressDeadlineSeconds": deadline,
        });
        let look = with_status(deployment(&spec), &status);
        let new = new.map(Arc::new);
        let all: Vec<_> = arcs(&old.into_iter().collect::<Vec<_>>()).into_iter().chain(new.clone()).collect();
        let judged = look.judged(new.as_ref(), &all);
        let said = conditions::find(&judged, PROGRESSING).map(|condition| {
            let same = condition.last_transition_time == Some(from_value(json!(OLD)).unwrap());
            (condition.status.as_str(), condition.reason.as_deref().unwrap(), same)
        });
        assert_eq!(said, expected, "{conditions}");
    }
}

//! Looks that run to their end.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use serde_json::{Value, from_value, json};

use super::{arcs, deployment, look, rolling, set};
use crate::controllers::deployment::limits::size;
use crate::controllers::talk::Answer;
use crate::controllers::talk::tests::run;
use crate::controllers::{Next, Refusal, Write};
use crate::object::Object;

fn sizes(written: &[Write]) -> Vec<i32> {
    let size = |write: &Write| match write {
        Write::Update(Object::ReplicaSet(set)) => Some(size(set)),
        _ => None,
    };
    written.iter().filter_map(size).collect()
}

/// Answers as a server does that takes everything.
#[expect(clippy::unnecessary_wraps, reason = "the type of an answer")]
fn taken(write: &Write) -> Answer {
    Ok(match write {
        Write::Create(object) | Write::Update(object) | Write::UpdateStatus(object) => Some(object.clone()),
        Write::Merge { .. } | Write::Delete { .. } | Write::Event { .. } => None,
    })
}

/// `TestDeploymentController_reconcileNewReplicaSet`, `pkg/controller/deployment/rolling_test.go`.
#[test]
fn the_new_set_grows_as_far_as_the_surge_lets_it() {
    let cases =
        [(0, 10, 0, None), (2, 10, 0, Some(2)), (2, 5, 0, Some(7)), (2, 10, 2, None), (2, 2, 11, Some(10))];
    for (surge, old, new, expected) in cases {
        let (new, old) = (Arc::new(set("foo-v2", new, 0, 2)), Arc::new(set("foo-v1", old, 0, 1)));
        let all = vec![new.clone(), old];
        let deployment = rolling(10, &json!(surge), &json!(0));
        let (written, _) = run(
            |server| async move { look(server, deployment, Vec::new()).grow_new(&all, &new).await.map(|_| None) },
            taken,
        );
        assert_eq!(sizes(&written), expected.into_iter().collect::<Vec<_>>(), "{surge}");
    }
}

/// `TestDeploymentController_reconcileOldReplicaSets`, `pkg/controller/deployment/rolling_test.go`.
#[test]
fn old_sets_shrink_as_far_as_enough_are_available() {
    let cases = [
        (0, 10, 0, 10, 0, vec![9]),
        (2, 10, 0, 10, 0, vec![8]),
        (2, 10, 0, 8, 0, vec![8]),
        (2, 10, 0, 9, 0, vec![9, 8]),
        (2, 8, 2, 8, 0, vec![]),
    ];
    for (unavailable, old, new, old_ready, new_ready, expected) in cases {
        let new = Arc::new(set("foo-new", new, new_ready, 2));
        let old = Arc::new(set("foo-old", old, old_ready, 1));
        let all = vec![old.clone(), new.clone()];
        let deployment = rolling(10, &json!(0), &json!(unavailable));
        let (written, _) = run(
            |server| async move {
                look(server, deployment, Vec::new()).shrink_old(&all, vec![old], &new).await.map(|_| None)
            },
            taken,
        );
        assert_eq!(sizes(&written), expected, "{unavailable} {old_ready}");
    }
}

/// `TestDeploymentController_cleanupUnhealthyReplicas`, `pkg/controller/deployment/rolling_test.go`.
#[test]
fn unhealthy_pods_go_first() {
    for (ready, most, expected) in [(8, 1, 1), (8, 3, 2), (8, 0, 0), (10, 3, 0)] {
        let old = arcs(&[set("foo-v2", 10, ready, 1)]);
        let deployment = rolling(10, &json!(2), &json!(2));
        run(
            |server| async move {
                let (_, count) = look(server, deployment, Vec::new()).drop_unhealthy(old, most).await?;
                assert_eq!(count, expected);
                Ok(None)
            },
            taken,
        );
    }
}

/// A set that was scaled down a moment ago has more Available pods than it asks for, and is not scaled up again
/// (`cleanupUnhealthyReplicas`, `pkg/controller/deployment/rolling.go`: "invalid request").
#[test]
fn a_status_older_than_the_size_stops_the_look() {
    let (new, old) = (Arc::new(set("foo-new", 2, 2, 2)), Arc::new(set("foo-old", 1, 2, 1)));
    let all = vec![old.clone(), new.clone()];
    let deployment = rolling(2, &json!(1), &json!(0));
    let (written, _) = run(
        |server| async move {
            assert!(!look(server, deployment, Vec::new()).shrink_old(&all, vec![old], &new).await?);
            Ok(None)
        },
        taken,
    );
    assert!(written.is_empty(), "{written:?}");
}

/// `TestDeploymentController_scaleDownOldReplicaSetsForRollingUpdate`, `pkg/controller/deployment/rolling_test.go`.
#[test]
fn available_pods_go_as_far_as_they_may() {
    for (unavailable, ready, old, expected) in [
        (0, 10, 10, vec![9]),
        (2, 10, 10, vec![8]),
        (2, 8, 10, vec![]),
        (2, 10, 0, vec![]),
        (2, 1, 10, vec![]),
    ] {
        let old = arcs(&[set("foo-v2", old, ready, 1)]);
        let deployment = rolling(10, &json!(0), &json!(unavailable));
        let (written, _) = run(
            |server| async move {
                look(server, deployment, Vec::new()).drop_available(&old.clone(), old).await.map(|_| None)
            },
            taken,
        );
        assert_eq!(sizes(&written), expected, "{unavailable} {ready}");
    }
}

fn deleted(limit: i32, sets: &[ReplicaSet]) -> Vec<String> {
    let deployment = deployment(&json!({"revisionHistoryLimit": limit}));
    let sets = arcs(sets);
    let (written, _) = run(
        |server| async move { look(server, deployment, Vec::new()).clean_up(&sets).await.map(|()| None) },
        taken,
    );
    written
        .into_iter()
        .map(|write| match write {
            Write::Delete { key, .. } => key.name,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn aged(name: &str, replicas: i32, actual: i32, age: i64, revision: &str) -> ReplicaSet {
    let mut set = set(name, replicas, 0, age);
    set.status.get_or_insert_default().replicas = actual;
    if !revision.is_empty() {
        set.metadata.annotations =
            Some([("deployment.kubernetes.io/revision".to_owned(), revision.to_owned())].into());
    }
    set
}

/// `TestDeploymentController_cleanupDeployment` and `..cleanupDeploymentOrder`, `pkg/controller/deployment/sync_test.go`.
#[test]
fn the_oldest_sets_without_pods_go() {
    let bare = |name: &str, age| aged(name, 0, 0, age, "");
    let mut ends = bare("1", 1);
    ends.metadata.deletion_timestamp = Some(from_value(json!("2016-05-20T00:00:00Z")).unwrap());
    let three = [bare("1", 1), bare("2", 2), bare("3", 3)];
    assert_eq!(deleted(1, &three), ["1", "2"]);
    assert_eq!(deleted(i32::MAX, &three), [""; 0]);
    assert_eq!(deleted(0, &three[..2]), ["1", "2"]);
    let some = [bare("1", 1), aged("2", 0, 1, 2, ""), aged("3", 1, 0, 3, ""), aged("4", 1, 1, 4, "")];
    assert_eq!(deleted(0, &some), ["1"]);
    assert_eq!(deleted(0, &[aged("1", 1, 1, 1, ""), aged("2", 1, 1, 2, "")]), [""; 0]);
    assert_eq!(deleted(0, &[ends]), [""; 0]);

    let of = |name, revision, age, replicas| aged(name, replicas, replicas, age, revision);
    assert_eq!(deleted(1, &[of("1", "1", 1, 0), of("2", "2", 2, 0)]), ["1"]);
    assert_eq!(deleted(1, &[of("1", "2", 1, 0), of("2", "1", 2, 0)]), ["2"]);
    assert_eq!(deleted(1, &[of("1", "1", 1, 0), of("2", "", 2, 0)]), ["2"]);
    assert_eq!(deleted(1, &[of("1", "", 1, 0), of("2", "2", 2, 0)]), ["1"]);
    assert_eq!(deleted(1, &[of("1", "1", 1, 1), of("2", "2", 2, 0), of("3", "3", 3, 0)]), ["2"]);
    assert_eq!(deleted(1, &[of("1", "1", 1, 1), of("2", "2", 2, 1), of("3", "3", 3, 0)]), [""; 0]);
    let four = [of("1", "3", 1, 0), of("2", "1", 2, 0), of("3", "4", 3, 0), of("4", "2", 4, 0)];
    assert_eq!(deleted(2, &four), ["2", "4"]);
}

fn whole(
    deployment: Deployment,
    sets: &[ReplicaSet],
    answers: impl FnMut(&Write) -> Answer,
) -> (Vec<Write>, Next) {
    let all = arcs(sets);
    run(|server| look(server, deployment, all).go(), answers)
}

/// `TestSyncDeploymentCreatesReplicaSet`, `pkg/controller/deployment/deployment_controller_test.go`.
#[test]
fn a_new_deployment_gets_a_set() {
    let deployment = deployment(&json!({"replicas": 1, "strategy": {"type": "Recreate"}}));
    let (written, _) = whole(deployment, &[], taken);
    let Some(Write::Create(Object::ReplicaSet(made))) = written.first() else { panic!("{written:?}") };
    let hash = &made.metadata.labels.as_ref().unwrap()["pod-template-hash"];
    assert_eq!(made.metadata.name, Some(format!("web-{hash}")));
    assert_eq!(size(made), 1);
}

fn own_set(deployment: &Deployment, extra: &Value) -> ReplicaSet {
    let (written, _) = whole(deployment.clone(), &[], taken);
    let Some(Write::Create(Object::ReplicaSet(made))) = written.into_iter().next() else { panic!("no set") };
    let mut value = serde_json::to_value(made.as_ref()).unwrap();
    value["metadata"]["uid"] = json!("r");
    for (key, part) in extra.as_object().unwrap() {
        value[key] = part.clone();
    }
    from_value(value).unwrap()
}

fn refuses(code: u16, reason: &str) -> Refusal {
    Refusal { code, reason: reason.into(), message: format!("{reason}!") }
}

/// A quota on `ReplicaSets`: told in a condition and an event, and tried again.
#[test]
fn a_set_that_is_refused_is_told_of() {
    let deployment = deployment(
        &json!({"replicas": 1, "progressDeadlineSeconds": 60, "strategy": {"type": "RollingUpdate"}}),
    );
    let (written, end) = whole(deployment, &[], |write| match write {
        Write::Create(_) => Err(refuses(403, "Forbidden")),
        other => taken(other),
    });
    let [Write::Create(_), Write::UpdateStatus(Object::Deployment(told)), Write::Event { reason, .. }] =
        written.as_slice()
    else {
        panic!("{written:?}")
    };
    let condition = &told.status.as_ref().unwrap().conditions.as_ref().unwrap()[0];
    assert_eq!(
        (condition.status.as_str(), condition.reason.as_deref()),
        ("False", Some("ReplicaSetCreateError"))
    );
    assert!(condition.message.as_ref().unwrap().ends_with("\": Forbidden!"), "{condition:?}");
    assert_eq!(reason, "ReplicaSetCreateError");
    assert!(matches!(end, Next::Again), "{end:?}");
}

/// A name that another set has: the next look takes another.
#[test]
fn a_collision_is_counted() {
    let deployment = deployment(&json!({"replicas": 1, "strategy": {"type": "RollingUpdate"}}));
    let mut other = own_set(&deployment, &json!({}));
    other.metadata.owner_references = None;
    other.metadata.labels = None;
    let (written, end) = whole(deployment, &[other], |write| match write {
        Write::Create(_) => Err(refuses(409, "AlreadyExists")),
        other => taken(other),
    });
    let [Write::Create(_), Write::UpdateStatus(Object::Deployment(told))] = written.as_slice() else {
        panic!("{written:?}")
    };
    assert_eq!(told.status.as_ref().unwrap().collision_count, Some(1));
    assert!(matches!(end, Next::Again), "{end:?}");
}

/// Where the hold changes minReadySeconds, the look that writes it into the set ends in a conflict: it writes it twice,
/// from the same copy (`isScalingEvent` and `rolloutRolling` both call `getNewReplicaSet`).
#[test]
fn a_changed_min_ready_seconds_is_written_before_anything_is_decided() {
    let mut deployment = deployment(&json!({"replicas": 2, "strategy": {"type": "RollingUpdate"}}));
    let set =
        own_set(&deployment, &json!({"status": {"replicas": 2, "readyReplicas": 2, "availableReplicas": 2}}));
    deployment.spec.as_mut().unwrap().min_ready_seconds = Some(3600);
    let mut updates = 0;
    let (written, end) = whole(deployment, &[set], |write| match write {
        Write::Update(_) => {
            updates += 1;
            if updates > 1 { Err(refuses(409, "Conflict")) } else { taken(write) }
        }
        other => taken(other),
    });
    assert_eq!(written.len(), 2, "{written:?}");
    assert!(matches!(end, Next::Again), "{end:?}");
}

/// `checkPausedConditions` and `sync`, `pkg/controller/deployment/sync.go`.
#[test]
fn a_paused_deployment_makes_no_set() {
    let spec = json!({"replicas": 1, "paused": true, "progressDeadlineSeconds": 60, "strategy": {"type": "RollingUpdate"}});
    let (written, _) = whole(deployment(&spec), &[], taken);
    let [Write::UpdateStatus(Object::Deployment(first)), Write::UpdateStatus(_)] = written.as_slice() else {
        panic!("{written:?}")
    };
    let condition = &first.status.as_ref().unwrap().conditions.as_ref().unwrap()[0];
    assert_eq!(
        (condition.status.as_str(), condition.reason.as_deref()),
        ("Unknown", Some("DeploymentPaused"))
    );
}

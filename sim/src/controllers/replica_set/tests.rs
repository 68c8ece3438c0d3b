use serde_json::{Value, from_value, json};

use super::status::calculate;
use super::*;
use crate::controllers::talk::Answer;
use crate::controllers::talk::tests::run;

fn now() -> Timestamp {
    "2026-03-31T12:00:00Z".parse().unwrap()
}

fn set(replicas: i32, labels: &Value, extra: &Value) -> ReplicaSet {
    let mut object = json!({
        "metadata": {"name": "foo", "namespace": "shop", "uid": "s"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"name": "foo"}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": []}},
        },
    });
    for (key, value) in extra.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    from_value(object).unwrap()
}

fn pod(name: &str, labels: &Value, phase: &str, since: &str) -> Arc<Pod> {
    let ready = if phase == "Running" { "True" } else { "False" };
    let owner =
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "foo", "uid": "s", "controller": true});
    Arc::new(
        from_value(json!({
            "metadata": {"name": name, "namespace": "shop", "labels": labels, "ownerReferences": [owner]},
            "spec": {"containers": [], "nodeName": "node"},
            "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": since}]},
        }))
        .unwrap(),
    )
}

/// `TestCalculateStatus`, `pkg/controller/replicaset/replica_set_utils_test.go`.
#[test]
fn the_status_counts_pods() {
    const NOW: &str = "2026-03-31T12:00:00Z";
    let (some, full) = (json!({"name": "foo"}), json!({"name": "foo", "type": "production"}));
    let cases = [
        (&full, 0, vec![(&full, "Running", NOW)], 0, [1, 1, 1, 1]),
        (&full, 0, vec![(&some, "Running", NOW)], 0, [1, 0, 1, 1]),
        (&full, 0, vec![(&full, "Running", NOW), (&full, "Running", NOW)], 0, [2, 2, 2, 2]),
        (&full, 0, vec![(&some, "Running", NOW), (&full, "Running", NOW)], 0, [2, 1, 2, 2]),
        (&full, 0, vec![(&full, "Pending", NOW)], 0, [1, 1, 0, 0]),
        (&full, 3600, vec![(&full, "Running", NOW)], 0, [1, 1, 1, 0]),
        (&full, 3600, vec![(&full, "Running", "2026-03-31T11:00:00Z")], 0, [1, 1, 1, 1]),
        (&full, 3600, vec![(&full, "Running", "2026-03-31T10:00:00Z")], 0, [1, 1, 1, 1]),
        (&full, 0, vec![(&full, "Running", NOW)], 2, [1, 1, 1, 1]),
    ];
    for (labels, delay, pods, terminating, expected) in cases {
        let set = set(2, labels, &json!({"minReadySeconds": delay}));
        let pods: Vec<_> =
            pods.into_iter().map(|(labels, phase, since)| pod("pod", labels, phase, since)).collect();
        let status = calculate(&set, &pods, terminating, None, now());
        let numbers = [
            status.replicas,
            status.fully_labeled_replicas.unwrap_or(0),
            status.ready_replicas.unwrap_or(0),
            status.available_replicas.unwrap_or(0),
        ];
        assert_eq!(numbers, expected);
        assert_eq!(status.terminating_replicas, i32::try_from(terminating).ok());
    }
}

/// `TestCalculateStatusConditions`, `pkg/controller/replicaset/replica_set_utils_test.go`.
#[test]
fn the_status_keeps_the_first_refusal() {
    let labels = json!({"name": "foo"});
    let refusal = Refusal { code: 500, reason: String::new(), message: "fake manageReplicasErr".into() };
    let before: ReplicaSet = {
        let mut set = set(10, &labels, &json!({}));
        set.status = Some(
            from_value(json!({"replicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True"}]}))
                .unwrap(),
        );
        set
    };
    let plain = set(2, &labels, &json!({}));
    let cases = [
        (&plain, 1, true, Some(Some("FailedCreate"))),
        (&plain, 3, true, Some(Some("FailedDelete"))),
        (&before, 1, false, None),
        (&before, 1, true, Some(None)),
        (&plain, 1, false, None),
    ];
    for (set, count, refused, expected) in cases {
        let pods = vec![pod("pod", &labels, "Running", "2026-03-31T12:00:00Z"); count];
        let status = calculate(set, &pods, 0, refused.then_some(&refusal), now());
        let reason = status.conditions.as_ref().map(|conditions| conditions[0].reason.as_deref());
        assert_eq!(reason, expected);
    }
}

fn key() -> Key {
    Key::new("shop", "foo")
}

fn look(
    set: ReplicaSet,
    pods: &[Arc<Pod>],
    answers: impl FnMut(&Write) -> Answer,
) -> (Vec<Write>, Next, ReplicaSets) {
    let all = ReplicaSets::default();
    let (set, pods, expectations) = (Arc::new(set), pods.to_vec(), all.expectations.clone());
    let (written, end) = run(
        |server| Look { server, now: now(), key: key(), set, related: pods.clone(), pods, expectations }.go(),
        answers,
    );
    (written, end, all)
}

fn count(written: &[Write], is: impl Fn(&Write) -> bool) -> usize {
    written.iter().filter(|write| is(write)).count()
}

/// `TestSlowStartBatch`, `pkg/controller/replicaset/replica_set_test.go`.
#[test]
fn pods_are_made_in_batches_until_one_is_refused() {
    for (limit, calls, open) in [(0, 1, true), (10, 10, false), (5, 7, false)] {
        let mut made = 0;
        let (written, end, all) = look(set(10, &json!({"name": "foo"}), &json!({})), &[], |write| {
            made += usize::from(matches!(write, Write::Create(_)));
            if matches!(write, Write::Create(_)) && made > limit {
                return Err(Refusal {
                    code: 403,
                    reason: "Forbidden".into(),
                    message: "exceeded quota".into(),
                });
            }
            Ok(None)
        });
        assert_eq!(count(&written, |write| matches!(write, Write::Create(_))), calls, "{limit}");
        assert_eq!(matches!(end, Next::Again), limit < 10, "{end:?}");
        // Those that were not made are not waited for.
        assert_eq!(all.expectations().are_met(&key(), now()), open, "{limit}");
    }
}

/// `TestControllerBurstReplicas` and `TestRSSyncExpectations`, `pkg/controller/replicaset/replica_set_test.go`.
#[test]
fn no_more_than_a_burst_is_made_at_once() {
    let (written, _, _) = look(set(600, &json!({"name": "foo"}), &json!({})), &[], |_| Ok(None));
    assert_eq!(count(&written, |write| matches!(write, Write::Create(_))), 500);
}

/// `TestDeletionTimestamp`, `pkg/controller/replicaset/replica_set_test.go`: a pod that is being ended is no longer one, and
/// that it is gone counts once.
#[test]
fn ending_pods_are_waited_for() {
    let pods: Vec<_> = ["a", "b", "c"]
        .map(|name| pod(name, &json!({"name": "foo"}), "Running", "2026-03-31T12:00:00Z"))
        .into();
    let set = set(1, &json!({"name": "foo"}), &json!({}));
    let (written, _, mut all) = look(set.clone(), &pods, |_| Ok(None));
    let ended: Vec<Key> = written
        .iter()
        .filter_map(|write| match write {
            Write::Delete { key, .. } => Some(key.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(ended.len(), 2);
    let mut cache = Cache::default();
    cache.take(&Change { before: None, after: Some(set.into()) });
    for key in ended {
        assert!(!all.expectations().are_met(&self::key(), now()));
        let before = pods.iter().find(|pod| pod.metadata.name.as_ref() == Some(&key.name)).unwrap().clone();
        let mut after = Pod::clone(&before);
        after.metadata.deletion_timestamp = Some(from_value(json!("2026-03-31T12:00:00Z")).unwrap());
        let change = Change { before: Some(Object::Pod(before)), after: Some(after.into()) };
        cache.take(&change);
        assert_eq!(all.keys(&change, &cache), [self::key()]);
    }
    assert!(all.expectations().are_met(&self::key(), now()));
}

/// `TestReplicaSetAvailabilityCheck`, `pkg/controller/replicaset/replica_set_test.go`.
#[test]
fn a_set_is_looked_at_when_a_pod_becomes_available() {
    let labels = json!({"name": "foo"});
    let pods = [
        pod("a", &labels, "Running", "2026-03-31T11:59:50Z"),
        pod("b", &labels, "Running", "2026-03-31T11:59:45Z"),
    ];
    let (_, end, _) = look(set(2, &labels, &json!({"minReadySeconds": 30})), &pods, |_| Ok(None));
    assert!(matches!(end, Next::After(after) if after == Duration::from_secs(15)), "{end:?}");
}

/// `TestDoNotPatchPodWithOtherControlRef` and `TestDoNotAdoptOrCreateIfBeingDeleted`,
/// `pkg/controller/replicaset/replica_set_test.go`; and a pod whose labels were changed is let go and replaced.
#[test]
fn pods_are_adopted_and_released_by_their_labels() {
    let labels = json!({"name": "foo"});
    let mut orphan = Pod::clone(&pod("orphan", &labels, "Running", "2026-03-31T12:00:00Z"));
    orphan.metadata.owner_references = None;
    let strange = pod("strange", &json!({"name": "debug"}), "Running", "2026-03-31T12:00:00Z");
    let pods = [Arc::new(orphan), strange];
    let (written, _, _) = look(set(1, &labels, &json!({})), &pods, |_| Ok(None));
    let owners = |name: &str| {
        written.iter().find_map(|write| match write {
            Write::Merge { key, patch, .. } if key.name == name => {
                patch["metadata"]["ownerReferences"].as_array().map(Vec::len)
            }
            _ => None,
        })
    };
    assert_eq!((owners("orphan"), owners("strange")), (Some(1), Some(0)));
    assert_eq!(count(&written, |write| matches!(write, Write::Create(_))), 0);

    let mut ending = set(2, &labels, &json!({}));
    ending.metadata.deletion_timestamp = Some(from_value(json!("2026-03-31T12:00:00Z")).unwrap());
    let (written, _, _) = look(ending, &pods[..1], |_| Ok(None));
    assert_eq!(count(&written, |write| !matches!(write, Write::UpdateStatus(_))), 0, "{written:?}");
}

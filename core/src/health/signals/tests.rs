use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::fixtures;
use crate::health::{State, Watch};
use crate::model::{ClusterEvent, Condition, Pod};
use crate::situation::{Observed, Situation};

const FULL: &str = "Failed to create new replica set \"web-2\": replicasets.apps \"web-2\" is forbidden: exceeded quota: few";

/// A template was written that has no ReplicaSet, and the controller has not taken it in.
fn unseen() -> Observed {
    let mut observed = fixtures::idle();
    observed.workload.metadata.generation = Some(5);
    observed.workload.spec.template = fixtures::template("web:2");
    let written = json!([{"manager": "rollout-plus", "time": "2026-01-01T00:00:10Z"},
        {"manager": "controller", "subresource": "status", "time": "2026-01-01T00:00:50Z"}]);
    observed.workload.metadata.managed_fields = serde_json::from_value(written).unwrap();
    observed
}

fn condition(observed: &mut Observed, message: &str) {
    observed.workload.status.conditions = vec![Condition {
        type_: "Progressing".into(),
        status: "False".into(),
        reason: Some("ReplicaSetCreateError".into()),
        message: Some(message.into()),
        ..Condition::default()
    }];
}

fn event(at: &str, message: &str) -> ClusterEvent {
    serde_json::from_value(json!({"reason": "ReplicaSetCreateError", "message": message, "lastTimestamp": at,
        "involvedObject": {"kind": "Deployment", "uid": "u1"}}))
    .unwrap()
}

fn reasons(observed: &Observed, events: &[ClusterEvent], memory: &Memory) -> Vec<&'static str> {
    let situation = Situation::of(observed);
    signals(&View::of(&situation, events, false), memory).iter().map(|signal| signal.rule.reason).collect()
}

#[test]
fn a_replica_set_that_cannot_be_made_is_told_in_the_servers_words() {
    let none = Memory::default();
    let mut observed = unseen();
    assert_eq!(reasons(&observed, &[], &none), ["ControllerStalled"]);
    // A hold has no deadline, and the controller writes no condition then.
    assert_eq!(reasons(&observed, &[event("2026-01-01T00:00:10Z", FULL)], &none), ["QuotaExceeded"]);
    let old = event("2026-01-01T00:00:09Z", FULL);
    assert_eq!(
        reasons(&observed, std::slice::from_ref(&old), &none),
        ["ControllerStalled"],
        "of another try"
    );
    condition(&mut observed, FULL);
    assert_eq!(reasons(&observed, &[], &none), ["QuotaExceeded"]);
    let mut before = Memory::default();
    before.not_made_before = Some(FULL.into());
    assert_eq!(
        reasons(&observed, &[], &before),
        ["ControllerStalled"],
        "the controller keeps its first words"
    );
    assert_eq!(reasons(&observed, &[event("2026-01-01T00:00:11Z", FULL)], &before), ["QuotaExceeded"]);
    condition(&mut observed, "admission webhook \"x\" denied the request");
    assert_eq!(reasons(&observed, &[], &none), ["FailedCreate"]);
    observed.workload.status.observed_generation = 5;
    assert_eq!(reasons(&observed, &[], &none), Vec::<&str>::new(), "it got through");
}

#[test]
fn a_replica_set_that_a_quota_refuses_is_given_up_within_seconds() {
    let mut observed = unseen();
    let mut watch = Watch::default();
    let mut look = |observed: &Observed, at: u64| {
        let situation = Situation::of(observed);
        watch.look(&View::of(&situation, &[], false), Duration::from_secs(at))
    };
    assert_eq!(look(&observed, 1).state, State::InProgress);
    condition(&mut observed, FULL);
    assert_eq!(look(&observed, 2).state, State::InProgress);
    let failure = look(&observed, 7).failure.unwrap();
    assert_eq!((failure.reason.as_str(), failure.grace), ("QuotaExceeded", 5));
    insta::assert_snapshot!(failure.message, @r#"Failed to create new replica set "web-2": replicasets.apps "web-2" is forbidden: exceeded quota: few"#);
}

#[test]
fn a_stalled_controller_is_asked_about() {
    let observed = unseen();
    let mut watch = Watch::default();
    let situation = Situation::of(&observed);
    let view = View::of(&situation, &[], false);
    let verdict = watch.look(&view, Duration::from_secs(1));
    assert_eq!(watch.curious(&view, &verdict, Duration::from_secs(1)), Vec::<String>::new());
    assert_eq!(watch.curious_at(&verdict, Duration::from_secs(1)), Some(Duration::from_secs(2)));
    assert_eq!(watch.curious(&view, &verdict, Duration::from_secs(2)), ["u1"]);
}

#[test]
fn a_full_quota_is_no_failure_while_old_pods_make_room() {
    let pod = |name: usize, set: &str| -> Pod {
        serde_json::from_value(json!({"metadata": {"name": format!("{set}-{name}"), "uid": format!("{set}-{name}"),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": set, "controller": true}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}))
        .unwrap()
    };
    let full = |old: usize, new: usize, may_miss: u32| {
        let mut observed = fixtures::idle();
        observed.workload.spec.replicas = Some(4);
        observed.workload.spec.template = fixtures::template("web:2");
        observed.workload.spec.strategy =
            Some(json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": may_miss}}));
        observed.revisions.push(fixtures::replica_set("web:2", 4));
        observed.revisions[1].status.conditions = vec![Condition {
            type_: "ReplicaFailure".into(),
            status: "True".into(),
            reason: Some("FailedCreate".into()),
            message: Some("pods \"x\" is forbidden: exceeded quota: few".into()),
            ..Condition::default()
        }];
        let pods = (0..old).map(|n| pod(n, "web-1")).chain((0..new).map(|n| pod(n, "web-2")));
        observed.pods = pods.map(Arc::new).collect();
        let mut watch = Watch::default();
        let situation = Situation::of(&observed);
        watch.look(&View::of(&situation, &[], false), Duration::ZERO);
        watch
            .look(&View::of(&situation, &[], false), Duration::from_secs(600))
            .failure
            .map(|failure| failure.reason)
    };
    assert_eq!(full(4, 0, 1), None);
    assert_eq!(full(0, 3, 1), None, "the ReplicaSet waits for its next try");
    assert_eq!(full(4, 0, 0).as_deref(), Some("QuotaExceeded"), "no old pod may go");
    assert_eq!(full(0, 2, 1).as_deref(), Some("QuotaExceeded"), "more are missing than may be");
    assert_eq!(full(0, 0, 4).as_deref(), Some("QuotaExceeded"), "nothing serves");
}

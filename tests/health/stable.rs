//! Pods that others take away, and those that the rollout itself takes.

use std::sync::Arc;
use std::time::Duration;

use rollout_plus::health::{Tolerances, View, Watch};
use rollout_plus::model::Pod;
use rollout_plus::situation::{Observed, Situation};
use serde_json::{Value, json};

/// Longer than the grace.
const LATE: u64 = 600;

fn pods(owner: &str, ready: usize, unready: usize) -> Vec<Value> {
    let pod = |n: usize| {
        json!({
            "metadata": {"name": format!("{owner}-{n}"), "uid": format!("{owner}-{n}"), "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": owner, "controller": true}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": if n < ready { "True" } else { "False" }}]},
        })
    };
    (0..ready + unready).map(pod).collect()
}

fn replica_set(image: &str, uid: &str, replicas: usize, revision: &str) -> Value {
    json!({
        "metadata": {"name": uid, "uid": uid, "labels": {"pod-template-hash": uid},
            "annotations": {"deployment.kubernetes.io/revision": revision}},
        "spec": {"replicas": replicas, "template": template(image)}, "status": {"replicas": replicas},
    })
}

fn template(image: &str) -> Value {
    json!({"spec": {"containers": [{"name": "web", "image": image}]}})
}

/// Ten replicas: of `new` and of `old` so many Ready pods and so many others. Held if there is a limit.
fn world(unavailable: Option<Value>, new: (usize, usize), old: (usize, usize), foreign: usize) -> Observed {
    let held = unavailable.is_some();
    let unavailable = unavailable.unwrap_or_else(|| json!(0));
    let deployment = json!({
        "metadata": {"name": "web", "namespace": "shop", "uid": "d", "generation": 2},
        "spec": {"replicas": 10, "template": template("web:2"),
            "minReadySeconds": if held { i64::from(i32::MAX) - 1 } else { 0 },
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": unavailable}}},
        "status": {"observedGeneration": 2},
    });
    let mut all = pods("new", new.0, new.1);
    all.extend(pods("old", old.0, old.1));
    all.extend(pods("foreign", foreign, 0));
    let read = |value: Value| Arc::new(serde_json::from_value::<Pod>(value).unwrap());
    Observed {
        workload: serde_json::from_value(deployment).unwrap(),
        revisions: vec![
            serde_json::from_value(replica_set("web:2", "new", new.0 + new.1, "2")).unwrap(),
            serde_json::from_value(replica_set("web:1", "old", old.0 + old.1, "1")).unwrap(),
        ],
        pods: all.into_iter().map(read).collect(),
        ..Observed::default()
    }
}

fn whole(foreign: usize) -> Observed {
    world(None, (0, 0), (10, 0), foreign)
}

/// Why a run that began with the first is given up where it stays at the second.
fn failure(before: &Observed, after: &Observed) -> Option<(String, String)> {
    let situation = Situation::of(before);
    let mut watch =
        Watch::new(&View::of(&situation, &[], false), Tolerances::parse(&["NeverReady".into()]).unwrap());
    let situation = Situation::of(after);
    let view = View::of(&situation, &[], false);
    watch.look(&view, Duration::ZERO);
    let failure = watch.look(&view, Duration::from_secs(LATE)).failure?;
    Some((failure.reason, failure.message))
}

#[test]
fn what_the_hold_itself_takes_away_is_not_missed() {
    // --shrink-stable, and canary pods that are slow.
    for unavailable in [json!(5), json!("50%")] {
        assert_eq!(failure(&whole(0), &world(Some(unavailable), (0, 5), (5, 0), 0)), None);
    }
    // A run on a hold whose stable set was made smaller before.
    let shrunk = world(Some(json!(5)), (5, 0), (5, 0), 0);
    assert_eq!(failure(&shrunk, &world(Some(json!(0)), (0, 5), (5, 0), 0)), None);
    // A rollout under way that is held where it stands.
    let under_way = world(None, (5, 0), (3, 0), 0);
    assert_eq!(failure(&under_way, &world(Some(json!(1)), (0, 5), (3, 0), 0)), None);
    // It went on while it was being stopped.
    let earlier = world(None, (3, 0), (5, 0), 0);
    assert_eq!(failure(&earlier, &world(Some(json!(1)), (0, 7), (3, 0), 0)), None);
}

#[test]
fn ready_pods_of_the_canary_do_not_hide_that_stable_ones_are_gone() {
    let missed = |after: &Observed| failure(&whole(0), after);
    assert_eq!(missed(&world(Some(json!(0)), (3, 0), (10, 0), 0)), None);
    let message =
        |ready: usize, least: usize| format!("{ready} stable pods are Ready, and at least {least} should be");
    assert_eq!(
        missed(&world(Some(json!(0)), (3, 0), (8, 2), 0)),
        Some(("StableUnavailable".into(), message(8, 10)))
    );
    assert_eq!(
        missed(&world(Some(json!(5)), (5, 0), (4, 1), 0)),
        Some(("StableUnavailable".into(), message(4, 5)))
    );
}

#[test]
fn pods_of_others_that_match_the_selector_do_not_count() {
    // They were there before and are gone: not ours to miss.
    assert_eq!(failure(&whole(4), &world(Some(json!(0)), (0, 1), (10, 0), 0)), None);
    // They are there, and hide nothing.
    let missed = failure(&whole(4), &world(None, (1, 0), (7, 0), 4));
    let message = "8 pods are Ready, and at least 10 should be";
    assert_eq!(missed, Some(("StableUnavailable".into(), message.into())));
}

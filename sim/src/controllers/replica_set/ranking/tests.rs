use serde_json::{Value, from_value, json};

use super::*;

const NOW: &str = "2026-03-31T12:00:00Z";
const MONTH: &str = "2026-02-28T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A pod of `TestSortingActivePodsWithRanks`, `pkg/controller/controller_utils_test.go`. Without a time there is none.
struct Told {
    name: &'static str,
    node: &'static str,
    phase: &'static str,
    ready: Option<(&'static str, i32, i32)>,
    made: &'static str,
    cost: Option<&'static str>,
}

fn pod(told: &Told) -> Pod {
    let time = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
    let mut status = json!({"phase": told.phase});
    if let Some((since, restarts, sidecar)) = told.ready {
        status["conditions"] =
            json!([{"type": "Ready", "status": "True", "lastTransitionTime": time(since)}]);
        status["containerStatuses"] = json!([container("web", restarts)]);
        status["initContainerStatuses"] = json!([container("sidecar", sidecar)]);
    }
    let annotations = told.cost.map(|cost| json!({COST: cost}));
    from_value(json!({
        "metadata": {"name": told.name, "uid": "u", "creationTimestamp": time(told.made), "annotations": annotations},
        "spec": {
            "nodeName": told.node, "containers": [],
            "initContainers": [{"name": "sidecar", "restartPolicy": "Always"}],
        },
        "status": status,
    }))
    .unwrap()
}

fn container(name: &str, restarts: i32) -> Value {
    json!({"name": name, "image": "", "imageID": "", "ready": true, "restartCount": restarts})
}

fn plain(name: &'static str, node: &'static str, phase: &'static str, made: &'static str) -> Pod {
    pod(&Told { name, node, phase, ready: None, made, cost: None })
}

fn ready(name: &'static str, node: &'static str, ready: (&'static str, i32, i32), made: &'static str) -> Pod {
    pod(&Told { name, node, phase: "Running", ready: Some(ready), made, cost: None })
}

fn costing(name: &'static str, cost: &'static str) -> Pod {
    pod(&Told {
        name,
        node: "node",
        phase: "Running",
        ready: Some((NOW, 0, 0)),
        made: MONTH,
        cost: Some(cost),
    })
}

#[test]
fn the_order_is_that_of_upstream() {
    let unscheduled = plain("unscheduled", "", "Pending", "");
    let pending = plain("pending", "node", "Pending", "");
    let unknown = plain("unknown-phase", "node", "Unknown", "");
    let not_ready = plain("not-ready", "node", "Running", "");
    let no_time = ready("ready-no-time", "node", ("", 0, 0), "");
    let fresh = ready("ready-now", "node", (NOW, 0, 0), NOW);
    let old = ready("ready-then", "node", (MONTH, 0, 0), MONTH);
    let restarted = ready("restarts", "node", (NOW, 9001, 0), NOW);
    let sidecar = ready("sidecar-restarts", "node", (NOW, 9001, 9001), NOW);
    let fresh_but_old = ready("ready-now-created-then", "node", (NOW, 0, 0), MONTH);
    let (cheap, dear) = (costing("low", "10"), costing("high", "100"));
    let two = ready("ready-2-hours", "", ("2026-03-31T10:00:00Z", 0, 0), MONTH);
    let five = ready("ready-5-hours", "", ("2026-03-31T07:00:00Z", 0, 0), MONTH);
    let ten = ready("ready-10-hours", "", ("2026-03-31T04:00:00Z", 0, 0), MONTH);

    let first = [
        ((&unscheduled, 1), (&pending, 2)),
        ((&unscheduled, 2), (&pending, 1)),
        ((&pending, 1), (&unknown, 2)),
        ((&unknown, 1), (&not_ready, 2)),
        ((&not_ready, 1), (&no_time, 1)),
        ((&no_time, 1), (&fresh, 1)),
        ((&fresh, 2), (&no_time, 1)),
        ((&fresh, 1), (&old, 1)),
        ((&fresh, 2), (&old, 1)),
        ((&restarted, 1), (&fresh, 1)),
        ((&sidecar, 1), (&restarted, 1)),
        ((&fresh, 2), (&restarted, 1)),
        ((&fresh, 1), (&fresh_but_old, 1)),
        ((&fresh_but_old, 2), (&fresh, 1)),
        ((&cheap, 2), (&dear, 1)),
        ((&two, 1), (&five, 1)),
    ];
    for (lesser, greater) in first {
        let names = (&lesser.0.metadata.name, &greater.0.metadata.name);
        assert!(goes_before(lesser, greater, now()), "{names:?}");
        assert!(!goes_before(greater, lesser, now()), "{names:?}");
    }
    let same = [(&unscheduled, &unscheduled), (&not_ready, &not_ready), (&fresh, &fresh), (&five, &ten)];
    for (one, other) in same {
        assert!(!goes_before((one, 1), (other, 1), now()) && !goes_before((other, 1), (one, 1), now()));
    }
}

/// `TestGetPodsToDelete`, `pkg/controller/replicaset/replica_set_test.go`.
#[test]
fn as_many_go_as_are_too_many() {
    let names = |pods: &[Arc<Pod>]| -> Vec<String> {
        pods.iter().map(|pod| pod.metadata.name.clone().unwrap()).collect()
    };
    let unscheduled = Arc::new(plain("unscheduled", "", "Pending", ""));
    let scheduled = Arc::new(plain("scheduled", "fake-node", "Pending", ""));
    let not_ready = Arc::new(plain("not-ready", "fake-node", "Running", ""));
    let on = |name, node| Arc::new(ready(name, node, ("", 0, 0), ""));
    let (one, two) = (on("on-1", "fake-node-1"), on("on-2", "fake-node-2"));
    let end = |pods: &[&Arc<Pod>], related: Option<&[&Arc<Pod>]>, count| {
        let own = |pods: &[&Arc<Pod>]| pods.iter().map(|pod| (*pod).clone()).collect::<Vec<_>>();
        names(&to_end(own(pods), &own(related.unwrap_or(pods)), count, now()))
    };
    assert_eq!(end(&[], None, 0), [""; 0]);
    assert_eq!(end(&[&not_ready, &one], None, 2), ["not-ready", "on-1"]);
    assert_eq!(end(&[&one, &not_ready], None, 1), ["not-ready"]);
    let all = [&one, &one, &two, &not_ready, &scheduled, &unscheduled];
    let as_they_are = ["on-1", "on-1", "on-2", "not-ready", "scheduled", "unscheduled"];
    assert_eq!(end(&all, None, 6), as_they_are);
    assert_eq!(end(&all, Some(&[]), 6), as_they_are);
    assert_eq!(end(&[&scheduled, &unscheduled], None, 1), ["unscheduled"]);
    assert_eq!(end(&[&one, &not_ready, &not_ready], None, 2), ["not-ready", "not-ready"]);
    assert_eq!(end(&[&one, &two], Some(&[&one, &two, &two]), 1), ["on-2"]);
    assert_eq!(end(&[&scheduled, &not_ready], None, 1), ["scheduled"]);
    let mixed = [&one, &two, &not_ready, &scheduled, &unscheduled];
    assert_eq!(end(&mixed, None, 3), ["unscheduled", "scheduled", "not-ready"]);
}

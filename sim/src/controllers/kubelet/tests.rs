use std::time::Duration;

use serde_json::{Value, from_value, json};

use super::*;
use crate::controllers::nodes::{LOST, Nodes};
use crate::controllers::scheduler::Scheduler;

/// A cache that takes what controllers write, as a server without rules.
struct World {
    cache: Cache,
    now: Timestamp,
    draw: Draw,
}

fn key() -> Key {
    Key::new("shop", "web-1")
}

impl World {
    fn new(image: &str) -> Self {
        let pod: Pod = from_value(json!({
            "metadata": {"name": "web-1", "namespace": "shop", "uid": "p", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"containers": [{"name": "web", "image": image}]},
        }))
        .unwrap();
        let mut cache = Cache::default();
        cache.take(&Change { before: None, after: Some(pod.into()) });
        Self { cache, now: "2026-01-01T00:00:00Z".parse().unwrap(), draw: Draw::new(1) }
    }

    fn change(&mut self, patch: &Value) {
        let mut value = serde_json::to_value(self.cache.pods[&key()].as_ref()).unwrap();
        merge(&mut value, patch);
        let pod: Pod = from_value(value).unwrap();
        self.cache.take(&Change { before: None, after: Some(pod.into()) });
    }

    /// Lets one controller look at a key; returns what was not a change of the pod.
    fn look(&mut self, controller: &mut dyn Controller, key: &Key) -> Vec<Write> {
        let sync = controller.sync(key, &self.cache, self.now, &mut self.draw);
        let mut others = Vec::new();
        for write in sync.writes {
            controller.answered(key, &write, Ok(None));
            match write {
                Write::Merge { kind: Kind::Pod, patch, .. } => self.change(&patch),
                other => others.push(other),
            }
        }
        others
    }

    fn run(&mut self, kubelet: &mut Kubelets, seconds: u64) -> Vec<Write> {
        let mut others = Vec::new();
        for _ in 0..seconds {
            others.extend(self.look(kubelet, &key()));
            self.now = self.now.checked_add(Duration::from_secs(1)).unwrap();
        }
        others
    }

    fn status(&self) -> Value {
        serde_json::to_value(self.cache.pods[&key()].status.as_ref()).unwrap()
    }

    fn condition(&self, type_: &str) -> Value {
        let status = self.status();
        status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == type_).unwrap()["status"]
            .clone()
    }
}

fn merge(target: &mut Value, patch: &Value) {
    for (key, value) in patch.as_object().unwrap() {
        if value.is_object() && target[key].is_object() {
            merge(&mut target[key], value);
        } else {
            target[key] = value.clone();
        }
    }
}

#[test]
fn a_pod_is_bound_started_ready_and_ended() {
    let mut world = World::new("shop:v1");
    let mut kubelet = Kubelets::default();
    assert!(world.run(&mut kubelet, 5).is_empty());
    assert!(world.status().is_null());
    world.look(&mut Scheduler, &key());
    world.run(&mut kubelet, 10);
    assert_eq!(
        (world.status()["phase"].clone(), world.condition("Ready")),
        (json!("Running"), json!("True"))
    );
    assert!(world.status()["podIP"].as_str().unwrap().starts_with("10."));
    world.change(
        &json!({"metadata": {"deletionTimestamp": "2026-01-01T00:01:00Z", "deletionGracePeriodSeconds": 30}}),
    );
    let last = world.run(&mut kubelet, 10);
    assert!(matches!(last.last(), Some(Write::Delete { grace: Some(0), .. })), "{last:?}");
    assert_eq!(
        (world.status()["phase"].clone(), world.condition("Ready")),
        (json!("Succeeded"), json!("False"))
    );
}

#[test]
fn a_version_fails_as_its_image_says() {
    let cases = [
        ("v2-crash", json!({"waiting": "CrashLoopBackOff"}), "False"),
        ("v2-oom", json!({"waiting": "CrashLoopBackOff"}), "False"),
        ("v2-noimage", json!({"waiting": "ImagePullBackOff"}), "False"),
        ("v2-noconfig", json!({"waiting": "CreateContainerConfigError"}), "False"),
        ("v2-unready", json!({"running": null}), "False"),
        ("v2-slow", json!({"running": null}), "True"),
        ("v2", json!({"running": null}), "True"),
    ];
    for (tag, state, ready) in cases {
        let mut world = World::new(&format!("shop:{tag}"));
        world.look(&mut Scheduler, &key());
        let mut kubelet = Kubelets::default();
        let mut seen = false;
        for _ in 0..120 {
            world.run(&mut kubelet, 1);
            let now = world.status()["containerStatuses"][0]["state"].clone();
            let is = state.as_object().unwrap().iter().all(|(kind, reason)| {
                !now[kind].is_null() && (reason.is_null() || now[kind]["reason"] == *reason)
            });
            seen |= is && world.condition("Ready") == ready;
        }
        assert!(seen, "{tag}: {}", world.status());
    }
    let mut world = World::new("shop:v2-unschedulable");
    world.look(&mut Scheduler, &key());
    assert_eq!(world.condition("PodScheduled"), "False");
}

#[test]
fn a_pod_is_ready_again_when_its_node_is_back() {
    let mut world = World::new("shop:v1");
    let mut kubelet = Kubelets::default();
    world.look(&mut Scheduler, &key());
    world.run(&mut kubelet, 10);
    let mut status = world.status();
    for condition in
        status["conditions"].as_array_mut().unwrap().iter_mut().filter(|one| one["type"] == "Ready")
    {
        condition["status"] = json!("False");
    }
    world.change(&json!({"status": status}));
    assert_eq!(world.condition("Ready"), "False");
    world.run(&mut kubelet, 1);
    assert_eq!(world.condition("Ready"), "True");
}

#[test]
fn the_pods_of_a_lost_node_are_not_ready_then_deleted_and_stay() {
    let mut world = World::new("shop:v1");
    let (mut kubelet, mut nodes) = (Kubelets::default(), Nodes);
    world.look(&mut Scheduler, &key());
    world.run(&mut kubelet, 10);
    let name = world.cache.pods[&key()].spec.as_ref().unwrap().node_name.clone().unwrap();
    let node = json!({"metadata": {"name": name, "annotations": {LOST: world.now.to_string()}}});
    let node: k8s_openapi::api::core::v1::Node = from_value(node).unwrap();
    world.cache.take(&Change { before: None, after: Some(node.into()) });
    let node = Key::new("", &name);
    world.run(&mut kubelet, 49);
    assert!(world.look(&mut nodes, &node).is_empty());
    world.run(&mut kubelet, 2);
    world.look(&mut nodes, &node);
    // As upstream: the containers are Ready, the pod is not.
    assert_eq!(
        (world.condition("Ready"), world.condition("ContainersReady")),
        (json!("False"), json!("True"))
    );
    world.run(&mut kubelet, 300);
    let last = world.look(&mut nodes, &node);
    assert!(last.iter().any(|write| matches!(write, Write::Delete { grace: None, .. })), "{last:?}");
    assert_eq!(world.condition("DisruptionTarget"), "True");
    world.change(&json!({"metadata": {"deletionTimestamp": "2026-01-01T00:10:00Z"}}));
    assert!(world.run(&mut kubelet, 60).is_empty());
}

fn reason(world: &World) -> Value {
    world.status()["containerStatuses"][0]["state"]["waiting"]["reason"].clone()
}

#[test]
fn a_pod_whose_image_is_taken_away_is_not_ready_any_more_until_it_is_back() {
    let mut world = World::new("shop:v1");
    let mut kubelet = Kubelets::default();
    world.look(&mut Scheduler, &key());
    world.run(&mut kubelet, 10);
    let image = |image: &str| json!({"spec": {"containers": [{"name": "web", "image": image}]}});
    world.change(&image("rollout-plus.invalid/fault:none"));
    world.run(&mut kubelet, 6);
    assert_eq!((reason(&world), world.condition("Ready")), (json!("ErrImagePull"), json!("False")));
    assert_eq!(world.status()["phase"], "Running");
    world.run(&mut kubelet, 12);
    assert_eq!(reason(&world), "ImagePullBackOff");
    world.change(&image("shop:v1"));
    world.run(&mut kubelet, 10);
    assert_eq!((reason(&world), world.condition("Ready")), (Value::Null, json!("True")));
    assert_eq!(world.status()["containerStatuses"][0]["restartCount"], 1);
}

#[test]
fn a_pod_whose_deadline_is_over_fails_and_stays() {
    let mut world = World::new("shop:v1");
    let mut kubelet = Kubelets::default();
    world.look(&mut Scheduler, &key());
    world.run(&mut kubelet, 20);
    world.change(&json!({"spec": {"activeDeadlineSeconds": 35}}));
    world.run(&mut kubelet, 14);
    assert_eq!(world.condition("Ready"), "True");
    // Ten seconds until it is looked at, and four to end.
    let others = world.run(&mut kubelet, 16);
    assert_eq!(
        (&world.status()["phase"], &world.status()["reason"]),
        (&json!("Failed"), &json!("DeadlineExceeded"))
    );
    assert!(others.is_empty(), "{others:?}");
    world.change(&json!({"metadata": {"deletionTimestamp": "2026-01-01T00:02:00Z"}}));
    assert!(matches!(world.run(&mut kubelet, 1).last(), Some(Write::Delete { grace: Some(0), .. })));
}

#[test]
fn what_a_container_has_follows_what_is_asked_for() {
    let mut world = World::new("shop:v1");
    let sized = |cpu: &str| json!({"spec": {"containers": [{"name": "web", "image": "shop:v1", "resources": {"limits": {"cpu": cpu}}}]}});
    world.change(&sized("1"));
    let mut kubelet = Kubelets::default();
    world.look(&mut Scheduler, &key());
    world.run(&mut kubelet, 10);
    let has = |world: &World| world.status()["containerStatuses"][0]["resources"]["limits"]["cpu"].clone();
    assert_eq!(has(&world), "1");
    world.change(&sized("20m"));
    world.look(&mut kubelet, &key());
    assert_eq!(has(&world), "1");
    world.run(&mut kubelet, 5);
    assert_eq!((has(&world), world.condition("Ready")), (json!("20m"), json!("True")));
}

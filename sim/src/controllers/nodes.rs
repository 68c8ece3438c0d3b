//! Nodes: which ones take pods, and what becomes of the pods of one that is lost.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use crate::cache::{Cache, Change};
use crate::controllers::pods::{condition, is_ready, node};
use crate::controllers::times::{stamp, until};
use crate::controllers::{Controller, Next, Refusal, Sync, Write};
use crate::draw::Draw;
use crate::object::{Key, Kind, Object};

/// Since when a node answers nobody: whoever plays the failure writes it on the node.
pub const LOST: &str = "sim/lost-since";

/// `--node-monitor-grace-period`, `cmd/kube-controller-manager/app/options/nodelifecyclecontroller.go`.
const GRACE: Duration = Duration::from_secs(50);

/// `tolerationSeconds` that `DefaultTolerationSeconds` adds (`plugin/pkg/admission/defaulttolerationseconds/admission.go`).
const TOLERATED: Duration = Duration::from_secs(300);

/// Since when the node is lost, if it is.
pub(crate) fn lost_since(node: &Node) -> Option<Timestamp> {
    node.metadata.annotations.as_ref()?.get(LOST)?.parse().ok()
}

/// Says whether nobody reaches the pod's node.
pub(crate) fn is_cut_off(pod: &Pod, cache: &Cache) -> bool {
    let node = node(pod).and_then(|name| cache.nodes.get(&Key::new("", name)));
    node.is_some_and(|node| lost_since(node).is_some())
}

/// The node lifecycle and taint eviction controllers, after `kubernetes/pkg/controller/nodelifecycle` and
/// `kubernetes/pkg/controller/tainteviction`.
#[derive(Debug, Default)]
pub(crate) struct Nodes;

impl Controller for Nodes {
    fn name(&self) -> &'static str {
        "node-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Node, Kind::Pod]
    }

    fn keys(&mut self, change: &Change, cache: &Cache) -> Vec<Key> {
        match change.object() {
            Some(object @ Object::Node(_)) => vec![object.key()],
            Some(Object::Pod(pod)) if is_cut_off(pod, cache) => {
                node(pod).map(|name| Key::new("", name)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn sync(&mut self, key: &Key, cache: &Cache, now: Timestamp, _draw: &mut Draw) -> Sync {
        let Some(node) = cache.nodes.get(key) else { return Sync::default() };
        let Some(since) = lost_since(node) else {
            let writes = (!is_node_ready(node)).then(|| node_status(key, "True", "KubeletReady", now));
            return Sync { writes: writes.into_iter().collect(), again_after: None };
        };
        let since = Time(since);
        if let Some(left) = until(&since, GRACE, now) {
            return Sync { writes: Vec::new(), again_after: Some(left) };
        }
        let mut writes = Vec::new();
        if is_node_ready(node) {
            writes.push(node_status(key, "Unknown", "NodeStatusUnknown", now));
        }
        let left = until(&since, GRACE + TOLERATED, now);
        let pods = cache.pods.values().filter(|pod| super::pods::node(pod) == Some(key.name.as_str()));
        for pod in pods {
            let about = Object::Pod(pod.clone());
            let of_pod = about.key();
            if is_ready(pod) {
                writes.push(not_ready(pod, &of_pod, now));
                writes.push(Write::Event {
                    about,
                    level: "Warning",
                    reason: "NodeNotReady".to_owned(),
                    message: "Node is not ready".to_owned(),
                });
            }
            if left.is_none() && pod.metadata.deletion_timestamp.is_none() {
                writes.push(displaced(pod, &of_pod, now));
                let uid = pod.metadata.uid.clone();
                writes.push(Write::Delete { kind: Kind::Pod, key: of_pod, uid, grace: None });
            }
        }
        Sync { writes, again_after: left }
    }

    fn answered(&mut self, _key: &Key, _write: &Write, answer: Result<Option<&Object>, &Refusal>) -> Next {
        match answer {
            Ok(_) => Next::Continue,
            Err(refusal) if matches!(refusal.code, 404 | 409) => Next::Continue,
            Err(_) => Next::Again,
        }
    }
}

fn is_node_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    !conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status != "True")
}

fn node_status(key: &Key, status: &str, reason: &str, now: Timestamp) -> Write {
    let ready =
        json!({"type": "Ready", "status": status, "reason": reason, "lastTransitionTime": stamp(now)});
    let patch = json!({"status": {"conditions": [ready]}});
    Write::Merge { kind: Kind::Node, key: key.clone(), subresource: Some("status"), patch }
}

/// The pod's conditions with one of them changed.
fn with(pod: &Pod, type_: &str, change: impl FnOnce(&mut Value)) -> Value {
    let all = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let others = all.into_iter().flatten().filter(|condition| condition.type_ != type_);
    let mut conditions: Vec<Value> =
        others.filter_map(|condition| serde_json::to_value(condition).ok()).collect();
    let present = condition(pod, type_).and_then(|condition| serde_json::to_value(condition).ok());
    let mut changed = present.unwrap_or_else(|| json!({"type": type_}));
    change(&mut changed);
    conditions.push(changed);
    json!(conditions)
}

/// `MarkPodsNotReady`, `pkg/controller/util/node/controller_utils.go`: nothing but the condition's status.
fn not_ready(pod: &Pod, key: &Key, now: Timestamp) -> Write {
    let conditions = with(pod, "Ready", |ready| {
        ready["status"] = json!("False");
        ready["lastTransitionTime"] = json!(stamp(now));
    });
    let patch = json!({"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": conditions}});
    Write::Merge { kind: Kind::Pod, key: key.clone(), subresource: Some("status"), patch }
}

/// `addConditionAndDeletePod`, `pkg/controller/tainteviction/taint_eviction.go`.
fn displaced(pod: &Pod, key: &Key, now: Timestamp) -> Write {
    let conditions = with(pod, "DisruptionTarget", |target| {
        target["status"] = json!("True");
        target["reason"] = json!("DeletionByTaintManager");
        target["message"] = json!("Taint manager: deleting due to NoExecute taint");
        target["lastTransitionTime"] = json!(stamp(now));
    });
    let patch = json!({"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": conditions}});
    Write::Merge { kind: Kind::Pod, key: key.clone(), subresource: Some("status"), patch }
}

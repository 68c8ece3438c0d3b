//! The scheduler: a node for every pod that has none. It stands for `kubernetes/pkg/scheduler`, and knows of no resources.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use crate::cache::{Cache, Change};
use crate::controllers::kubelet::script::Behaviour;
use crate::controllers::nodes::lost_since;
use crate::controllers::pods::{condition, is_active, node};
use crate::controllers::times::stamp;
use crate::controllers::{Controller, Next, Refusal, Sync, Write};
use crate::draw::Draw;
use crate::object::{Key, Kind, Object};

/// The nodes of a cluster in which nobody made one.
const NODES: [&str; 3] = ["node-0", "node-1", "node-2"];

#[derive(Debug, Default)]
pub(crate) struct Scheduler;

impl Controller for Scheduler {
    fn name(&self) -> &'static str {
        "kube-scheduler"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Pod, Kind::Node]
    }

    fn keys(&mut self, change: &Change, _cache: &Cache) -> Vec<Key> {
        match &change.after {
            Some(Object::Pod(pod)) if node(pod).is_none() && is_active(pod) => {
                change.object().map(Object::key).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn sync(&mut self, key: &Key, cache: &Cache, now: Timestamp, draw: &mut Draw) -> Sync {
        let waits = |pod: &&std::sync::Arc<_>| node(pod).is_none() && is_active(pod);
        let Some(pod) = cache.pods.get(key).filter(waits) else { return Sync::default() };
        let takes = |node: &&std::sync::Arc<k8s_openapi::api::core::v1::Node>| {
            let closed = node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false);
            !closed && lost_since(node).is_none()
        };
        let made: Vec<String> =
            cache.nodes.values().filter(takes).filter_map(|node| node.metadata.name.clone()).collect();
        let all = if cache.nodes.is_empty() { NODES.map(str::to_owned).to_vec() } else { made };
        let wants = pod.spec.as_ref().and_then(|spec| spec.node_selector.as_ref());
        // No node has a label.
        let fits = Behaviour::of(pod) != Behaviour::Unschedulable && wants.is_none_or(BTreeMap::is_empty);
        let patch = match draw.one(&all).filter(|_| fits) {
            Some(node) => json!({"metadata": {"uid": pod.metadata.uid}, "spec": {"nodeName": node}}),
            None if condition(pod, "PodScheduled").is_some() => return Sync::default(),
            None => json!({"metadata": {"uid": pod.metadata.uid}, "status": {"conditions": [{
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                "message": format!("0/{} nodes are available: {0} Insufficient cpu.", all.len()),
                "lastTransitionTime": stamp(now),
            }]}}),
        };
        let subresource = patch.get("status").map(|_| "status");
        let write = Write::Merge { kind: Kind::Pod, key: key.clone(), subresource, patch };
        Sync { writes: vec![write], again_after: None }
    }

    fn answered(&mut self, _key: &Key, _write: &Write, answer: Result<Option<&Object>, &Refusal>) -> Next {
        match answer {
            Ok(_) => Next::Continue,
            Err(refusal) if matches!(refusal.code, 404 | 409 | 422) => Next::Stop,
            Err(_) => Next::Again,
        }
    }
}

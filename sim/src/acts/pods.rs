//! Acts on pods and nodes.

use serde_json::{Value, json};

use super::Sight;
use crate::controllers::nodes::LOST;
use crate::draw::Draw;
use crate::object::{Key, Kind};
use crate::server::request::Request;
use crate::server::resources::of_kind;

const MERGE: &str = "application/merge-patch+json";

/// So many of the namespace's pods that are not ending, as they come out of the draw.
fn some(sight: &Sight<'_>, count: u32, draw: &mut Draw) -> Vec<(Key, Value)> {
    let Some(resource) = of_kind(Kind::Pod) else { return Vec::new() };
    let mut all: Vec<(Key, Value)> = sight
        .store
        .all(resource)
        .filter(|(key, pod)| {
            key.namespace == sight.target.namespace && pod["metadata"]["deletionTimestamp"].is_null()
        })
        .map(|(key, pod)| (key.clone(), pod.as_ref().clone()))
        .collect();
    let mut chosen = Vec::new();
    while let Some(last) = all.len().checked_sub(1) {
        if chosen.len() == usize::try_from(count).unwrap_or(usize::MAX) {
            break;
        }
        let at = usize::try_from(draw.number(0..=u64::try_from(last).unwrap_or(0))).unwrap_or(0);
        chosen.push(all.swap_remove(at));
    }
    chosen
}

fn uri(key: &Key) -> String {
    format!("/api/v1/namespaces/{}/pods/{}", key.namespace, key.name)
}

/// `addConditionAndDeletePod`, `pkg/registry/core/pod/storage/eviction.go`.
pub(super) fn evict(who: &str, sight: &Sight<'_>, count: u32, draw: &mut Draw) -> Vec<Request> {
    let evicted = |(key, pod): (Key, Value)| {
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let target = json!({
            "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting", "lastTransitionTime": sight.now.to_string(),
        });
        let conditions: Vec<Value> = conditions.into_iter().chain([target]).collect();
        let status = json!({"status": {"conditions": conditions}});
        [
            Request::new(who, "PATCH", &format!("{}/status", uri(&key)), MERGE, status),
            Request::new(who, "DELETE", &uri(&key), "", Value::Null),
        ]
    };
    some(sight, count, draw).into_iter().flat_map(evicted).collect()
}

pub(super) fn end(who: &str, sight: &Sight<'_>, count: u32, draw: &mut Draw) -> Vec<Request> {
    let pods = some(sight, count, draw).into_iter();
    pods.map(|(key, _)| Request::new(who, "DELETE", &uri(&key), "", Value::Null)).collect()
}

/// A node is lost or back. The first of these acts makes the three nodes that the scheduler uses where nobody made one.
pub(super) fn node(who: &str, sight: &Sight<'_>, node: usize, lost: bool) -> Vec<Request> {
    let Some(resource) = of_kind(Kind::Node) else { return Vec::new() };
    let names = ["node-0", "node-1", "node-2"];
    let missing = names.into_iter().filter(|name| sight.store.get(resource, &Key::new("", name)).is_none());
    let ready = json!([{"type": "Ready", "status": "True"}]);
    let made = |name: &str| {
        let body = json!({"metadata": {"name": name}, "spec": {}, "status": {"conditions": ready}});
        Request::new(who, "POST", "/api/v1/nodes", "", body)
    };
    let since = if lost { json!(sight.now.to_string()) } else { Value::Null };
    let patch = json!({"metadata": {"annotations": {LOST: since}}});
    let name = names[node % names.len()];
    let change = Request::new(who, "PATCH", &format!("/api/v1/nodes/{name}"), MERGE, patch);
    missing.map(made).chain([change]).collect()
}

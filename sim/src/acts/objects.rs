//! Acts on the Deployment, and on quotas.

use serde_json::{Value, json};

use super::{Field, Sight};
use crate::object::{Key, Kind};
use crate::server::request::Request;
use crate::server::resources::of_kind;

const MERGE: &str = "application/merge-patch+json";
const PATCH: &str = "application/json-patch+json";
/// The name of the quota.
const FEW: &str = "few";

fn uri(kind: Kind, key: &Key) -> String {
    let (group, plural) = kind.resource();
    let version = of_kind(kind).map_or("v1", |resource| resource.version);
    let api = if group.is_empty() { "/api".to_owned() } else { format!("/apis/{group}") };
    let name = if key.name.is_empty() { String::new() } else { format!("/{}", key.name) };
    format!("{api}/{version}/namespaces/{}/{plural}{name}", key.namespace)
}

fn deployment(sight: &Sight<'_>) -> Option<Value> {
    let object = sight.store.get(of_kind(Kind::Deployment)?, sight.target)?;
    Some(object.as_ref().clone())
}

/// One request to the Deployment, as long as there is one.
fn to_it(who: &str, sight: &Sight<'_>, method: &str, content: &str, body: Value) -> Vec<Request> {
    let there = deployment(sight).is_some();
    let request = Request::new(who, method, &uri(Kind::Deployment, sight.target), content, body);
    there.then_some(request).into_iter().collect()
}

pub(super) fn scale(who: &str, sight: &Sight<'_>, replicas: u32) -> Vec<Request> {
    to_it(who, sight, "PATCH", MERGE, json!({"spec": {"replicas": replicas}}))
}

pub(super) fn image(who: &str, sight: &Sight<'_>, image: &str) -> Vec<Request> {
    let patch = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]);
    to_it(who, sight, "PATCH", PATCH, patch)
}

/// `Rollback`, `k8s.io/kubectl/pkg/polymorphichelpers/rollback.go`: template and annotations of the newest revision but one.
pub(super) fn undo(who: &str, sight: &Sight<'_>) -> Vec<Request> {
    let Some((resource, deployment)) = of_kind(Kind::ReplicaSet).zip(deployment(sight)) else {
        return Vec::new();
    };
    if deployment["spec"]["paused"] == true {
        return Vec::new();
    }
    let revision = |set: &Value| {
        let text = set["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str()?;
        text.parse::<i64>().ok()
    };
    let uid = &deployment["metadata"]["uid"];
    let mut sets: Vec<(i64, &Value)> = sight
        .store
        .all(resource)
        .filter(|(_, set)| set["metadata"]["ownerReferences"][0]["uid"] == *uid)
        .filter_map(|(_, set)| Some((revision(set)?, set.as_ref())))
        .collect();
    sets.sort_by_key(|(revision, _)| std::cmp::Reverse(*revision));
    let Some((_, former)) = sets.get(1) else { return Vec::new() };
    let mut template = former["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove("pod-template-hash");
    }
    let patch = json!([
        {"op": "replace", "path": "/spec/template", "value": template},
        {"op": "add", "path": "/metadata/annotations", "value": annotations(&deployment, former)},
    ]);
    to_it(who, sight, "PATCH", PATCH, patch)
}

/// `annotationsToSkip`, `k8s.io/kubectl/pkg/polymorphichelpers/rollback.go`.
const STAYS: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// The annotations after a way back: those of the former set, but for those that are the Deployment's own.
fn annotations(deployment: &Value, former: &Value) -> Value {
    let of = |object: &Value| object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    let own = of(deployment).into_iter().filter(|(name, _)| STAYS.contains(&name.as_str()));
    let former = of(former).into_iter().filter(|(name, _)| !STAYS.contains(&name.as_str()));
    own.chain(former).collect::<serde_json::Map<String, Value>>().into()
}

pub(super) fn restart(who: &str, sight: &Sight<'_>) -> Vec<Request> {
    let annotations = json!({"kubectl.kubernetes.io/restartedAt": sight.now.to_string()});
    to_it(
        who,
        sight,
        "PATCH",
        MERGE,
        json!({"spec": {"template": {"metadata": {"annotations": annotations}}}}),
    )
}

pub(super) fn pause(who: &str, sight: &Sight<'_>, on: bool) -> Vec<Request> {
    let value = if on { json!(true) } else { Value::Null };
    to_it(who, sight, "PATCH", MERGE, json!({"spec": {"paused": value}}))
}

/// Sets every field of the manifest, but for the number of replicas, which others may own. Annotations and fields that it does
/// not name stay as they are.
pub(super) fn apply(who: &str, sight: &Sight<'_>, template: bool) -> Vec<Request> {
    let mut spec = sight.manifest["spec"].clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("replicas");
        fields.remove("selector");
        if !template {
            fields.remove("template");
        }
    }
    to_it(who, sight, "PATCH", MERGE, json!({"spec": spec}))
}

pub(super) fn edit(who: &str, sight: &Sight<'_>, field: Field) -> Vec<Request> {
    let patch = match field {
        Field::MinReadySeconds(seconds) => json!({"spec": {"minReadySeconds": seconds}}),
        Field::ProgressDeadline(seconds) => json!({"spec": {"progressDeadlineSeconds": seconds}}),
        Field::Surge(percent) => {
            let limits = json!({"maxSurge": format!("{percent}%"), "maxUnavailable": 0});
            json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": limits}}})
        }
        Field::History(count) => json!({"spec": {"revisionHistoryLimit": count}}),
        Field::Annotation => json!({"metadata": {"annotations": {"example.com/note": "mine"}}}),
        Field::Label => json!({"metadata": {"labels": {"team": "blue"}}}),
    };
    to_it(who, sight, "PATCH", MERGE, patch)
}

pub(super) fn quota(who: &str, sight: &Sight<'_>, pods: u32) -> Vec<Request> {
    let body = json!({"metadata": {"name": FEW}, "spec": {"hard": {"pods": pods.to_string()}}});
    let all = Key::new(&sight.target.namespace, "");
    vec![Request::new(who, "POST", &uri(Kind::ResourceQuota, &all), "", body)]
}

pub(super) fn no_quota(who: &str, sight: &Sight<'_>) -> Vec<Request> {
    let key = Key::new(&sight.target.namespace, FEW);
    vec![Request::new(who, "DELETE", &uri(Kind::ResourceQuota, &key), "", Value::Null)]
}

pub(super) fn delete(who: &str, sight: &Sight<'_>) -> Vec<Request> {
    to_it(who, sight, "DELETE", "", json!({"propagationPolicy": "Background"}))
}

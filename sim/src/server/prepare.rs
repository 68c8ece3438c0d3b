//! What the server makes of an object before it keeps it: defaults, counters, what may not be changed, what is wrong.
//!
//! After `pkg/registry/{apps/deployment,apps/replicaset,core/pod}/strategy.go`, `pkg/apis/apps/v1/defaults.go` and
//! `pkg/apis/apps/validation/validation.go` of kubernetes/kubernetes, and `pkg/registry/rest` of kubernetes/apiserver.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::pods;
use super::resources::Resource;
use crate::controllers::Refusal;
use crate::draw::Draw;
use crate::object::{Key, Kind};

/// A time as the server writes it.
pub fn time(now: Timestamp) -> Value {
    Value::from(format!("{now:.0}"))
}

/// Makes a new object of what was sent.
///
/// # Errors
/// What is wrong with it.
pub fn create(
    resource: &Resource,
    namespace: &str,
    sent: Value,
    now: Timestamp,
    draw: &mut Draw,
) -> Result<(Key, Value), Refusal> {
    let mut object = sent;
    let prefix = object["metadata"]["generateName"].as_str().unwrap_or_default();
    let name = match object["metadata"]["name"].as_str().filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        // `SimpleNameGenerator`: 63 letters, five of them random.
        None if !prefix.is_empty() => format!("{}{}", &prefix[..prefix.len().min(58)], draw.suffix()),
        None => {
            return Err(Refusal::invalid(
                resource,
                "",
                "metadata.name: Required value: name or generateName is required",
            ));
        }
    };
    if name.len() > 253 {
        return Err(Refusal::invalid(
            resource,
            &name,
            "metadata.name: Invalid value: must be no more than 253 characters",
        ));
    }
    let metadata = &mut object["metadata"];
    metadata["name"] = json!(name);
    if resource.namespaced {
        metadata["namespace"] = json!(namespace);
    }
    metadata["uid"] = json!(draw.uuid());
    metadata["creationTimestamp"] = time(now);
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.remove("resourceVersion");
        metadata.remove("deletionTimestamp");
        metadata.remove("generation");
    }
    object["apiVersion"] = json!(resource.api_version());
    object["kind"] = json!(resource.kind);
    if resource.counts {
        object["metadata"]["generation"] = json!(1);
    }
    if resource.has_status {
        match resource.seen_as {
            Some(Kind::ReplicaSet) => object["status"] = json!({"replicas": 0}),
            Some(Kind::Pod) => object["status"] = json!({"phase": "Pending"}),
            // Those of a scenario come with theirs: nobody is there who would count at once.
            Some(Kind::ResourceQuota) if !object["status"].is_null() => {}
            _ => object["status"] = json!({}),
        }
    }
    finish(resource, &mut object);
    if resource.seen_as == Some(Kind::Pod) {
        object["status"]["qosClass"] = json!(pods::quality(&object));
    }
    validate(resource, &name, &object, None)?;
    let namespace = if resource.namespaced { namespace } else { "" };
    Ok((Key::new(namespace, &name), object))
}

/// Makes the next state of an object of what was sent.
///
/// # Errors
/// What is wrong with it.
pub fn update(
    resource: &Resource,
    key: &Key,
    old: &Value,
    sent: Value,
    status: bool,
) -> Result<Value, Refusal> {
    let mut object = sent;
    let version = object["metadata"]["resourceVersion"].as_str().filter(|version| !version.is_empty());
    if version.is_some_and(|version| old["metadata"]["resourceVersion"] != version) {
        return Err(Refusal::conflict(resource, &key.name));
    }
    let uid = object["metadata"]["uid"].as_str().filter(|uid| !uid.is_empty());
    if let (Some(sent), Some(old)) = (uid, old["metadata"]["uid"].as_str())
        && sent != old
    {
        return Err(Refusal::other_uid(resource, &key.name, sent, old));
    }
    for member in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
        "resourceVersion",
    ] {
        restore(&mut object["metadata"], &old["metadata"], member);
    }
    restore(&mut object, old, "apiVersion");
    restore(&mut object, old, "kind");
    if status {
        restore(&mut object, old, "spec");
        match resource.seen_as {
            Some(Kind::Deployment) => restore(&mut object["metadata"], &old["metadata"], "labels"),
            Some(Kind::Pod) => restore(&mut object["metadata"], &old["metadata"], "ownerReferences"),
            _ => {}
        }
    } else if resource.has_status {
        restore(&mut object, old, "status");
    }
    finish(resource, &mut object);
    validate(resource, &key.name, &object, Some(old))?;
    if resource.counts && !status && is_counted(resource, &object, old) {
        let generation = old["metadata"]["generation"].as_i64().unwrap_or_default();
        object["metadata"]["generation"] = json!(generation + 1);
    }
    Ok(object)
}

/// Annotations of a Deployment count, because they are copied to its `ReplicaSets`.
fn is_counted(resource: &Resource, object: &Value, old: &Value) -> bool {
    fn annotations(object: &Value) -> Option<&Map<String, Value>> {
        object["metadata"]["annotations"].as_object().filter(|members| !members.is_empty())
    }
    object["spec"] != old["spec"]
        || resource.seen_as == Some(Kind::Deployment) && annotations(object) != annotations(old)
}

fn restore(object: &mut Value, old: &Value, member: &str) {
    let Some(members) = object.as_object_mut() else { return };
    match old.get(member) {
        Some(value) if members.get(member) == Some(value) => {}
        Some(value) => drop(members.insert(member.to_owned(), value.clone())),
        None => drop(members.remove(member)),
    }
}

/// Sets defaults, and leaves out what Go leaves out (`omitempty`).
fn finish(resource: &Resource, object: &mut Value) {
    for member in ["annotations", "labels", "ownerReferences", "managedFields", "finalizers"] {
        let is_empty = match &object["metadata"][member] {
            Value::Object(members) => members.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Null => true,
            _ => false,
        };
        if let (true, Some(metadata)) = (is_empty, object["metadata"].as_object_mut()) {
            metadata.remove(member);
        }
    }
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else { return };
    match resource.seen_as {
        Some(Kind::Deployment) => {
            for (member, value) in [
                ("replicas", json!(1)),
                ("revisionHistoryLimit", json!(10)),
                ("progressDeadlineSeconds", json!(600)),
            ] {
                default(spec, member, value);
            }
            default(spec, "strategy", json!({"type": "RollingUpdate"}));
            if spec["strategy"]["type"] == "RollingUpdate" {
                for member in ["maxSurge", "maxUnavailable"] {
                    if spec["strategy"]["rollingUpdate"][member].is_null() {
                        spec["strategy"]["rollingUpdate"][member] = json!("25%");
                    }
                }
            }
            spec.retain(|name, value| match name.as_str() {
                "minReadySeconds" => *value != json!(0) && !value.is_null(),
                "paused" => *value == json!(true),
                _ => !value.is_null(),
            });
        }
        Some(Kind::ReplicaSet) => {
            default(spec, "replicas", json!(1));
            spec.retain(|name, value| name != "minReadySeconds" || *value != json!(0));
        }
        Some(Kind::Pod) => {
            default(spec, "terminationGracePeriodSeconds", json!(30));
            default(spec, "restartPolicy", json!("Always"));
            pods::fill_in(spec);
        }
        Some(Kind::Route) => super::route::fill_in(spec),
        _ => {}
    }
}

fn default(spec: &mut Map<String, Value>, member: &str, value: Value) {
    if spec.get(member).is_none_or(Value::is_null) {
        spec.insert(member.to_owned(), value);
    }
}

/// The rules that have bitten; all others are left to the real server.
fn validate(resource: &Resource, name: &str, object: &Value, old: Option<&Value>) -> Result<(), Refusal> {
    let spec = &object["spec"];
    let invalid = |why: &str| Err(Refusal::invalid(resource, name, why));
    let size: usize = object["metadata"]["annotations"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| name.len() + value.as_str().map_or(0, str::len))
        .sum();
    // `TotalAnnotationSizeLimitB`.
    if size > 256 * 1024 {
        return invalid("metadata.annotations: Too long: may not be more than 262144 bytes");
    }
    match resource.seen_as {
        Some(Kind::Deployment) => {
            let ready = spec["minReadySeconds"].as_i64().unwrap_or_default();
            let deadline = spec["progressDeadlineSeconds"].as_i64().unwrap_or_default();
            if deadline <= ready {
                return invalid(&format!(
                    "spec.progressDeadlineSeconds: Invalid value: {deadline}: must be greater than minReadySeconds"
                ));
            }
            if spec["replicas"].as_i64().unwrap_or_default() < 0 {
                return invalid("spec.replicas: Invalid value: must be greater than or equal to 0");
            }
            let rolling = &spec["strategy"]["rollingUpdate"];
            let none = |value: &Value| *value == json!(0) || *value == json!("0%");
            if spec["strategy"]["type"] == "RollingUpdate"
                && none(&rolling["maxSurge"])
                && none(&rolling["maxUnavailable"])
            {
                return invalid(
                    "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
                );
            }
            let selector = spec["selector"]["matchLabels"].as_object();
            let labels = &spec["template"]["metadata"]["labels"];
            if selector.into_iter().flatten().any(|(name, value)| labels[name] != *value) {
                return invalid(
                    "spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`",
                );
            }
        }
        Some(Kind::ReplicaSet) if spec["replicas"].as_i64().unwrap_or_default() < 0 => {
            return invalid("spec.replicas: Invalid value: must be greater than or equal to 0");
        }
        Some(Kind::Pod) => old.map_or(Ok(()), |old| pods::validate(resource, name, object, old))?,
        _ => {}
    }
    let is_fixed = matches!(resource.seen_as, Some(Kind::Deployment | Kind::ReplicaSet));
    if is_fixed && old.is_some_and(|old| old["spec"]["selector"] != spec["selector"]) {
        return invalid("spec.selector: Invalid value: field is immutable");
    }
    Ok(())
}

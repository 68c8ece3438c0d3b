//! Whether what a version refers to is still as it was.

use serde_json::Value;

use crate::cluster::{Call, Cluster};
use crate::model::{Observed, ReplicaSet};

/// Only metadata is asked for: what is in a Secret is none of our business.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

impl Cluster {
    /// Names the ConfigMaps and Secrets of a template that changed since that version was replaced, or that are
    /// gone. Who may not read them is told so.
    pub(crate) async fn changed_since(
        &self,
        template: &Value,
        version: &ReplicaSet,
        observed: &Observed,
    ) -> Vec<String> {
        let made = |rs: &ReplicaSet| rs.metadata.creation_timestamp.as_ref().map(|time| time.0);
        // It was replaced when the next one was made.
        let next =
            observed.replica_sets.iter().filter_map(made).filter(|time| Some(*time) > made(version)).min();
        let Some(replaced) = next else { return Vec::new() };
        let mut lines = Vec::new();
        for (kind, plural, name) in references(template) {
            let doing = format!("read {kind}/{name} in namespace {}", self.namespace);
            let path = format!("/api/v1/namespaces/{}/{plural}/{name}", self.namespace);
            let call = Call { doing, method: "GET", path, body: None, accept: METADATA };
            let object: Value = match self.read(&call).await {
                Ok(body) => serde_json::from_slice(&body).unwrap_or_default(),
                Err(failure) if failure.code() == 404 => {
                    lines.push(format!("{kind} {name}, which that version uses, is gone"));
                    continue;
                }
                Err(_) => {
                    lines.push(format!(
                        "{kind} {name} cannot be read: it may have changed since that version ran"
                    ));
                    continue;
                }
            };
            let changes = object["metadata"]["managedFields"].as_array().into_iter().flatten();
            let times = changes.filter_map(|entry| entry["time"].as_str()?.parse().ok());
            if let Some(changed) = times.max().filter(|time: &jiff::Timestamp| *time > replaced) {
                lines.push(format!("{kind} {name} was changed at {changed}, after that version was replaced: the old code has never run with it"));
            }
        }
        lines
    }
}

/// The ConfigMaps and Secrets that a template names.
fn references(template: &Value) -> Vec<(&'static str, &'static str, String)> {
    let mut found = Vec::new();
    walk(template, &mut found);
    found.sort();
    found.dedup();
    found
}

/// Fields of `PodSpec` that name a ConfigMap or a Secret, wherever they stand.
fn walk(value: &Value, found: &mut Vec<(&'static str, &'static str, String)>) {
    const FIELDS: [(&str, &str, &str, &str); 6] = [
        ("configMap", "name", "configmap", "configmaps"),
        ("configMapRef", "name", "configmap", "configmaps"),
        ("configMapKeyRef", "name", "configmap", "configmaps"),
        ("secretRef", "name", "secret", "secrets"),
        ("secretKeyRef", "name", "secret", "secrets"),
        ("secret", "secretName", "secret", "secrets"),
    ];
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                for (field, name, kind, plural) in FIELDS {
                    if key == field
                        && let Some(name) = value[name].as_str().or(value["name"].as_str())
                    {
                        found.push((kind, plural, name.to_owned()));
                    }
                }
                walk(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_found_wherever_they_stand() {
        let template = json!({"spec": {
            "containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "db", "key": "p"}}}],
                "envFrom": [{"configMapRef": {"name": "web"}}]}],
            "volumes": [{"secret": {"secretName": "tls"}}, {"configMap": {"name": "web"}},
                {"projected": {"sources": [{"secret": {"name": "more"}}]}}]}});
        let names: Vec<String> =
            references(&template).into_iter().map(|(kind, _, name)| format!("{kind}/{name}")).collect();
        assert_eq!(names, ["configmap/web", "secret/db", "secret/more", "secret/tls"]);
    }
}

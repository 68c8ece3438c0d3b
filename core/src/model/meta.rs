//! The metadata that we use. Half of an object as the server sends it is `managedFields`: they are skipped while
//! reading, but for who manages, since when, and whether that is the pod template.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    FieldsV1, ManagedFieldsEntry, ObjectMeta, OwnerReference, Time,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

/// Fields of `ObjectMeta`. Whatever is not here is not read.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<OwnerReference>>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    managed_fields: Option<Vec<Entry>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Entry {
    manager: Option<String>,
    subresource: Option<String>,
    time: Option<Time>,
    fields_v1: Fields,
}

/// Of all the fields that a manager owns, whether the pod template is one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    #[serde(rename = "f:spec")]
    spec: SpecFields,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SpecFields {
    #[serde(rename = "f:template")]
    template: Option<IgnoredAny>,
}

/// Reads metadata. A Deployment's managers tell which tool keeps it.
pub(super) fn with_managers<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<ObjectMeta, D::Error> {
    let mut meta = Meta::deserialize(deserializer)?;
    let managers = meta.managed_fields.take().map(|entries| {
        let entry = |entry: Entry| ManagedFieldsEntry {
            manager: entry.manager,
            subresource: entry.subresource,
            time: entry.time,
            fields_v1: entry.fields_v1.spec.template.map(|_| FieldsV1(json!({"f:spec": {"f:template": {}}}))),
            ..ManagedFieldsEntry::default()
        };
        entries.into_iter().map(entry).collect()
    });
    Ok(ObjectMeta { managed_fields: managers, ..slim(meta) })
}

/// Reads metadata without managers.
pub(super) fn without_managers<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<ObjectMeta, D::Error> {
    Meta::deserialize(deserializer).map(slim)
}

fn slim(meta: Meta) -> ObjectMeta {
    ObjectMeta {
        name: meta.name,
        namespace: meta.namespace,
        uid: meta.uid,
        resource_version: meta.resource_version,
        generation: meta.generation,
        labels: meta.labels,
        annotations: meta.annotations,
        owner_references: meta.owner_references,
        creation_timestamp: meta.creation_timestamp,
        deletion_timestamp: meta.deletion_timestamp,
        ..ObjectMeta::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Pod, Workload};

    #[test]
    fn managers_are_read_and_their_fields_are_not() {
        let object = json!({"metadata": {
            "name": "web", "uid": "u1", "resourceVersion": "7", "generation": 2, "labels": {"app": "web"},
            "managedFields": [{"manager": "helm-controller", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
                {"manager": "argocd-controller", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:x": {}}}}}}],
            "creationTimestamp": "2026-01-01T00:00:00Z",
        }});
        let deployment: Workload = serde_json::from_value(object.clone()).unwrap();
        let managers = deployment.metadata.managed_fields.as_ref().unwrap();
        assert_eq!(managers[0].manager.as_deref(), Some("helm-controller"));
        assert_eq!(managers[0].fields_v1, None);
        let template = managers[1].fields_v1.as_ref().map(|fields| fields.0.clone());
        assert_eq!(template, Some(json!({"f:spec": {"f:template": {}}})));
        assert_eq!((deployment.uid(), deployment.generation()), ("u1", 2));
        let pod: Pod = serde_json::from_value(object).unwrap();
        assert_eq!(pod.metadata.managed_fields, None);
        assert!(pod.metadata.creation_timestamp.is_some());
    }
}

//! The parts of the API objects that we use. Whatever is written back stays raw JSON, so that fields of
//! newer API servers survive.

use std::fmt;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::keys;
use crate::model::meta::{with_managers, without_managers};

/// A namespaced object's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectName {
    /// The namespace.
    pub namespace: String,
    /// The name within the namespace.
    pub name: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deployment/{} in namespace {}", self.name, self.namespace)
    }
}

/// An `apps/v1` Deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deployment {
    /// Name, uid, generation, annotations, managers.
    #[serde(deserialize_with = "with_managers")]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: DeploymentSpec,
    /// What the controller has seen.
    pub status: DeploymentStatus,
}

/// See `DeploymentSpec` of the `apps/v1` API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentSpec {
    /// Wanted pods; the API server fills in 1.
    pub replicas: Option<i64>,
    /// Which pods belong to it, as a `LabelSelector`.
    pub selector: k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector,
    /// The pod template, raw.
    pub template: Value,
    /// The update strategy, raw.
    pub strategy: Option<Value>,
    /// Seconds that a pod must be Ready to count as Available; absent means 0.
    pub min_ready_seconds: Option<i64>,
    /// Seconds without progress until the rollout counts as failed.
    pub progress_deadline_seconds: Option<i64>,
    /// Old ReplicaSets to keep.
    pub revision_history_limit: Option<i64>,
    /// Whether the controller leaves template changes alone.
    pub paused: bool,
}

/// See `DeploymentStatus` of the `apps/v1` API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentStatus {
    /// The generation that the rest of the status speaks of.
    pub observed_generation: i64,
    /// Pods of all versions.
    pub replicas: i64,
    /// Pods of the live template.
    pub updated_replicas: i64,
    /// Ready pods of all versions.
    pub ready_replicas: i64,
    /// Pods Ready for `minReadySeconds`.
    pub available_replicas: i64,
    /// Progressing, Available, `ReplicaFailure`.
    #[serde(deserialize_with = "nullable")]
    pub conditions: Vec<Condition>,
}

/// A condition of a Deployment or Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// For example `Ready` or `Progressing`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// A word for machines.
    pub reason: Option<String>,
    /// A sentence for people.
    pub message: Option<String>,
    /// When the status last changed, by the server's clock.
    pub last_transition_time: Option<Time>,
}

/// An `apps/v1` ReplicaSet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSet {
    /// Name, uid, owner, revision.
    #[serde(deserialize_with = "without_managers")]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: ReplicaSetSpec,
    /// What there is.
    pub status: ReplicaSetStatus,
}

/// See `ReplicaSetSpec` of the `apps/v1` API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetSpec {
    /// Wanted pods.
    pub replicas: Option<i64>,
    /// The pod template with its hash label, raw.
    pub template: Value,
    /// That of the Deployment, as long as its template was this one.
    pub min_ready_seconds: Option<i64>,
}

/// See `ReplicaSetStatus` of the `apps/v1` API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSetStatus {
    /// Pods, ready or not, that are not terminating.
    pub replicas: i64,
    /// Ready pods.
    pub ready_replicas: i64,
    /// Pods Ready for `minReadySeconds`.
    pub available_replicas: i64,
    /// `ReplicaFailure`: pods that could not be made.
    #[serde(deserialize_with = "nullable")]
    pub conditions: Vec<Condition>,
}

impl Deployment {
    /// Returns namespace and name.
    pub fn id(&self) -> ObjectName {
        ObjectName {
            namespace: self.metadata.namespace.clone().unwrap_or_default(),
            name: self.metadata.name.clone().unwrap_or_default(),
        }
    }

    /// Returns the uid, empty if the server gave none.
    pub fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Returns `metadata.generation`, which only changes of the spec move.
    pub fn generation(&self) -> i64 {
        self.metadata.generation.unwrap_or_default()
    }

    /// Returns the number of wanted pods.
    pub fn replicas(&self) -> u32 {
        count(self.spec.replicas.unwrap_or(1))
    }

    /// Whether the controller has seen the newest spec.
    pub fn is_observed(&self) -> bool {
        self.status.observed_generation >= self.generation()
    }

    /// Returns an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// Returns a condition by its type.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.type_ == type_)
    }

    /// Whether the stock rolling update is complete: kubectl's own rule, less the part about old pods
    /// that still terminate (`DeploymentStatusViewer`, `rollout_status.go` of kubectl).
    pub fn is_complete(&self) -> bool {
        let wanted = i64::from(self.replicas());
        let status = &self.status;
        self.is_observed()
            && status.updated_replicas >= wanted
            && status.replicas <= status.updated_replicas
            && status.available_replicas >= status.updated_replicas
    }

    /// Returns the controller's words if it could not make the ReplicaSet of a template (`FailedRSCreateReason` in
    /// kubernetes/pkg/controller/deployment/util).
    pub fn not_made(&self) -> Option<&str> {
        let condition = self.condition("Progressing")?;
        let failed =
            condition.status == "False" && condition.reason.as_deref() == Some("ReplicaSetCreateError");
        failed.then(|| condition.message.as_deref().unwrap_or_default())
    }

    /// Returns when somebody last wrote the object itself and not its status, by the server's clock.
    pub fn written_at(&self) -> Option<Timestamp> {
        let entries = self.metadata.managed_fields.iter().flatten();
        let own = entries.filter(|entry| entry.subresource.as_deref().unwrap_or_default().is_empty());
        own.filter_map(|entry| entry.time.as_ref()).map(|time| time.0).max()
    }

    /// Returns the controller's message if it gave the rollout up after `progressDeadlineSeconds`.
    pub fn deadline_exceeded(&self) -> Option<&str> {
        let condition = self.condition("Progressing")?;
        let exceeded = self.is_observed() && condition.reason.as_deref() == Some("ProgressDeadlineExceeded");
        exceeded.then(|| condition.message.as_deref().unwrap_or("progress deadline exceeded"))
    }
}

impl ReplicaSet {
    /// Returns the name, empty if the server gave none.
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// Returns the pod-template-hash, empty for a ReplicaSet that no Deployment made.
    pub fn hash(&self) -> &str {
        let labels = self.metadata.labels.as_ref();
        labels.and_then(|labels| labels.get(keys::POD_TEMPLATE_HASH)).map_or("", String::as_str)
    }

    /// Returns the revision that the Deployment controller gave it.
    pub fn revision(&self) -> Option<u64> {
        self.metadata.annotations.as_ref()?.get(keys::REVISION)?.parse().ok()
    }

    /// Returns the number of wanted pods.
    pub fn replicas(&self) -> u32 {
        count(self.spec.replicas.unwrap_or(1))
    }

    /// Returns the number of Ready pods by the ReplicaSet controller's count.
    pub fn ready(&self) -> u32 {
        count(self.status.ready_replicas)
    }

    /// Returns the uid of its controller.
    pub fn owner(&self) -> Option<&str> {
        controller(&self.metadata)
    }

    /// Whether the object with this uid is its controller.
    pub fn is_owned_by(&self, uid: &str) -> bool {
        self.owner() == Some(uid)
    }

    /// Whether it neither has pods nor is to have any.
    pub fn is_empty(&self) -> bool {
        self.replicas() == 0 && self.status.replicas == 0
    }

    /// Forgets all of its template but the images: there may be ten old versions of every workload.
    pub fn forget_template(&mut self) {
        let images = super::images(&self.spec.template).into_iter();
        let containers: Vec<Value> = images.map(|image| serde_json::json!({"image": image})).collect();
        self.spec.template = serde_json::json!({"spec": {"containers": containers}});
    }
}

pub(super) fn controller(metadata: &ObjectMeta) -> Option<&str> {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.as_str())
}

fn count(replicas: i64) -> u32 {
    u32::try_from(replicas).unwrap_or(0)
}

/// Reads `null` as an empty list, as the API's own decoder does.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<Vec<T>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

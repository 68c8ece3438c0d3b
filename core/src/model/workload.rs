//! A workload as strategies, steps and status see it: plain data, whatever its kind.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::Error;
use crate::model::meta::with_managers;
use crate::model::objects::{Condition, count, nullable};
use crate::model::{Names, ObjectName, WorkloadKind};
use crate::share::Bounds;

/// A workload. Its words are those of a Deployment, which read by themselves; other kinds say theirs in these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Deployment", rename_all = "camelCase", default)]
pub struct Workload {
    /// What its kind is called, and how it is held.
    #[serde(skip)]
    pub kind: &'static dyn WorkloadKind,
    /// Name, uid, generation, annotations, managers.
    #[serde(deserialize_with = "with_managers")]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: WorkloadSpec,
    /// What the controller has seen.
    pub status: WorkloadCounts,
}

/// What is wanted of a workload; see `DeploymentSpec` of the `apps/v1` API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "DeploymentSpec", rename_all = "camelCase", default)]
pub struct WorkloadSpec {
    /// Wanted pods; the API server fills in 1.
    pub replicas: Option<i64>,
    /// Which pods belong to it, as a `LabelSelector`.
    pub selector: LabelSelector,
    /// The pod template, raw.
    pub template: Value,
    /// The update strategy, raw.
    pub strategy: Option<Value>,
    /// Seconds that a pod must be Ready to count as Available; absent means 0.
    pub min_ready_seconds: Option<i64>,
    /// Seconds without progress until the rollout counts as failed.
    pub progress_deadline_seconds: Option<i64>,
    /// Old revisions to keep.
    pub revision_history_limit: Option<i64>,
    /// Whether the controller leaves template changes alone.
    pub paused: bool,
}

/// What the controller of a workload counts; see `DeploymentStatus` of the `apps/v1` API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "DeploymentStatus", rename_all = "camelCase", default)]
pub struct WorkloadCounts {
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

impl Workload {
    /// Returns kind, namespace and name.
    pub fn id(&self) -> ObjectName {
        ObjectName {
            kind: self.kind.names(),
            namespace: self.metadata.namespace.clone().unwrap_or_default(),
            name: self.metadata.name.clone().unwrap_or_default(),
        }
    }

    /// Returns the reference by which it owns another object.
    pub fn owner_reference(&self) -> Value {
        let Names { kind, resource, .. } = self.kind.names();
        json!({"apiVersion": resource.api_version, "kind": kind, "name": self.id().name, "uid": self.uid()})
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

    /// Returns why its two versions must not run beside each other, if the user says so.
    pub fn refuses_hold(&self) -> Option<Error> {
        self.kind.refuses_hold(self)
    }

    /// Whether a hold is in force.
    pub fn is_held(&self) -> bool {
        self.kind.is_held(self)
    }

    /// Returns its limits, if they are written as a hold writes them.
    pub fn limits(&self) -> Option<Bounds> {
        self.kind.limits(self)
    }

    /// Whether the limits are these, as a hold writes them.
    pub fn has_limits(&self, limits: Bounds) -> bool {
        self.spec.strategy.as_ref() == Some(&self.kind.strategy(self, limits))
    }

    /// Whether its deadline is as a hold has it.
    pub fn has_no_deadline(&self) -> bool {
        let ours = self.kind.marks().progress_deadline_seconds;
        ours.is_none() || self.spec.progress_deadline_seconds == ours
    }

    /// Returns the pods that its own update may have above those that are wanted.
    pub fn max_surge(&self) -> u32 {
        self.kind.max_surge(self)
    }

    /// Returns the pods that its own update may take away from those that are wanted.
    pub fn max_unavailable(&self) -> u32 {
        self.kind.max_unavailable(self)
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

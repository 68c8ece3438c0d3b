//! One version of a workload, as the object that its controller keeps of it says.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::keys;
use crate::model::Pod;
use crate::model::meta::without_managers;
use crate::model::objects::{Condition, controller, count, nullable};

/// A version of a workload, with its pods counted. A ReplicaSet reads by itself; other kinds say theirs in these words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "ReplicaSet")]
pub struct Revision {
    /// Of the object that is kept of it: name, uid, owner.
    pub metadata: ObjectMeta,
    /// The value of the label by which pods and Services tell it from others; empty where there is none.
    #[serde(skip)]
    pub hash: String,
    /// Its number in `kubectl rollout history`.
    #[serde(skip)]
    pub number: Option<u64>,
    /// Which pods are of it.
    #[serde(skip)]
    pub members: Members,
    /// What is wanted.
    pub spec: RevisionSpec,
    /// What there is.
    pub status: RevisionCounts,
}

/// Which pods are of a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Members {
    /// Those that its object made.
    #[default]
    Owned,
    /// Those that the same workload made, with its hash in this label.
    Labelled(&'static str),
}

/// A ReplicaSet as the API has it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ReplicaSet {
    #[serde(deserialize_with = "without_managers")]
    metadata: ObjectMeta,
    spec: RevisionSpec,
    status: RevisionCounts,
}

impl From<ReplicaSet> for Revision {
    fn from(set: ReplicaSet) -> Self {
        let ReplicaSet { metadata, spec, status } = set;
        let read = |map: &Option<BTreeMap<String, String>>, key| map.as_ref()?.get(key).cloned();
        Self {
            hash: read(&metadata.labels, keys::POD_TEMPLATE_HASH).unwrap_or_default(),
            number: read(&metadata.annotations, keys::REVISION).and_then(|number| number.parse().ok()),
            members: Members::Owned,
            metadata,
            spec,
            status,
        }
    }
}

/// What is wanted of a version; see `ReplicaSetSpec` of the `apps/v1` API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "ReplicaSetSpec", rename_all = "camelCase", default)]
pub struct RevisionSpec {
    /// Wanted pods.
    pub replicas: Option<i64>,
    /// The pod template with its hash label, raw.
    pub template: Value,
    /// That of the workload, as long as its template was this one.
    pub min_ready_seconds: Option<i64>,
}

/// What there is of a version; see `ReplicaSetStatus` of the `apps/v1` API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "ReplicaSetStatus", rename_all = "camelCase", default)]
pub struct RevisionCounts {
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

impl Revision {
    /// Returns the name, empty if the server gave none.
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// Returns the value of the label by which it is told from others, empty where there is none.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Returns the number that its controller gave it.
    pub const fn revision(&self) -> Option<u64> {
        self.number
    }

    /// Whether a pod is of it.
    pub fn has(&self, pod: &Pod) -> bool {
        match self.members {
            Members::Owned => pod.owner().is_some() && pod.owner() == self.metadata.uid.as_deref(),
            Members::Labelled(key) => {
                let labels = pod.metadata.labels.as_ref();
                let label = labels.and_then(|labels| labels.get(key));
                pod.owner().is_some() && pod.owner() == self.owner() && label == Some(&self.hash)
            }
        }
    }

    /// Returns the number of wanted pods.
    pub fn replicas(&self) -> u32 {
        count(self.spec.replicas.unwrap_or(1))
    }

    /// Returns the number of Ready pods by its controller's count.
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

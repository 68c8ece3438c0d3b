//! Pods: what their containers are, and what became of them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::meta::without_managers;
use crate::model::objects::{Condition, controller, nullable};

/// A `v1` Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    /// Name, owner, deletion time.
    #[serde(deserialize_with = "without_managers")]
    pub metadata: ObjectMeta,
    /// Its containers, those that others injected included.
    pub spec: PodSpec,
    /// Phase, conditions, containers.
    pub status: PodStatus,
}

/// See `PodSpec` of the `v1` API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// The containers that run side by side.
    #[serde(deserialize_with = "nullable")]
    pub containers: Vec<Container>,
    /// The containers that run before, and sidecars.
    #[serde(deserialize_with = "nullable")]
    pub init_containers: Vec<Container>,
    /// Where it runs.
    pub node_name: Option<String>,
}

/// See `Container` of the `v1` API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Unique in the pod.
    pub name: String,
    /// The image that was asked for.
    pub image: String,
    /// `Always` makes an init container a sidecar.
    pub restart_policy: Option<String>,
    /// Decides whether it gets requests.
    pub readiness_probe: Option<Probe>,
    /// Restarts it.
    pub liveness_probe: Option<Probe>,
    /// Restarts it while it starts.
    pub startup_probe: Option<Probe>,
    /// Requests and limits, raw.
    pub resources: Value,
}

/// The numbers of a probe; what it asks is none of our business.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    /// Seconds from the container's start to the first try.
    pub initial_delay_seconds: Option<i64>,
    /// Seconds between two tries; the API server fills in 10.
    pub period_seconds: Option<i64>,
    /// Seconds that a try may take; the API server fills in 1.
    pub timeout_seconds: Option<i64>,
    /// Tries in a row that must succeed; the API server fills in 1.
    pub success_threshold: Option<i64>,
    /// Tries in a row that must fail; the API server fills in 3.
    pub failure_threshold: Option<i64>,
}

/// See `PodStatus` of the `v1` API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// Pending, Running, Succeeded, Failed or Unknown.
    pub phase: String,
    /// A word for machines, for example `Evicted`.
    pub reason: Option<String>,
    /// A sentence for people.
    pub message: Option<String>,
    /// Ready and others.
    #[serde(deserialize_with = "nullable")]
    pub conditions: Vec<Condition>,
    /// Of the containers that run side by side.
    #[serde(deserialize_with = "nullable")]
    pub container_statuses: Vec<ContainerStatus>,
    /// Of init containers and sidecars.
    #[serde(deserialize_with = "nullable")]
    pub init_container_statuses: Vec<ContainerStatus>,
}

/// See `ContainerStatus` of the `v1` API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// The container.
    pub name: String,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether its startup probe succeeded.
    pub started: Option<bool>,
    /// How often it was started again.
    pub restart_count: i64,
    /// What it does now.
    pub state: ContainerState,
    /// How it ended the last time.
    pub last_state: ContainerState,
}

/// One of three, or none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerState {
    /// Not running, and why.
    pub waiting: Option<Waiting>,
    /// Running; what it says is not needed.
    pub running: Option<Value>,
    /// Ended.
    pub terminated: Option<Terminated>,
}

/// Why a container does not run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Waiting {
    /// A word for machines.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Terminated {
    /// The process' exit code; 128 and above: a signal, or it could not start.
    pub exit_code: i64,
    /// A word for machines.
    pub reason: String,
    /// A sentence for people, or the container's own termination message.
    pub message: String,
}

impl Pod {
    /// Returns the name, empty if the server gave none.
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// Returns the uid, empty if the server gave none.
    pub fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Returns the uid of its controller.
    pub fn owner(&self) -> Option<&str> {
        controller(&self.metadata)
    }

    /// Whether the ReplicaSet with this uid made it.
    pub fn is_owned_by(&self, uid: &str) -> bool {
        self.owner() == Some(uid)
    }

    /// Forgets what only explains a pod that is not Ready, and labels and annotations.
    pub fn reduce(&mut self) {
        self.metadata.labels = None;
        self.metadata.annotations = None;
        if self.is_ready() {
            self.spec.containers = Vec::new();
            self.spec.init_containers = Vec::new();
        }
    }

    /// Whether it is being deleted.
    pub fn is_terminating(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Whether it is Ready and stays: what a Service sends requests to.
    pub fn is_ready(&self) -> bool {
        !self.is_terminating() && self.condition("Ready").is_some_and(|ready| ready.status == "True")
    }

    /// Returns a condition by its type.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.type_ == type_)
    }

    /// Whether it ended for good: evicted by the kubelet, for example. Such a pod may stay in the list for days;
    /// its ReplicaSet has made another (`IsPodActive` in kubernetes/pkg/controller).
    pub fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_str(), "Failed" | "Succeeded")
    }

    /// Whether another takes its place or is about to: evicted, preempted, taken off a lost node. A pod that is only
    /// deleted ends as well, before it is gone.
    pub fn is_displaced(&self) -> bool {
        self.is_finished() && !self.is_terminating()
            || self.condition("DisruptionTarget").is_some_and(|c| c.status == "True")
    }

    /// Whether the cluster itself does not let it be: the kubelet evicted it, or the scheduler preempted it. Who drains
    /// a node or takes a pod away by the eviction API knows why, and another pod comes.
    pub fn is_evicted(&self) -> bool {
        const BY_OTHERS: [&str; 3] = ["EvictionByEvictionAPI", "DeletionByTaintManager", "DeletionByPodGC"];
        let target = self.condition("DisruptionTarget").filter(|condition| condition.status == "True");
        let reason = target.and_then(|condition| condition.reason.as_deref());
        self.is_displaced() && !reason.is_some_and(|reason| BY_OTHERS.contains(&reason))
    }

    /// Whether its node is lost: the node controller takes the pod's readiness away and touches no
    /// container (`MarkPodsNotReady` in `kubernetes/pkg/controller/util/node`).
    pub fn is_cut_off(&self) -> bool {
        let own = |type_: &str| self.condition(type_).is_some_and(|condition| condition.status == "True");
        let gated =
            self.condition("Ready").is_some_and(|c| c.reason.as_deref() == Some("ReadinessGatesNotReady"));
        self.status.phase == "Unknown"
            || !own("Ready")
                && own("ContainersReady")
                && !gated
                && self.status.container_statuses.iter().all(|container| container.ready)
                && self.status.phase == "Running"
    }

    /// Returns all containers with what became of them; the flag says whether it runs to its end before
    /// the others (an init container that is no sidecar).
    pub fn containers(&self) -> impl Iterator<Item = (Option<&Container>, &ContainerStatus, bool)> {
        let init = self.status.init_container_statuses.iter().map(|status| {
            let container = self.spec.init_containers.iter().find(|c| c.name == status.name);
            let sidecar = container.is_some_and(|c| c.restart_policy.as_deref() == Some("Always"));
            (container, status, !sidecar)
        });
        let main = self
            .status
            .container_statuses
            .iter()
            .map(|status| (self.spec.containers.iter().find(|c| c.name == status.name), status, false));
        init.chain(main)
    }

    /// Returns how often its containers were started again, all together.
    pub fn restarts(&self) -> i64 {
        self.containers().map(|(_, status, _)| status.restart_count).sum()
    }
}

impl ContainerStatus {
    /// Returns how it ended the last time, whether it runs again or not.
    pub fn last_end(&self) -> Option<&Terminated> {
        self.state.terminated.as_ref().or(self.last_state.terminated.as_ref())
    }

    /// Returns how often it ended so far. A container that waits to be started again, or because its start
    /// failed, has ended once more than it was started again.
    pub fn ends(&self) -> i64 {
        let failed = ["CrashLoopBackOff", "RunContainerError", "PostStartHookError"];
        let waits =
            self.state.waiting.as_ref().is_some_and(|waiting| failed.contains(&waiting.reason.as_str()));
        self.restart_count.max(0).saturating_add(i64::from(self.state.terminated.is_some() || waits))
    }
}

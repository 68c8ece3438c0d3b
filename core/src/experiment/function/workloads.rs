//! Deployments, `StatefulSets`, `DaemonSets` and Services: probes, replicas, and what deletes them.

use super::{Function, Read, selector};
use crate::experiment::arguments::Arguments;

/// A kind of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A Deployment.
    Deployment,
    /// A StatefulSet.
    StatefulSet,
    /// A DaemonSet.
    DaemonSet,
}

/// What is asked of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadCheck {
    /// It is there, and `status.availableReplicas` is `spec.replicas` (of a `DaemonSet`, `numberAvailable` and
    /// `desiredNumberScheduled`).
    AvailableAndHealthy,
    /// It is there, and at least one pod is available.
    PartiallyAvailable,
    /// It becomes fully ready within the timeout: `status.readyReplicas` is `spec.replicas`.
    FullyAvailable,
    /// It becomes not fully ready within the timeout.
    NotFullyAvailable,
}

/// A probe of a workload; its output is true, or false where it does not raise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadProbe {
    /// The kind.
    pub workload: Workload,
    /// What is asked.
    pub check: WorkloadCheck,
    /// The name of the object.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Labels that it has to have besides.
    pub label_selector: Option<String>,
    /// How long it is waited for, in seconds: of the two last checks.
    pub timeout: u64,
    /// Whether what is not as expected fails the probe.
    pub raises: bool,
}

/// What deletes objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// What is deleted.
    pub deleted: Deleted,
    /// Its name; without it and labels, all of the namespace.
    pub name: Option<String>,
    /// Its namespace; none of a namespace.
    pub namespace: Option<String>,
    /// Its labels.
    pub label_selector: Option<String>,
}

/// Kinds of objects that are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// `delete_deployment`.
    Deployment,
    /// `kill_microservice`: Deployments, `ReplicaSets` and pods.
    Microservice,
    /// `remove_statefulset`.
    StatefulSet,
    /// `delete_daemon_set`.
    DaemonSet,
    /// `delete_replica_set`.
    ReplicaSet,
    /// `delete_service`.
    Service,
    /// `delete_namespace`.
    Namespace,
}

impl Deleted {
    /// Returns the words for sentences: "Deployments".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Deployment => "Deployments",
            Self::Microservice => "Deployments, ReplicaSets and pods",
            Self::StatefulSet => "StatefulSets",
            Self::DaemonSet => "DaemonSets",
            Self::ReplicaSet => "ReplicaSets",
            Self::Service => "Services",
            Self::Namespace => "namespaces",
        }
    }
}

pub(super) fn read(func: &str, arguments: &mut Arguments<'_>) -> Read {
    use Workload::{DaemonSet, Deployment, StatefulSet};
    use WorkloadCheck::{AvailableAndHealthy, FullyAvailable, NotFullyAvailable, PartiallyAvailable};
    let (workload, check, raise) = match func {
        "deployment_available_and_healthy" => (Deployment, AvailableAndHealthy, "raise_on_unavailable"),
        "microservice_available_and_healthy" => (Deployment, AvailableAndHealthy, ""),
        "deployment_partially_available" => {
            (Deployment, PartiallyAvailable, "raise_on_not_partially_available")
        }
        "deployment_fully_available" => (Deployment, FullyAvailable, "raise_on_not_fully_available"),
        "deployment_is_fully_available" => (Deployment, FullyAvailable, ""),
        "deployment_not_fully_available" => (Deployment, NotFullyAvailable, "raise_on_fully_available"),
        "deployment_is_not_fully_available" => (Deployment, NotFullyAvailable, ""),
        "statefulset_fully_available" => (StatefulSet, FullyAvailable, "raise_on_not_fully_available"),
        "statefulset_not_fully_available" => (StatefulSet, NotFullyAvailable, "raise_on_fully_available"),
        "daemon_set_available_and_healthy" => (DaemonSet, AvailableAndHealthy, ""),
        "daemon_set_partially_available" => (DaemonSet, PartiallyAvailable, ""),
        "daemon_set_fully_available" => (DaemonSet, FullyAvailable, ""),
        "daemon_set_not_fully_available" => (DaemonSet, NotFullyAvailable, ""),
        other => return change(other, arguments),
    };
    let waits = matches!(check, FullyAvailable | NotFullyAvailable);
    let timeout = if waits { arguments.whole("timeout")?.unwrap_or(30) } else { 0 };
    Ok(Some(Function::Workload(WorkloadProbe {
        workload,
        check,
        name: arguments.wanted("name")?,
        namespace: arguments.namespace()?,
        label_selector: selector(arguments)?,
        timeout: u64::try_from(timeout)
            .ok()
            .filter(|seconds| *seconds <= 3600)
            .ok_or("argument 'timeout' has to be 0 to 3600 seconds")?,
        raises: if raise.is_empty() { true } else { arguments.flag(raise, true)? },
    })))
}

fn change(func: &str, arguments: &mut Arguments<'_>) -> Read {
    let workload = match func {
        "scale_deployment" | "scale_microservice" => Workload::Deployment,
        "scale_statefulset" => Workload::StatefulSet,
        "rollout_deployment" => {
            let (name, namespace) = (arguments.wanted("name")?, arguments.namespace()?);
            return Ok(Some(Function::Restart { name, namespace }));
        }
        "service_is_initialized" | "service_endpoint_is_initialized" => {
            let name = arguments.text("name")?.filter(|name| !name.is_empty());
            // The old name passes on "name in ({name})" as it is, which no Service has: what it meant is the name.
            let label_selector = selector(arguments)?.filter(|selector| !selector.contains("{name}"));
            let raise = "raise_if_service_not_initialized";
            return Ok(Some(Function::ServiceExists {
                name,
                namespace: arguments.namespace()?,
                label_selector,
                raises: func != "service_is_initialized" || arguments.flag(raise, true)?,
            }));
        }
        other => return delete(other, arguments),
    };
    let name = arguments.wanted("name")?;
    let namespace = arguments.namespace()?;
    let given = arguments.value("replicas").is_some();
    let replicas = arguments.whole("replicas")?;
    if !given {
        return Err("argument 'replicas' is missing".into());
    }
    let replicas = u32::try_from(replicas.unwrap_or_default())
        .ok()
        .filter(|replicas| *replicas <= i32::MAX.unsigned_abs())
        .ok_or("argument 'replicas' has to be 0 or more")?;
    Ok(Some(Function::Scale { workload, name, namespace, replicas }))
}

fn delete(func: &str, arguments: &mut Arguments<'_>) -> Read {
    let deleted = match func {
        "delete_deployment" => Deleted::Deployment,
        "kill_microservice" => Deleted::Microservice,
        "remove_statefulset" => Deleted::StatefulSet,
        "delete_daemon_set" => Deleted::DaemonSet,
        "delete_replica_set" => Deleted::ReplicaSet,
        "delete_service" | "remove_service_endpoint" => Deleted::Service,
        "delete_namespace" => {
            let name = Some(arguments.wanted("name")?);
            let delete = Delete { deleted: Deleted::Namespace, name, namespace: None, label_selector: None };
            return Ok(Some(Function::Delete(delete)));
        }
        _ => return Ok(None),
    };
    let is_service = deleted == Deleted::Service;
    let name = if is_service { Some(arguments.wanted("name")?) } else { arguments.text("name")? };
    let namespace = Some(arguments.namespace()?);
    let label_selector = if is_service { None } else { selector(arguments)? };
    Ok(Some(Function::Delete(Delete { deleted, name, namespace, label_selector })))
}

//! One pod as `status` shows it.

use serde::Serialize;

use crate::model::{ContainerStatus, Pod};

/// One pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PodStatus {
    /// Its name.
    pub name: String,
    /// Whether it is Ready and stays.
    pub ready: bool,
    /// Pending, Running, Succeeded, Failed or Unknown.
    pub phase: String,
    /// Why it is not Ready, in the cluster's own word; null for a Ready pod.
    pub reason: Option<String>,
    /// How often its containers were started again, all together.
    pub restarts: i64,
    /// When it was made, RFC 3339, by the server's clock.
    pub created: Option<String>,
    /// Where it runs.
    pub node: Option<String>,
}

impl PodStatus {
    /// Reads it off a pod.
    pub fn of(pod: &Pod) -> Self {
        Self {
            name: pod.name().to_owned(),
            ready: pod.is_ready(),
            phase: pod.status.phase.clone(),
            reason: reason(pod),
            restarts: pod.restarts(),
            created: pod.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string()),
            node: pod.spec.node_name.clone(),
        }
    }
}

/// Says why a pod is not Ready, in the order of kubectl's own table (`printPod` in
/// kubernetes/pkg/printers/internalversion): what a container waits for says more than the pod's own phase.
fn reason(pod: &Pod) -> Option<String> {
    if pod.is_terminating() {
        return Some("Terminating".to_owned());
    }
    if pod.is_ready() {
        return None;
    }
    let own = || pod.status.reason.clone();
    let unscheduled = || pod.condition("PodScheduled").filter(|c| c.status == "False")?.reason.clone();
    let other =
        || if pod.status.phase == "Running" { "NotReady".to_owned() } else { pod.status.phase.clone() };
    let containers = || pod.containers().find_map(|(_, status, init)| of_container(status, init));
    Some(own().or_else(unscheduled).or_else(containers).unwrap_or_else(other))
}

fn of_container(status: &ContainerStatus, init: bool) -> Option<String> {
    if status.ready {
        return None;
    }
    let waiting = status.state.waiting.as_ref().map(|waiting| waiting.reason.clone());
    let terminated = status.state.terminated.as_ref().filter(|end| !init || end.exit_code != 0).map(|end| {
        if end.reason.is_empty() { format!("ExitCode:{}", end.exit_code) } else { end.reason.clone() }
    });
    waiting.or(terminated).filter(|reason| !reason.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: &Value) -> PodStatus {
        let pod = json!({
            "metadata": {"name": "web-1", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"nodeName": "n1", "initContainers": [{"name": "init"}], "containers": [{"name": "web"}]},
            "status": status,
        });
        PodStatus::of(&serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn the_reason_is_the_clusters_own_word() {
        let waiting = |reason: &str| {
            json!({"phase": "Pending", "containerStatuses": [
                {"name": "web", "restartCount": 7, "state": {"waiting": {"reason": reason}}}]})
        };
        for reason in ["CrashLoopBackOff", "ImagePullBackOff", "ContainerCreating"] {
            assert_eq!(pod(&waiting(reason)).reason.as_deref(), Some(reason));
        }
        let found = pod(&waiting("CrashLoopBackOff"));
        assert_eq!((found.restarts, found.ready, found.node.as_deref()), (7, false, Some("n1")));
        assert_eq!(found.created.as_deref(), Some("2026-01-01T00:00:00Z"));
        let unscheduled = json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]});
        assert_eq!(pod(&unscheduled).reason.as_deref(), Some("Unschedulable"));
        let evicted = json!({"phase": "Failed", "reason": "Evicted"});
        assert_eq!(pod(&evicted).reason.as_deref(), Some("Evicted"));
    }

    #[test]
    fn ended_containers_and_silent_pods_have_a_reason_too() {
        let ended = json!({"phase": "Running", "containerStatuses": [
            {"name": "web", "state": {"terminated": {"exitCode": 3}}}]});
        assert_eq!(pod(&ended).reason.as_deref(), Some("ExitCode:3"));
        let slow = json!({"phase": "Running",
            "initContainerStatuses": [{"name": "init", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}],
            "containerStatuses": [{"name": "web", "state": {"running": {}}}]});
        assert_eq!(pod(&slow).reason.as_deref(), Some("NotReady"));
        assert_eq!(pod(&json!({"phase": "Pending"})).reason.as_deref(), Some("Pending"));
        let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        assert_eq!((pod(&ready).reason, pod(&ready).ready), (None, true));
    }
}

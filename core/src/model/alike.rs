//! Ready pods that nothing tells from their siblings: who only counts them needs one for all.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::model::pod::{ContainerState, ContainerStatus, Pod, PodSpec, PodStatus};

/// Pods as a first look at many workloads needs them. What is wrong with a pod has its name; of one that nothing is
/// wrong with, only its ReplicaSet counts, and which containers run.
#[derive(Debug, Default)]
pub struct Siblings {
    last: Vec<Arc<Pod>>,
}

/// Lists come by namespace and name, so siblings come together.
const MANY: usize = 8;

impl Siblings {
    /// Takes a pod in. It may be that of a former call.
    pub fn shared(&mut self, mut pod: Pod) -> Arc<Pod> {
        if !pod.is_unremarkable() {
            pod.reduce();
            return Arc::new(pod);
        }
        let alike = alike(pod);
        if let Some(known) = self.last.iter().find(|known| ***known == alike) {
            return Arc::clone(known);
        }
        let alike = Arc::new(alike);
        if self.last.len() == MANY {
            self.last.remove(0);
        }
        self.last.push(Arc::clone(&alike));
        alike
    }
}

impl Pod {
    /// Whether a first look finds nothing about it to tell: Ready, running, and every container of it is well now. What
    /// ended before a Ready pod was first seen does not count.
    fn is_unremarkable(&self) -> bool {
        let well = |status: &ContainerStatus| {
            status.ready && status.state.waiting.is_none() && status.state.terminated.is_none()
        };
        let through = |status: &ContainerStatus| {
            status.state.waiting.is_none()
                && status.state.terminated.as_ref().is_some_and(|end| end.exit_code == 0)
        };
        self.is_ready()
            && !self.is_displaced()
            && self.status.phase == "Running"
            && self.condition("PodScheduled").is_none_or(|condition| condition.status != "False")
            && self.status.container_statuses.iter().all(well)
            && self.status.init_container_statuses.iter().all(|status| well(status) || through(status))
    }
}

/// Leaves nothing of an unremarkable pod that its siblings do not have.
fn alike(pod: Pod) -> Pod {
    // Without a uid of its own it must not be taken for another pod that has none.
    let uid = pod.owner().map(str::to_owned);
    let owners = pod.metadata.owner_references.map(|mut owners| {
        owners.retain(|owner| owner.controller == Some(true));
        owners
    });
    let running = |statuses: Vec<ContainerStatus>| {
        let running = statuses.into_iter().filter(|status| status.state.running.is_some());
        let kept = running.map(|status| ContainerStatus {
            name: status.name,
            ready: true,
            state: ContainerState { running: Some(true.into()), ..ContainerState::default() },
            ..ContainerStatus::default()
        });
        kept.collect()
    };
    let mut conditions = pod.status.conditions;
    conditions.retain(|condition| condition.type_ == "Ready");
    for ready in &mut conditions {
        ready.last_transition_time = None;
    }
    Pod {
        metadata: ObjectMeta { uid, owner_references: owners, ..ObjectMeta::default() },
        spec: PodSpec::default(),
        status: PodStatus {
            phase: pod.status.phase,
            conditions,
            container_statuses: running(pod.status.container_statuses),
            init_container_statuses: running(pod.status.init_container_statuses),
            ..PodStatus::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, owner: &str, status: &Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name, "uid": name, "labels": {"app": "web"}, "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": owner, "controller": true}]},
            "spec": {"nodeName": name, "containers": [{"name": "web"}]},
            "status": status,
        }))
        .unwrap()
    }

    fn ready(restarts: u8) -> Value {
        json!({"phase": "Running", "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": format!("2026-01-01T00:00:0{restarts}Z")}],
            "initContainerStatuses": [{"name": "init", "state": {"terminated": {"exitCode": 0}}}],
            "containerStatuses": [{"name": "web", "ready": true, "restartCount": restarts,
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]})
    }

    #[test]
    fn ready_siblings_are_one() {
        let mut siblings = Siblings::default();
        let first = siblings.shared(pod("a", "s1", &ready(0)));
        let second = siblings.shared(pod("b", "s1", &ready(3)));
        assert!(Arc::ptr_eq(&first, &second));
        let other = siblings.shared(pod("c", "s2", &ready(0)));
        assert!(!Arc::ptr_eq(&first, &other));
        assert_eq!((other.owner(), other.is_ready()), (Some("s2"), true));
    }

    #[test]
    fn whoever_there_is_something_to_tell_of_keeps_its_name() {
        let mut waits = ready(0);
        waits["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let mut unready = ready(0);
        unready["conditions"][0]["status"] = json!("False");
        let mut evicted = ready(0);
        let target = json!({"type": "DisruptionTarget", "status": "True"});
        evicted["conditions"].as_array_mut().unwrap().push(target);
        let mut init = ready(0);
        init["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] = json!(1);
        let mut lost = ready(0);
        lost["phase"] = json!("Unknown");
        for status in [waits, unready, evicted, init, lost] {
            let mut siblings = Siblings::default();
            let kept = siblings.shared(pod("a", "s1", &status));
            assert_eq!((kept.name(), kept.uid()), ("a", "a"), "{status}");
        }
    }
}

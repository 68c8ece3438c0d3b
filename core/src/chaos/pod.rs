//! A pod as a fault sees it.

use jiff::Timestamp;
use serde_json::Value;

use crate::keys::CHAOS_ANNOTATION;

/// What a container asks of CPU, in the text of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Its request.
    pub request: Option<String>,
    /// Its limit.
    pub limit: Option<String>,
}

/// A pod that may be hit.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Its uid: another pod of this name is not meant.
    pub uid: String,
    /// The uid of what made it.
    pub owner: Option<String>,
    /// Whether it gets requests: Ready, and not about to go.
    pub ready: bool,
    /// Whether its owners do not let it be hit.
    pub opted_out: bool,
    /// When the kubelet saw it, by the kubelet's clock.
    pub started: Option<Timestamp>,
    /// The deadline that it has, in seconds after that.
    pub deadline: Option<u64>,
    /// Its containers that run side by side, with what they ask of CPU.
    pub containers: Vec<(String, Cpu)>,
    /// How the kubelet treats it when there is too little: `Guaranteed`, `Burstable` or `BestEffort`.
    pub quality: String,
}

impl Candidate {
    /// Reads a pod of the API.
    pub fn of(pod: &Value) -> Self {
        let metadata = &pod["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let owners = list(&metadata["ownerReferences"]);
        let owner = owners.iter().find(|owner| owner["controller"] == true);
        let conditions = list(&pod["status"]["conditions"]);
        let is_ready = conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
        let is_running = pod["status"]["phase"] == "Running" && metadata["deletionTimestamp"].is_null();
        let containers = list(&pod["spec"]["containers"]).into_iter().map(|container| {
            let cpu = |which: &str| container["resources"][which]["cpu"].as_str().map(str::to_owned);
            (text(&container["name"]), Cpu { request: cpu("requests"), limit: cpu("limits") })
        });
        Self {
            name: text(&metadata["name"]),
            uid: text(&metadata["uid"]),
            owner: owner.and_then(|owner| owner["uid"].as_str()).map(str::to_owned),
            ready: is_ready && is_running,
            opted_out: metadata["annotations"][CHAOS_ANNOTATION] == "off",
            started: pod["status"]["startTime"].as_str().and_then(|time| time.parse().ok()),
            deadline: pod["spec"]["activeDeadlineSeconds"].as_u64(),
            containers: containers.collect(),
            quality: text(&pod["status"]["qosClass"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> Value {
        json!({
            "metadata": {"name": "web-1", "uid": "u1", "annotations": {CHAOS_ANNOTATION: "off"},
                "ownerReferences": [{"uid": "x"}, {"uid": "rs", "controller": true}]},
            "spec": {"activeDeadlineSeconds": 60, "containers": [
                {"name": "web", "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "100m"}}}, {"name": "log"}]},
            "status": {"phase": "Running", "startTime": "2026-01-01T00:00:00Z", "qosClass": "Burstable",
                "conditions": [{"type": "Ready", "status": "True"}]},
        })
    }

    #[test]
    fn what_a_fault_needs_is_read() {
        let read = Candidate::of(&pod());
        assert_eq!((&*read.name, &*read.uid, read.owner.as_deref()), ("web-1", "u1", Some("rs")));
        assert!(read.ready && read.opted_out);
        assert_eq!(
            (read.deadline, read.started.map(|at| at.to_string())),
            (Some(60), Some("2026-01-01T00:00:00Z".into()))
        );
        let cpu = Cpu { request: Some("100m".into()), limit: Some("1".into()) };
        assert_eq!(read.containers, [("web".to_owned(), cpu), ("log".to_owned(), Cpu::default())]);
    }

    #[test]
    fn who_is_about_to_go_or_does_not_run_is_no_ready_pod() {
        let is_ready = |change: &dyn Fn(&mut Value)| {
            let mut pod = pod();
            change(&mut pod);
            Candidate::of(&pod).ready
        };
        assert!(is_ready(&|_| ()));
        assert!(!is_ready(&|pod| pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z")));
        assert!(!is_ready(&|pod| pod["status"]["phase"] = json!("Failed")));
        assert!(!is_ready(&|pod| pod["status"]["conditions"][0]["status"] = json!("False")));
    }
}

//! What is sent for a fault. Everything that lasts has its end in the same request or in one before it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::chaos::{Candidate, Fault};
use crate::keys::{FAULT_LABEL, MANAGED_BY};

/// An image that no registry has: `.invalid` is no domain (RFC 2606).
const NOTHING: &str = "rollout-plus.invalid/fault:none";

/// What a pod gets of CPU when it is slowed: hardly any, and enough to answer in the end.
pub const SLOW: &str = "20m";

/// A request about a pod.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    /// An eviction, which a `PodDisruptionBudget` may refuse.
    Evict(Value),
    /// A change of the pod.
    Patch(Value),
    /// A change of what its containers get.
    Resize(Value),
    /// A `NetworkPolicy` that goes with the pod.
    Policy(Value),
}

/// Returns the pod's `activeDeadlineSeconds` with which the kubelet ends it so long after `now`. It counts from the start that it
/// has noted (`activeDeadlineHandler` in `kubernetes/pkg/kubelet`), looks every ten seconds, and the value of a running pod can
/// only be lowered (`ValidatePodUpdate`). `None`: the pod has not started, or ends before that anyway.
pub fn deadline(pod: &Candidate, now: Timestamp, after: Duration) -> Option<u64> {
    let age = u64::try_from(now.duration_since(pod.started?).as_secs()).unwrap_or(0);
    let deadline = age.saturating_add(after.as_secs()).max(1);
    pod.deadline.is_none_or(|own| deadline < own).then_some(deadline)
}

/// Returns the name of the policy that cuts a pod off.
pub fn policy_name(pod: &str) -> String {
    let kept: String = pod.chars().take(200).collect();
    format!("rollout-plus-cut-{kept}")
}

/// Returns the policy that cuts a pod off. The pod owns it, and it selects by a label that only pods have that were hit: without
/// the pod it is nothing.
pub fn cut_policy(pod: &Candidate, run: &str) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": policy_name(&pod.name),
            "labels": {MANAGED_BY: "rollout-plus"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod.uid}],
        },
        "spec": {"podSelector": {"matchLabels": {FAULT_LABEL: run}}, "policyTypes": ["Ingress", "Egress"]},
    })
}

/// Returns what is sent to hit a pod, in order. `ends` is when the kubelet is to end it, as [`deadline`] says.
///
/// # Errors
/// Why this fault cannot hit this pod.
pub fn requests(fault: Fault, pod: &Candidate, run: &str, ends: Option<u64>) -> Result<Vec<Sent>, String> {
    // Nothing else may be hit by these than the very pod that was chosen.
    let mut patch = json!({"metadata": {"uid": pod.uid, "labels": {FAULT_LABEL: run}}, "spec": {}});
    if let Some(ends) = ends {
        patch["spec"]["activeDeadlineSeconds"] = json!(ends);
    }
    let first = || pod.containers.first().map(|(name, _)| name).ok_or("it has no container");
    Ok(match fault {
        Fault::KillPods => vec![Sent::Evict(json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name},
            "deleteOptions": {"preconditions": {"uid": pod.uid}},
        }))],
        Fault::FailPods => {
            patch["spec"]["containers"] = json!([{"name": first()?, "image": NOTHING}]);
            vec![Sent::Patch(patch)]
        }
        Fault::CutPods => vec![Sent::Patch(patch), Sent::Policy(cut_policy(pod, run))],
        Fault::SlowPods => {
            let slowed = slowed(pod)?;
            vec![
                Sent::Patch(patch),
                Sent::Resize(json!({"metadata": {"uid": pod.uid}, "spec": {"containers": slowed}})),
            ]
        }
    })
}

/// Returns containers with hardly any CPU. A resize must leave the pod's quality of service as it is
/// (`ValidatePodResize`), so none gets a limit where there was neither limit nor request.
fn slowed(pod: &Candidate) -> Result<Vec<Value>, String> {
    if pod.quality == "BestEffort" {
        return Err("it asks for no resources, and a limit would change its quality of service".into());
    }
    let container = |(name, cpu): &(String, super::Cpu)| {
        let mut resources = json!({"limits": {"cpu": SLOW}});
        if cpu.request.is_some() || pod.quality == "Guaranteed" {
            resources["requests"] = json!({"cpu": SLOW});
        }
        json!({"name": name, "resources": resources})
    };
    Ok(pod.containers.iter().map(container).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Candidate {
        Candidate::of(&json!({
            "metadata": {"name": "web-1", "uid": "u1"},
            "spec": {"containers": [
                {"name": "web", "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "100m"}}}, {"name": "log"}]},
            "status": {"startTime": "2026-01-01T00:00:00Z", "qosClass": "Burstable"},
        }))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_kubelet_ends_a_pod_that_was_hit() {
        let after = Duration::from_secs(35);
        let now = at("2026-01-01T00:10:00Z");
        assert_eq!(deadline(&pod(), now, after), Some(635));
        // It can only be lowered.
        for (own, set) in [(1000, Some(635)), (635, None), (60, None)] {
            assert_eq!(deadline(&Candidate { deadline: Some(own), ..pod() }, now, after), set);
        }
        assert_eq!(deadline(&Candidate { started: None, ..pod() }, now, after), None);
        // The kubelet's clock goes ahead of the server's.
        assert_eq!(deadline(&pod(), at("2025-12-31T23:59:00Z"), after), Some(35));
    }

    #[test]
    fn what_lasts_has_its_end_in_the_same_request_or_before() {
        for fault in Fault::ALL.into_iter().filter(|fault| fault.lasts()) {
            let sent = requests(fault, &pod(), "r1", Some(635)).unwrap();
            let Sent::Patch(first) = &sent[0] else { panic!("{sent:?}") };
            assert_eq!(first["spec"]["activeDeadlineSeconds"], 635, "{fault:?}");
        }
    }

    #[test]
    fn another_pod_of_the_name_is_never_hit() {
        for fault in Fault::ALL {
            for sent in requests(fault, &pod(), "r1", None).unwrap() {
                let uid = match &sent {
                    Sent::Evict(body) => &body["deleteOptions"]["preconditions"]["uid"],
                    Sent::Patch(body) | Sent::Resize(body) => &body["metadata"]["uid"],
                    Sent::Policy(body) => &body["metadata"]["ownerReferences"][0]["uid"],
                };
                assert_eq!(uid, "u1", "{fault:?}");
            }
        }
    }

    #[test]
    fn a_slowed_pod_keeps_its_quality_of_service() {
        let resized = |quality: &str| {
            let sent =
                requests(Fault::SlowPods, &Candidate { quality: quality.into(), ..pod() }, "r1", Some(1))?;
            let Sent::Resize(body) = &sent[1] else { panic!("{sent:?}") };
            Ok::<_, String>(body["spec"]["containers"].clone())
        };
        let limits = json!({"limits": {"cpu": SLOW}});
        let both = json!({"limits": {"cpu": SLOW}, "requests": {"cpu": SLOW}});
        assert_eq!(
            resized("Burstable"),
            Ok(json!([{"name": "web", "resources": both}, {"name": "log", "resources": limits}]))
        );
        assert_eq!(
            resized("Guaranteed"),
            Ok(json!([{"name": "web", "resources": both}, {"name": "log", "resources": both}]))
        );
        assert!(resized("BestEffort").is_err());
    }
}

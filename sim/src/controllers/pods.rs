//! What controllers ask about a pod.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};

use crate::controllers::times::until;

/// Its phase; `Pending` until somebody says another.
pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

/// The node that it is bound to.
pub(crate) fn node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|name| !name.is_empty())
}

/// Its condition of this type.
pub(crate) fn condition<'a>(pod: &'a Pod, type_: &str) -> Option<&'a PodCondition> {
    pod.status.as_ref()?.conditions.iter().flatten().find(|condition| condition.type_ == type_)
}

/// `IsPodReady`, `pkg/api/v1/pod/util.go`.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|condition| condition.status == "True")
}

/// `IsPodAvailable`, `pkg/api/v1/pod/util.go`: Ready for so many seconds.
pub(crate) fn is_available(pod: &Pod, seconds: i32, now: Timestamp) -> bool {
    is_ready(pod) && (seconds == 0 || (ready_since(pod).is_some() && next_check(pod, seconds, now).is_none()))
}

fn ready_since(pod: &Pod) -> Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::Time> {
    condition(pod, "Ready").and_then(|condition| condition.last_transition_time.as_ref())
}

/// `nextPodAvailabilityCheck`, `pkg/controller/controller_utils.go`.
pub(crate) fn next_check(pod: &Pod, seconds: i32, now: Timestamp) -> Option<Duration> {
    if !is_ready(pod) || seconds <= 0 {
        return None;
    }
    until(ready_since(pod)?, Duration::from_secs(u64::try_from(seconds).unwrap_or(0)), now)
}

/// `IsPodTerminal`, `pkg/api/v1/pod/util.go`.
pub(crate) fn is_over(pod: &Pod) -> bool {
    matches!(phase(pod), "Failed" | "Succeeded")
}

/// `IsPodActive`, `pkg/controller/controller_utils.go`.
pub(crate) fn is_active(pod: &Pod) -> bool {
    !is_over(pod) && pod.metadata.deletion_timestamp.is_none()
}

/// `IsPodTerminating`, `pkg/controller/controller_utils.go`.
pub(crate) fn is_terminating(pod: &Pod) -> bool {
    !is_over(pod) && pod.metadata.deletion_timestamp.is_some()
}

//! Which pods go first when there are too many.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::controllers::pods::{condition, is_active, is_ready, node, phase};

/// `PodDeletionCost`, `pkg/apis/core/annotation_key_constants.go`.
const COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// `getPodsToDelete`, `pkg/controller/replicaset/replica_set.go`.
pub(crate) fn to_end(
    mut pods: Vec<Arc<Pod>>,
    related: &[Arc<Pod>],
    count: usize,
    now: Timestamp,
) -> Vec<Arc<Pod>> {
    if count < pods.len() {
        let ranks = ranks(related);
        let rank = |pod: &Pod| ranks.get(&node(pod).map(str::to_owned)).copied().unwrap_or(0);
        // The order of pods that are as good as each other is no order (two rules may contradict a third), and no sort of
        // the standard library takes that.
        for end in 1..pods.len() {
            let mut at = end;
            while at > 0
                && goes_before((&pods[at], rank(&pods[at])), (&pods[at - 1], rank(&pods[at - 1])), now)
            {
                pods.swap(at, at - 1);
                at -= 1;
            }
        }
    }
    pods.truncate(count);
    pods
}

/// `getPodsRankedByRelatedPodsOnSameNode`, `pkg/controller/replicaset/replica_set.go`.
fn ranks(related: &[Arc<Pod>]) -> BTreeMap<Option<String>, usize> {
    let mut ranks = BTreeMap::new();
    for pod in related.iter().filter(|pod| is_active(pod)) {
        *ranks.entry(node(pod).map(str::to_owned)).or_default() += 1;
    }
    ranks
}

/// `ActivePodsWithRanks.Less`, `pkg/controller/controller_utils.go`.
fn goes_before((one, rank): (&Pod, usize), (other, other_rank): (&Pod, usize), now: Timestamp) -> bool {
    let scheduled = |pod: &Pod| node(pod).is_some();
    let ordinal = |pod: &Pod| match phase(pod) {
        "Unknown" => 1,
        "Running" => 2,
        // Pending; all others are not in upstream's table, and Go takes its zero value.
        _ => 0,
    };
    if scheduled(one) != scheduled(other) {
        return !scheduled(one);
    }
    if ordinal(one) != ordinal(other) {
        return ordinal(one) < ordinal(other);
    }
    if is_ready(one) != is_ready(other) {
        return !is_ready(one);
    }
    if cost(one) != cost(other) {
        return cost(one) < cost(other);
    }
    if rank != other_rank {
        return rank > other_rank;
    }
    let since = |pod: &Pod| condition(pod, "Ready").and_then(|ready| ready.last_transition_time.clone());
    if is_ready(one) && is_ready(other) && since(one) != since(other) {
        return is_younger((since(one), one), (since(other), other), now);
    }
    if restarts(one) != restarts(other) {
        return restarts(one) > restarts(other);
    }
    let made = |pod: &Pod| pod.metadata.creation_timestamp.clone();
    made(one) != made(other) && is_younger((made(one), one), (made(other), other), now)
}

/// By the power of two of the age, and then by uid, which is as good as chance (`logarithmicRankDiff`,
/// `pkg/controller/controller_utils.go`). No time is younger than any.
fn is_younger(
    (one, pod): (Option<Time>, &Pod),
    (other, other_pod): (Option<Time>, &Pod),
    now: Timestamp,
) -> bool {
    let (Some(one), Some(other)) = (&one, &other) else { return one.is_none() };
    let power = |time: &Time| {
        let age = now.duration_since(time.0).as_nanos();
        u128::try_from(age).ok().and_then(u128::checked_ilog2)
    };
    match (power(one), power(other)) {
        (first, second) if first == second => pod.metadata.uid < other_pod.metadata.uid,
        (first, second) => first < second,
    }
}

/// `GetDeletionCostFromPodAnnotations`, `pkg/apis/core/helper/helpers.go`.
fn cost(pod: &Pod) -> i32 {
    let text = pod.metadata.annotations.as_ref().and_then(|annotations| annotations.get(COST));
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// `maxContainerRestarts`, `pkg/controller/controller_utils.go`: of the containers, and of the sidecars.
fn restarts(pod: &Pod) -> (i32, i32) {
    let status = pod.status.as_ref();
    let own = status.and_then(|status| status.container_statuses.as_ref());
    let init = status.and_then(|status| status.init_container_statuses.as_ref());
    let is_sidecar = |name: &str| {
        let containers = pod.spec.as_ref().and_then(|spec| spec.init_containers.as_ref());
        containers
            .into_iter()
            .flatten()
            .any(|container| container.name == name && container.restart_policy.as_deref() == Some("Always"))
    };
    let most = own.into_iter().flatten().map(|status| status.restart_count).max();
    let sidecars = init.into_iter().flatten().filter(|status| is_sidecar(&status.name));
    (most.unwrap_or(0), sidecars.map(|status| status.restart_count).max().unwrap_or(0))
}

#[cfg(test)]
mod tests;

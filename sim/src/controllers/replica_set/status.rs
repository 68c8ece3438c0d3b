//! What a `ReplicaSet` says of its pods.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;

use crate::controllers::Refusal;
use crate::controllers::pods::{is_available, is_ready};
use crate::controllers::times::stamp;

const FAILURE: &str = "ReplicaFailure";

fn count(pods: &[Arc<Pod>], is: impl Fn(&Pod) -> bool) -> i32 {
    i32::try_from(pods.iter().filter(|pod| is(pod)).count()).unwrap_or(i32::MAX)
}

/// `calculateStatus`, `pkg/controller/replicaset/replica_set_utils.go`. Counts are left out where they are 0, as Go writes
/// them.
pub(crate) fn calculate(
    set: &ReplicaSet,
    active: &[Arc<Pod>],
    terminating: usize,
    refused: Option<&Refusal>,
    now: Timestamp,
) -> ReplicaSetStatus {
    let spec = set.spec.clone().unwrap_or_default();
    let labels = spec.template.as_ref().and_then(|template| template.metadata.as_ref()?.labels.as_ref());
    let is_labeled = |pod: &Pod| {
        let own = pod.metadata.labels.as_ref();
        labels.into_iter().flatten().all(|(key, value)| own.and_then(|own| own.get(key)) == Some(value))
    };
    let delay = spec.min_ready_seconds.unwrap_or(0);
    let some = |count: i32| (count != 0).then_some(count);
    let mut status = set.status.clone().unwrap_or_default();
    let wanted = spec.replicas.unwrap_or(1);
    let present = count(active, |_| true);
    note(&mut status, refused, present.cmp(&wanted), now);
    ReplicaSetStatus {
        replicas: present,
        fully_labeled_replicas: some(count(active, is_labeled)),
        ready_replicas: some(count(active, is_ready)),
        available_replicas: some(count(active, |pod| is_available(pod, delay, now))),
        terminating_replicas: i32::try_from(terminating).ok(),
        observed_generation: status.observed_generation,
        conditions: status.conditions,
    }
}

/// The condition keeps the first refusal until nothing is refused.
fn note(status: &mut ReplicaSetStatus, refused: Option<&Refusal>, than: std::cmp::Ordering, now: Timestamp) {
    let conditions = status.conditions.get_or_insert_default();
    let is_there = conditions.iter().any(|condition| condition.type_ == FAILURE);
    match refused {
        Some(refusal) if !is_there => conditions.push(ReplicaSetCondition {
            type_: FAILURE.to_owned(),
            status: "True".to_owned(),
            reason: match than {
                std::cmp::Ordering::Less => Some("FailedCreate".to_owned()),
                std::cmp::Ordering::Greater => Some("FailedDelete".to_owned()),
                std::cmp::Ordering::Equal => None,
            },
            message: Some(refusal.message.clone()),
            last_transition_time: Some(stamp(now)),
        }),
        Some(_) => {}
        None => conditions.retain(|condition| condition.type_ != FAILURE),
    }
    if conditions.is_empty() {
        status.conditions = None;
    }
}

/// `updateReplicaSetStatus`, `pkg/controller/replicaset/replica_set_utils.go`: what is to be written, if anything.
pub(crate) fn changed(set: &ReplicaSet, mut status: ReplicaSetStatus) -> Option<ReplicaSetStatus> {
    let before = set.status.clone().unwrap_or_default();
    if before == status && set.metadata.generation.unwrap_or(0) == before.observed_generation.unwrap_or(0) {
        return None;
    }
    status.observed_generation = set.metadata.generation;
    Some(status)
}

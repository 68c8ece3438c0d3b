//! The `ReplicaSets` of a Deployment: which is the new one, and in which order they are taken.

use std::cmp::Ordering;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetStatus};

use crate::controllers::deployment::annotations::{desired, revision};
use crate::controllers::deployment::hash::equal_but_hash;
use crate::controllers::deployment::limits::{size, wanted};

pub(crate) type Set = Arc<ReplicaSet>;

/// `FindNewReplicaSet`, `pkg/controller/deployment/util/deployment_util.go`: the oldest with this template.
pub(crate) fn find_new(deployment: &Deployment, sets: &[Set]) -> Option<Set> {
    let template = &deployment.spec.as_ref()?.template;
    let is_same = |set: &&Set| {
        let own = set.spec.as_ref().and_then(|spec| spec.template.as_ref());
        own.is_some_and(|own| equal_but_hash(own, template))
    };
    sets.iter().filter(is_same).min_by(|one, other| by_age(one, other)).cloned()
}

/// `FindOldReplicaSets`, `pkg/controller/deployment/util/deployment_util.go`: all others, the oldest first.
pub(crate) fn find_old(deployment: &Deployment, sets: &[Set]) -> Vec<Set> {
    let new = find_new(deployment, sets);
    let is_new = |set: &Set| new.as_ref().is_some_and(|new| new.metadata.uid == set.metadata.uid);
    let mut old: Vec<Set> = sets.iter().filter(|set| !is_new(set)).cloned().collect();
    old.sort_by(|one, other| by_age(one, other));
    old
}

/// `ReplicaSetsByCreationTimestamp`, `pkg/controller/controller_utils.go`.
pub(crate) fn by_age(one: &ReplicaSet, other: &ReplicaSet) -> Ordering {
    let key = |set: &ReplicaSet| {
        (set.metadata.creation_timestamp.as_ref().map(|time| time.0), set.metadata.name.clone())
    };
    key(one).cmp(&key(other))
}

/// `ReplicaSetsBySizeNewer`, `pkg/controller/controller_utils.go`: the largest first, of two the younger.
pub(crate) fn by_size_younger(one: &ReplicaSet, other: &ReplicaSet) -> Ordering {
    size(other).cmp(&size(one)).then_with(|| by_age(other, one))
}

/// `ReplicaSetsBySizeOlder`, `pkg/controller/controller_utils.go`: the largest first, of two the older.
pub(crate) fn by_size_older(one: &ReplicaSet, other: &ReplicaSet) -> Ordering {
    size(other).cmp(&size(one)).then_with(|| by_age(one, other))
}

/// `ReplicaSetsByRevision`, `pkg/controller/deployment/util/deployment_util.go`.
pub(crate) fn by_revision(one: &ReplicaSet, other: &ReplicaSet) -> Ordering {
    match (revision(one), revision(other)) {
        (Some(first), Some(second)) if first != second => first.cmp(&second),
        _ => by_age(one, other),
    }
}

/// `FilterActiveReplicaSets`, `pkg/controller/controller_utils.go`: those that are to have pods.
pub(crate) fn active<'a>(sets: impl IntoIterator<Item = &'a Set>) -> Vec<Set> {
    sets.into_iter().filter(|set| size(set) > 0).cloned().collect()
}

/// `FindActiveOrLatest`, `pkg/controller/deployment/util/deployment_util.go`: the one that is scaled alone; none where
/// several have pods.
pub(crate) fn active_or_latest(new: Option<&Set>, old: &[Set]) -> Option<Set> {
    match active(old.iter().chain(new)).as_slice() {
        [] => new.cloned().or_else(|| old.iter().max_by(|one, other| by_age(one, other)).cloned()),
        [only] => Some(only.clone()),
        [_, _, ..] => None,
    }
}

/// `IsSaturated`, `pkg/controller/deployment/util/deployment_util.go`.
pub(crate) fn is_saturated(deployment: &Deployment, set: Option<&Set>) -> bool {
    let wanted = wanted(deployment);
    set.is_some_and(|set| size(set) == wanted && desired(set) == Some(wanted) && available([set]) == wanted)
}

fn sum<'a>(sets: impl IntoIterator<Item = &'a Set>, count: impl Fn(&ReplicaSetStatus) -> i32) -> i32 {
    sets.into_iter().filter_map(|set| set.status.as_ref()).map(count).sum()
}

/// `GetReplicaCountForReplicaSets`, `pkg/controller/deployment/util/deployment_util.go`: what they ask for.
pub(crate) fn asked<'a>(sets: impl IntoIterator<Item = &'a Set>) -> i32 {
    sets.into_iter().map(|set| size(set)).sum()
}

/// `GetActualReplicaCountForReplicaSets`, `pkg/controller/deployment/util/deployment_util.go`.
pub(crate) fn actual<'a>(sets: impl IntoIterator<Item = &'a Set>) -> i32 {
    sum(sets, |status| status.replicas)
}

/// `GetReadyReplicaCountForReplicaSets`, `pkg/controller/deployment/util/deployment_util.go`.
pub(crate) fn ready<'a>(sets: impl IntoIterator<Item = &'a Set>) -> i32 {
    sum(sets, |status| status.ready_replicas.unwrap_or(0))
}

/// `GetAvailableReplicaCountForReplicaSets`, `pkg/controller/deployment/util/deployment_util.go`.
pub(crate) fn available<'a>(sets: impl IntoIterator<Item = &'a Set>) -> i32 {
    sum(sets, |status| status.available_replicas.unwrap_or(0))
}

/// `GetTerminatingReplicaCountForReplicaSets`, `pkg/controller/deployment/util/deployment_util.go`: unknown as soon as one
/// set was looked at by a controller that does not count them.
pub(crate) fn terminating<'a>(sets: impl IntoIterator<Item = &'a Set>) -> Option<i32> {
    sets.into_iter().filter_map(|set| set.status.as_ref()).try_fold(0, |sum, status| {
        match (status.observed_generation.unwrap_or(0), status.terminating_replicas) {
            (0, None) => Some(sum),
            (_, None) => None,
            (_, Some(count)) => Some(sum + count),
        }
    })
}

//! What the Deployment's controller notes on `ReplicaSets`.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};

use crate::controllers::deployment::limits::{max_surge, wanted};

pub(crate) const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MOST: &str = "deployment.kubernetes.io/max-replicas";
/// `apps.DeprecatedRollbackTo`, `k8s.io/api/apps/v1/types.go`.
pub(crate) const ROLLBACK_TO: &str = "deprecated.deployment.rollback.to";

/// `annotationsToSkip`, `pkg/controller/deployment/util/deployment_util.go`.
const NOT_COPIED: [&str; 6] =
    ["kubectl.kubernetes.io/last-applied-configuration", REVISION, HISTORY, DESIRED, MOST, ROLLBACK_TO];

/// `maxRevHistoryLengthInChars`, `pkg/controller/deployment/sync.go`.
const HISTORY_LENGTH: usize = 2000;

fn read<'a>(set: &'a ReplicaSet, key: &str) -> Option<&'a str> {
    set.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// `getNonNegativeInt32FromAnnotation`, `pkg/controller/deployment/util/deployment_util.go`.
fn number(set: &ReplicaSet, key: &str) -> Option<i32> {
    read(set, key)?.parse().ok().filter(|number| *number >= 0)
}

/// `GetDesiredReplicasAnnotation`, `pkg/controller/deployment/util/deployment_util.go`.
pub(crate) fn desired(set: &ReplicaSet) -> Option<i32> {
    number(set, DESIRED)
}

/// `getMaxReplicasAnnotation`, `pkg/controller/deployment/util/deployment_util.go`.
pub(crate) fn max_replicas(set: &ReplicaSet) -> Option<i32> {
    number(set, MOST)
}

/// `Revision`, `pkg/controller/deployment/util/deployment_util.go`: 0 where there is none, nothing where it is no
/// number.
pub(crate) fn revision(set: &ReplicaSet) -> Option<i64> {
    read(set, REVISION).map_or(Some(0), |text| text.parse().ok())
}

/// `MaxRevision`, `pkg/controller/deployment/util/deployment_util.go`.
pub(crate) fn max_revision<'a>(sets: impl IntoIterator<Item = &'a ReplicaSet>) -> i64 {
    sets.into_iter().filter_map(revision).max().unwrap_or(0)
}

fn put(annotations: &mut BTreeMap<String, String>, key: &str, value: &str) -> bool {
    if annotations.get(key).map(String::as_str) == Some(value) {
        return false;
    }
    annotations.insert(key.to_owned(), value.to_owned());
    true
}

/// `SetReplicasAnnotations`, `pkg/controller/deployment/util/deployment_util.go`. Says whether something changed.
pub(crate) fn note_replicas(set: &mut ReplicaSet, deployment: &Deployment) -> bool {
    let annotations = set.metadata.annotations.get_or_insert_default();
    let wanted = wanted(deployment);
    let desired = put(annotations, DESIRED, &wanted.to_string());
    put(annotations, MOST, &(wanted + max_surge(deployment)).to_string()) || desired
}

/// `ReplicasAnnotationsNeedUpdate`, `pkg/controller/deployment/util/deployment_util.go`.
pub(crate) fn replicas_outdated(set: &ReplicaSet, deployment: &Deployment) -> bool {
    let wanted = wanted(deployment);
    read(set, DESIRED) != Some(&wanted.to_string())
        || read(set, MOST) != Some(&(wanted + max_surge(deployment)).to_string())
}

/// `SetNewReplicaSetAnnotations`, `pkg/controller/deployment/util/deployment_util.go`. Says whether something changed.
pub(crate) fn note_new(deployment: &Deployment, set: &mut ReplicaSet, newest: i64, exists: bool) -> bool {
    let mut changed = copy(deployment, set);
    let annotations = set.metadata.annotations.get_or_insert_default();
    let before = annotations.get(REVISION).cloned();
    let number = match before.as_deref().map(str::parse::<i64>) {
        Some(Err(_)) if before.as_deref() != Some("") => return false,
        Some(Ok(number)) => number,
        Some(Err(_)) | None => 0,
    };
    if number < newest {
        annotations.insert(REVISION.to_owned(), newest.to_string());
        changed = true;
        if let Some(before) = before {
            remember(annotations, &before);
        }
    }
    if !exists && note_replicas(set, deployment) {
        changed = true;
    }
    changed
}

/// Adds to the revisions that this set once was, the oldest falling out where the text grows too long.
fn remember(annotations: &mut BTreeMap<String, String>, before: &str) {
    let text = annotations.get(HISTORY).cloned().unwrap_or_default();
    let mut past: Vec<&str> = text.split(',').filter(|part| !part.is_empty()).collect();
    past.push(before);
    while past.len() > 1 && past.iter().map(|part| part.len() + 1).sum::<usize>() - 1 > HISTORY_LENGTH {
        past.remove(0);
    }
    let joined = past.join(",");
    annotations.insert(HISTORY.to_owned(), joined);
}

/// `copyDeploymentAnnotationsToReplicaSet`, `pkg/controller/deployment/util/deployment_util.go`. What was taken off the
/// Deployment stays on the set.
fn copy(deployment: &Deployment, set: &mut ReplicaSet) -> bool {
    let annotations = set.metadata.annotations.get_or_insert_default();
    let mut changed = false;
    for (key, value) in deployment.metadata.annotations.iter().flatten() {
        if !NOT_COPIED.contains(&key.as_str()) {
            changed |= put(annotations, key, value);
        }
    }
    changed
}

/// `SetDeploymentRevision`, `pkg/controller/deployment/util/deployment_util.go`.
pub(crate) fn note_revision(deployment: &mut Deployment, revision: &str) -> bool {
    put(deployment.metadata.annotations.get_or_insert_default(), REVISION, revision)
}

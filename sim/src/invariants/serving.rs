//! Pods of all versions together never serve less than the user's own limits keep, as long as every version is a good one and
//! nobody else takes pods away: a rolling update keeps so many, and so does whatever is done with it half way.

use k8s_openapi::api::core::v1::Pod;
use rollout_plus::journal::{self, HeldRecord};
use rollout_plus::keys::{HELD, HELD_ANNOTATION, POD_TEMPLATE_HASH};
use rollout_plus::model::{DEPLOYMENT, same_template};
use serde_json::Value;

use super::Invariant;
use super::ending::is_held;
use super::pods::serves;
use crate::object::{Key, Kind, Object};
use crate::scenario::shop::{NAME, NAMESPACE};
use crate::server::resources::{find, of_kind};
use crate::server::store::{Entry, Store};

/// As many there always are.
#[derive(Clone, Copy, Debug)]
pub struct Serving {
    least: usize,
    /// What takes them is something that nothing on a Deployment can prevent.
    excused: bool,
}

impl Serving {
    /// At least so many.
    pub fn new(least: u32) -> Self {
        Self { least: usize::try_from(least).unwrap_or(usize::MAX), excused: false }
    }
}

impl Invariant for Serving {
    fn name(&self) -> &'static str {
        "stable pods"
    }

    fn look(&mut self, store: &Store, entry: &Entry) -> Result<(), String> {
        // What takes the pods is there before they go, and may be gone again when the last one does.
        let tells = matches!(entry.resource.seen_as, Some(Kind::Deployment | Kind::ReplicaSet));
        self.excused |= tells && (is_undone(store) || is_counted_twice(store, entry, self.least));
        let Some(pods) = of_kind(Kind::Pod).filter(|pods| *pods == entry.resource) else { return Ok(()) };
        let serves = |object: &&Object| matches!(object, Object::Pod(pod) if serves(pod as &Pod));
        let there = store.all_typed(pods).filter(serves).count();
        if there >= self.least || self.excused {
            Ok(())
        } else {
            Err(format!("{there} serve, and the user's own limits keep {}", self.least))
        }
    }
}

/// Whether the stable pods do not count as Available under a hold, the record of that hold is gone with it, and another version is
/// live: `kubectl rollout undo` did the first two, somebody else the last, and no run has held since. Nothing on the Deployment
/// keeps those pods (`docs/design/004`).
fn is_undone(store: &Store) -> bool {
    let key = Key::new(NAMESPACE, NAME);
    let lease = Key::new(NAMESPACE, &journal::lease_name(DEPLOYMENT.names(), NAME));
    let deployment = of_kind(Kind::Deployment).and_then(|deployments| store.get(deployments, &key));
    let Some(deployment) = deployment.filter(|one| is_held(one)) else { return false };
    let lease = find("coordination.k8s.io", "v1", "leases").and_then(|leases| store.get(leases, &lease));
    let Some(journal) = lease.and_then(|lease| journal::journal(lease)) else { return false };
    let text = deployment["metadata"]["annotations"][HELD_ANNOTATION].as_str();
    let has_held = text.and_then(HeldRecord::parse).is_some_and(|record| record.epoch == journal.epoch);
    let stable = journal.snapshot.map(|snapshot| snapshot.stable);
    let is_taken = |set: &Value| {
        set["spec"]["minReadySeconds"] == HELD
            && set["metadata"]["labels"][POD_TEMPLATE_HASH].as_str() == stable.as_deref()
            && !same_template(&set["spec"]["template"], &deployment["spec"]["template"])
    };
    let mut sets = of_kind(Kind::ReplicaSet).into_iter().flat_map(|sets| store.all(sets));
    !has_held && sets.any(|(_, set)| is_taken(set))
}

/// Whether the Deployment's controller takes pods, with no hold on, because it counts others as Available that their ReplicaSet is
/// about to let go, and has not yet: it goes by what the status of each tells (`scaleDownOldReplicaSetsForRollingUpdate` in
/// `pkg/controller/deployment/rolling.go`). Two templates within the time in which the ReplicaSets' controller is behind are enough.
fn is_counted_twice(store: &Store, entry: &Entry, least: usize) -> bool {
    let sets = of_kind(Kind::ReplicaSet).filter(|sets| *sets == entry.resource);
    let Some(sets) = sets.filter(|_| entry.by == "deployment-controller") else { return false };
    let key = Key::new(NAMESPACE, NAME);
    let deployment = of_kind(Kind::Deployment).and_then(|deployments| store.get(deployments, &key));
    let count = |value: &Value| value.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    let wanted = |set: Option<&Value>| set.map_or(0, |set| count(&set["spec"]["replicas"]));
    let takes = wanted(entry.after.as_deref()) < wanted(entry.before.as_deref());
    if !takes || deployment.is_none_or(|one| is_held(one)) {
        return false;
    }
    let (mut told, mut stay) = (0, 0);
    for (_, set) in store.all(sets) {
        let available = count(&set["status"]["availableReplicas"]);
        told += available;
        stay += available.min(wanted(Some(set)));
    }
    stay < least && least <= told
}

//! The `ReplicaSet` controller, after `kubernetes/pkg/controller/replicaset`.

mod expectations;
mod look;
mod ranking;
mod status;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::cache::{Cache, Change};
use crate::controllers::owners::{controller_of, is_controlled_by, selects};
use crate::controllers::replica_set::expectations::Expectations;
use crate::controllers::replica_set::look::{Look, version};
use crate::controllers::talk::{Server, Talks};
use crate::controllers::{Controller, Next, Refusal, Sync, Write, in_namespace};
use crate::draw::Draw;
use crate::object::{Key, Kind, Object};

/// The `ReplicaSet` controller.
#[derive(Debug, Default)]
pub(crate) struct ReplicaSets {
    talks: Talks,
    expectations: Arc<Mutex<Expectations>>,
}

impl ReplicaSets {
    fn expectations(&self) -> MutexGuard<'_, Expectations> {
        self.expectations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Controller for ReplicaSets {
    fn name(&self) -> &'static str {
        "replicaset-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::ReplicaSet, Kind::Pod]
    }

    /// The event handlers of `pkg/controller/replicaset/replica_set.go`.
    fn keys(&mut self, change: &Change, cache: &Cache) -> Vec<Key> {
        if let Some(object) = change.object()
            && let Some(version) = version(object.metadata())
        {
            self.expectations().saw(object.kind(), version);
        }
        match change.object() {
            Some(object @ Object::ReplicaSet(_)) => {
                let uid = |object: &Option<Object>| object.as_ref().map(|object| object.uid().to_owned());
                if change.after.is_none()
                    || (change.before.is_some() && uid(&change.before) != uid(&change.after))
                {
                    self.expectations().forget(&object.key());
                }
                vec![object.key()]
            }
            Some(Object::Pod(_)) => self.of_pod(change, cache),
            _ => Vec::new(),
        }
    }

    fn sync(&mut self, key: &Key, cache: &Cache, now: Timestamp, _draw: &mut Draw) -> Sync {
        if !self.expectations().is_current(key, now) {
            // `EnsureReady`, `pkg/controller/util/consistency/consistency.go`: an error, after which the key is looked at
            // again.
            return Sync { writes: Vec::new(), again_after: Some(Duration::from_millis(5)) };
        }
        let Some(set) = cache.replica_sets.get(key).cloned() else {
            self.expectations().forget(key);
            return Sync::default();
        };
        let is_near = |pod: &&Arc<Pod>| {
            controller_of(&pod.metadata).is_none() || is_controlled_by(&pod.metadata, &set.metadata)
        };
        let pods = in_namespace(&cache.pods, &key.namespace).filter(is_near).cloned().collect();
        let related = related(cache, &set);
        let (key, expectations) = (key.clone(), self.expectations.clone());
        self.talks.begin(&key.clone(), |server: Server| {
            Look { server, now, key, set, pods, related, expectations }.go()
        })
    }

    fn answered(&mut self, key: &Key, write: &Write, answer: Result<Option<&Object>, &Refusal>) -> Next {
        self.talks.answered(key, write, answer)
    }

    fn restarted(&mut self) {
        self.talks.clear();
        *self.expectations() = Expectations::default();
    }
}

/// `getIndirectlyRelatedPods`, `pkg/controller/replicaset/replica_set.go`: the pods of all sets of the same owner.
fn related(cache: &Cache, set: &ReplicaSet) -> Vec<Arc<Pod>> {
    let Some(owner) = controller_of(&set.metadata) else { return Vec::new() };
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
    let family: Vec<_> = in_namespace(&cache.replica_sets, namespace)
        .filter(|set| controller_of(&set.metadata).is_some_and(|other| other.uid == owner.uid))
        .collect();
    let is_theirs = |pod: &&Arc<Pod>| {
        family.iter().any(|set| selects(set.spec.as_ref().map(|spec| &spec.selector), &pod.metadata))
    };
    in_namespace(&cache.pods, namespace).filter(is_theirs).cloned().collect()
}

/// `resolveControllerRef`, `pkg/controller/replicaset/replica_set.go`.
fn set_of(metadata: &ObjectMeta, cache: &Cache) -> Option<Key> {
    let owner = controller_of(metadata).filter(|owner| owner.kind == "ReplicaSet")?;
    let key = Key::new(metadata.namespace.as_deref().unwrap_or_default(), &owner.name);
    let set = cache.replica_sets.get(&key)?;
    (set.metadata.uid.as_ref() == Some(&owner.uid)).then_some(key)
}

impl ReplicaSets {
    /// `addPod`, `updatePod`, `deletePod`. The look that upstream queues for when a pod that became Ready is Available is
    /// left to the end of the next look.
    fn of_pod(&self, change: &Change, cache: &Cache) -> Vec<Key> {
        let (before, after) =
            (change.before.as_ref().map(Object::metadata), change.after.as_ref().map(Object::metadata));
        let ends = after.is_none_or(|after| after.deletion_timestamp.is_some());
        let Some(newest) = after.or(before) else { return Vec::new() };
        let own = set_of(newest, cache);
        if ends {
            if let (Some(key), Some(pod)) = (&own, change.object()) {
                self.expectations().ended(key, &pod.key());
            }
            return own.into_iter().collect();
        }
        if let (Some(key), None) = (&own, &before) {
            self.expectations().made(key);
        }
        let former = before.and_then(|before| set_of(before, cache)).filter(|key| Some(key) != own.as_ref());
        let same = before.is_some_and(|before| {
            before.labels == newest.labels && controller_of(before) == controller_of(newest)
        });
        let mut keys: Vec<Key> = former.into_iter().chain(own).collect();
        if controller_of(newest).is_none() && !same {
            let sets = in_namespace(&cache.replica_sets, newest.namespace.as_deref().unwrap_or_default());
            let matching = sets.filter(|set| selects(set.spec.as_ref().map(|spec| &spec.selector), newest));
            keys.extend(matching.map(|set| Object::ReplicaSet(set.clone()).key()));
        }
        keys
    }
}

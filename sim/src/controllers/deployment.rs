//! The Deployment controller, after `kubernetes/pkg/controller/deployment`.

mod annotations;
mod conditions;
mod hash;
mod limits;
mod look;
mod newest;
mod progress;
mod recreate;
mod rolling;
mod scaling;
mod sets;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
pub(crate) use limits::wanted;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::cache::{Cache, Change};
use crate::controllers::deployment::look::Look;
use crate::controllers::owners::{controller_of, is_controlled_by, selects};
use crate::controllers::talk::{Server, Talks};
use crate::controllers::{Controller, Next, Refusal, Sync, Write, in_namespace};
use crate::draw::Draw;
use crate::object::{Key, Kind, Object};

/// The Deployment controller.
#[derive(Debug, Default)]
pub(crate) struct Deployments {
    talks: Talks,
}

impl Controller for Deployments {
    fn name(&self) -> &'static str {
        "deployment-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Deployment, Kind::ReplicaSet, Kind::Pod]
    }

    /// The event handlers of `pkg/controller/deployment/deployment_controller.go`.
    fn keys(&mut self, change: &Change, cache: &Cache) -> Vec<Key> {
        match change.object() {
            Some(object @ Object::Deployment(_)) => vec![object.key()],
            Some(Object::ReplicaSet(_)) => of_set(change, cache),
            Some(Object::Pod(pod)) if change.after.is_none() => of_pod(pod, cache).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn sync(&mut self, key: &Key, cache: &Cache, now: Timestamp, _draw: &mut Draw) -> Sync {
        let Some(deployment) = cache.deployments.get(key) else { return Sync::default() };
        let all: Vec<_> = in_namespace(&cache.replica_sets, &key.namespace).cloned().collect();
        let running = running(cache, key, deployment);
        let deployment = Deployment::clone(deployment);
        self.talks.begin(key, |server: Server| {
            Look { server, now, deployment, all, sets: Vec::new(), running }.go()
        })
    }

    fn answered(&mut self, key: &Key, write: &Write, answer: Result<Option<&Object>, &Refusal>) -> Next {
        self.talks.answered(key, write, answer)
    }

    fn restarted(&mut self) {
        self.talks.clear();
    }
}

/// `getPodMapForDeployment`, `pkg/controller/deployment/deployment_controller.go`, as far as `oldPodsRunning` asks: the
/// uids of the sets whose pods have not ended.
fn running(cache: &Cache, key: &Key, deployment: &Deployment) -> Vec<String> {
    let owned = |uid: &str| {
        in_namespace(&cache.replica_sets, &key.namespace).any(|set| {
            set.metadata.uid.as_deref() == Some(uid) && is_controlled_by(&set.metadata, &deployment.metadata)
        })
    };
    let mut uids: Vec<String> = in_namespace(&cache.pods, &key.namespace)
        .filter(|pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            !matches!(phase, Some("Failed" | "Succeeded"))
        })
        .filter_map(|pod| controller_of(&pod.metadata).map(|owner| owner.uid.clone()))
        .collect();
    uids.sort_unstable();
    uids.dedup();
    uids.retain(|uid| owned(uid));
    uids
}

/// `resolveControllerRef`, `pkg/controller/deployment/deployment_controller.go`.
fn deployment_of(metadata: &ObjectMeta, cache: &Cache) -> Option<Key> {
    let owner = controller_of(metadata).filter(|owner| owner.kind == "Deployment")?;
    let key = Key::new(metadata.namespace.as_deref().unwrap_or_default(), &owner.name);
    let deployment = cache.deployments.get(&key)?;
    (deployment.metadata.uid.as_ref() == Some(&owner.uid)).then_some(key)
}

/// `addReplicaSet`, `updateReplicaSet`, `deleteReplicaSet`: its Deployment, the one it had, and for one that is nobody's
/// all that it matches.
fn of_set(change: &Change, cache: &Cache) -> Vec<Key> {
    fn set(object: Option<&Object>) -> Option<&ReplicaSet> {
        match object {
            Some(Object::ReplicaSet(set)) => Some(set),
            _ => None,
        }
    }
    let (before, after) = (set(change.before.as_ref()), set(change.after.as_ref()));
    let mut keys: Vec<Key> =
        [before, after].into_iter().flatten().filter_map(|set| deployment_of(&set.metadata, cache)).collect();
    keys.dedup();
    if let Some(after) = after
        && controller_of(&after.metadata).is_none()
    {
        let namespace = after.metadata.namespace.as_deref().unwrap_or_default();
        let matching = in_namespace(&cache.deployments, namespace).filter(|deployment| {
            selects(deployment.spec.as_ref().map(|spec| &spec.selector), &after.metadata)
        });
        keys.extend(matching.map(|deployment| Object::Deployment(deployment.clone()).key()));
    }
    keys
}

/// `deletePod`: the last pod of a Deployment that ends all before it makes new ones.
fn of_pod(pod: &Pod, cache: &Cache) -> Option<Key> {
    let owner = controller_of(&pod.metadata).filter(|owner| owner.kind == "ReplicaSet")?;
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let set = cache.replica_sets.get(&Key::new(namespace, &owner.name))?;
    let key = deployment_of(&set.metadata, cache)?;
    let deployment = cache.deployments.get(&key)?;
    let strategy = deployment.spec.as_ref().and_then(|spec| spec.strategy.as_ref())?;
    let sets: Vec<_> = in_namespace(&cache.replica_sets, &key.namespace)
        .filter(|set| is_controlled_by(&set.metadata, &deployment.metadata))
        .collect();
    let left = in_namespace(&cache.pods, &key.namespace)
        .any(|pod| sets.iter().any(|set| is_controlled_by(&pod.metadata, &set.metadata)));
    (strategy.type_.as_deref() == Some("Recreate") && !left).then_some(key)
}

//! Garbage collection, after `kubernetes/pkg/controller/garbagecollector`, of the kinds that controllers see.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::{Value, json};

use crate::cache::{Cache, Change};
use crate::controllers::{Controller, Next, Refusal, Sync, Write};
use crate::draw::Draw;
use crate::object::{Key, Kind, Object};

/// `FinalizerOrphanDependents`, `k8s.io/apimachinery/pkg/apis/meta/v1/types.go`.
const ORPHAN: &str = "orphan";
/// `FinalizerDeleteDependents`, the same.
const FOREGROUND: &str = "foregroundDeletion";

/// How long an owner that the cache does not hold is waited for. Upstream asks the server at once (`getObject`), where this
/// one has only a cache, whose kinds lag each for itself.
const ABSENT: Duration = Duration::from_secs(30);

/// The collector. Its keys are uids.
#[derive(Debug, Default)]
pub(crate) struct Garbage {
    /// Owners that it saw go.
    gone: BTreeSet<String>,
    /// Owners that it never saw, since when it waits for them.
    absent: BTreeMap<String, Timestamp>,
}

impl Controller for Garbage {
    fn name(&self) -> &'static str {
        "generic-garbage-collector"
    }

    fn watches(&self) -> &'static [Kind] {
        &[
            Kind::Deployment,
            Kind::ReplicaSet,
            Kind::Pod,
            Kind::Service,
            Kind::EndpointSlice,
            Kind::NetworkPolicy,
        ]
    }

    /// `processGraphChanges`, `pkg/controller/garbagecollector/graph_builder.go`.
    fn keys(&mut self, change: &Change, cache: &Cache) -> Vec<Key> {
        let Some(object) = change.object() else { return Vec::new() };
        let metadata = object.metadata();
        if change.after.is_none() {
            self.gone.insert(object.uid().to_owned());
            let owners = owners(metadata).map(|owner| owner.uid.clone());
            let dependents = dependents(cache, object.uid()).map(|(_, dependent)| dependent);
            return owners
                .chain(dependents.filter_map(|dependent| dependent.uid.clone()))
                .map(by_uid)
                .collect();
        }
        let before = change.before.as_ref().map(Object::metadata);
        let news = before.is_none_or(|before| {
            before.uid != metadata.uid
                || before.owner_references != metadata.owner_references
                || before.deletion_timestamp != metadata.deletion_timestamp
        });
        let about = news && (metadata.owner_references.is_some() || metadata.deletion_timestamp.is_some());
        metadata.uid.clone().filter(|_| about).map(by_uid).into_iter().collect()
    }

    fn sync(&mut self, key: &Key, cache: &Cache, now: Timestamp, _draw: &mut Draw) -> Sync {
        let Some((kind, metadata)) = find(cache, &key.name) else { return Sync::default() };
        if metadata.deletion_timestamp.is_some() {
            return ending(cache, kind, metadata);
        }
        self.attempt_to_delete(cache, (kind, metadata), now)
    }

    fn answered(&mut self, _key: &Key, _write: &Write, answer: Result<Option<&Object>, &Refusal>) -> Next {
        match answer {
            Ok(_) => Next::Continue,
            Err(refusal) if matches!(refusal.code, 404 | 409) => Next::Continue,
            Err(_) => Next::Again,
        }
    }

    fn restarted(&mut self) {
        *self = Self::default();
    }
}

fn by_uid(uid: String) -> Key {
    Key { namespace: String::new(), name: uid }
}

fn owners(metadata: &ObjectMeta) -> impl Iterator<Item = &OwnerReference> {
    metadata.owner_references.iter().flatten()
}

fn objects(cache: &Cache) -> impl Iterator<Item = (Kind, &ObjectMeta)> {
    let deployments = cache.deployments.values().map(|object| (Kind::Deployment, &object.metadata));
    let sets = cache.replica_sets.values().map(|object| (Kind::ReplicaSet, &object.metadata));
    let pods = cache.pods.values().map(|object| (Kind::Pod, &object.metadata));
    let services = cache.services.values().map(|object| (Kind::Service, &object.metadata));
    let slices = cache.slices.values().map(|object| (Kind::EndpointSlice, &object.metadata));
    let policies = cache.policies.values().map(|object| (Kind::NetworkPolicy, &object.metadata));
    deployments.chain(sets).chain(pods).chain(services).chain(slices).chain(policies)
}

fn find<'a>(cache: &'a Cache, uid: &str) -> Option<(Kind, &'a ObjectMeta)> {
    objects(cache).find(|(_, metadata)| metadata.uid.as_deref() == Some(uid))
}

fn dependents<'a>(cache: &'a Cache, uid: &'a str) -> impl Iterator<Item = (Kind, &'a ObjectMeta)> {
    objects(cache).filter(move |(_, metadata)| owners(metadata).any(|owner| owner.uid == uid))
}

fn key_of(metadata: &ObjectMeta) -> Key {
    Key::new(metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}

fn has(metadata: &ObjectMeta, finalizer: &str) -> bool {
    metadata.finalizers.iter().flatten().any(|one| one == finalizer)
}

fn patched(kind: Kind, metadata: &ObjectMeta, field: &str, value: &Value) -> Write {
    let patch = json!({"metadata": {"uid": metadata.uid, (field): value}});
    Write::Merge { kind, key: key_of(metadata), subresource: None, patch }
}

fn without_owners(kind: Kind, metadata: &ObjectMeta, uids: &[String]) -> Write {
    let left: Vec<&OwnerReference> = owners(metadata).filter(|owner| !uids.contains(&owner.uid)).collect();
    patched(kind, metadata, "ownerReferences", &json!(left))
}

fn without_finalizer(kind: Kind, metadata: &ObjectMeta, finalizer: &str) -> Write {
    let left: Vec<&String> = metadata.finalizers.iter().flatten().filter(|one| *one != finalizer).collect();
    patched(kind, metadata, "finalizers", &json!(left))
}

fn deleted(kind: Kind, metadata: &ObjectMeta) -> Write {
    Write::Delete { kind, key: key_of(metadata), uid: metadata.uid.clone(), grace: None }
}

/// An owner that goes with an order about its dependents: `orphanDependents` and `processDeletingDependentsItem`,
/// `pkg/controller/garbagecollector/garbagecollector.go`.
fn ending(cache: &Cache, kind: Kind, metadata: &ObjectMeta) -> Sync {
    let uid = metadata.uid.clone().unwrap_or_default();
    let dependents: Vec<_> = dependents(cache, &uid).collect();
    let mut writes = Vec::new();
    if has(metadata, ORPHAN) {
        let let_go = |(kind, dependent): &(Kind, &ObjectMeta)| {
            without_owners(*kind, dependent, std::slice::from_ref(&uid))
        };
        writes.extend(dependents.iter().map(let_go));
        writes.push(without_finalizer(kind, metadata, ORPHAN));
    } else if has(metadata, FOREGROUND) {
        let blocks = |dependent: &ObjectMeta| {
            owners(dependent).any(|owner| owner.uid == uid && owner.block_owner_deletion == Some(true))
        };
        let alive = |dependent: &ObjectMeta| dependent.deletion_timestamp.is_none();
        writes.extend(
            dependents
                .iter()
                .filter(|(_, dependent)| alive(dependent))
                .map(|(kind, one)| deleted(*kind, one)),
        );
        if !dependents.iter().any(|(_, dependent)| blocks(dependent)) {
            writes.push(without_finalizer(kind, metadata, FOREGROUND));
        }
    }
    Sync { writes, again_after: None }
}

impl Garbage {
    /// `attemptToDeleteItem`, `pkg/controller/garbagecollector/garbagecollector.go`.
    fn attempt_to_delete(
        &mut self,
        cache: &Cache,
        (kind, metadata): (Kind, &ObjectMeta),
        now: Timestamp,
    ) -> Sync {
        let mut dangling = Vec::new();
        let mut solid = 0;
        let mut wait = None;
        for owner in owners(metadata) {
            let known = find(cache, &owner.uid);
            if known.is_some() || !is_watched(owner) {
                solid += 1;
                continue;
            }
            if self.gone.contains(&owner.uid) {
                dangling.push(owner.uid.clone());
                continue;
            }
            let since = *self.absent.entry(owner.uid.clone()).or_insert(now);
            let waited = Duration::try_from(now.duration_since(since)).unwrap_or_default();
            match ABSENT.checked_sub(waited).filter(|left| !left.is_zero()) {
                Some(left) => wait = Some(left),
                None => dangling.push(owner.uid.clone()),
            }
        }
        let writes = match (solid, dangling.is_empty(), wait) {
            (_, _, Some(_)) | (_, true, None) => Vec::new(),
            (0, false, None) => vec![deleted(kind, metadata)],
            (_, false, None) => vec![without_owners(kind, metadata, &dangling)],
        };
        Sync { writes, again_after: wait }
    }
}

/// Owners of other kinds are taken to be there.
fn is_watched(owner: &OwnerReference) -> bool {
    matches!(owner.kind.as_str(), "Deployment" | "ReplicaSet" | "Pod" | "Service" | "EndpointSlice")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
    use serde_json::from_value;

    use super::*;

    fn deployment(more: &Value) -> Object {
        let mut metadata = json!({"name": "web", "namespace": "shop", "uid": "d"});
        for (key, value) in more.as_object().unwrap() {
            metadata[key] = value.clone();
        }
        let spec = json!({"selector": {}, "template": {}});
        from_value::<Deployment>(json!({"metadata": metadata, "spec": spec})).unwrap().into()
    }

    fn set(owners: &[&str]) -> Object {
        let owners: Vec<Value> = owners
            .iter()
            .map(|uid| {
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": uid, "blockOwnerDeletion": true})
            })
            .collect();
        let metadata = json!({"name": "web-1", "namespace": "shop", "uid": "s", "ownerReferences": owners});
        from_value::<ReplicaSet>(json!({"metadata": metadata})).unwrap().into()
    }

    struct World {
        garbage: Garbage,
        cache: Cache,
    }

    impl World {
        fn of(objects: &[Object]) -> Self {
            let mut world = Self { garbage: Garbage::default(), cache: Cache::default() };
            for object in objects {
                world.take(&Change { before: None, after: Some(object.clone()) });
            }
            world
        }

        fn take(&mut self, change: &Change) -> Vec<Key> {
            self.cache.take(change);
            self.garbage.keys(change, &self.cache)
        }

        fn look(&mut self, uid: &str, second: i64) -> Sync {
            let now = Timestamp::from_second(second).unwrap();
            self.garbage.sync(&by_uid(uid.into()), &self.cache, now, &mut Draw::new(1))
        }
    }

    #[test]
    fn dependents_go_after_their_owner() {
        let owner = deployment(&json!({}));
        let mut world = World::of(&[owner.clone(), set(&["d"])]);
        assert!(world.look("s", 0).writes.is_empty());
        assert_eq!(world.take(&Change { before: Some(owner), after: None }), [by_uid("s".into())]);
        assert!(matches!(
            world.look("s", 0).writes.as_slice(),
            [Write::Delete { kind: Kind::ReplicaSet, .. }]
        ));
    }

    #[test]
    fn one_owner_of_two_is_enough() {
        let mut world = World::of(&[deployment(&json!({})), set(&["d", "other"])]);
        world.garbage.gone.insert("other".into());
        let sync = world.look("s", 0);
        let [Write::Merge { patch, .. }] = sync.writes.as_slice() else { panic!("{sync:?}") };
        assert_eq!(patch["metadata"]["ownerReferences"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn an_owner_that_was_never_seen_is_waited_for() {
        let mut world = World::of(&[set(&["d"])]);
        let sync = world.look("s", 0);
        assert!(sync.writes.is_empty() && sync.again_after == Some(ABSENT), "{sync:?}");
        assert!(matches!(world.look("s", 30).writes.as_slice(), [Write::Delete { .. }]));
    }

    #[test]
    fn an_order_about_dependents_is_followed() {
        let at = "2026-01-01T00:00:00Z";
        let owner = deployment(&json!({"deletionTimestamp": at, "finalizers": [ORPHAN]}));
        let mut world = World::of(&[owner, set(&["d"])]);
        let sync = world.look("d", 0);
        let [Write::Merge { kind: Kind::ReplicaSet, patch, .. }, Write::Merge { patch: last, .. }] =
            sync.writes.as_slice()
        else {
            panic!("{sync:?}")
        };
        assert_eq!(
            (&patch["metadata"]["ownerReferences"], &last["metadata"]["finalizers"]),
            (&json!([]), &json!([]))
        );

        let owner = deployment(&json!({"deletionTimestamp": at, "finalizers": [FOREGROUND]}));
        let mut world = World::of(&[owner, set(&["d"])]);
        assert!(matches!(world.look("d", 0).writes.as_slice(), [Write::Delete { .. }]));
        world.take(&Change { before: Some(set(&["d"])), after: None });
        assert!(matches!(world.look("d", 0).writes.as_slice(), [Write::Merge { .. }]));
    }
}

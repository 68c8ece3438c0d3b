//! The copies that watches keep: of one workload's objects ([`super::WorkloadCache`]) or of many ([`super::Fleet`]).

use std::collections::BTreeMap;
use std::fmt::Debug;

use kube::ResourceExt;
use kube::runtime::watcher::Event;
use serde::de::DeserializeOwned;

use crate::journal::Lease;
use crate::model::{Deployment, Pod, ReplicaSet};

/// A kind whose objects are kept by group and name.
pub(super) trait Kept:
    kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
    + Clone
    + DeserializeOwned
    + Debug
    + Send
    + 'static
{
    /// Its plural.
    const PLURAL: &'static str;

    /// What it is found by: its owner's uid for what a controller made, else its namespace.
    fn group(&self) -> String;
}

impl Kept for Deployment {
    const PLURAL: &'static str = "deployments";
    fn group(&self) -> String {
        self.namespace().unwrap_or_default()
    }
}

impl Kept for ReplicaSet {
    const PLURAL: &'static str = "replicasets";
    fn group(&self) -> String {
        self.owner().unwrap_or_default().to_owned()
    }
}

impl Kept for Pod {
    const PLURAL: &'static str = "pods";
    fn group(&self) -> String {
        self.owner().unwrap_or_default().to_owned()
    }
}

impl Kept for Lease {
    const PLURAL: &'static str = "leases";
    fn group(&self) -> String {
        self.namespace().unwrap_or_default()
    }
}

/// Group and name.
pub(super) type Key = (String, String);

/// What an event touched.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Touched {
    Nothing,
    One(Key),
    /// A list came anew.
    All,
}

/// What is kept of an object, and the server's version of it.
struct Entry<V> {
    value: V,
    version: Option<u64>,
}

impl<V> Entry<V> {
    /// Whether it is newer than a version. Versions of one kind are numbers that grow (KEP-5504, "Comparable Resource
    /// Version"); what is none is taken as it comes.
    fn is_newer_than(&self, version: Option<u64>) -> bool {
        self.version.zip(version).is_some_and(|(own, other)| own > other)
    }
}

/// Objects of one kind, swapped whole when a list starts again. `V` is what is kept of each.
///
/// An event from before what was read or written since takes nothing back.
pub(super) struct Store<V> {
    objects: BTreeMap<Key, Entry<V>>,
    incoming: BTreeMap<Key, Entry<V>>,
    pub(super) complete: bool,
}

impl<V> Store<V> {
    pub(super) fn new() -> Self {
        Self { objects: BTreeMap::new(), incoming: BTreeMap::new(), complete: false }
    }

    /// A store that was read at once.
    pub(super) fn of(objects: Vec<(Key, V)>) -> Self {
        let objects = objects.into_iter().map(|(key, value)| (key, Entry { value, version: None }));
        Self { objects: objects.collect(), incoming: BTreeMap::new(), complete: true }
    }

    /// Returns one.
    pub(super) fn get(&self, key: &Key) -> Option<&V> {
        self.objects.get(key).map(|entry| &entry.value)
    }

    /// Returns all, by their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &V)> {
        self.objects.iter().map(|(key, entry)| (key, &entry.value))
    }

    /// Returns the objects of a group.
    pub(super) fn group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a V> {
        let from = (group.to_owned(), String::new());
        self.objects.range(from..).take_while(move |((one, _), _)| one == group).map(|(_, one)| &one.value)
    }

    /// Takes an event in. `keep` says what is kept of an object, and gets what is known of it.
    pub(super) fn apply<K: Kept>(
        &mut self,
        event: Event<K>,
        mut keep: impl FnMut(K, Option<&V>) -> V,
    ) -> Touched {
        match event {
            Event::Init => self.incoming.clear(),
            Event::InitApply(object) => {
                let (key, version) = (key(&object), version(&object));
                let value = keep(object, self.get(&key));
                self.incoming.insert(key, Entry { value, version });
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.incoming);
                self.replace(listed);
                self.complete = true;
                return Touched::All;
            }
            Event::Apply(object) => return self.learn(object, keep),
            Event::Delete(object) => {
                let key = key(&object);
                if !self.is_past(&key, version(&object)) {
                    self.objects.remove(&key);
                    return Touched::One(key);
                }
            }
        }
        Touched::Nothing
    }

    /// Takes an object in, unless it is known as it became later.
    pub(super) fn learn<K: Kept>(&mut self, object: K, mut keep: impl FnMut(K, Option<&V>) -> V) -> Touched {
        let (key, version) = (key(&object), version(&object));
        if self.is_past(&key, version) {
            return Touched::Nothing;
        }
        let value = keep(object, self.get(&key));
        self.objects.insert(key.clone(), Entry { value, version });
        Touched::One(key)
    }

    /// Takes all in as they were read; what is not among them is gone.
    pub(super) fn renew<K: Kept>(&mut self, read: Vec<K>, mut keep: impl FnMut(K, Option<&V>) -> V) {
        let entry = |object: K| {
            let (key, version) = (key(&object), version(&object));
            let value = keep(object, self.get(&key));
            (key, Entry { value, version })
        };
        let read = read.into_iter().map(entry).collect();
        self.replace(read);
    }

    /// Swaps all. What was learned while the list was on its way is newer.
    fn replace(&mut self, listed: BTreeMap<Key, Entry<V>>) {
        for (key, known) in std::mem::replace(&mut self.objects, listed) {
            if let Some(listed) = self.objects.get_mut(&key)
                && known.is_newer_than(listed.version)
            {
                *listed = known;
            }
        }
    }

    fn is_past(&self, key: &Key, version: Option<u64>) -> bool {
        self.objects.get(key).is_some_and(|known| known.is_newer_than(version))
    }
}

pub(super) fn key<K: Kept>(object: &K) -> Key {
    (object.group(), object.name_any())
}

fn version<K: Kept>(object: &K) -> Option<u64> {
    object.meta().resource_version.as_ref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, owner: &str) -> Pod {
        let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": owner, "controller": true});
        serde_json::from_value(json!({"metadata": {"name": name, "ownerReferences": [owner]}})).unwrap()
    }

    fn names(store: &Store<Pod>, owner: &str) -> Vec<String> {
        store.group(owner).map(ResourceExt::name_any).collect()
    }

    #[test]
    fn objects_are_found_by_their_owner_and_no_other() {
        let mut store = Store::new();
        for (name, owner) in [("b", "u1"), ("a", "u1"), ("c", "u10"), ("d", "u")] {
            store.apply(Event::Apply(pod(name, owner)), |pod, _| pod);
        }
        assert_eq!(names(&store, "u1"), ["a", "b"]);
        assert_eq!(names(&store, "u2"), [""; 0]);
        let touched = store.apply(Event::Delete(pod("a", "u1")), |pod, _| pod);
        assert_eq!(touched, Touched::One(("u1".into(), "a".into())));
        assert_eq!(names(&store, "u1"), ["b"]);
    }

    #[test]
    fn a_list_that_comes_anew_replaces_all_at_its_end() {
        let mut store = Store::of(vec![(("u1".into(), "old".into()), pod("old", "u1"))]);
        store.apply(Event::Init, |pod: Pod, _| pod);
        assert_eq!(store.apply(Event::InitApply(pod("new", "u1")), |pod, _| pod), Touched::Nothing);
        assert_eq!(names(&store, "u1"), ["old"]);
        assert_eq!(store.apply(Event::InitDone, |pod: Pod, _| pod), Touched::All);
        assert_eq!(names(&store, "u1"), ["new"]);
    }

    #[test]
    fn what_was_read_is_not_taken_back_by_an_older_event() {
        let at = |version: &str| {
            let mut pod = pod("a", "u1");
            pod.metadata.resource_version = Some(version.to_owned());
            pod
        };
        let version = |store: &Store<Pod>| {
            store.group("u1").map(|pod| pod.metadata.resource_version.clone().unwrap()).collect::<Vec<_>>()
        };
        let mut store = Store::new();
        store.renew(vec![at("100")], |pod, _| pod);
        // Numbers, not texts: 99 is older than 100.
        assert_eq!(store.apply(Event::Apply(at("99")), |pod, _| pod), Touched::Nothing);
        assert_eq!(store.apply(Event::Delete(at("99")), |pod, _| pod), Touched::Nothing);
        assert_eq!(version(&store), ["100"]);
        store.apply(Event::Init, |pod: Pod, _| pod);
        store.apply(Event::InitApply(at("98")), |pod, _| pod);
        store.renew(vec![at("101")], |pod, _| pod);
        store.apply(Event::InitDone, |pod: Pod, _| pod);
        assert_eq!(version(&store), ["101"], "a list that began before the reading");
        store.apply(Event::Delete(at("102")), |pod, _| pod);
        assert_eq!(version(&store), [""; 0]);
    }
}

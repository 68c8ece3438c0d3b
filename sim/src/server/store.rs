//! What etcd keeps: objects, the newest version, and the log of all changes since the last compaction.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::resources::{RESOURCES, Resource};
use crate::cache::Change;
use crate::object::{Key, Object};

/// The objects of one kind.
pub type Objects = BTreeMap<Key, Arc<Value>>;

/// One change.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The version that it made.
    pub version: u64,
    /// Of what kind.
    pub resource: &'static Resource,
    /// Which one.
    pub key: Key,
    /// As it was; absent when it was created.
    pub before: Option<Arc<Value>>,
    /// As it is; absent when it is gone. Then `before` has the version of the deletion.
    pub after: Option<Arc<Value>>,
    /// The same for controllers, if they see the kind.
    pub typed: Option<Change>,
    /// Who did it.
    pub by: String,
}

/// All objects.
#[derive(Debug, Default)]
pub struct Store {
    kinds: Vec<Objects>,
    typed: Vec<BTreeMap<Key, Object>>,
    version: u64,
    log: Vec<Entry>,
    compacted: u64,
}

fn index(resource: &Resource) -> usize {
    RESOURCES.iter().position(|one| one == resource).unwrap_or_default()
}

impl Store {
    /// Returns an empty one.
    pub fn new() -> Self {
        Self {
            kinds: RESOURCES.iter().map(|_| Objects::new()).collect(),
            typed: RESOURCES.iter().map(|_| BTreeMap::new()).collect(),
            version: 1,
            log: Vec::new(),
            compacted: 0,
        }
    }

    /// The newest version.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// One object.
    pub fn get(&self, resource: &Resource, key: &Key) -> Option<&Arc<Value>> {
        self.kinds.get(index(resource))?.get(key)
    }

    /// The same as controllers see it.
    pub fn typed(&self, resource: &Resource, key: &Key) -> Option<&Object> {
        self.typed.get(index(resource))?.get(key)
    }

    /// All of a kind.
    pub fn all(&self, resource: &Resource) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.kinds.get(index(resource)).into_iter().flatten()
    }

    /// All of a kind as controllers see them.
    pub fn all_typed(&self, resource: &Resource) -> impl Iterator<Item = &Object> {
        self.typed.get(index(resource)).into_iter().flat_map(BTreeMap::values)
    }

    /// All of a kind as they were at a version that is not yet forgotten.
    pub fn at(&self, resource: &'static Resource, version: u64) -> Cow<'_, Objects> {
        let mut objects = self.kinds.get(index(resource)).map_or_else(Cow::default, Cow::Borrowed);
        for entry in self.log.iter().rev().take_while(|entry| entry.version > version) {
            if entry.resource != resource {
                continue;
            }
            let objects = objects.to_mut();
            match (&entry.before, &entry.after) {
                (Some(before), Some(_)) => drop(objects.insert(entry.key.clone(), Arc::clone(before))),
                (None, _) => drop(objects.remove(&entry.key)),
                (Some(before), None) => {
                    // What is told of the deleted has the deletion's version.
                    let earlier = self.log.iter().rev().filter(|one| one.version < entry.version);
                    let mut earlier = earlier.filter(|one| one.resource == resource && one.key == entry.key);
                    let last = earlier.next().and_then(|one| one.after.clone());
                    objects.insert(entry.key.clone(), last.unwrap_or_else(|| Arc::clone(before)));
                }
            }
        }
        objects
    }

    /// The changes from a version on.
    pub fn since(&self, version: u64) -> &[Entry] {
        let from = self.log.partition_point(|entry| entry.version <= version);
        self.log.get(from..).unwrap_or_default()
    }

    /// Versions before this one are forgotten.
    pub const fn compacted(&self) -> u64 {
        self.compacted
    }

    /// Forgets what was, as etcd does every five minutes.
    pub fn compact(&mut self) {
        self.compacted = self.version;
    }

    /// Writes, and gives the version to what is written.
    ///
    /// # Errors
    /// If it does not fit the kind's schema.
    pub fn put(
        &mut self,
        resource: &'static Resource,
        key: &Key,
        mut value: Value,
        by: &str,
    ) -> serde_json::Result<Arc<Value>> {
        let version = self.version + 1;
        value["metadata"]["resourceVersion"] = Value::from(version.to_string());
        let typed = resource.seen_as.map(|kind| Object::from_json(kind, &value)).transpose()?;
        self.version = version;
        let value = Arc::new(value);
        let at = index(resource);
        let before = self.kinds.get_mut(at).and_then(|kind| kind.insert(key.clone(), Arc::clone(&value)));
        let change = typed.map(|after| {
            let before = self.typed.get_mut(at).and_then(|kind| kind.insert(key.clone(), after.clone()));
            Change { before, after: Some(after) }
        });
        self.log.push(Entry {
            version,
            resource,
            key: key.clone(),
            before,
            after: Some(Arc::clone(&value)),
            typed: change,
            by: by.to_owned(),
        });
        Ok(value)
    }

    /// Deletes, and returns what was there, with the version of its deletion.
    pub fn remove(&mut self, resource: &'static Resource, key: &Key, by: &str) -> Option<Arc<Value>> {
        let at = index(resource);
        let before = self.kinds.get_mut(at)?.remove(key)?;
        self.version += 1;
        let mut value = before.as_ref().clone();
        value["metadata"]["resourceVersion"] = Value::from(self.version.to_string());
        let value = Arc::new(value);
        let typed = self.typed.get_mut(at).and_then(|kind| kind.remove(key));
        self.log.push(Entry {
            version: self.version,
            resource,
            key: key.clone(),
            before: Some(Arc::clone(&value)),
            after: None,
            typed: typed.map(|before| Change { before: Some(before), after: None }),
            by: by.to_owned(),
        });
        Some(value)
    }
}

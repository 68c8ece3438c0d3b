//! The controllers of the cluster, each a pure function of what its cache holds. One file each.
//!
//! The driver keeps their queues and caches, does what they decide, and delays all of it by drawn times.

mod deployment;
mod endpoint_slice;
mod garbage;
pub mod gateway;
pub mod kubelet;
pub mod nodes;
mod owners;
mod pods;
pub mod quota;
mod replica_set;
mod scaler;
mod scheduler;
mod talk;
mod times;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::cache::{Cache, Change};
use crate::draw::Draw;
use crate::object::{Key, Kind, Object};

/// One request of a controller. An object with a `resourceVersion` is written only if the store still has that one.
#[derive(Clone, Debug)]
pub enum Write {
    /// POST. `metadata.generateName` works as upstream.
    Create(Object),
    /// PUT of everything but the status.
    Update(Object),
    /// PUT of the status (and, as upstream, of nothing else).
    UpdateStatus(Object),
    /// A JSON merge patch.
    Merge {
        /// Kind.
        kind: Kind,
        /// Which one.
        key: Key,
        /// `status` or `scale`, or nothing.
        subresource: Option<&'static str>,
        /// The patch.
        patch: Value,
    },
    /// DELETE, of this very object only when the uid is given.
    Delete {
        /// Kind.
        kind: Kind,
        /// Which one.
        key: Key,
        /// Its uid.
        uid: Option<String>,
        /// `gracePeriodSeconds`; a pod with none given gets that of its spec.
        grace: Option<i64>,
    },
    /// An event about an object. Nobody waits for it, and its failure matters to nobody.
    Event {
        /// About what.
        about: Object,
        /// `Normal` or `Warning`.
        level: &'static str,
        /// Reason, in one word.
        reason: String,
        /// What happened.
        message: String,
    },
}

/// Why the API server refused a write.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub code: u16,
    /// The reason, as `AlreadyExists` or `Conflict`.
    pub reason: String,
    /// The server's sentence.
    pub message: String,
}

/// What is done with the rest of a [`Sync`] after an answer.
#[derive(Clone, Debug)]
pub enum Next {
    /// The next write.
    Continue,
    /// These, and then the rest: what is written depends on the answers.
    Then(Vec<Write>),
    /// Leave the rest and look at the same key again, later each time, as the work queue does.
    Again,
    /// Leave the rest; nothing is due.
    Stop,
    /// Leave the rest, and look again after this time (`AddAfter` of the work queue).
    After(Duration),
}

/// What one look at a key came to.
#[derive(Clone, Debug, Default)]
pub struct Sync {
    /// Done one after the other, each after a drawn time.
    pub writes: Vec<Write>,
    /// Look again after this time (`AddAfter` of the work queue).
    pub again_after: Option<Duration>,
}

/// A controller: decides, and does nothing itself.
pub trait Controller {
    /// Its name, in the trace and as the manager of fields.
    fn name(&self) -> &'static str;

    /// What its cache holds.
    fn watches(&self) -> &'static [Kind];

    /// The event handlers: what a change (the cache has it by now) makes it look at. Expectations are lowered here.
    fn keys(&mut self, change: &Change, cache: &Cache) -> Vec<Key>;

    /// The look at one key.
    fn sync(&mut self, key: &Key, cache: &Cache, now: Timestamp, draw: &mut Draw) -> Sync;

    /// What the server answered to one write of a sync of this key, which is without its patch by now; what is done with the rest.
    fn answered(&mut self, _key: &Key, _write: &Write, answer: Result<Option<&Object>, &Refusal>) -> Next {
        answer.map_or(Next::Again, |_| Next::Continue)
    }

    /// Called when it starts, and again after it was killed: nothing is remembered.
    fn restarted(&mut self) {}
}

/// All that run in a cluster, in a fixed order.
pub fn all() -> Vec<Box<dyn Controller>> {
    vec![
        Box::new(deployment::Deployments::default()),
        Box::new(replica_set::ReplicaSets::default()),
        Box::new(scheduler::Scheduler),
        Box::new(kubelet::Kubelets::default()),
        Box::new(nodes::Nodes),
        Box::new(endpoint_slice::EndpointSlices::default()),
        Box::new(garbage::Garbage::default()),
        Box::new(quota::Quotas),
        Box::new(scaler::Scaler::default()),
    ]
}

/// All objects of a map that are in a namespace.
pub(crate) fn in_namespace<'a, T>(map: &'a BTreeMap<Key, T>, namespace: &str) -> impl Iterator<Item = &'a T> {
    let namespace = namespace.to_owned();
    map.range(Key::new(&namespace, "")..)
        .take_while(move |(key, _)| key.namespace == namespace)
        .map(|(_, object)| object)
}

//! Watches, and the copies that they keep: of one workload's objects ([`super::Mirror`]) or of many
//! ([`super::Fleet`]).

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use futures::stream::{BoxStream, SelectAll, StreamExt};
use kube::api::DynamicObject;
use kube::core::Status;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use serde::de::DeserializeOwned;

use crate::cluster::Cluster;
use crate::cluster::connect::chain;
use crate::cluster::kinds::Lease;
use crate::cluster::refusal::Refusal;
use crate::error::{Error, Kind};
use crate::model::{Deployment, Pod, ReplicaSet};

/// Seconds after which the server ends a watch and we start the next. A connection that died silently is
/// noticed no later.
const WATCH_SECONDS: u32 = 90;
/// For how long the first whole picture may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// All watches of one copy.
pub(super) type Changes = SelectAll<BoxStream<'static, Change>>;

/// What a watch brings.
pub(super) enum Change {
    Deployment(Event<Deployment>),
    ReplicaSet(Event<ReplicaSet>),
    Pod(Event<Pod>),
    Lease(Event<Lease>),
    /// An object that traffic goes by; the number says of which watch.
    Road(usize, Event<DynamicObject>),
    /// The watch of this kind is refused for good.
    Failed(String, Error),
}

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

/// Objects of one kind, swapped whole when a list starts again. `V` is what is kept of each.
pub(super) struct Store<V> {
    pub(super) objects: BTreeMap<Key, V>,
    incoming: BTreeMap<Key, V>,
    pub(super) complete: bool,
}

impl<V> Store<V> {
    pub(super) fn new() -> Self {
        Self { objects: BTreeMap::new(), incoming: BTreeMap::new(), complete: false }
    }

    /// A store that was read at once.
    pub(super) fn of(objects: Vec<(Key, V)>) -> Self {
        Self { objects: objects.into_iter().collect(), incoming: BTreeMap::new(), complete: true }
    }

    /// Returns the objects of a group.
    pub(super) fn group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a V> {
        let from = (group.to_owned(), String::new());
        self.objects.range(from..).take_while(move |((one, _), _)| one == group).map(|(_, object)| object)
    }

    /// Takes an event in.
    pub(super) fn apply<K: Kept>(&mut self, event: Event<K>, keep: impl Fn(K) -> V) -> Touched {
        match event {
            Event::Init => self.incoming.clear(),
            Event::InitApply(object) => {
                self.incoming.insert(key(&object), keep(object));
            }
            Event::InitDone => {
                self.objects = std::mem::take(&mut self.incoming);
                self.complete = true;
                return Touched::All;
            }
            Event::Apply(object) => {
                let key = key(&object);
                self.objects.insert(key.clone(), keep(object));
                return Touched::One(key);
            }
            Event::Delete(object) => {
                let key = key(&object);
                self.objects.remove(&key);
                return Touched::One(key);
            }
        }
        Touched::Nothing
    }
}

pub(super) fn key<K: Kept>(object: &K) -> Key {
    (object.group(), object.name_any())
}

/// Returns how all watches are set.
pub(super) fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS)
}

/// Watches one kind, of all namespaces or of ours. Errors that time may heal are waited out; one that it cannot
/// is the stream's last.
pub(super) fn watch<K: Kept>(
    cluster: &Cluster,
    all: bool,
    config: watcher::Config,
    change: fn(Event<K>) -> Change,
) -> BoxStream<'static, Change> {
    let client = cluster.client.clone();
    let (api, place): (Api<K>, String) = if all {
        (Api::all(client), "all namespaces".into())
    } else {
        (Api::namespaced(client, &cluster.namespace), format!("namespace {}", cluster.namespace))
    };
    watch_api(api, config, K::PLURAL, &place, change)
}

/// The same for any kind.
pub(super) fn watch_api<K>(
    api: Api<K>,
    config: watcher::Config,
    plural: &str,
    place: &str,
    change: impl Fn(Event<K>) -> Change + Send + 'static,
) -> BoxStream<'static, Change>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let what = format!("watch {plural} in {place}");
    let plural = plural.to_owned();
    let namespace = place.strip_prefix("namespace ").unwrap_or("NAMESPACE").to_owned();
    watcher(api, config)
        .backoff(Patience(Duration::from_millis(100)))
        .scan(false, move |ended, result| {
            if *ended {
                return futures::future::ready(None);
            }
            let change = match result {
                Ok(event) => Some(change(event)),
                Err(error) => for_good(&error).map(|status| {
                    *ended = true;
                    let refusal = Refusal::of(status.code, &status.reason, &status.message);
                    let mut error = Error::new(Kind::Cluster, format!("{what}: {}", chain(&error)));
                    error.next.extend(refusal.next(&namespace));
                    Change::Failed(plural.clone(), error)
                }),
            };
            futures::future::ready(Some(change))
        })
        .filter_map(futures::future::ready)
        .boxed()
}

/// Returns the answer that is going to be the same the next time.
fn for_good(error: &watcher::Error) -> Option<&Status> {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))
    | watcher::Error::WatchError(status)) = error
    else {
        return None;
    };
    is_final(status.code).then_some(status)
}

/// Whether the same request will be refused again. 409 and 410 ask for a new list, 408 and 429 for patience.
fn is_final(code: u16) -> bool {
    (400..500).contains(&code) && !matches!(code, 408 | 409 | 410 | 429)
}

/// Back-off of a watch: short, because a verdict waits for it. The library's own starts at 0.8 s.
#[derive(Clone)]
struct Patience(Duration);

impl Iterator for Patience {
    type Item = Duration;

    fn next(&mut self) -> Option<Self::Item> {
        let now = self.0;
        self.0 = (now * 2).min(Duration::from_secs(5));
        Some(now)
    }
}

impl kube::runtime::utils::Backoff for Patience {
    fn reset(&mut self) {
        self.0 = Duration::from_millis(100);
    }
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
    fn what_is_refused_for_good_is_not_asked_again() {
        for (code, wanted) in [(400, true), (401, true), (403, true), (404, true), (405, true), (422, true)]
            .into_iter()
            .chain([408, 409, 410, 429, 500, 503, 0].map(|code| (code, false)))
        {
            assert_eq!(is_final(code), wanted, "{code}");
        }
    }

    #[test]
    fn objects_are_found_by_their_owner_and_no_other() {
        let mut store = Store::new();
        for (name, owner) in [("b", "u1"), ("a", "u1"), ("c", "u10"), ("d", "u")] {
            store.apply(Event::Apply(pod(name, owner)), |pod| pod);
        }
        assert_eq!(names(&store, "u1"), ["a", "b"]);
        assert_eq!(names(&store, "u2"), [""; 0]);
        let touched = store.apply(Event::Delete(pod("a", "u1")), |pod| pod);
        assert_eq!(touched, Touched::One(("u1".into(), "a".into())));
        assert_eq!(names(&store, "u1"), ["b"]);
    }

    #[test]
    fn a_list_that_comes_anew_replaces_all_at_its_end() {
        let mut store = Store::of(vec![(("u1".into(), "old".into()), pod("old", "u1"))]);
        store.apply(Event::Init, |pod: Pod| pod);
        assert_eq!(store.apply(Event::InitApply(pod("new", "u1")), |pod| pod), Touched::Nothing);
        assert_eq!(names(&store, "u1"), ["old"]);
        assert_eq!(store.apply(Event::InitDone, |pod: Pod| pod), Touched::All);
        assert_eq!(names(&store, "u1"), ["new"]);
    }
}

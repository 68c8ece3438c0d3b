//! A live copy of one workload's objects, kept by watches on exactly these.

use std::collections::BTreeMap;
use std::fmt::Debug;

use futures::stream::{BoxStream, SelectAll, StreamExt};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use serde::de::DeserializeOwned;

use crate::cluster::Cluster;
use crate::cluster::connect::chain;
use crate::cluster::objects::labels;
use crate::error::{Error, Kind};
use crate::model::{Deployment, Observed, Pod, ReplicaSet};

/// Seconds after which the server ends a watch and we start the next. A connection that died silently is
/// noticed no later.
const WATCH_SECONDS: u32 = 90;

/// The live copy.
pub(crate) struct Mirror {
    changes: SelectAll<BoxStream<'static, Change>>,
    deployments: Store<Deployment>,
    replica_sets: Store<ReplicaSet>,
    pods: Store<Pod>,
    /// What our own write returned: older events of the watch must not take it back.
    newest: Option<Deployment>,
}

enum Change {
    Deployment(Event<Deployment>),
    ReplicaSet(Event<ReplicaSet>),
    Pod(Event<Pod>),
    Failed(Error),
}

/// Objects of one kind by name, swapped whole when a list starts again.
struct Store<K> {
    objects: BTreeMap<String, K>,
    incoming: BTreeMap<String, K>,
    complete: bool,
}

impl<K: ResourceExt> Store<K> {
    fn new() -> Self {
        Self { objects: BTreeMap::new(), incoming: BTreeMap::new(), complete: false }
    }

    fn apply(&mut self, event: Event<K>) {
        match event {
            Event::Init => self.incoming.clear(),
            Event::InitApply(object) => {
                self.incoming.insert(object.name_any(), object);
            }
            Event::InitDone => {
                self.objects = std::mem::take(&mut self.incoming);
                self.complete = true;
            }
            Event::Apply(object) => {
                self.objects.insert(object.name_any(), object);
            }
            Event::Delete(object) => {
                self.objects.remove(&object.name_any());
            }
        }
    }
}

impl Mirror {
    /// Starts the watches and waits for the first whole picture.
    pub(crate) async fn start(cluster: &Cluster, name: &str) -> Result<Self, Error> {
        let mut mirror = Self {
            changes: SelectAll::new(),
            deployments: Store::new(),
            replica_sets: Store::new(),
            pods: Store::new(),
            newest: None,
        };
        let only = watcher::Config::default().timeout(WATCH_SECONDS).fields(&format!("metadata.name={name}"));
        mirror.changes.push(watch(cluster, only, Change::Deployment));
        mirror.until(|mirror| mirror.deployments.complete).await?;
        let Some(deployment) = mirror.deployments.objects.get(name) else {
            return Err(cluster.not_found(name).await);
        };
        let selected =
            watcher::Config::default().timeout(WATCH_SECONDS).labels(&labels(&deployment.spec.selector)?);
        mirror.changes.push(watch(cluster, selected.clone(), Change::ReplicaSet));
        mirror.changes.push(watch(cluster, selected, Change::Pod));
        mirror.until(|mirror| mirror.replica_sets.complete && mirror.pods.complete).await?;
        Ok(mirror)
    }

    /// Waits for the next change.
    pub(crate) async fn changed(&mut self) -> Result<(), Error> {
        match self.changes.next().await {
            Some(Change::Deployment(event)) => self.deployments.apply(event),
            Some(Change::ReplicaSet(event)) => self.replica_sets.apply(event),
            Some(Change::Pod(event)) => self.pods.apply(event),
            Some(Change::Failed(error)) => return Err(error),
            None => return Err(Error::new(Kind::Cluster, "the watches ended")),
        }
        Ok(())
    }

    /// Takes the answer to a write or read of ours in at once.
    pub(crate) fn learn(&mut self, deployment: Deployment) {
        self.newest = Some(deployment);
    }

    /// Takes the answer to a read of ours in at once.
    pub(crate) fn learn_replica_sets(&mut self, replica_sets: Vec<ReplicaSet>) {
        self.replica_sets.objects = replica_sets.into_iter().map(|rs| (rs.name_any(), rs)).collect();
    }

    /// Returns the picture, without lock and journal; `None` if the Deployment is gone or is another one.
    pub(crate) fn observed(&mut self, uid: Option<&str>) -> Option<Observed> {
        let watched = self.deployments.objects.values().next()?;
        // The newest by generation; at equal ones the watch, because its status moves on.
        let deployment = match &self.newest {
            Some(newest) if newest.uid() == watched.uid() && newest.generation() > watched.generation() => {
                newest
            }
            _ => watched,
        };
        if uid.is_some_and(|uid| uid != deployment.uid()) {
            return None;
        }
        let uid = deployment.uid();
        let replica_sets =
            self.replica_sets.objects.values().filter(|rs| rs.is_owned_by(uid)).cloned().collect();
        Some(Observed {
            deployment: deployment.clone(),
            replica_sets,
            pods: self.pods.objects.values().cloned().collect(),
            journal: None,
            lock: None,
        })
    }

    async fn until(&mut self, reached: impl Fn(&Self) -> bool) -> Result<(), Error> {
        let waiting = async {
            while !reached(self) {
                self.changed().await?;
            }
            Ok(())
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), waiting)
            .await
            .map_err(|_| Error::new(Kind::Cluster, "reading the workload: no answer within 60 s"))?
    }
}

/// Watches one kind. Errors that time may heal are waited out; those that it cannot end the stream's use.
fn watch<K>(
    cluster: &Cluster,
    config: watcher::Config,
    change: fn(Event<K>) -> Change,
) -> BoxStream<'static, Change>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + 'static,
{
    let api: Api<K> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let what = format!("watch {} in namespace {}", K::plural(&()), cluster.namespace);
    watcher(api, config)
        .backoff(Patience(std::time::Duration::from_millis(100)))
        .filter_map(move |result| {
            let change = match result {
                Ok(event) => Some(change(event)),
                Err(error) => for_good(&error).then(|| {
                    Change::Failed(
                        Error::new(Kind::Cluster, format!("{what}: {}", chain(&error)))
                            .next("kubectl auth can-i --list"),
                    )
                }),
            };
            futures::future::ready(change)
        })
        .boxed()
}

fn for_good(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))
    | watcher::Error::WatchError(status)) = error
    else {
        return false;
    };
    matches!(status.code, 401 | 403 | 404)
}

/// Back-off of a watch: short, because a verdict waits for it. The library's own starts at 0.8 s.
#[derive(Clone)]
struct Patience(std::time::Duration);

impl Iterator for Patience {
    type Item = std::time::Duration;

    fn next(&mut self) -> Option<Self::Item> {
        let now = self.0;
        self.0 = (now * 2).min(std::time::Duration::from_secs(5));
        Some(now)
    }
}

impl kube::runtime::utils::Backoff for Patience {
    fn reset(&mut self) {
        self.0 = std::time::Duration::from_millis(100);
    }
}

//! A copy of many workloads' objects: read once, or kept live by one watch for each kind, however many
//! workloads there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;

use futures::future::try_join3;
use futures::stream::StreamExt;

use crate::cluster::Cluster;
use crate::cluster::call::senseless;
use crate::cluster::objects::labels;
use crate::cluster::store::{Kept, Key, Store, Touched, key};
use crate::cluster::watches::{self, Change, Changes, PATIENCE, config, watch};
use crate::error::{Error, Kind};
use crate::journal::{Lease, lease_name};
use crate::keys::MANAGED_BY;
use crate::model::{
    DEPLOYMENT, Deployment, ObjectName, Packed, Pod, ReplicaSet, Siblings, Templated, Texts, resource,
};
use crate::situation::Observed;

/// Finds our Leases.
fn ours() -> String {
    format!("{MANAGED_BY}=rollout-plus")
}

/// Which workloads.
#[derive(Clone, Debug)]
pub(crate) enum Scope {
    /// One, by its name.
    One(String),
    /// Those of all namespaces or of ours that have these labels.
    Many { all: bool, labels: Option<String> },
}

impl Scope {
    pub(crate) const fn everywhere(&self) -> bool {
        matches!(self, Self::Many { all: true, .. })
    }
}

/// The copy. There may be ten thousand workloads, so most of it is text until it is looked at.
pub(crate) struct Fleet {
    changes: Changes,
    texts: Texts,
    deployments: Store<Packed<Deployment>>,
    replica_sets: Store<Packed<ReplicaSet>>,
    pods: Store<Arc<Pod>>,
    leases: Store<Box<str>>,
    /// Where a Deployment is found by its uid.
    by_uid: BTreeMap<String, Key>,
    /// The Deployment of each ReplicaSet, by uid.
    owners: BTreeMap<String, String>,
    touched: BTreeSet<Key>,
}

impl Fleet {
    fn new() -> Self {
        Self {
            changes: watches::none(),
            texts: Texts::default(),
            deployments: Store::new(),
            replica_sets: Store::new(),
            pods: Store::new(),
            leases: Store::new(),
            by_uid: BTreeMap::new(),
            owners: BTreeMap::new(),
            touched: BTreeSet::new(),
        }
    }

    /// Reads all kinds at once, page by page.
    pub(crate) async fn read(cluster: &Cluster, all: bool, labels: Option<&str>) -> Result<Self, Error> {
        let mut fleet = Self::new();
        let sets = async {
            let Self { texts, deployments, by_uid, .. } = &mut fleet;
            let kept = |one: Deployment| Some((key(&one), Packed::of(one, texts)));
            *deployments = Store::of(cluster.list(&resource::DEPLOYMENTS, all, labels, kept).await?);
            *by_uid = index(deployments);
            let ours = |rs: ReplicaSet| {
                by_uid.contains_key(rs.owner()?).then(|| (key(&rs), reduced(deployments, by_uid, texts, rs)))
            };
            cluster.list(&resource::REPLICA_SETS, all, None, ours).await
        };
        let mut siblings = Siblings::default();
        let pods = cluster.list(&resource::PODS, all, None, |pod: Pod| {
            pod.owner().is_some().then(|| (key(&pod), siblings.shared(pod)))
        });
        let ours = ours();
        let leases = cluster.list(&resource::LEASES, all, Some(&ours), |lease: Lease| {
            Some((key(&lease), lease.packed().into()))
        });
        let (sets, pods, leases) = try_join3(sets, pods, leases).await?;
        fleet.replica_sets = Store::of(sets);
        fleet.pods = Store::of(pods);
        fleet.leases = Store::of(leases);
        Ok(fleet)
    }

    /// Starts the watches and waits for the first whole picture, of which every workload is new.
    pub(crate) async fn watch(cluster: &Cluster, scope: &Scope) -> Result<Self, Error> {
        let mut fleet = Self::new();
        let all = scope.everywhere();
        let (mut which, mut made, mut locks) = (config(), config(), config().labels(&ours()));
        match scope {
            Scope::One(name) => {
                which = which.fields(&format!("metadata.name={name}"));
                locks = config().fields(&format!("metadata.name={}", lease_name(DEPLOYMENT.names(), name)));
            }
            Scope::Many { labels: Some(labels), .. } => which = which.labels(labels),
            Scope::Many { .. } => {}
        }
        fleet.changes.get_mut().push(watch(cluster, all, which, Change::Deployment));
        if let Scope::One(name) = scope {
            fleet.until(|fleet| fleet.deployments.complete).await?;
            let Some((_, deployment)) = fleet.deployments.iter().next() else {
                return Err(cluster.not_found(name).await);
            };
            made = made.labels(&labels(&unpacked(name, deployment)?.spec.selector)?);
        }
        let changes = fleet.changes.get_mut();
        changes.push(watch(cluster, all, made.clone(), Change::ReplicaSet));
        changes.push(watch(cluster, all, made, Change::Pod));
        changes.push(watch(cluster, all, locks, Change::Lease));
        let complete = |fleet: &Self| {
            fleet.deployments.complete
                && fleet.replica_sets.complete
                && fleet.pods.complete
                && fleet.leases.complete
        };
        fleet.until(complete).await?;
        Ok(fleet)
    }

    /// Waits for the next change, and takes all in that there is by then.
    pub(crate) async fn changed(&mut self) -> Result<(), Error> {
        let Some(changes) = self.changes.next().await else {
            return Err(Error::new(Kind::Cluster, "the watches ended"));
        };
        changes.into_iter().try_for_each(|change| self.take(change))
    }

    fn take(&mut self, change: Change) -> Result<(), Error> {
        match change {
            Change::Deployment(event) => {
                let Self { texts, deployments, .. } = self;
                let touched = deployments.apply(event, |object, _| Packed::of(object, texts));
                match &touched {
                    Touched::One(key) => match self.deployments.get(key) {
                        Some(one) => drop(self.by_uid.insert(one.uid().to_owned(), key.clone())),
                        None => self.by_uid.retain(|_, known| known != key),
                    },
                    Touched::All => self.by_uid = index(&self.deployments),
                    Touched::Nothing => {}
                }
                self.touch(touched, |_, key| Some(key));
            }
            Change::ReplicaSet(event) => {
                let Self { deployments, by_uid, owners, texts, .. } = self;
                let touched = self.replica_sets.apply(event, |rs, _| reduced(deployments, by_uid, texts, rs));
                match &touched {
                    Touched::One(key) => {
                        let known = self.replica_sets.get(key).map(|rs| (rs.uid().to_owned(), key.0.clone()));
                        owners.extend(known);
                    }
                    Touched::All => {
                        let owner =
                            |(key, rs): (&Key, &Packed<ReplicaSet>)| (rs.uid().to_owned(), key.0.clone());
                        *owners = self.replica_sets.iter().map(owner).collect();
                    }
                    Touched::Nothing => {}
                }
                self.touch(touched, |fleet, (owner, _)| fleet.by_uid.get(&owner).cloned());
            }
            Change::Pod(event) => {
                let touched = self.pods.apply(event, |pod, _| slim(pod));
                self.touch(touched, |fleet, (set, _)| fleet.by_uid.get(fleet.owners.get(&set)?).cloned());
            }
            Change::Lease(event) => {
                let touched = self.leases.apply(event, |lease, _| lease.packed().into());
                self.touch(touched, |_, (namespace, lease)| {
                    Some((namespace, lease.strip_prefix(&lease_name(DEPLOYMENT.names(), ""))?.to_owned()))
                });
            }
            Change::TrafficObject(..) => {}
            // Without them it is not known who holds a lock; a hold itself stands on the Deployment.
            Change::Failed(kind, _) if kind == Lease::PLURAL => self.leases.complete = true,
            Change::Failed(_, error) => return Err(error),
        }
        Ok(())
    }

    /// Whether there are workloads that changed since they were last taken.
    pub(crate) fn is_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Returns the workloads that changed, those that are gone included.
    pub(crate) fn take_touched(&mut self) -> Vec<ObjectName> {
        std::mem::take(&mut self.touched)
            .into_iter()
            .map(|(namespace, name)| ObjectName::new(DEPLOYMENT, namespace, name))
            .collect()
    }

    /// Returns all workloads by namespace and name.
    pub(crate) fn names(&self) -> impl Iterator<Item = ObjectName> {
        let name = |(namespace, name): &Key| ObjectName::new(DEPLOYMENT, namespace.clone(), name.clone());
        self.deployments.iter().map(move |(key, _)| name(key))
    }

    /// Whether there is such a workload.
    pub(crate) fn contains(&self, id: &ObjectName) -> bool {
        self.deployments.get(&(id.namespace.clone(), id.name.clone())).is_some()
    }

    /// Returns a workload as it is now; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn observed(&self, id: &ObjectName) -> Result<Option<Observed>, Error> {
        let Some(deployment) = self.deployments.get(&(id.namespace.clone(), id.name.clone())) else {
            return Ok(None);
        };
        let sets = || self.replica_sets.group(deployment.uid());
        let lease = self.leases.get(&(id.namespace.clone(), lease_name(id.kind, &id.name)));
        let lease =
            lease.map(|lease| Lease::record(lease).map_err(|error| senseless(&id.to_string(), &error)));
        let written = lease.transpose()?;
        Ok(Some(Observed {
            workload: unpacked(id, deployment)?.0,
            revisions: sets().map(|set| Ok(unpacked(id, set)?.0)).collect::<Result<_, Error>>()?,
            pods: sets().flat_map(|set| self.pods.group(set.uid())).cloned().collect(),
            passed: Vec::new(),
            journal: written.as_ref().and_then(|written| written.journal.clone()),
            fault: written.as_ref().and_then(|written| written.fault.clone()),
            lock: written.map(|written| written.lock),
            traffic: None,
            traffic_objects: crate::traffic::TrafficObjects::default(),
        }))
    }

    fn touch(&mut self, touched: Touched, workload: impl Fn(&Self, Key) -> Option<Key>) {
        match touched {
            Touched::Nothing => {}
            Touched::One(key) => {
                let workload = workload(self, key);
                self.touched.extend(workload);
            }
            // Whoever follows them asks which are gone.
            Touched::All => self.touched.extend(self.deployments.iter().map(|(key, _)| key.clone())),
        }
    }

    async fn until(&mut self, reached: impl Fn(&Self) -> bool) -> Result<(), Error> {
        let waiting = async {
            while !reached(self) {
                self.changed().await?;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .map_err(|_| Error::new(Kind::Cluster, "reading the workloads: no answer within 60 s"))?
    }
}

fn index(deployments: &Store<Packed<Deployment>>) -> BTreeMap<String, Key> {
    deployments.iter().map(|(key, one)| (one.uid().to_owned(), key.clone())).collect()
}

fn unpacked<K: Templated>(what: &impl Display, packed: &Packed<K>) -> Result<K, Error> {
    packed.unpacked().map_err(|error| senseless(&what.to_string(), &error))
}

/// What only explains a pod that is not Ready is let go.
fn slim(mut pod: Pod) -> Arc<Pod> {
    pod.reduce();
    Arc::new(pod)
}

/// If an old version comes back, the controller touches it, and that brings it whole.
fn reduced(
    deployments: &Store<Packed<Deployment>>,
    by_uid: &BTreeMap<String, Key>,
    texts: &mut Texts,
    set: ReplicaSet,
) -> Packed<ReplicaSet> {
    let owner = set.owner().and_then(|uid| deployments.get(by_uid.get(uid)?));
    Packed::version(set, owner, texts)
}

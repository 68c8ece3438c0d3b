//! A live copy of one workload's objects, kept by watches on exactly these.

use futures::stream::StreamExt;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::cluster::objects::labels;
use crate::cluster::roads::RoadStore;
use crate::cluster::watches::{Change, Changes, PATIENCE, Store, config, key, watch};
use crate::error::{Error, Kind};
use crate::model::{Deployment, Observed, Pod, ReplicaSet};
use crate::traffic::{Roads, Target, Traffic};

/// The live copy.
pub(crate) struct Mirror {
    changes: Changes,
    deployments: Store<Deployment>,
    replica_sets: Store<ReplicaSet>,
    pods: Store<Pod>,
    roads: RoadStore,
    /// What our own write or read returned: older events of the watch must not take it back.
    newest: Option<Deployment>,
}

impl Mirror {
    fn empty() -> Self {
        Self {
            changes: Changes::new(),
            deployments: Store::new(),
            replica_sets: Store::new(),
            pods: Store::new(),
            roads: RoadStore::default(),
            newest: None,
        }
    }

    /// Starts the watches and waits for the first whole picture.
    pub(crate) async fn start(cluster: &Cluster, name: &str) -> Result<Self, Error> {
        let mut mirror = Self::empty();
        let only = config().fields(&format!("metadata.name={name}"));
        mirror.changes.push(watch(cluster, false, only, Change::Deployment));
        mirror.until(|mirror| mirror.deployments.complete).await?;
        let Some(deployment) = mirror.deployments.objects.values().next() else {
            return Err(cluster.not_found(name).await);
        };
        let selected = config().labels(&labels(&deployment.spec.selector)?);
        mirror.changes.push(watch(cluster, false, selected.clone(), Change::ReplicaSet));
        mirror.changes.push(watch(cluster, false, selected, Change::Pod));
        mirror.until(|mirror| mirror.replica_sets.complete && mirror.pods.complete).await?;
        Ok(mirror)
    }

    /// Watches what the workload's traffic goes by, too, and waits for the first whole picture.
    pub(crate) async fn follow(&mut self, cluster: &Cluster, traffic: &Traffic) -> Result<(), Error> {
        self.roads = RoadStore::default();
        for stream in self.roads.start(cluster, traffic) {
            self.changes.push(stream);
        }
        self.until(|mirror| mirror.roads.is_complete()).await
    }

    /// Takes the answer to a write of ours to a route or Service in at once.
    pub(crate) fn learn_road(&mut self, target: &Target, value: Value) {
        self.roads.learn(target.clone(), value);
    }

    /// Takes note that an object of ours is deleted.
    pub(crate) fn forget_road(&mut self, target: &Target) {
        self.roads.forget(target);
    }

    /// Takes a whole new picture of the roads in, as it was read.
    pub(crate) fn renew_roads(&mut self, roads: Roads) {
        self.roads.renew(roads);
    }

    /// Waits for the next change.
    pub(crate) async fn changed(&mut self) -> Result<(), Error> {
        match self.changes.next().await {
            Some(Change::Deployment(event)) => drop(self.deployments.apply(event, |object| object)),
            Some(Change::ReplicaSet(event)) => drop(self.replica_sets.apply(event, |object| object)),
            Some(Change::Pod(event)) => drop(self.pods.apply(event, |object| object)),
            Some(Change::Road(index, event)) => self.roads.apply(index, event),
            Some(Change::Lease(_)) => {}
            Some(Change::Failed(_, error)) => return Err(error),
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
        self.replica_sets.objects = replica_sets.into_iter().map(|rs| (key(&rs), rs)).collect();
    }

    /// Takes a whole new picture in, as it was read: a watch may have died silently.
    pub(crate) fn renew(&mut self, deployment: Deployment, replica_sets: Vec<ReplicaSet>, pods: Vec<Pod>) {
        self.deployments.objects = [(key(&deployment), deployment.clone())].into();
        // Events from before the reading may still come.
        self.newest = Some(deployment);
        self.learn_replica_sets(replica_sets);
        self.pods.objects = pods.into_iter().map(|pod| (key(&pod), pod)).collect();
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
        let replica_sets = self.replica_sets.group(uid).cloned().collect();
        Some(Observed {
            deployment: deployment.clone(),
            replica_sets,
            pods: self.pods.objects.values().cloned().collect(),
            journal: None,
            lock: None,
            traffic: None,
            roads: self.roads.roads(),
        })
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
            .map_err(|_| Error::new(Kind::Cluster, "reading the workload: no answer within 60 s"))?
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;

    use super::*;
    use crate::model::fixtures::{held, idle};

    #[test]
    fn an_event_from_before_a_reading_takes_nothing_back() {
        let mut mirror = Mirror::empty();
        let (old, mut new) = (idle().deployment, held().deployment);
        new.metadata.generation = Some(old.generation() + 1);
        mirror.renew(new.clone(), Vec::new(), Vec::new());
        mirror.deployments.apply(Event::Apply(old), |object| object);
        assert_eq!(mirror.observed(None).unwrap().deployment.generation(), new.generation());
    }
}

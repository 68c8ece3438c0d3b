//! A live copy of one workload's objects, kept by watches on exactly these.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::StreamExt;
use jiff::Timestamp;
use kube::runtime::watcher::Event;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::cluster::objects::labels;
use crate::cluster::ready::Ready;
use crate::cluster::store::{Store, key};
use crate::cluster::traffic_objects::TrafficStore;
use crate::cluster::watches::{self, Change, Changes, PATIENCE, config, watch};
use crate::error::{Error, Kind};
use crate::model::{Deployment, Pod, ReplicaSet};
use crate::situation::Observed;
use crate::traffic::{Target, Traffic, TrafficObjects};

/// A pod, and what is derived of it when it changes, not when it is looked at.
struct Seen {
    pod: Arc<Pod>,
    ready: Ready,
}

impl Seen {
    fn of(pod: Pod, before: Option<&Self>) -> Self {
        let before = before.filter(|before| before.pod.uid() == pod.uid());
        let ready = Ready::of(&pod, before.map(|before| before.ready));
        Self { pod: Arc::new(pod), ready }
    }
}

/// The live copy.
pub(crate) struct WorkloadCache {
    changes: Changes,
    deployments: Store<Deployment>,
    replica_sets: Store<ReplicaSet>,
    pods: Store<Seen>,
    /// What pods were between two looks.
    passed: Vec<Arc<Pod>>,
    traffic_objects: TrafficStore,
    /// Whether something changed since the last look.
    touched: bool,
}

impl WorkloadCache {
    fn empty() -> Self {
        Self {
            changes: watches::none(),
            deployments: Store::new(),
            replica_sets: Store::new(),
            pods: Store::new(),
            passed: Vec::new(),
            traffic_objects: TrafficStore::default(),
            touched: false,
        }
    }

    /// Starts the watches and waits for the first whole picture.
    pub(crate) async fn start(cluster: &Cluster, name: &str) -> Result<Self, Error> {
        let mut cache = Self::empty();
        let only = config().fields(&format!("metadata.name={name}"));
        cache.changes.get_mut().push(watch(cluster, false, only, Change::Deployment));
        cache.until(|cache| cache.deployments.complete).await?;
        let Some((_, deployment)) = cache.deployments.iter().next() else {
            return Err(cluster.not_found(name).await);
        };
        let selected = config().labels(&labels(&deployment.spec.selector)?);
        let changes = cache.changes.get_mut();
        changes.push(watch(cluster, false, selected.clone(), Change::ReplicaSet));
        changes.push(watch(cluster, false, selected, Change::Pod));
        cache.until(|cache| cache.replica_sets.complete && cache.pods.complete).await?;
        Ok(cache)
    }

    /// Watches what the workload's traffic goes by, too, and waits for the first whole picture.
    pub(crate) async fn follow(&mut self, cluster: &Cluster, traffic: &Traffic) -> Result<(), Error> {
        self.traffic_objects = TrafficStore::default();
        for stream in self.traffic_objects.start(cluster, traffic) {
            self.changes.get_mut().push(stream);
        }
        self.until(|cache| cache.traffic_objects.is_complete()).await
    }

    /// Takes the answer to a write of ours to a route or Service in at once.
    pub(crate) fn learn_traffic_object(&mut self, target: &Target, value: Value) {
        self.traffic_objects.learn(target.clone(), value);
    }

    /// Takes note that an object of ours is deleted.
    pub(crate) fn forget_traffic_object(&mut self, target: &Target) {
        self.traffic_objects.forget(target);
    }

    /// Takes a whole new picture of the objects that traffic goes by in, as it was read.
    pub(crate) fn renew_traffic_objects(&mut self, traffic_objects: TrafficObjects) {
        self.traffic_objects.renew(traffic_objects);
    }

    /// Waits for the next change, and takes all in that there is by then.
    pub(crate) async fn changed(&mut self) -> Result<(), Error> {
        let Some(changes) = self.changes.next().await else {
            return Err(Error::new(Kind::Cluster, "the watches ended"));
        };
        self.touched = true;
        changes.into_iter().try_for_each(|change| self.take(change))
    }

    fn take(&mut self, change: Change) -> Result<(), Error> {
        match change {
            Change::Deployment(event) => drop(self.deployments.apply(event, |object, _| object)),
            Change::ReplicaSet(event) => drop(self.replica_sets.apply(event, |object, _| object)),
            Change::Pod(event) => self.take_pod(event),
            Change::TrafficObject(index, event) => self.traffic_objects.apply(index, event),
            Change::Lease(_) => {}
            Change::Failed(_, error) => return Err(error),
        }
        Ok(())
    }

    fn take_pod(&mut self, event: Event<Pod>) {
        if let Event::Apply(pod) | Event::Delete(pod) = &event
            && let Some(before) = self.pods.get(&key(pod))
        {
            self.passed.push(Arc::clone(&before.pod));
        }
        self.pods.apply(event, Seen::of);
    }

    /// Whether something changed since the picture was last taken.
    pub(crate) fn is_touched(&self) -> bool {
        self.touched
    }

    /// Returns for how long a pod has been Ready. `server` is what the API server's clock shows at least.
    pub(crate) fn ready_for(&self, pod: &Pod, server: Option<Timestamp>) -> Option<Duration> {
        let seen = self.pods.get(&key(pod)).filter(|seen| seen.pod.uid() == pod.uid())?;
        seen.ready.age(server)
    }

    /// Takes the answer to a write or read of ours in at once.
    pub(crate) fn learn(&mut self, deployment: Deployment) {
        self.deployments.learn(deployment, |object, _| object);
    }

    /// Takes the answer to a read of ours in at once.
    pub(crate) fn learn_replica_sets(&mut self, replica_sets: Vec<ReplicaSet>) {
        self.replica_sets.renew(replica_sets, |object, _| object);
    }

    /// Takes a whole new picture in, as it was read: a watch may have died silently.
    pub(crate) fn renew(&mut self, deployment: Deployment, replica_sets: Vec<ReplicaSet>, pods: Vec<Pod>) {
        self.deployments.renew(vec![deployment], |object, _| object);
        self.learn_replica_sets(replica_sets);
        self.pods.renew(pods, Seen::of);
    }

    /// Returns the picture, without lock and journal; `None` if the Deployment is gone or is another one.
    pub(crate) fn observed(&mut self, uid: Option<&str>) -> Option<Observed> {
        let (_, deployment) = self.deployments.iter().next()?;
        if uid.is_some_and(|uid| uid != deployment.uid()) {
            return None;
        }
        let uid = deployment.uid();
        let revisions = self.replica_sets.group(uid).map(|ReplicaSet(revision)| revision.clone()).collect();
        self.touched = false;
        Some(Observed {
            workload: deployment.0.clone(),
            revisions,
            pods: self.pods.iter().map(|(_, seen)| Arc::clone(&seen.pod)).collect(),
            passed: std::mem::take(&mut self.passed),
            journal: None,
            lock: None,
            fault: None,
            traffic: None,
            traffic_objects: self.traffic_objects.traffic_objects(),
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
    use futures::stream::iter;
    use serde_json::json;

    use super::*;
    use crate::health::{Tolerances, View, Watch};
    use crate::situation::Situation;
    use rollout_plus_core::fixtures::{held, idle};

    fn at<K: kube::Resource>(mut object: K, version: u64) -> K {
        object.meta_mut().resource_version = Some(version.to_string());
        object
    }

    fn pod(name: &str, version: u64, ready: bool, restarts: u32) -> Pod {
        let truth = if ready { "True" } else { "False" };
        let ended = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
        let pod = json!({
            "metadata": {"name": name, "uid": name, "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-web-2", "uid": "web-2", "controller": true}]},
            "spec": {"containers": [{"name": "web"}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": truth}], "containerStatuses": [
                {"name": "web", "ready": ready, "restartCount": restarts, "state": {"running": {}},
                 "lastState": if restarts > 0 { ended } else { json!({}) }}]},
        });
        at(serde_json::from_value(pod).unwrap(), version)
    }

    /// A copy of the held workload, and what is to come.
    fn cache(changes: Vec<Change>) -> WorkloadCache {
        let mut cache = WorkloadCache::empty();
        let sets = held().revisions.into_iter().map(ReplicaSet).collect();
        cache.renew(at(Deployment(held().workload), 1), sets, Vec::new());
        cache.changes.get_mut().push(iter(changes).chain(futures::stream::pending()).boxed());
        cache
    }

    #[test]
    fn an_event_from_before_a_reading_takes_nothing_back() {
        let mut cache = WorkloadCache::empty();
        let (old, mut new) = (at(Deployment(idle().workload), 99), at(Deployment(held().workload), 100));
        // The status moves on without a new generation.
        new.metadata.generation = old.metadata.generation;
        cache.renew(new.clone(), Vec::new(), vec![pod("a", 100, true, 0)]);
        cache.take(Change::Deployment(Event::Apply(old))).unwrap();
        cache.take(Change::Pod(Event::Apply(pod("a", 98, false, 0)))).unwrap();
        let observed = cache.observed(None).unwrap();
        assert_eq!(observed.workload.spec, new.spec);
        assert!(observed.pods[0].is_ready());
    }

    #[tokio::test]
    async fn all_that_is_there_is_taken_in_before_one_look() {
        let changes = (0..300).map(|n| Change::Pod(Event::Apply(pod(&format!("p{n}"), 2, true, 0))));
        let mut cache = cache(changes.collect());
        cache.changed().await.unwrap();
        assert!(cache.is_touched());
        assert_eq!(cache.observed(None).unwrap().pods.len(), 300);
        assert!(!cache.is_touched());
    }

    #[tokio::test]
    async fn a_pod_is_not_copied_for_a_look() {
        let mut cache = cache(vec![Change::Pod(Event::Apply(pod("a", 2, true, 0)))]);
        cache.changed().await.unwrap();
        let (one, other) = (cache.observed(None).unwrap(), cache.observed(None).unwrap());
        assert!(Arc::ptr_eq(&one.pods[0], &other.pods[0]));
    }

    #[tokio::test]
    async fn what_pods_went_through_within_one_burst_is_seen() {
        let burst = [(2, false, 0), (3, true, 0), (4, true, 2)];
        let changes =
            burst.map(|(version, ready, ends)| Change::Pod(Event::Apply(pod("a", version, ready, ends))));
        let mut cache = cache(changes.into());
        let before = cache.observed(None).unwrap();
        let mut watch = Watch::new(&View::of(&Situation::of(&before), &[], false), Tolerances::default());
        cache.changed().await.unwrap();
        let now = cache.observed(None).unwrap();
        assert_eq!((now.pods.len(), now.passed.len()), (1, 2));
        let verdict = watch.look(&View::of(&Situation::of(&now), &[], false), Duration::ZERO);
        // At first sight it was well, and had not ended: both ends are of this version.
        assert_eq!(verdict.failure.map(|failure| failure.reason), Some("CrashLoopBackOff".into()));
        assert!(cache.observed(None).unwrap().passed.is_empty(), "they are told once");
    }

    #[tokio::test]
    async fn a_break_in_readiness_counts_however_short_it_was() {
        let mut cache = cache(vec![Change::Pod(Event::Apply(pod("a", 2, true, 0)))]);
        cache.changed().await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
        let a = pod("a", 2, true, 0);
        assert!(cache.ready_for(&a, None).is_some_and(|age| age >= Duration::from_millis(30)));
        cache.take(Change::Pod(Event::Apply(pod("a", 3, false, 0)))).unwrap();
        assert_eq!(cache.ready_for(&a, None), None);
        cache.take(Change::Pod(Event::Apply(pod("a", 4, true, 0)))).unwrap();
        assert!(cache.ready_for(&a, None).is_some_and(|age| age < Duration::from_millis(30)));
    }
}

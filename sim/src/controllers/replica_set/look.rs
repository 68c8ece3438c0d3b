//! One look at a `ReplicaSet`.

use std::cmp::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use crate::controllers::owners::{Claim, adopting, claim, is_controlled_by, reference, releasing, selects};
use crate::controllers::pods::{is_active, is_terminating, next_check};
use crate::controllers::replica_set::expectations::Expectations;
use crate::controllers::replica_set::ranking::to_end;
use crate::controllers::replica_set::status::{calculate, changed};
use crate::controllers::talk::{Answer, End, Server};
use crate::controllers::{Refusal, Write};
use crate::object::{Key, Kind, Object};

/// `BurstReplicas`, `pkg/controller/replicaset/replica_set.go`.
const BURST: usize = 500;

/// What the look goes by: copies of the cache as it was when the look began.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) server: Server,
    pub(crate) now: Timestamp,
    pub(crate) key: Key,
    pub(crate) set: Arc<ReplicaSet>,
    /// Its own, and those that are nobody's.
    pub(crate) pods: Vec<Arc<Pod>>,
    /// Those of all sets of the same owner.
    pub(crate) related: Vec<Arc<Pod>>,
    pub(crate) expectations: Arc<Mutex<Expectations>>,
}

impl Look {
    fn expectations(&self) -> MutexGuard<'_, Expectations> {
        self.expectations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the version that an answer holds, so that nothing is decided on an older one.
    fn note(&self, kind: Kind, answer: &Answer) {
        let metadata = answer.as_ref().ok().and_then(Option::as_ref).map(Object::metadata);
        if let Some(version) = metadata.and_then(version) {
            self.expectations().wrote(&self.key, kind, version, self.now);
        }
    }

    /// `syncReplicaSet`, `pkg/controller/replicaset/replica_set.go`.
    pub(crate) async fn go(self) -> End {
        let due = self.expectations().are_met(&self.key, self.now);
        let selector = self.set.spec.as_ref().map(|spec| &spec.selector);
        let active = self.claim().await?;
        let is_mine = |pod: &&Arc<Pod>| {
            is_terminating(pod)
                && is_controlled_by(&pod.metadata, &self.set.metadata)
                && selects(selector, &pod.metadata)
        };
        let terminating = self.pods.iter().filter(is_mine).count();
        let mut refused = None;
        if due && self.set.metadata.deletion_timestamp.is_none() {
            refused = self.manage(&active).await.err();
        }
        let status = calculate(&self.set, &active, terminating, refused.as_ref(), self.now);
        let lacks = status.ready_replicas != status.available_replicas;
        if let Some(status) = changed(&self.set, status) {
            let mut set = ReplicaSet::clone(&self.set);
            set.status = Some(status);
            self.write_status(set).await?;
        }
        if let Some(refusal) = refused {
            return Err(refusal);
        }
        let delay = self.set.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or(0);
        Ok((delay > 0 && lacks).then(|| {
            let checks = active.iter().filter_map(|pod| next_check(pod, delay, self.now));
            checks.min().unwrap_or(Duration::from_secs(u64::try_from(delay).unwrap_or(0)))
        }))
    }

    /// `updateReplicaSetStatus`, `pkg/controller/replicaset/replica_set_utils.go`: once more, on whatever is there now.
    async fn write_status(&self, set: ReplicaSet) -> Result<(), Refusal> {
        let mut answer = self.server.write(Write::UpdateStatus(set.clone().into())).await;
        if answer.is_err() {
            // The status alone: of the rest the cache may have what was since replaced.
            let mut patch = json!({"status": set.status});
            if set.status.as_ref().is_none_or(|status| status.conditions.is_none()) {
                // A merge keeps what is left out.
                patch["status"]["conditions"] = Value::Null;
            }
            let write = Write::Merge {
                kind: Kind::ReplicaSet,
                key: self.key.clone(),
                subresource: Some("status"),
                patch,
            };
            answer = self.server.write(write).await;
        }
        self.note(Kind::ReplicaSet, &answer);
        answer.map(drop)
    }

    /// `claimPods`, `pkg/controller/replicaset/replica_set.go`.
    async fn claim(&self) -> Result<Vec<Arc<Pod>>, Refusal> {
        let owner = &self.set.metadata;
        let selector = self.set.spec.as_ref().map(|spec| &spec.selector);
        let mut claimed = Vec::new();
        let mut refused = None;
        for pod in self.pods.iter().filter(|pod| is_active(pod)) {
            let claim = claim(owner, &pod.metadata, selects(selector, &pod.metadata));
            let patch = match claim {
                Claim::Leave => continue,
                Claim::Keep => {
                    claimed.push(pod.clone());
                    continue;
                }
                Claim::Adopt => adopting(&pod.metadata, reference::<ReplicaSet>(owner)),
                Claim::Release => releasing(&pod.metadata, owner),
            };
            let key = Object::Pod(pod.clone()).key();
            let write = Write::Merge { kind: Kind::Pod, key, subresource: None, patch };
            let answer = self.server.write(write).await;
            self.note(Kind::Pod, &answer);
            match answer {
                Ok(_) if claim == Claim::Adopt => claimed.push(pod.clone()),
                Ok(_) => {}
                Err(refusal) if refusal.code == 404 => {}
                Err(refusal) if refusal.code == 422 && claim == Claim::Release => {}
                Err(refusal) => refused = Some(refusal),
            }
        }
        refused.map_or(Ok(claimed), Err)
    }

    /// `manageReplicas`, `pkg/controller/replicaset/replica_set.go`.
    async fn manage(&self, active: &[Arc<Pod>]) -> Result<(), Refusal> {
        let wanted = self.set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let wanted = usize::try_from(wanted).unwrap_or(0);
        let count = active.len().abs_diff(wanted).min(BURST);
        match active.len().cmp(&wanted) {
            Ordering::Less => self.make(count).await,
            Ordering::Greater => self.end(active, count).await,
            Ordering::Equal => Ok(()),
        }
    }

    /// Makes pods in batches of 1, 2, 4 and so on; the batch in which one is refused is the last (`slowStartBatch`).
    async fn make(&self, count: usize) -> Result<(), Refusal> {
        self.expectations().expect_made(&self.key, count, self.now);
        let (mut made, mut batch) = (0, 1.min(count));
        let mut left = count;
        let mut refused = None;
        while batch > 0 && refused.is_none() {
            for _ in 0..batch {
                match self.make_one().await {
                    Ok(()) => made += 1,
                    Err(refusal) => refused = refused.or(Some(refusal)),
                }
            }
            left -= batch;
            batch = (2 * batch).min(left);
        }
        for _ in made..count {
            self.expectations().made(&self.key);
        }
        refused.map_or(Ok(()), Err)
    }

    /// `createPods`, `pkg/controller/controller_utils.go`.
    async fn make_one(&self) -> Result<(), Refusal> {
        let answer = self.server.write(Write::Create(draft(&self.set).into())).await;
        self.note(Kind::Pod, &answer);
        let about = Object::ReplicaSet(self.set.clone());
        match answer {
            Ok(pod) => {
                let name = pod.map(|pod| pod.key().name).unwrap_or_default();
                self.server.event(&about, "Normal", "SuccessfulCreate", format!("Created pod: {name}"));
                Ok(())
            }
            // Everything that is made there fails: nothing to do about it.
            Err(refusal) if refusal.message.contains("because it is being terminated") => Ok(()),
            Err(refusal) => {
                let message = format!("Error creating: {}", refusal.message);
                self.server.event(&about, "Warning", "FailedCreate", message);
                Err(refusal)
            }
        }
    }

    async fn end(&self, active: &[Arc<Pod>], count: usize) -> Result<(), Refusal> {
        let pods = to_end(active.to_vec(), &self.related, count, self.now);
        let keys: Vec<Key> = pods.iter().map(|pod| Object::Pod(pod.clone()).key()).collect();
        self.expectations().expect_ended(&self.key, keys.clone(), self.now);
        let about = Object::ReplicaSet(self.set.clone());
        let mut refused = None;
        for pod in keys {
            let write = Write::Delete { kind: Kind::Pod, key: pod.clone(), uid: None, grace: None };
            match self.server.write(write).await {
                Ok(_) => {
                    let message = format!("Deleted pod: {}", pod.name);
                    self.server.event(&about, "Normal", "SuccessfulDelete", message);
                }
                Err(mut refusal) => {
                    self.expectations().ended(&self.key, &pod);
                    if refusal.code != 404 {
                        let message = format!("Error deleting: {}", refusal.message);
                        self.server.event(&about, "Warning", "FailedDelete", message);
                        refusal.message = format!("unable to delete pods: {}", refusal.message);
                        refused = refused.or(Some(refusal));
                    }
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }
}

/// The number in a resource version, which since 1.35 may be compared.
pub(crate) fn version(metadata: &ObjectMeta) -> Option<u64> {
    metadata.resource_version.as_deref()?.parse().ok()
}

/// `GetPodFromTemplate`, `pkg/controller/controller_utils.go`.
fn draft(set: &ReplicaSet) -> Pod {
    let template = set.spec.clone().unwrap_or_default().template.unwrap_or_default();
    let metadata = template.metadata.unwrap_or_default();
    Pod {
        metadata: ObjectMeta {
            namespace: set.metadata.namespace.clone(),
            generate_name: Some(format!("{}-", set.metadata.name.as_deref().unwrap_or_default())),
            labels: metadata.labels,
            annotations: metadata.annotations,
            finalizers: metadata.finalizers,
            owner_references: Some(vec![reference::<ReplicaSet>(&set.metadata)]),
            ..ObjectMeta::default()
        },
        spec: template.spec,
        status: None,
    }
}

//! The `ReplicaSet` of the newest template: found, brought up to date, or made.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::controllers::deployment::annotations::{REVISION, max_revision, note_new, note_revision};
use crate::controllers::deployment::conditions::{self, PROGRESSING};
use crate::controllers::deployment::hash::{LABEL, equal_but_hash, hash};
use crate::controllers::deployment::limits::new_replicas;
use crate::controllers::deployment::look::Look;
use crate::controllers::deployment::sets::{Set, asked, find_new, find_old};
use crate::controllers::owners::{controller_of, reference};
use crate::controllers::{Refusal, Write};
use crate::object::Object;

/// `validation.DNS1123SubdomainMaxLength`, `k8s.io/apimachinery/pkg/util/validation/validation.go`.
const NAME_LENGTH: usize = 253;

impl Look {
    /// `getAllReplicaSetsAndSyncRevision`, `pkg/controller/deployment/sync.go`.
    pub(crate) async fn sort(&mut self, create: bool) -> Result<(Option<Set>, Vec<Set>), Refusal> {
        let old = find_old(&self.deployment, &self.sets);
        let new = self.newest(&old, create).await?;
        Ok((new, old))
    }

    /// `getNewReplicaSet`, `pkg/controller/deployment/sync.go`.
    async fn newest(&mut self, old: &[Set], create: bool) -> Result<Option<Set>, Refusal> {
        let revision = max_revision(old.iter().map(Arc::as_ref)) + 1;
        match find_new(&self.deployment, &self.sets) {
            Some(set) => self.bring_up_to_date(set, revision).await.map(Some),
            None if create => self.make(old, revision).await.map(Some),
            None => Ok(None),
        }
    }

    async fn bring_up_to_date(&mut self, set: Set, revision: i64) -> Result<Set, Refusal> {
        let mut copy = ReplicaSet::clone(&set);
        let noted = note_new(&self.deployment, &mut copy, revision, true);
        let delay = self.spec().and_then(|spec| spec.min_ready_seconds);
        let spec = copy.spec.get_or_insert_default();
        if noted || spec.min_ready_seconds.unwrap_or(0) != delay.unwrap_or(0) {
            spec.min_ready_seconds = delay;
            return self.update_set(copy).await;
        }
        let own = copy.metadata.annotations.as_ref().and_then(|annotations| annotations.get(REVISION));
        let mut changed = note_revision(&mut self.deployment, own.map_or("", String::as_str));
        if self.deadline().is_some() && conditions::find(self.status(), PROGRESSING).is_none() {
            let message =
                format!("Found new replica set {:?}", copy.metadata.name.as_deref().unwrap_or_default());
            let now = self.now;
            conditions::set(
                self.status(),
                conditions::condition(PROGRESSING, "True", conditions::FOUND, message, now),
            );
            changed = true;
        }
        if changed {
            self.write_status().await?;
        }
        Ok(set)
    }

    /// Puts a set, and returns it as it is then.
    pub(crate) async fn update_set(&self, set: ReplicaSet) -> Result<Set, Refusal> {
        let sent = Arc::new(set);
        match self.server.write(Write::Update(Object::ReplicaSet(sent.clone()))).await? {
            Some(Object::ReplicaSet(now)) => Ok(now),
            _ => Ok(sent),
        }
    }

    async fn make(&mut self, old: &[Set], revision: i64) -> Result<Set, Refusal> {
        let mut set = draft(&self.deployment);
        let replicas = new_replicas(&self.deployment, asked(old), 0);
        set.spec.get_or_insert_default().replicas = Some(replicas);
        note_new(&self.deployment, &mut set, revision, false);
        let name = set.metadata.name.clone().unwrap_or_default();
        let sent = Arc::new(set);
        let (made, is_there) = match self.server.write(Write::Create(Object::ReplicaSet(sent.clone()))).await
        {
            Ok(Some(Object::ReplicaSet(now))) => (now, false),
            Ok(_) => (sent, false),
            Err(refusal) if refusal.reason == "AlreadyExists" => (self.there(&name, refusal).await?, true),
            Err(refusal) if refusal.message.contains("because it is being terminated") => {
                return Err(refusal);
            }
            Err(refusal) => {
                self.tell_of_failure(&name, &refusal).await;
                return Err(refusal);
            }
        };
        if !is_there && replicas > 0 {
            self.event(
                "Normal",
                "ScalingReplicaSet",
                format!("Scaled up replica set {name} from 0 to {replicas}"),
            );
        }
        let mut changed = note_revision(&mut self.deployment, &revision.to_string());
        if !is_there && self.deadline().is_some() {
            let message = format!("Created new replica set {name:?}");
            let condition =
                conditions::condition(PROGRESSING, "True", conditions::CREATED, message, self.now);
            conditions::set(self.status(), condition);
            changed = true;
        }
        if changed {
            self.write_status().await?;
        }
        Ok(made)
    }

    /// A set of that name: the right one, which the cache did not hold when the look began, or a collision, after which
    /// the next look takes another name.
    async fn there(&mut self, name: &str, refusal: Refusal) -> Result<Set, Refusal> {
        let Some(set) = self.all.iter().find(|set| set.metadata.name.as_deref() == Some(name)).cloned()
        else {
            return Err(refusal);
        };
        let owned = controller_of(&set.metadata)
            .is_some_and(|owner| Some(&owner.uid) == self.deployment.metadata.uid.as_ref());
        let template = set.spec.as_ref().and_then(|spec| spec.template.as_ref());
        if owned && self.spec().zip(template).is_some_and(|(spec, own)| equal_but_hash(&spec.template, own)) {
            return Ok(set);
        }
        let status = self.status();
        status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        // Refused or not, the key is looked at again.
        drop(self.write_status().await);
        Err(refusal)
    }

    async fn tell_of_failure(&mut self, name: &str, refusal: &Refusal) {
        let message = format!("Failed to create new replica set {name:?}: {}", refusal.message);
        if self.deadline().is_some() {
            let now = self.now;
            let condition =
                conditions::condition(PROGRESSING, "False", conditions::CREATE_ERROR, message.clone(), now);
            conditions::set(self.status(), condition);
            drop(self.write_status().await);
        }
        self.event("Warning", conditions::CREATE_ERROR, message);
    }
}

/// The new `ReplicaSet` as it is sent, without replicas.
fn draft(deployment: &Deployment) -> ReplicaSet {
    let spec = deployment.spec.clone().unwrap_or_default();
    let collisions = deployment.status.as_ref().and_then(|status| status.collision_count);
    let hash = hash(&spec.template, collisions);
    let mut template = spec.template;
    let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    labels.insert(LABEL.to_owned(), hash.clone());
    let labels = labels.clone();
    let mut selector = spec.selector;
    selector.match_labels.get_or_insert_default().insert(LABEL.to_owned(), hash.clone());
    ReplicaSet {
        metadata: ObjectMeta {
            name: Some(name(deployment.metadata.name.as_deref().unwrap_or_default(), &hash)),
            namespace: deployment.metadata.namespace.clone(),
            owner_references: Some(vec![reference::<Deployment>(&deployment.metadata)]),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        spec: Some(ReplicaSetSpec {
            replicas: Some(0),
            min_ready_seconds: spec.min_ready_seconds,
            selector,
            template: Some(template),
        }),
        status: None,
    }
}

/// `generateReplicaSetName`, `pkg/controller/deployment/sync.go`.
pub(crate) fn name(deployment: &str, hash: &str) -> String {
    let most = NAME_LENGTH.saturating_sub(1 + hash.len());
    let stem = if most > 0 {
        deployment.get(..most.min(deployment.len())).unwrap_or(deployment)
    } else {
        deployment
    };
    format!("{stem}-{hash}")
}

//! One look at a Deployment.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStatus};

use crate::controllers::deployment::annotations::desired;
use crate::controllers::deployment::conditions::{self, PROGRESSING};
use crate::controllers::deployment::limits::{is_rolling, wanted};
use crate::controllers::deployment::sets::{Set, active};
use crate::controllers::owners::{Claim, adopting, claim, reference, releasing, selects};
use crate::controllers::talk::{End, Server};
use crate::controllers::{Refusal, Write};
use crate::object::{Key, Kind, Object};

/// What the look goes by: copies of the cache as it was when the look began.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) server: Server,
    pub(crate) now: Timestamp,
    pub(crate) deployment: Deployment,
    /// All of the namespace.
    pub(crate) all: Vec<Set>,
    /// Those of the Deployment.
    pub(crate) sets: Vec<Set>,
    /// Whether a pod of a set that is not the new one still runs, by the uid of its set.
    pub(crate) running: Vec<String>,
}

impl Look {
    pub(crate) fn spec(&self) -> Option<&DeploymentSpec> {
        self.deployment.spec.as_ref()
    }

    pub(crate) fn name(&self) -> &str {
        self.deployment.metadata.name.as_deref().unwrap_or_default()
    }

    pub(crate) fn key(&self, name: &str) -> Key {
        Key::new(self.deployment.metadata.namespace.as_deref().unwrap_or_default(), name)
    }

    pub(crate) fn status(&mut self) -> &mut DeploymentStatus {
        self.deployment.status.get_or_insert_default()
    }

    /// `HasProgressDeadline`, `pkg/controller/deployment/util/deployment_util.go`.
    pub(crate) fn deadline(&self) -> Option<i32> {
        self.spec()?.progress_deadline_seconds.filter(|seconds| *seconds != i32::MAX)
    }

    pub(crate) fn event(&self, level: &'static str, reason: &str, message: String) {
        self.server.event(&Object::from(self.deployment.clone()), level, reason, message);
    }

    /// `syncDeployment`, `pkg/controller/deployment/deployment_controller.go`. The rollback of extensions/v1beta1 is left
    /// out, and a selector that selects everything: no server of today takes either.
    pub(crate) async fn go(mut self) -> End {
        self.claim().await?;
        if self.deployment.metadata.deletion_timestamp.is_some() {
            return self.status_only().await;
        }
        self.note_pause().await?;
        let paused = self.spec().and_then(|spec| spec.paused).unwrap_or(false);
        if paused || self.is_scaled().await? {
            return self.scale_only(paused).await;
        }
        if is_rolling(&self.deployment) { self.roll().await } else { self.recreate().await }
    }

    /// `getReplicaSetsForDeployment`, `pkg/controller/deployment/deployment_controller.go`.
    async fn claim(&mut self) -> Result<(), Refusal> {
        let owner = self.deployment.metadata.clone();
        let selector = self.spec().map(|spec| spec.selector.clone());
        let mut refused = None;
        for set in self.all.clone() {
            let patch = match claim(&owner, &set.metadata, selects(selector.as_ref(), &set.metadata)) {
                Claim::Leave => continue,
                Claim::Keep => {
                    self.sets.push(set);
                    continue;
                }
                Claim::Adopt => adopting(&set.metadata, reference::<Deployment>(&owner)),
                Claim::Release => releasing(&set.metadata, &owner),
            };
            let key = Object::ReplicaSet(set.clone()).key();
            let write = Write::Merge { kind: Kind::ReplicaSet, key, subresource: None, patch };
            match self.server.write(write).await {
                Ok(Some(Object::ReplicaSet(now))) if selects(selector.as_ref(), &now.metadata) => {
                    self.sets.push(now);
                }
                Ok(_) => {}
                Err(refusal) if refusal.code == 404 => {}
                Err(refusal) => refused = Some(refusal),
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// `checkPausedConditions`, `pkg/controller/deployment/sync.go`: whoever pauses or goes on runs into no deadline.
    async fn note_pause(&mut self) -> Result<(), Refusal> {
        if self.deadline().is_none() {
            return Ok(());
        }
        let paused = self.spec().and_then(|spec| spec.paused).unwrap_or(false);
        let now = self.now;
        let status = self.status();
        if conditions::has_reason(status, PROGRESSING, conditions::TIMED_OUT) {
            return Ok(());
        }
        let told = conditions::has_reason(status, PROGRESSING, conditions::PAUSED);
        let (reason, message) = match (paused, told) {
            (true, false) => (conditions::PAUSED, "Deployment is paused"),
            (false, true) => (conditions::RESUMED, "Deployment is resumed"),
            (true, true) | (false, false) => return Ok(()),
        };
        let condition = conditions::condition(PROGRESSING, "Unknown", reason, message.to_owned(), now);
        conditions::set(status, condition);
        self.write_status().await
    }

    /// Writes the Deployment's status and annotations. As upstream, what came back is not looked at: a second write of
    /// the same look conflicts, and the key is looked at again.
    pub(crate) async fn write_status(&self) -> Result<(), Refusal> {
        self.server.write(Write::UpdateStatus(self.deployment.clone().into())).await.map(drop)
    }

    /// `isScalingEvent`, `pkg/controller/deployment/sync.go`.
    async fn is_scaled(&mut self) -> Result<bool, Refusal> {
        let (new, old) = self.sort(false).await?;
        let wanted = wanted(&self.deployment);
        Ok(active(old.iter().chain(&new))
            .iter()
            .filter_map(|set| desired(set))
            .any(|desired| desired != wanted))
    }

    /// `syncStatusOnly`, `pkg/controller/deployment/sync.go`.
    async fn status_only(mut self) -> End {
        let (new, old) = self.sort(false).await?;
        self.plain_status(new.as_ref(), &old).await
    }

    /// `sync`, `pkg/controller/deployment/sync.go`: a Deployment that is paused, or was scaled.
    async fn scale_only(mut self, paused: bool) -> End {
        let (new, old) = self.sort(false).await?;
        self.scale(new.as_ref(), &old).await?;
        if paused {
            self.clean_up(&old).await?;
        }
        self.plain_status(new.as_ref(), &old).await
    }
}

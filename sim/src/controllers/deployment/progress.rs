//! What the status says of a rollout.

use std::time::Duration;

use k8s_openapi::api::apps::v1::DeploymentStatus;

use crate::controllers::deployment::conditions::{
    self, AVAILABLE, NEW_AVAILABLE, PROGRESSING, REPLICA_FAILURE, TIMED_OUT, UPDATED, condition,
};
use crate::controllers::deployment::limits::{max_unavailable, wanted};
use crate::controllers::deployment::look::Look;
use crate::controllers::deployment::sets::{Set, actual, asked, available, ready, terminating};
use crate::controllers::talk::End;
use crate::controllers::times::{since, until};

/// Counts are left out where they are 0, as Go writes them.
fn some(count: i32) -> Option<i32> {
    (count != 0).then_some(count)
}

impl Look {
    /// `syncDeploymentStatus`, `pkg/controller/deployment/sync.go`.
    pub(crate) async fn plain_status(mut self, new: Option<&Set>, old: &[Set]) -> End {
        let all: Vec<Set> = old.iter().chain(new).cloned().collect();
        let status = self.counted(new, &all);
        if *self.status() != status {
            self.deployment.status = Some(status);
            self.write_status().await?;
        }
        Ok(None)
    }

    /// `calculateStatus`, `pkg/controller/deployment/sync.go`.
    pub(crate) fn counted(&self, new: Option<&Set>, all: &[Set]) -> DeploymentStatus {
        let before = self.deployment.status.clone().unwrap_or_default();
        let available = available(all);
        let mut status = DeploymentStatus {
            observed_generation: self.deployment.metadata.generation,
            replicas: some(actual(all)),
            updated_replicas: some(actual(new)),
            ready_replicas: some(ready(all)),
            available_replicas: some(available),
            unavailable_replicas: some((asked(all) - available).max(0)),
            terminating_replicas: terminating(all),
            collision_count: before.collision_count,
            conditions: before.conditions,
        };
        let enough = available >= wanted(&self.deployment) - max_unavailable(&self.deployment);
        let (is, reason, message) = if enough {
            ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        };
        conditions::set(&mut status, condition(AVAILABLE, is, reason, message.to_owned(), self.now));
        status
    }

    /// `DeploymentComplete`, `pkg/controller/deployment/util/deployment_util.go`.
    pub(crate) fn is_complete(&self, status: &DeploymentStatus) -> bool {
        let wanted = wanted(&self.deployment);
        status.updated_replicas.unwrap_or(0) == wanted
            && status.replicas.unwrap_or(0) == wanted
            && status.available_replicas.unwrap_or(0) == wanted
            && status.observed_generation.unwrap_or(0) >= self.deployment.metadata.generation.unwrap_or(0)
    }

    /// The same, by the status as it was before this look.
    pub(crate) fn is_complete_now(&self) -> bool {
        self.is_complete(&self.deployment.status.clone().unwrap_or_default())
    }

    /// `DeploymentProgressing`, `pkg/controller/deployment/util/deployment_util.go`.
    pub(crate) fn is_progressing(&self, status: &DeploymentStatus) -> bool {
        let before = self.deployment.status.clone().unwrap_or_default();
        let old =
            |status: &DeploymentStatus| status.replicas.unwrap_or(0) - status.updated_replicas.unwrap_or(0);
        status.updated_replicas.unwrap_or(0) > before.updated_replicas.unwrap_or(0)
            || old(status) < old(&before)
            || status.ready_replicas.unwrap_or(0) > before.ready_replicas.unwrap_or(0)
            || status.available_replicas.unwrap_or(0) > before.available_replicas.unwrap_or(0)
    }

    /// `DeploymentTimedOut`, `pkg/controller/deployment/util/deployment_util.go`.
    pub(crate) fn is_timed_out(&self, status: &DeploymentStatus) -> bool {
        let (Some(seconds), Some(present)) = (self.deadline(), conditions::find(status, PROGRESSING)) else {
            return false;
        };
        match present.reason.as_deref() {
            Some(NEW_AVAILABLE) => false,
            Some(TIMED_OUT) => true,
            _ => present.last_update_time.as_ref().is_some_and(|from| {
                since(from, self.now) > Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
            }),
        }
    }

    /// `syncRolloutStatus`, `pkg/controller/deployment/progress.go`.
    pub(crate) async fn progress(mut self, new: Option<&Set>, all: &[Set]) -> End {
        let status = self.judged(new, all);
        if *self.status() == status {
            return Ok(self.next_check(&status));
        }
        self.deployment.status = Some(status);
        self.write_status().await?;
        Ok(None)
    }

    pub(crate) fn judged(&self, new: Option<&Set>, all: &[Set]) -> DeploymentStatus {
        let mut status = self.counted(new, all);
        let before = self.deployment.status.clone().unwrap_or_default();
        if self.deadline().is_none() {
            conditions::remove(&mut status, PROGRESSING);
        }
        let complete = status.replicas == status.updated_replicas
            && conditions::has_reason(&before, PROGRESSING, NEW_AVAILABLE);
        if self.deadline().is_some() && !complete {
            self.estimate(&mut status, &before, new);
        }
        match failure(new, all) {
            Some(failure) => conditions::set(&mut status, failure),
            None => conditions::remove(&mut status, REPLICA_FAILURE),
        }
        status
    }

    fn estimate(&self, status: &mut DeploymentStatus, before: &DeploymentStatus, new: Option<&Set>) {
        let whose = match new {
            Some(new) => format!("ReplicaSet {:?}", new.metadata.name.as_deref().unwrap_or_default()),
            None => format!("Deployment {:?}", self.name()),
        };
        let make = |is: &str, reason: &str, what: &str| {
            condition(PROGRESSING, is, reason, format!("{whose} {what}."), self.now)
        };
        if self.is_complete(status) {
            conditions::set(status, make("True", NEW_AVAILABLE, "has successfully progressed"));
        } else if self.is_progressing(status) {
            // Progress for the same reason is told too: its time is what the deadline counts from.
            let mut told = make("True", UPDATED, "is progressing");
            if let Some(present) = conditions::find(before, PROGRESSING) {
                if present.status == "True" {
                    told.last_transition_time.clone_from(&present.last_transition_time);
                }
                conditions::remove(status, PROGRESSING);
            }
            conditions::set(status, told);
        } else if self.is_timed_out(status) {
            conditions::set(status, make("False", TIMED_OUT, "has timed out progressing"));
        }
    }

    /// `requeueStuckDeployment`, `pkg/controller/deployment/progress.go`: when the deadline is to be looked at. Less than a
    /// second before it upstream looks again and again; here it looks just after it.
    pub(crate) fn next_check(&self, status: &DeploymentStatus) -> Option<Duration> {
        let before = self.deployment.status.clone().unwrap_or_default();
        let present = conditions::find(&before, PROGRESSING)?;
        let deadline = Duration::from_secs(u64::try_from(self.deadline()?).unwrap_or(0));
        if self.is_complete(status) || present.reason.as_deref() == Some(TIMED_OUT) {
            return None;
        }
        let left = until(present.last_update_time.as_ref()?, deadline, self.now).unwrap_or_default();
        let more =
            if left < Duration::from_secs(1) { Duration::from_millis(5) } else { Duration::from_secs(1) };
        Some(left + more)
    }
}

/// `getReplicaFailures`, `pkg/controller/deployment/progress.go`: that of the new set before all others.
fn failure(new: Option<&Set>, all: &[Set]) -> Option<k8s_openapi::api::apps::v1::DeploymentCondition> {
    new.into_iter()
        .chain(all)
        .filter_map(|set| set.status.as_ref())
        .flat_map(|status| status.conditions.iter().flatten())
        .find(|condition| condition.type_ == REPLICA_FAILURE)
        .map(conditions::from_set)
}

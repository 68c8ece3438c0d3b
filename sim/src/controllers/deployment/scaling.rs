//! Sizes: of one set, of all in proportion, and the end of sets that nobody needs.

use k8s_openapi::api::apps::v1::ReplicaSet;

use crate::controllers::deployment::annotations::{note_replicas, replicas_outdated};
use crate::controllers::deployment::limits::{is_rolling, max_surge, proportion, size, wanted};
use crate::controllers::deployment::look::Look;
use crate::controllers::deployment::sets::{
    Set, active, active_or_latest, asked, by_revision, by_size_older, by_size_younger, is_saturated,
};
use crate::controllers::{Refusal, Write};
use crate::object::Kind;

impl Look {
    /// `scale`, `pkg/controller/deployment/sync.go`.
    pub(crate) async fn scale(&self, new: Option<&Set>, old: &[Set]) -> Result<(), Refusal> {
        let wanted = wanted(&self.deployment);
        if let Some(only) = active_or_latest(new, old) {
            return self.resize(&only, wanted, false).await.map(drop);
        }
        if is_saturated(&self.deployment, new) {
            for set in active(old) {
                self.resize(&set, 0, false).await?;
            }
            return Ok(());
        }
        if !is_rolling(&self.deployment) {
            return Ok(());
        }
        for (set, replicas) in self.in_proportion(active(old.iter().chain(new))) {
            self.resize(&set, replicas, true).await?;
        }
        Ok(())
    }

    /// The sizes that keep the parts of all sets when the Deployment was scaled in the middle of a rollout: from the
    /// largest to the smallest, what is left over to the largest.
    fn in_proportion(&self, mut sets: Vec<Set>) -> Vec<(Set, i32)> {
        let wanted = wanted(&self.deployment);
        let allowed = if wanted > 0 { wanted + max_surge(&self.deployment) } else { 0 };
        let to_add = allowed - asked(&sets);
        match to_add {
            0 => {}
            1.. => sets.sort_by(|one, other| by_size_younger(one, other)),
            _ => sets.sort_by(|one, other| by_size_older(one, other)),
        }
        let mut added = 0;
        let mut sizes: Vec<(Set, i32)> = Vec::with_capacity(sets.len());
        for set in sets {
            let part = proportion(&set, &self.deployment, to_add, added);
            added += part;
            let replicas = size(&set) + part;
            sizes.push((set, replicas));
        }
        if let Some((_, largest)) = sizes.first_mut()
            && to_add != 0
        {
            *largest = (*largest + to_add - added).max(0);
        }
        sizes
    }

    /// `scaleReplicaSet`, `pkg/controller/deployment/sync.go`: says whether the size changed, and returns the set as it is
    /// then.
    pub(crate) async fn resize(&self, set: &Set, replicas: i32, force: bool) -> Result<(bool, Set), Refusal> {
        let before = size(set);
        let changes = before != replicas;
        let outdated = force && replicas_outdated(set, &self.deployment);
        if !changes && !outdated {
            return Ok((false, set.clone()));
        }
        let mut copy = ReplicaSet::clone(set);
        copy.spec.get_or_insert_default().replicas = Some(replicas);
        note_replicas(&mut copy, &self.deployment);
        let now = self.update_set(copy).await?;
        if changes {
            let way = if before < replicas { "up" } else { "down" };
            let name = set.metadata.name.as_deref().unwrap_or_default();
            let message = format!("Scaled {way} replica set {name} from {before} to {replicas}");
            self.event("Normal", "ScalingReplicaSet", message);
        }
        Ok((changes, now))
    }

    /// `cleanupDeployment`, `pkg/controller/deployment/sync.go`: the oldest sets without pods go, as far as they are more
    /// than the history may hold.
    pub(crate) async fn clean_up(&self, old: &[Set]) -> Result<(), Refusal> {
        let limit =
            self.spec().and_then(|spec| spec.revision_history_limit).filter(|limit| *limit != i32::MAX);
        let Some(limit) = limit else { return Ok(()) };
        let mut alive: Vec<&Set> =
            old.iter().filter(|set| set.metadata.deletion_timestamp.is_none()).collect();
        let surplus = alive.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
        alive.sort_by(|one, other| by_revision(one, other));
        for set in alive.into_iter().take(surplus) {
            let status = set.status.clone().unwrap_or_default();
            let behind = set.metadata.generation.unwrap_or(0) > status.observed_generation.unwrap_or(0);
            if status.replicas != 0 || size(set) != 0 || behind {
                continue;
            }
            let key = self.key(set.metadata.name.as_deref().unwrap_or_default());
            let write = Write::Delete { kind: Kind::ReplicaSet, key, uid: None, grace: None };
            match self.server.write(write).await {
                Err(refusal) if refusal.code != 404 => return Err(refusal),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }
}

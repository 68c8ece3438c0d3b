//! The rolling update.

use crate::controllers::Refusal;
use crate::controllers::deployment::limits::{max_unavailable, new_replicas, size, wanted};
use crate::controllers::deployment::look::Look;
use crate::controllers::deployment::sets::{Set, active, asked, available, by_age};
use crate::controllers::talk::End;

impl Look {
    /// `rolloutRolling`, `pkg/controller/deployment/rolling.go`.
    pub(crate) async fn roll(mut self) -> End {
        let (new, old) = self.sort(true).await?;
        let Some(new) = new else { return Ok(None) };
        let all: Vec<Set> = old.iter().chain([&new]).cloned().collect();
        if self.grow_new(&all, &new).await? || self.shrink_old(&all, active(&old), &new).await? {
            return self.progress(Some(&new), &all).await;
        }
        if self.is_complete_now() {
            self.clean_up(&old).await?;
        }
        self.progress(Some(&new), &all).await
    }

    /// `reconcileNewReplicaSet`, `pkg/controller/deployment/rolling.go`.
    pub(crate) async fn grow_new(&self, all: &[Set], new: &Set) -> Result<bool, Refusal> {
        let wanted = wanted(&self.deployment);
        let replicas = match size(new) {
            size if size == wanted => return Ok(false),
            size if size > wanted => wanted,
            size => new_replicas(&self.deployment, asked(all), size),
        };
        Ok(self.resize(new, replicas, false).await?.0)
    }

    /// `reconcileOldReplicaSets`, `pkg/controller/deployment/rolling.go`: not more than leaves enough Available, new pods
    /// that are not yet so counted as missing. As upstream, a refusal here is nobody's business.
    pub(crate) async fn shrink_old(&self, all: &[Set], old: Vec<Set>, new: &Set) -> Result<bool, Refusal> {
        if asked(&old) == 0 {
            return Ok(false);
        }
        let least = wanted(&self.deployment) - max_unavailable(&self.deployment);
        let unavailable = size(new) - available([new]);
        let most = asked(all) - least - unavailable;
        if most <= 0 {
            return Ok(false);
        }
        let Ok((old, cleaned)) = self.drop_unhealthy(old, most).await else { return Ok(false) };
        let all: Vec<Set> = old.iter().chain([new]).cloned().collect();
        let Ok(shrunk) = self.drop_available(&all, old).await else { return Ok(false) };
        Ok(cleaned + shrunk > 0)
    }

    /// `cleanupUnhealthyReplicas`, `pkg/controller/deployment/rolling.go`: pods that are not Available go first, and cost
    /// nothing.
    pub(crate) async fn drop_unhealthy(
        &self,
        mut old: Vec<Set>,
        most: i32,
    ) -> Result<(Vec<Set>, i32), Refusal> {
        old.sort_by(|one, other| by_age(one, other));
        let mut dropped = 0;
        for set in &mut old {
            if dropped >= most {
                break;
            }
            let unhealthy = size(set) - available([&*set]);
            if size(set) == 0 || unhealthy == 0 {
                continue;
            }
            let count = unhealthy.min(most - dropped);
            if count < 0 {
                // More are Available than are wanted: the status is older than the size.
                return Err(Refusal {
                    code: 0,
                    reason: "Invalid".to_owned(),
                    message: format!("got invalid request to scale down to {}", size(set) - count),
                });
            }
            *set = self.resize(set, size(set) - count, false).await?.1;
            dropped += count;
        }
        Ok((old, dropped))
    }

    /// `scaleDownOldReplicaSetsForRollingUpdate`, `pkg/controller/deployment/rolling.go`.
    pub(crate) async fn drop_available(&self, all: &[Set], mut old: Vec<Set>) -> Result<i32, Refusal> {
        let spare = available(all) - (wanted(&self.deployment) - max_unavailable(&self.deployment));
        old.sort_by(|one, other| by_age(one, other));
        let mut dropped = 0;
        for set in &old {
            if dropped >= spare {
                break;
            }
            if size(set) == 0 {
                continue;
            }
            let count = size(set).min(spare - dropped);
            self.resize(set, size(set) - count, false).await?;
            dropped += count;
        }
        Ok(dropped)
    }
}

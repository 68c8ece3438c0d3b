//! Whether a rolling update gets through where pods are counted.

use crate::model::{Revision, Workload, same_template};
use crate::preflight::Quantity;
use crate::situation::Situation;

/// What a rolling update replaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replacing {
    /// Pods of the version, which stay.
    pub new: u32,
    /// Pods of other versions, which go.
    pub old: u32,
    /// Wanted pods.
    pub wanted: u32,
    /// Pods that may be missing: `maxUnavailable`, all with `Recreate`.
    pub may_miss: u32,
}

impl Replacing {
    /// Returns what the update to the template and limits of `deployment` replaces.
    pub fn of(situation: &Situation<'_>, deployment: &Workload) -> Self {
        let mut replacing =
            Self { wanted: deployment.replicas(), may_miss: deployment.max_unavailable(), ..Self::default() };
        for rs in &situation.observed.revisions {
            let is_new = same_template(&rs.spec.template, &deployment.spec.template);
            let pods = if is_new { &mut replacing.new } else { &mut replacing.old };
            *pods = pods.saturating_add(Revision::replicas(rs));
        }
        replacing
    }

    /// Whether pods are going to be made.
    pub fn makes_pods(&self) -> bool {
        self.new < self.wanted
    }

    /// Returns the pods that the update would have beside those of now (`NewRSNewReplicas` in
    /// kubernetes/pkg/controller/deployment/util).
    pub fn surge(&self, deployment: &Workload) -> u32 {
        if deployment.is_recreate() {
            return 0;
        }
        let most = self.wanted.saturating_add(deployment.max_surge());
        most.saturating_sub(self.new.saturating_add(self.old)).min(self.wanted.saturating_sub(self.new))
    }

    /// Returns how many pods there can be at most of the new version, where `free` is left, each of its pods takes `new`
    /// and each that goes gives `old` back.
    ///
    /// Old pods go as long as `wanted - may_miss` stay Available (`reconcileOldReplicaSets` in
    /// kubernetes/pkg/controller/deployment); all are taken to be, so the answer is never too low.
    pub fn reaches(&self, free: Quantity, old: Quantity, new: Quantity) -> u32 {
        let mut there = self.new;
        loop {
            let least = self.wanted.saturating_sub(self.may_miss).saturating_sub(there);
            let gone = self.old.saturating_sub(least);
            let more = (free + old * gone).holds(new);
            let next = self.new.saturating_add(more).min(self.wanted).max(there);
            if next == there {
                return there;
            }
            there = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{idle, replica_set, template};

    fn replacing(wanted: u32, may_miss: u32) -> Replacing {
        Replacing { new: 0, old: wanted, wanted, may_miss }
    }

    fn reaches(replacing: &Replacing, free: i64, old: u32, new: u32) -> u32 {
        let free = Quantity::parse(&free.to_string()).unwrap();
        replacing.reaches(free, Quantity::whole(old), Quantity::whole(new))
    }

    #[test]
    fn one_pod_that_may_be_missing_is_enough_to_get_through() {
        for (wanted, may_miss, free, old, new, there) in [
            (4, 1, 0, 1, 1, 4),
            (4, 0, 0, 1, 1, 0),
            (4, 0, 1, 1, 1, 4),
            (4, 1, -1, 1, 1, 0),
            (4, 4, 0, 1, 1, 4),
            // The new pods are larger: one that goes makes no room.
            (4, 1, 0, 1, 2, 0),
            (4, 2, 0, 1, 2, 1),
            (4, 4, 0, 1, 2, 2),
            (4, 1, 4, 1, 2, 4),
            (0, 0, 0, 1, 1, 0),
        ] {
            assert_eq!(
                reaches(&replacing(wanted, may_miss), free, old, new),
                there,
                "{wanted} {may_miss} {free}"
            );
        }
    }

    #[test]
    fn a_version_that_is_whole_needs_no_room() {
        let mut observed = idle();
        observed.revisions.push(replica_set("web:2", 1));
        observed.workload.spec.template = template("web:2");
        let mut back = observed.workload.clone();
        back.spec.template = template("web:1");
        let replacing = Replacing::of(&Situation::of(&observed), &back);
        assert_eq!((replacing.new, replacing.old, replacing.wanted), (3, 1, 3));
        assert!(!replacing.makes_pods());
        assert_eq!((replacing.surge(&back), reaches(&replacing, -5, 1, 1)), (0, 3));
    }

    #[test]
    fn a_surge_is_what_the_limits_leave() {
        let mut deployment = idle().workload;
        for (strategy, wanted, surge) in [
            (json!({"type": "Recreate"}), 3, 0),
            (json!({"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}}), 3, 2),
            (json!({"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}}), 0, 0),
        ] {
            deployment.spec.strategy = Some(strategy);
            deployment.spec.replicas = Some(i64::from(wanted));
            assert_eq!(replacing(wanted, 0).surge(&deployment), surge);
        }
    }
}

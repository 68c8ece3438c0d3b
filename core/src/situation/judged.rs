//! What of a situation health is asked about.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Observed, Situation};
use crate::health::{Stable, View};
use crate::model::{ClusterEvent, Pod};
use crate::scrub::Scrubber;

impl<'a> View<'a> {
    /// Looks at the version of the live template.
    pub fn of(situation: &Situation<'a>, events: &'a [ClusterEvent], soaking: bool) -> Self {
        let version = situation.current;
        let uid = version.and_then(|rs| rs.metadata.uid.as_deref()).unwrap_or_default();
        let Observed { pods, passed, replica_sets, .. } = situation.observed;
        // The selector may match pods of somebody else.
        let own: BTreeSet<&str> = replica_sets.iter().filter_map(|rs| rs.metadata.uid.as_deref()).collect();
        let is_own = |pod: &&Pod| pod.owner().is_some_and(|owner| own.contains(owner));
        let is_judged = |pod: &&Pod| pod.is_owned_by(uid);
        let (pods, others) = pods.iter().map(Arc::as_ref).filter(is_own).partition(is_judged);
        let passed = passed.iter().map(Arc::as_ref).filter(is_own).filter(is_judged).collect();
        let stable = situation
            .stable
            .map(|stable| Stable { wanted: stable.replicas(), pods: situation.pods_of(stable).collect() });
        let held = situation.hold.is_some();
        let deployment = situation.deployment();
        Self {
            deployment,
            version,
            pods,
            passed,
            others,
            events,
            soaking,
            stable,
            held,
            may_miss: deployment.max_unavailable(),
            own_deadline: deployment.own_deadline(),
            scrubber: Scrubber::new(&deployment.spec.template),
        }
    }
}

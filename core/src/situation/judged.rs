//! What of a situation health is asked about.

use std::sync::Arc;

use super::{Observed, Situation};
use crate::health::{Stable, View};
use crate::model::{ClusterEvent, Pod};
use crate::scrub::Scrubber;

impl<'a> View<'a> {
    /// Looks at the version of the live template.
    pub fn of(situation: &Situation<'a>, events: &'a [ClusterEvent], soaking: bool) -> Self {
        let version = situation.current;
        let Observed { pods, passed, revisions, .. } = situation.observed;
        // The selector may match pods of somebody else.
        let is_own = |pod: &&Pod| revisions.iter().any(|revision| revision.has(pod));
        let is_judged = |pod: &&Pod| version.is_some_and(|version| version.has(pod));
        let (pods, others) = pods.iter().map(Arc::as_ref).filter(is_own).partition(is_judged);
        let passed = passed.iter().map(Arc::as_ref).filter(is_own).filter(is_judged).collect();
        let stable = situation
            .stable
            .map(|stable| Stable { wanted: stable.replicas(), pods: situation.pods_of(stable).collect() });
        let held = situation.hold.is_some();
        let workload = situation.workload();
        Self {
            workload,
            version,
            pods,
            passed,
            others,
            events,
            soaking,
            stable,
            held,
            may_miss: workload.max_unavailable(),
            own_deadline: workload.own_deadline(),
            scrubber: Scrubber::new(&workload.spec.template),
        }
    }
}

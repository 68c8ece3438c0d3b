//! Is the new version healthy? One pure function from objects, and the time since each signal was first seen,
//! to a verdict.
//!
//! [`signals()`] says what is wrong now, [`RULES`] what each finding means and how long it may last, [`verdict()`]
//! judges, and [`Watch`] remembers between two looks. Nothing here reads a clock.

mod budget;
mod pods;
mod rules;
mod signals;
mod verdict;
mod watch;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{ClusterEvent, Deployment, Observed, Pod, ReplicaSet, Situation};
use crate::scrub::Scrubber;

pub use rules::{Quorum, RULES, Rule, Tolerances, rule};
pub use signals::{Signal, signals};
pub use verdict::{Failure, State, Verdict, verdict};
pub use watch::{Memory, Watch};

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The new version's: exit code 1.
    Version,
    /// The cluster's or the registry's: exit code 6.
    Infrastructure,
}

/// What a verdict is given on.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// The Deployment.
    pub deployment: &'a Deployment,
    /// The ReplicaSet of the version that is judged.
    pub version: Option<&'a ReplicaSet>,
    /// Its pods, terminating ones included. Found by owner: both versions have the Deployment's labels.
    pub pods: Vec<&'a Pod>,
    /// What these were in between, since the last look, the oldest first.
    pub passed: Vec<&'a Pod>,
    /// The pods of the other versions.
    pub others: Vec<&'a Pod>,
    /// Events about its pods, as far as they were read.
    pub events: &'a [ClusterEvent],
    /// Whether the pods were Ready before and now have to stay so.
    pub soaking: bool,
    /// The stable version, if it is known.
    pub stable: Option<Stable<'a>>,
    /// Whether a canary is held: then the stable pods are to stay.
    pub held: bool,
    /// The pods that may be missing in a rolling update, by the Deployment's `maxUnavailable`.
    pub may_miss: u32,
    /// Masks what pods and registries say.
    pub scrubber: Scrubber,
}

/// The version that users have.
#[derive(Clone, Debug)]
pub struct Stable<'a> {
    /// How many pods its ReplicaSet is to have.
    pub wanted: u32,
    /// Its pods.
    pub pods: Vec<&'a Pod>,
}

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
        let may_miss = deployment.max_unavailable();
        let scrubber = Scrubber::new(&deployment.spec.template);
        Self { deployment, version, pods, passed, others, events, soaking, stable, held, may_miss, scrubber }
    }

    /// Returns the pods that count: neither going nor replaced through no fault of theirs.
    pub fn standing(&self) -> impl Iterator<Item = &'a Pod> {
        self.pods.iter().copied().filter(|pod| !pod.is_terminating() && !pod.is_displaced())
    }

    /// Returns how many pods the version is to have.
    fn wanted(&self) -> usize {
        usize::try_from(self.version.map_or(0, ReplicaSet::replicas)).unwrap_or(usize::MAX)
    }

    /// Whether the rolling update makes room for its own pods, and serves as its limits ask meanwhile.
    pub fn makes_room(&self) -> bool {
        let ready = self.pods.iter().chain(&self.others).filter(|pod| pod.is_ready()).count();
        let ready = u32::try_from(ready).unwrap_or(u32::MAX);
        self.may_miss > 0 && ready > 0 && ready >= self.deployment.replicas().saturating_sub(self.may_miss)
    }

    fn events_of(&self, pod: &Pod) -> impl Iterator<Item = &'a ClusterEvent> {
        let uid = pod.uid().to_owned();
        self.events.iter().filter(move |event| event.involved_object.uid == uid && !uid.is_empty())
    }
}

/// A time on the run's own monotonic clock.
pub type Moment = Duration;

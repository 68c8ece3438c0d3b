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

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{ClusterEvent, Deployment, Pod, ReplicaSet, Situation};

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
    /// The pods of the other versions.
    pub others: Vec<&'a Pod>,
    /// Events about its pods, as far as they were read.
    pub events: &'a [ClusterEvent],
    /// Whether the pods were Ready before and now have to stay so.
    pub soaking: bool,
    /// The pods that may be missing: the user's own `maxUnavailable` in a rolling update, else 0.
    pub may_miss: u32,
}

impl<'a> View<'a> {
    /// Looks at the version of the live template.
    pub fn of(situation: &Situation<'a>, events: &'a [ClusterEvent], soaking: bool) -> Self {
        let version = situation.current;
        let uid = version.and_then(|rs| rs.metadata.uid.as_deref()).unwrap_or_default();
        let (pods, others) = situation.observed.pods.iter().partition(|pod| pod.is_owned_by(uid));
        let deployment = situation.deployment();
        let may_miss = if situation.hold.is_some() { 0 } else { deployment.max_unavailable() };
        Self { deployment, version, pods, others, events, soaking, may_miss }
    }

    /// Returns the pods that count: neither going nor replaced through no fault of theirs.
    pub fn standing(&self) -> impl Iterator<Item = &'a Pod> {
        self.pods.iter().copied().filter(|pod| !pod.is_terminating() && !pod.is_displaced())
    }

    fn events_of(&self, pod: &Pod) -> impl Iterator<Item = &'a ClusterEvent> {
        let uid = pod.uid().to_owned();
        self.events.iter().filter(move |event| event.involved_object.uid == uid && !uid.is_empty())
    }
}

/// A time on the run's own monotonic clock.
pub type Moment = Duration;

//! Is the new version healthy? One pure function from objects, and the time since each signal was first seen,
//! to a verdict.
//!
//! [`signals()`] says what is wrong now, [`RULES`] what each finding means and how long it may last, [`verdict()`]
//! judges, and [`Watch`] remembers between two looks. Nothing here reads a clock.

mod budget;
mod memory;
mod pods;
mod rules;
mod signal;
mod signals;
mod verdict;
mod watch;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Kind;
use crate::model::{ClusterEvent, Pod, Revision, Workload};
use crate::scrub::Scrubber;

pub use memory::Memory;
pub use rules::{Meanwhile, Quorum, RULES, Rule, Tolerances};
pub use signal::Signal;
pub use signals::signals;
pub use verdict::{Failure, State, Verdict, verdict};
pub use watch::Watch;

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The new version's: exit code 1.
    Version,
    /// The cluster's or the registry's: exit code 6.
    Infrastructure,
    /// Nobody's: there is not enough data to say whether there is one. Exit code 7.
    Undecided,
}

impl Class {
    /// Returns what a command ends with because of such a failure.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Version => Kind::VersionFailed,
            Self::Infrastructure => Kind::Infrastructure,
            Self::Undecided => Kind::NotEnoughData,
        }
    }
}

/// What a verdict is given on.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// The Deployment.
    pub workload: &'a Workload,
    /// The ReplicaSet of the version that is judged.
    pub version: Option<&'a Revision>,
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
    /// The user's own `progressDeadlineSeconds`, that of a hold left aside.
    pub own_deadline: Option<Duration>,
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
    /// Returns the pods that count: neither going nor replaced through no fault of theirs.
    pub fn standing(&self) -> impl Iterator<Item = &'a Pod> {
        self.pods.iter().copied().filter(|pod| !pod.is_terminating() && !pod.is_displaced())
    }

    /// Returns how many pods the version is to have.
    fn wanted(&self) -> usize {
        usize::try_from(self.version.map_or(0, Revision::replicas)).unwrap_or(usize::MAX)
    }

    /// Whether the rolling update makes room for its own pods, and serves as its limits ask meanwhile.
    pub fn makes_room(&self) -> bool {
        let ready = self.pods.iter().chain(&self.others).filter(|pod| pod.is_ready()).count();
        let ready = u32::try_from(ready).unwrap_or(u32::MAX);
        self.may_miss > 0 && ready > 0 && ready >= self.workload.replicas().saturating_sub(self.may_miss)
    }

    fn events_of(&self, pod: &Pod) -> impl Iterator<Item = &'a ClusterEvent> {
        let uid = pod.uid().to_owned();
        self.events.iter().filter(move |event| event.involved_object.uid == uid && !uid.is_empty())
    }
}

/// A time on the run's own monotonic clock.
pub type Moment = Duration;

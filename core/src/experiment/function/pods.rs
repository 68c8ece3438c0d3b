//! `chaosk8s.pod.actions` and `chaosk8s.pod.probes`.

mod read;

pub(super) use read::read;

use crate::experiment::{Moment, tolerance};

/// Pods that may be hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates {
    /// Their namespace.
    pub namespace: String,
    /// Their labels; without them and a pattern, every pod of the namespace.
    pub label_selector: Option<String>,
    /// A regular expression that is searched for in their names.
    pub name_pattern: Option<String>,
}

impl Candidates {
    /// Whether a pod of this name is one of them; labels are the API server's to compare.
    pub fn has_name(&self, name: &str) -> bool {
        let is_found =
            |pattern: &String| tolerance::regex(pattern).is_ok_and(|pattern| pattern.is_match(name));
        self.name_pattern.as_ref().is_none_or(is_found)
    }
}

/// Which of the candidates are hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Of which pods.
    pub candidates: Candidates,
    /// All of them: the rest does not count then.
    pub all: bool,
    /// Whether they are drawn by chance; else the first ones.
    pub random: bool,
    /// What the quantity is.
    pub mode: Mode,
    /// How many, or how many of a hundred.
    pub quantity: u64,
    /// The order in which they are picked.
    pub order: Order,
}

/// What a quantity of pods is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A number of pods.
    Fixed,
    /// So many of a hundred, rounded up.
    Percentage,
}

/// The order in which pods are picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As the API server lists them: by name.
    Alphabetic,
    /// The oldest first.
    Oldest,
}

impl Pick {
    /// Returns how many of so many candidates are hit.
    pub fn count(&self, candidates: u64) -> u64 {
        match (self.all, self.mode) {
            (true, _) => candidates,
            (false, Mode::Fixed) => self.quantity.min(candidates),
            (false, Mode::Percentage) => {
                self.quantity.saturating_mul(candidates).div_ceil(100).min(candidates)
            }
        }
    }
}

/// A command in pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecInPods {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Which pods.
    pub pick: Pick,
    /// Which container; chaosk8s runs the command nowhere without it, and says that it succeeded.
    pub container_name: Option<String>,
    /// How long it may last, in seconds.
    pub request_timeout: u64,
}

/// Whose logs are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogsOf {
    /// The namespace of the pods.
    pub namespace: String,
    /// Their labels; without them, every pod of the namespace.
    pub label_selector: Option<String>,
    /// Since when; without it, all that there is.
    pub last: Option<Moment>,
    /// Whether the logs are those of the container before the last restart.
    pub from_previous: bool,
    /// Which container.
    pub container_name: Option<String>,
}

/// A condition of pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its type: Ready.
    pub kind: String,
    /// Its status: True.
    pub status: String,
}

/// A probe of pods. `raises` says whether what is not as expected fails the probe; its output is false otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodProbe {
    /// `count_pods`: a number, terminating pods counted.
    Count {
        /// Which pods; a selector is wanted, and an empty one means all.
        pods: Candidates,
        /// Only those of this phase.
        phase: Option<String>,
    },
    /// `count_min_pods`: whether there are as many.
    CountAtLeast {
        /// Which pods.
        pods: Candidates,
        /// Those of this phase.
        phase: String,
        /// At least so many.
        least: u64,
    },
    /// `pods_in_phase`: there are pods, and all are in the phase.
    InPhase {
        /// Which pods.
        pods: Candidates,
        /// The phase.
        phase: String,
        /// See above.
        raises: bool,
    },
    /// `pods_not_in_phase`: there are pods, and none is in the phase.
    NotInPhase {
        /// Which pods.
        pods: Candidates,
        /// The phase.
        phase: String,
        /// See above.
        raises: bool,
    },
    /// `pods_in_conditions`: there are pods, and all have all conditions.
    InConditions {
        /// Which pods.
        pods: Candidates,
        /// The conditions.
        conditions: Vec<Condition>,
        /// See above.
        raises: bool,
    },
    /// `pod_is_not_available`: none is Running; no pod at all is well.
    NotAvailable {
        /// Which pods.
        pods: Candidates,
        /// See above.
        raises: bool,
    },
    /// `all_pods_healthy`: all pods of the namespace are Running or Succeeded.
    AllHealthy {
        /// The namespace.
        namespace: String,
        /// See above.
        raises: bool,
    },
}

impl PodProbe {
    /// Returns the namespace of the pods.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Count { pods, .. }
            | Self::CountAtLeast { pods, .. }
            | Self::InPhase { pods, .. }
            | Self::NotInPhase { pods, .. }
            | Self::InConditions { pods, .. }
            | Self::NotAvailable { pods, .. } => &pods.namespace,
            Self::AllHealthy { namespace, .. } => namespace,
        }
    }
}

//! A plan is data: printed by `--dry-run`, stored in the journal, run by the engine.

mod analyze;
mod check;
mod probe;
mod smoke;
mod steady;
mod title;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chaos::Gate;
use crate::share::{Size, Stable};
use crate::traffic::{Role, Split};

pub use analyze::{Analyze, OnInconclusive};
pub use check::{Answer, Check};
pub use probe::Probe;
pub use smoke::SmokeTest;
pub use steady::Steady;

/// What is to be done, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Each is declarative ("make it so"), so doing one twice is harmless.
    pub steps: Vec<Step>,
}

/// One thing to be made so, or waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// The workload is held with this many canary pods.
    Hold {
        /// The new version; absent: the template that is live.
        template: Option<Value>,
        /// The share to give it.
        size: Size,
        /// What may be done with the stable pods.
        stable: Stable,
        /// Whether it changes a hold that has to be there: what another client ended is not put on again.
        #[serde(default)]
        changes: bool,
    },
    /// A rolling update that is under way takes no more old pods away: its new pods do not count as Available any more, and
    /// the controller knows. Only then can it be held by numbers.
    Stop,
    /// The canary pods have been Ready for the user's own `minReadySeconds`.
    AwaitCanary,
    /// The canary serves for a while and stays Ready.
    Soak {
        /// For how long.
        seconds: u64,
        /// What its metrics are to tell meanwhile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        analyze: Option<Box<Analyze>>,
    },
    /// The template is this one, and the stock rolling update replaces the pods.
    Update {
        /// The new version.
        template: Value,
    },
    /// The stock rolling update is complete, and both versions served meanwhile.
    Follow {
        /// What their metrics are to tell.
        analyze: Box<Analyze>,
    },
    /// The user's own fields are back and the new template stays.
    Release,
    /// The stock rolling update is complete.
    AwaitRollout,
    /// The user's own fields and the stable template are back.
    Restore,
    /// The canary pods are gone.
    AwaitStable,
    /// There is a Service for the pods of one version, and it knows all of them that are Ready.
    Publish {
        /// Which version.
        role: Role,
    },
    /// The objects of ours that a router needs beside the Services say so.
    Own {
        /// What is asked.
        split: Split,
        /// Seconds that the data plane may need to follow.
        grace: u64,
    },
    /// The routes say so, and the data plane follows.
    Route {
        /// What is asked.
        split: Split,
        /// Seconds that the data plane may need to follow.
        grace: u64,
    },
    /// The user's own Service has the pods of one version alone, or all.
    Pin {
        /// Which version; `None`: all.
        role: Option<Role>,
    },
    /// Services and other objects of ours are gone.
    Withdraw,
    /// The workload is paused while it is held: no other version can take the place of the one that serves.
    Freeze,
    /// The new version answers as it should.
    Verify {
        /// What is asked, and what is to be answered.
        checks: Vec<Check>,
        /// The port by which each of its pods is asked; absent: its preview is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
    },
    /// A test of the user's own passes against the new version.
    Smoke {
        /// Which.
        test: SmokeTest,
    },
    /// Pods of the new version were hit by a fault, and it came back from that.
    Fault {
        /// Which fault, and what is asked of the version.
        gate: Gate,
    },
}

impl Plan {
    /// Whether it brings nothing new: the version that is live already is only followed, and asked.
    pub fn only_follows(&self) -> bool {
        let follows = |step: &Step| step.asks() || matches!(step, Step::AwaitRollout | Step::Follow { .. });
        self.steps.iter().all(follows)
    }

    /// Whether pods are asked by themselves, through the API server.
    pub fn asks_pods(&self) -> bool {
        let asked = |asked: &Analyze| asked.probe.is_some() || asked.compares() && asked.from.asks_pods();
        let scrapes = |step: &Step| step.analyze().is_some_and(asked);
        let asks = |step: &Step| scrapes(step) || matches!(step, Step::Verify { port: Some(_), .. });
        self.steps.iter().any(asks)
    }
}

impl Step {
    /// A time in which the canary serves; nothing where there is neither a time nor a question.
    pub fn soak(seconds: u64, analyze: Option<&Analyze>) -> Option<Self> {
        let analyze = analyze.cloned().map(Box::new);
        (seconds > 0 || analyze.is_some()).then_some(Self::Soak { seconds, analyze })
    }

    /// Returns what the metrics are to tell while it is waited for, if anything.
    pub fn analyze(&self) -> Option<&Analyze> {
        match self {
            Self::Soak { analyze, .. } => analyze.as_deref(),
            Self::Follow { analyze } => Some(analyze),
            Self::Hold { .. }
            | Self::Stop
            | Self::AwaitCanary
            | Self::Update { .. }
            | Self::Release
            | Self::AwaitRollout
            | Self::Restore
            | Self::AwaitStable
            | Self::Publish { .. }
            | Self::Own { .. }
            | Self::Route { .. }
            | Self::Pin { .. }
            | Self::Withdraw
            | Self::Freeze
            | Self::Verify { .. }
            | Self::Fault { .. }
            | Self::Smoke { .. } => None,
        }
    }

    /// Whether the version has to answer, or to pass a test: it is not taken as good before.
    pub const fn asks(&self) -> bool {
        matches!(self, Self::Verify { .. } | Self::Smoke { .. })
    }

    /// Returns the size of the canary that it holds, if it holds one.
    pub const fn size(&self) -> Option<Size> {
        if let Self::Hold { size, .. } = self { Some(*size) } else { None }
    }

    /// Returns the fault that it makes, if it makes one.
    pub const fn gate(&self) -> Option<&Gate> {
        if let Self::Fault { gate } = self { Some(gate) } else { None }
    }

    /// Returns the template that it brings, if it brings one.
    pub const fn template(&self) -> Option<&Value> {
        match self {
            Self::Hold { template, .. } => template.as_ref(),
            Self::Update { template } => Some(template),
            Self::Stop
            | Self::AwaitCanary
            | Self::Soak { .. }
            | Self::Release
            | Self::AwaitRollout
            | Self::Follow { .. }
            | Self::Restore
            | Self::AwaitStable
            | Self::Publish { .. }
            | Self::Own { .. }
            | Self::Route { .. }
            | Self::Pin { .. }
            | Self::Withdraw
            | Self::Freeze
            | Self::Verify { .. }
            | Self::Fault { .. }
            | Self::Smoke { .. } => None,
        }
    }

    /// Returns what the routes say after it, if it changes them.
    pub const fn routed(&self) -> Option<&Split> {
        match self {
            Self::Route { split, .. } => Some(split),
            Self::Hold { .. }
            | Self::Stop
            | Self::AwaitCanary
            | Self::Soak { .. }
            | Self::Update { .. }
            | Self::Release
            | Self::AwaitRollout
            | Self::Follow { .. }
            | Self::Restore
            | Self::AwaitStable
            | Self::Publish { .. }
            | Self::Own { .. }
            | Self::Pin { .. }
            | Self::Withdraw
            | Self::Freeze
            | Self::Verify { .. }
            | Self::Fault { .. }
            | Self::Smoke { .. } => None,
        }
    }

    /// Whether it puts a hold on, or changes it: the record says what is the user's own as it was before that.
    pub const fn holds(&self) -> bool {
        match self {
            Self::Hold { .. } | Self::Stop => true,
            Self::AwaitCanary
            | Self::Soak { .. }
            | Self::Update { .. }
            | Self::Release
            | Self::AwaitRollout
            | Self::Follow { .. }
            | Self::Restore
            | Self::AwaitStable
            | Self::Publish { .. }
            | Self::Own { .. }
            | Self::Route { .. }
            | Self::Pin { .. }
            | Self::Withdraw
            | Self::Freeze
            | Self::Verify { .. }
            | Self::Fault { .. }
            | Self::Smoke { .. } => false,
        }
    }

    /// Whether the new version is judged while the step is waited for.
    pub fn is_guarded(&self) -> bool {
        match self {
            Self::AwaitCanary | Self::Soak { .. } | Self::Follow { .. } | Self::AwaitRollout => true,
            Self::Route { split, .. } => split.canary.is_some_and(|share| share > 0),
            Self::Hold { .. }
            | Self::Stop
            | Self::Update { .. }
            | Self::Release
            | Self::Restore
            | Self::AwaitStable
            | Self::Publish { .. }
            | Self::Own { .. }
            | Self::Pin { .. }
            | Self::Withdraw
            | Self::Freeze
            | Self::Verify { .. }
            | Self::Fault { .. }
            | Self::Smoke { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests;

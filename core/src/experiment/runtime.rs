//! Strategies of a run, as `chaos run` names them (`chaoslib/types.py`, `chaostoolkit/commands/run.py`).

use super::activity::ActivityKind;
use super::node::{Fault, Node};
use crate::brief;
use crate::listed::listed;

listed! {
    /// When the hypothesis is looked at.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum HypothesisStrategy {
        /// Before and after the method.
        #[default]
        Default,
        /// Before the method.
        BeforeMethodOnly,
        /// After the method.
        AfterMethodOnly,
        /// While the method runs.
        DuringMethodOnly,
        /// Before, while and after.
        Continuously,
        /// Never.
        Skip,
    }
}

impl HypothesisStrategy {
    /// Returns the name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::BeforeMethodOnly => "before-method-only",
            Self::AfterMethodOnly => "after-method-only",
            Self::DuringMethodOnly => "during-method-only",
            Self::Continuously => "continuously",
            Self::Skip => "skip",
        }
    }

    /// Whether it is looked at before the method.
    pub const fn before(self) -> bool {
        matches!(self, Self::Default | Self::BeforeMethodOnly | Self::Continuously)
    }

    /// Whether it is looked at while the method runs.
    pub const fn during(self) -> bool {
        matches!(self, Self::DuringMethodOnly | Self::Continuously)
    }

    /// Whether it is looked at after the method.
    pub const fn after(self) -> bool {
        matches!(self, Self::Default | Self::AfterMethodOnly | Self::Continuously)
    }
}

listed! {
    /// When the rollbacks are played.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum RollbackStrategy {
        /// Unless the experiment failed or was interrupted.
        #[default]
        Default,
        /// At any end.
        Always,
        /// Never.
        Never,
        /// Where the experiment deviated.
        Deviated,
    }
}

impl RollbackStrategy {
    /// Returns the name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Always => "always",
            Self::Never => "never",
            Self::Deviated => "deviated",
        }
    }
}

listed! {
    /// What is only played: the activity succeeds without an output.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Dry {
        /// Probes.
        Probes,
        /// Actions.
        Actions,
        /// Both.
        Activities,
        /// Pauses.
        Pause,
    }
}

impl Dry {
    /// Whether an activity of this kind is only played.
    pub const fn plays(self, kind: ActivityKind) -> bool {
        match self {
            Self::Probes => matches!(kind, ActivityKind::Probe),
            Self::Actions => matches!(kind, ActivityKind::Action),
            Self::Activities => true,
            Self::Pause => false,
        }
    }

    /// Returns the name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Probes => "probes",
            Self::Actions => "actions",
            Self::Activities => "activities",
            Self::Pause => "pause",
        }
    }
}

/// What `runtime` of the file says; the command line comes before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runtime {
    /// When the hypothesis is looked at, if the file says it.
    pub hypothesis: Option<HypothesisStrategy>,
    /// When the rollbacks are played, if the file says it.
    pub rollbacks: Option<RollbackStrategy>,
}

impl Runtime {
    pub(super) fn read(experiment: &Node) -> Result<Self, Fault> {
        let strategy = |part: &str| experiment.get("runtime")?.get(part)?.get("strategy");
        let hypothesis = strategy("hypothesis").map(|node| {
            named(node, HypothesisStrategy::ALL, HypothesisStrategy::name, "runtime.hypothesis.strategy")
        });
        let rollbacks = strategy("rollbacks").map(|node| {
            named(node, RollbackStrategy::ALL, RollbackStrategy::name, "runtime.rollbacks.strategy")
        });
        Ok(Self { hypothesis: hypothesis.transpose()?, rollbacks: rollbacks.transpose()? })
    }
}

/// Reads `dry` of an experiment or an activity.
pub(super) fn dry(node: &Node) -> Result<Option<Dry>, Fault> {
    let given = node.get("dry").filter(|node| node.text() != Some(""));
    given.map(|node| named(node, Dry::ALL, Dry::name, "dry")).transpose()
}

fn named<T: Copy, const N: usize>(
    node: &Node,
    all: [T; N],
    name: fn(T) -> &'static str,
    key: &str,
) -> Result<T, Fault> {
    let given = node.text().unwrap_or_default();
    all.into_iter().find(|one| name(*one) == given).ok_or_else(|| {
        let known = all.map(name).join(", ");
        let given = brief::line(&node.value().to_string(), 60);
        Fault { line: Some(node.line), why: format!("{key}: {given} is none of {known}") }
    })
}

//! Chaos Toolkit experiments: read, filled in, and what of them is refused before the first write.
//!
//! The format is what chaoslib 1.44.0 enforces (`chaoslib/experiment.py`, `activity.py`, `hypothesis.py`,
//! `configuration.py`), the functions are those of chaostoolkit-kubernetes 0.39.0, -istio and -prometheus. Experiments
//! run unmodified; what is read more strictly than there is said where it is read.
//!
//! The order of use: [`Experiment::read`], [`Values::load`] with the environment, [`findings`] for everything that is
//! refused or dangerous, then probes of [`Values::dynamic`], then each activity by [`Provider`] and [`Values`].

mod activity;
mod arguments;
mod configuration;
mod function;
mod given;
mod http;
mod journal;
mod json_path;
mod logs;
mod moment;
mod node;
mod process;
mod python;
mod read;
mod refused;
mod runtime;
mod substitute;
mod told;
mod tolerance;
mod verdict;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use activity::{Activity, ActivityKind, Call, Control, Part, Pauses, Provider};
pub use configuration::{Secret, SecretSource, Setting, SettingSource, VariableType};
pub use function::{
    Candidates, ClusterUse, Condition, Delete, Deleted, Direction, ExecInPods, Fault, FaultRoute, Function,
    LogsOf, Mode, Network, Order, Pick, PodProbe, PrometheusQuery, Unknown, VirtualService, Workload,
    WorkloadCheck, WorkloadProbe,
};
pub use given::Given;
pub use http::{Body, Http, Request};
pub use journal::{CHAOSLIB, Journal, JournalStatus, Run, RunStatus, SteadyState, SteadyStates};
pub use json_path::JsonPath;
pub use logs::found_in_logs;
pub use moment::Moment;
pub use process::{Command, Process, ProcessArguments};
pub use refused::{Danger, Finding, FindingKind, Terms, findings, refusal};
pub use runtime::{Dry, HypothesisStrategy, RollbackStrategy, Runtime};
pub use substitute::Values;
pub use told::{Told, ToldState, shown};
pub use tolerance::Tolerance;
pub use verdict::Course;

/// The largest experiment that is read, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// An experiment as it was written: names of variables still stand in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// The name of its file, as it was given.
    pub file: String,
    /// The document as it is, for the journal's copy.
    pub document: Value,
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
    /// The settings under `configuration`, in the order of the file.
    pub configuration: Vec<Setting>,
    /// The values under `secrets`.
    pub secrets: Vec<Secret>,
    /// What has to hold, if the experiment says it.
    pub hypothesis: Option<Hypothesis>,
    /// The activities of the method.
    pub method: Vec<Activity>,
    /// The activities that undo the method.
    pub rollbacks: Vec<Activity>,
    /// Strategies that the file chooses.
    pub runtime: Runtime,
    /// What the file says is only played: `dry`.
    pub dry: Option<Dry>,
    /// Controls of the whole experiment.
    pub controls: Vec<Control>,
}

/// The steady-state hypothesis.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// Its title.
    pub title: String,
    /// The probes, each with a tolerance.
    pub probes: Vec<Activity>,
    /// The line of it in the file.
    pub line: u64,
    /// Controls of the hypothesis.
    pub controls: Vec<Control>,
}

impl Experiment {
    /// Whether some of it is only played, so that nothing is proven.
    pub fn is_played(&self) -> bool {
        self.activities().into_iter().any(|activity| self.plays(activity))
    }

    /// Whether an activity of it is only played.
    pub fn plays(&self, activity: &Activity) -> bool {
        activity.dry.or(self.dry).is_some_and(|dry| dry.plays(activity.kind))
    }

    /// Returns every activity that may run, in the order of the file: probes for settings, hypothesis with the probes of
    /// its tolerances, method, rollbacks.
    pub fn activities(&self) -> Vec<&Activity> {
        let settings = self.configuration.iter().filter_map(|setting| match &setting.source {
            SettingSource::Probe(activity) => Some(activity.as_ref()),
            SettingSource::Plain(_) | SettingSource::Environment { .. } => None,
        });
        let probes = self.hypothesis.iter().flat_map(|hypothesis| &hypothesis.probes);
        let probes =
            probes.flat_map(|probe| [Some(probe), probe.tolerance.as_ref().and_then(Tolerance::probe)]);
        settings.chain(probes.flatten()).chain(&self.method).chain(&self.rollbacks).collect()
    }
}

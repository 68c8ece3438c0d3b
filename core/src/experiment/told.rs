//! The journal in short, for reports: an entry for each probe of the hypothesis, over all looks, and for each activity that was run.

use serde::Serialize;
use serde_json::Value;

use super::journal::{Journal, Run, RunStatus, SteadyState, scrub};
use super::{Activity, ActivityKind, Experiment};
use crate::brief;
use crate::scrub::Scrubber;

/// The longest that is told of an output, or of why something failed, in letters.
const SAID: usize = 200;
/// The longest name, in letters.
const NAME: usize = 80;

/// What became of an activity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// Where it stands: `hypothesis`, `method` or `rollbacks`.
    pub part: &'static str,
    /// `probe` or `action`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What it came to.
    pub state: ToldState,
    /// Why, or what was read.
    pub text: String,
    /// How long it took, of a probe of the hypothesis in all looks together.
    pub seconds: f64,
}

/// What an activity came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ToldState {
    /// It did what it had to, and what it read was as it had to be.
    Good,
    /// It did not, and that decided the experiment.
    Failed,
    /// It tells nothing, or nothing that decides.
    Unknown,
}

impl Journal {
    /// Returns what became of each probe of the hypothesis, and of each activity that was run. `strict`: what probes of the method
    /// read decides nothing.
    pub fn told(&self, experiment: &Experiment, strict: bool, scrubber: &Scrubber) -> Vec<Told> {
        let probes = experiment.hypothesis.iter().flat_map(|hypothesis| &hypothesis.probes);
        let looks = self.looks();
        let mut told: Vec<Told> = probes.map(|probe| of_probe(experiment, probe, &looks, scrubber)).collect();
        for (activity, run) in experiment.method.iter().zip(&self.run) {
            let is_wrong = run.tolerance_met == Some(false) && !strict;
            let state = match run.status {
                RunStatus::Succeeded if is_wrong => ToldState::Failed,
                RunStatus::Succeeded => ToldState::Good,
                // A probe that could not look tells nothing.
                RunStatus::Failed if activity.kind == ActivityKind::Action || is_wrong => ToldState::Failed,
                RunStatus::Failed => ToldState::Unknown,
            };
            told.push(entry("method", experiment, activity, state, said(run, scrubber), run.duration));
        }
        for (activity, run) in experiment.rollbacks.iter().zip(&self.rollbacks) {
            let state = match run.status {
                RunStatus::Succeeded => ToldState::Good,
                RunStatus::Failed => ToldState::Unknown,
            };
            told.push(entry("rollbacks", experiment, activity, state, said(run, scrubber), run.duration));
        }
        told
    }

    /// Returns the looks at the hypothesis with when they were.
    fn looks(&self) -> Vec<(&'static str, &SteadyState)> {
        let states = &self.steady_states;
        let before = states.before.iter().map(|state| ("before the method", state));
        let during = states.during.iter().map(|state| ("while the method ran", state));
        let after = states.after.iter().map(|state| ("after the method", state));
        before.chain(during).chain(after).collect()
    }
}

fn of_probe(
    experiment: &Experiment,
    probe: &Activity,
    looks: &[(&'static str, &SteadyState)],
    scrubber: &Scrubber,
) -> Told {
    let of_state = |(when, state): &(&'static str, &'_ SteadyState)| {
        let run = state.probes.iter().find(|run| run.activity == probe.document)?.clone();
        Some((*when, run))
    };
    let runs: Vec<(&str, Run)> = looks.iter().filter_map(of_state).collect();
    let is_bad = |run: &Run| run.status == RunStatus::Failed || run.tolerance_met == Some(false);
    let seconds = runs.iter().map(|(_, run)| run.duration).sum();
    let (state, text) = match (runs.iter().find(|(_, run)| is_bad(run)), runs.last()) {
        (Some((when, run)), _) => (ToldState::Failed, format!("{when}: {}", said(run, scrubber))),
        (None, Some((_, run))) => (ToldState::Good, said(run, scrubber)),
        (None, None) => (ToldState::Unknown, "it was not looked at".to_owned()),
    };
    entry("hypothesis", experiment, probe, state, text, seconds)
}

fn entry(
    part: &'static str,
    experiment: &Experiment,
    activity: &Activity,
    state: ToldState,
    text: String,
    seconds: f64,
) -> Told {
    let (state, text) = if experiment.plays(activity) {
        (ToldState::Unknown, "it was only played".to_owned())
    } else {
        (state, text)
    };
    Told { part, kind: activity.kind.name(), name: brief::line(&activity.name, NAME), state, text, seconds }
}

/// Says why it failed, or what it gave.
fn said(run: &Run, scrubber: &Scrubber) -> String {
    if run.exception.is_empty() {
        return shown(&scrub(run.output.clone(), scrubber));
    }
    brief::line(&scrubber.text(&run.exception.join("; ")), SAID)
}

/// Says what was read; of a request or a program the status.
pub fn shown(output: &Value) -> String {
    let told = output.get("status").map_or_else(|| output.to_string(), |status| format!("status {status}"));
    brief::line(&told, SAID)
}

//! The journal of a run as Chaos Toolkit writes it, for `chaos report` and for pipelines that read it.
//!
//! Unlike there, each run has a `status`: `chaos report` crashes without it. What is ours stands under `rollout-plus`.

use serde::Serialize;
use serde_json::{Map, Value};

use super::Experiment;
use crate::listed::listed;
use crate::scrub::{MASK, Scrubber, is_secret_name};

/// The version of chaoslib whose form this is.
pub const CHAOSLIB: &str = "1.44.0";

/// The journal of one run. Times are RFC 3339 as Python writes them: `2026-11-28T16:00:00.123456+00:00`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Journal {
    /// [`CHAOSLIB`].
    pub chaoslib_version: &'static str,
    /// The machine's system.
    pub platform: String,
    /// The machine's name.
    pub node: String,
    /// The experiment as it was written.
    pub experiment: Value,
    /// When the run started.
    pub start: String,
    /// How it ended.
    pub status: JournalStatus,
    /// Whether the hypothesis did not hold after the method had begun.
    pub deviated: bool,
    /// What the looks at the hypothesis came to.
    #[serde(rename = "steady_states")]
    pub steady_states: SteadyStates,
    /// The activities of the method that were run.
    pub run: Vec<Run>,
    /// The rollbacks that were run.
    pub rollbacks: Vec<Run>,
    /// When the run ended.
    pub end: String,
    /// How long it took, in seconds.
    pub duration: f64,
    /// What Chaos Toolkit does not have: victims, groups, times to recover, what was undone.
    pub rollout_plus: Value,
}

listed! {
    /// How a run ended.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum JournalStatus {
        /// To its end.
        Completed,
        /// A probe of the hypothesis failed.
        Failed,
        /// A control ended it.
        Aborted,
        /// A signal ended it.
        Interrupted,
    }
}

/// The looks at the hypothesis.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SteadyStates {
    /// Before the method.
    pub before: Option<SteadyState>,
    /// After it.
    pub after: Option<SteadyState>,
    /// While it ran.
    pub during: Vec<SteadyState>,
}

/// One look at the hypothesis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SteadyState {
    /// Whether it held; none if nothing was looked at.
    pub steady_state_met: Option<bool>,
    /// The probes.
    pub probes: Vec<Run>,
}

/// One run of an activity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// The activity as it was written.
    pub activity: Value,
    /// What it gave.
    pub output: Value,
    /// When it started.
    pub start: String,
    /// Whether it did what it had to; one that was interrupted failed.
    pub status: RunStatus,
    /// When it ended.
    pub end: String,
    /// How long it took, in seconds.
    pub duration: f64,
    /// Why it failed, in lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exception: Vec<String>,
    /// Whether the output was within the tolerance, of a probe of the hypothesis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance_met: Option<bool>,
}

/// Whether an activity did what it had to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It did.
    Succeeded,
    /// It did not.
    Failed,
}

impl Journal {
    /// Makes the journal of a run that has done nothing yet.
    pub fn new(experiment: &Experiment, start: impl Into<String>) -> Self {
        let start = start.into();
        Self {
            chaoslib_version: CHAOSLIB,
            platform: String::new(),
            node: String::new(),
            experiment: experiment.document.clone(),
            end: start.clone(),
            start,
            status: JournalStatus::Completed,
            deviated: false,
            steady_states: SteadyStates::default(),
            run: Vec::new(),
            rollbacks: Vec::new(),
            duration: 0.0,
            rollout_plus: Value::Object(Map::new()),
        }
    }

    /// Returns the document without secrets: those of the experiment, values of headers and keys whose names say that they
    /// are secret, and what looks like one in any text.
    pub fn document(&self, scrubber: &Scrubber) -> Value {
        let mut document = serde_json::to_value(self).unwrap_or_default();
        if let Some(secrets) = document["experiment"].get_mut("secrets") {
            hide(secrets);
        }
        scrub(document, scrubber)
    }
}

/// Hides the values of `secrets`; where they come from stays.
fn hide(secrets: &mut Value) {
    match secrets {
        Value::Object(fields)
            if ["env", "vault"].iter().any(|kind| fields.get("type") == Some(&(*kind).into())) => {}
        Value::Object(fields) => fields.values_mut().for_each(hide),
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => *secrets = MASK.into(),
    }
}

/// Takes secrets out of an output or a document.
pub(super) fn scrub(value: Value, scrubber: &Scrubber) -> Value {
    match value {
        Value::String(text) => scrubber.text(&text).into(),
        Value::Array(items) => items.into_iter().map(|item| scrub(item, scrubber)).collect(),
        Value::Object(fields) => {
            let field = |(key, value): (String, Value)| {
                let is_variable =
                    value.as_str().is_some_and(|text| text.starts_with("${") && text.ends_with('}'));
                let masked = value.is_string() && is_secret(&key) && !is_variable;
                let value = if masked { MASK.into() } else { scrub(value, scrubber) };
                (scrubber.text(&key), value)
            };
            Value::Object(fields.into_iter().map(field).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// Headers that hold secrets besides those whose names say so.
const HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

fn is_secret(key: &str) -> bool {
    is_secret_name(key) || HEADERS.iter().any(|header| key.eq_ignore_ascii_case(header))
}

//! What happens during a run, as values: people and machines see the same. The JSON is in `docs/json.md`.

use serde::Serialize;

use crate::analysis::{Analysis, Judged, Metric, Replayed, Settings, State};
use crate::apply::Row;
use crate::brief;
use crate::chaos::{self, Trial};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::experiment::Told;
use crate::health::Failure;
use crate::limits::Seen;
use crate::status::WorkloadStatus;

/// Something to tell the user.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Event {
    /// A step began.
    Step {
        /// One line.
        text: String,
    },
    /// The state changed, or time went by.
    Progress {
        /// One line: what is waited for.
        text: String,
        /// The whole picture.
        status: Box<WorkloadStatus>,
    },
    /// Something to know that is no danger.
    Note {
        /// One line.
        text: String,
    },
    /// Something to look at.
    Warning {
        /// One line.
        text: String,
    },
    /// A look at the metrics of both versions.
    Look {
        /// How long all looks together took, in seconds.
        seconds: f64,
        /// What all looks together come to.
        metrics: Vec<Metric>,
        /// Metrics that have a limit.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        limits: Vec<Seen>,
        /// Whose metrics could not be read, and why.
        missing: Option<String>,
        /// The same for people, a line each.
        #[serde(skip)]
        picture: Vec<String>,
    },
    /// What the metrics came to at a share.
    Analysis(Box<Compared>),
    /// What a fault showed that was made on purpose.
    Fault(Box<Tried>),
    /// What an experiment of Chaos Toolkit came to.
    Experiment(Box<Experimented>),
    /// The new version failed.
    Verdict(Failure),
    /// The proof of that.
    Evidence(Evidence),
    /// A watched workload changed, or is new.
    Status {
        /// The whole picture.
        status: Box<WorkloadStatus>,
    },
    /// A watched workload is gone.
    Deleted,
    /// An object was applied or pruned.
    Object(Row),
    /// The run on one workload is over; without a workload, all is.
    Finished {
        /// What the process ends with, if this is its only workload.
        #[serde(rename = "exitCode")]
        exit_code: u8,
        /// Why, unless that is 0.
        error: Option<Trouble>,
        /// The picture at the end, if it could be read.
        status: Option<Box<WorkloadStatus>>,
        /// How long the run took, in seconds.
        seconds: f64,
    },
}

/// What the metrics of both versions came to.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// In one word.
    pub verdict: Outlook,
    /// One line.
    pub text: String,
    /// How long all looks together took, in seconds.
    pub seconds: f64,
    /// Each metric.
    pub metrics: Vec<Metric>,
    /// Metrics that have a limit, and what was asked for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Seen>,
    /// What was asked of the looks.
    pub settings: Settings,
    /// The looks themselves: whoever has them comes to the same.
    pub counts: Analysis,
    /// The same for people, a line for each metric.
    pub picture: Vec<String>,
}

impl Compared {
    /// Returns what looks came to, with what is thought of each metric.
    pub fn new(
        verdict: Outlook,
        text: String,
        settings: Settings,
        counts: Analysis,
        limits: Vec<Seen>,
    ) -> Self {
        let judged = counts.judge(settings);
        let picture = counts.picture(&judged);
        let Judged { metrics, seconds, .. } = judged;
        Self { verdict, text, seconds, metrics, limits, settings, counts, picture }
    }
}

impl From<Replayed> for Compared {
    fn from(replayed: Replayed) -> Self {
        let Replayed { settings, counts, judged } = replayed;
        let (verdict, text) = match judged.state {
            State::Good => (Outlook::Good, judged.why_good()),
            State::Worse => (Outlook::Worse, judged.why_worse()),
            State::Collecting => (Outlook::NotEnoughData, counts.why_open(&judged)),
        };
        Self::new(verdict, text, settings, counts, Vec::new())
    }
}

/// What a fault showed.
#[derive(Clone, Debug, Serialize)]
pub struct Tried {
    /// What was done, and what was seen.
    #[serde(flatten)]
    pub trial: Trial,
    /// How long it took until as many pods were Ready as before, in seconds.
    #[serde(rename = "recoveredSeconds")]
    pub recovered: Option<f64>,
    /// What that comes to.
    #[serde(flatten)]
    pub verdict: chaos::Verdict,
}

impl From<Trial> for Tried {
    fn from(trial: Trial) -> Self {
        let (verdict, recovered) = (trial.verdict(), trial.recovered.map(|time| time.as_secs_f64()));
        Self { trial, recovered, verdict }
    }
}

/// What an experiment came to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Experimented {
    /// Its file, as it was given.
    pub file: String,
    /// Its title.
    pub title: String,
    /// What the process ends with, if nothing follows.
    pub exit_code: u8,
    /// One line.
    pub text: String,
    /// What became of each probe of the hypothesis, and of each activity that was run.
    pub activities: Vec<Told>,
    /// So many more are not told.
    pub left_out: usize,
}

impl Experimented {
    /// So many activities are told.
    const MOST: usize = 500;

    /// Returns what is told of an end.
    pub fn new(
        (file, title): (&str, &str),
        ended: &Result<String, Error>,
        mut activities: Vec<Told>,
    ) -> Self {
        let left_out = activities.len().saturating_sub(Self::MOST);
        activities.truncate(Self::MOST);
        Self {
            file: file.to_owned(),
            title: brief::line(title, 200),
            exit_code: ended.as_ref().err().map_or(0, |error| error.kind.exit_code()),
            text: ended.as_ref().map_or_else(|error| error.message.clone(), Clone::clone),
            activities,
            left_out,
        }
    }
}

/// What metrics can come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outlook {
    /// The new version is not worse.
    Good,
    /// It is.
    Worse,
    /// That is not known.
    NotEnoughData,
}

/// An error as data.
#[derive(Clone, Debug, Serialize)]
pub struct Trouble {
    /// One sentence.
    pub message: String,
    /// Commands or advice.
    pub next: Vec<String>,
}

impl From<&Error> for Trouble {
    fn from(error: &Error) -> Self {
        Self { message: error.message.clone(), next: error.next.clone() }
    }
}

impl Event {
    /// A note.
    pub fn note(text: impl Into<String>) -> Self {
        Self::Note { text: text.into() }
    }

    /// A warning.
    pub fn warning(text: impl Into<String>) -> Self {
        Self::Warning { text: text.into() }
    }
}

#[cfg(test)]
mod tests;

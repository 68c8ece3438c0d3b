//! What the run on one workload tells, to people and to machines.

use super::safe::safe;
use super::{Output, about, evidence, json_line, to_stdout, tree};
use crate::cli::OutputFormat;
use crate::error::Error;
use crate::event::{Event, Outlook};
use crate::model::{Names, ObjectName};
use crate::plan::Plan;
use crate::status::WorkloadStatus;
use crate::world;

/// The output of the run on one workload.
#[derive(Clone)]
pub(crate) struct Channel<'a> {
    pub(super) output: &'a Output,
    /// `None`: what is told is about all.
    pub(super) workload: Option<ObjectName>,
    /// Whether lines have to say which workload they are about.
    pub(super) named: bool,
}

impl Channel<'_> {
    /// Writes a plan as data.
    pub(crate) fn plan(&self, plan: &Plan, kind: &Names) -> Result<(), Error> {
        self.output.plan(plan, kind)
    }

    /// Tells what happens.
    pub(crate) fn event(&self, event: &Event) {
        self.machine(event);
        let text = match event {
            Event::Step { text } | Event::Note { text } => text.clone(),
            Event::Warning { text } => format!("warning: {text}"),
            Event::Progress { text, status } => {
                if let Some(live) = self.output.live.borrow_mut().as_mut() {
                    let tree = tree::lines(status, live.color(), world::now(), tree::PODS);
                    live.show(&self.key(), &tree, &safe(&self.prefixed(text)));
                    return;
                }
                format!("{text}; {}", status.sentence_after(text))
            }
            Event::Fault(tried) => tried.verdict.text().to_owned(),
            Event::Experiment(done) if done.exit_code == 0 => done.text.clone(),
            Event::Verdict(failure) => failure.line(),
            Event::Evidence(evidence) => {
                for line in evidence::lines(evidence) {
                    self.output.print(&safe(&self.prefixed(&line)));
                }
                return;
            }
            Event::Analysis(compared) => {
                if let Some(live) = self.output.live.borrow_mut().as_mut() {
                    live.picture(&self.key(), Vec::new());
                }
                for line in &compared.picture {
                    self.output.print(&safe(&self.prefixed(line)));
                }
                match compared.verdict {
                    Outlook::Good => compared.text.clone(),
                    // The verdict on the version says it.
                    Outlook::Worse | Outlook::NotEnoughData => return,
                }
            }
            Event::Look { picture, .. } => {
                if let Some(live) = self.output.live.borrow_mut().as_mut() {
                    live.picture(&self.key(), picture.iter().map(|line| safe(line)).collect());
                }
                return;
            }
            Event::Finished { .. }
            | Event::Experiment(_)
            | Event::Status { .. }
            | Event::Deleted
            | Event::Object(_) => return,
        };
        self.output
            .line(self.workload.as_ref().map_or("", |workload| &workload.name), &safe(&self.prefixed(&text)));
    }

    /// Writes the picture at the end of a run.
    pub(crate) fn finished(
        &self,
        result: &Result<(), Error>,
        status: Option<WorkloadStatus>,
        seconds: f64,
    ) -> Result<(), Error> {
        self.ended(result, status.clone(), seconds);
        match status {
            Some(status) if result.is_ok() && self.output.format != OutputFormat::Json => {
                self.output.statuses(&[status], false, false)
            }
            _ => Ok(()),
        }
    }

    /// Tells machines how a run ended.
    pub(crate) fn ended(&self, result: &Result<(), Error>, status: Option<WorkloadStatus>, seconds: f64) {
        self.output.finished.set(true);
        self.machine(&Event::Finished {
            exit_code: result.as_ref().err().map_or(0, |error| error.kind.exit_code()),
            error: result.as_ref().err().map(Into::into),
            status: status.map(Box::new),
            seconds,
        });
    }

    /// One event is one line of JSON, and is kept for the reports.
    fn machine(&self, event: &Event) {
        let keep = !self.output.reports.borrow().is_empty() || self.output.card.borrow().is_some();
        if !self.output.tells_events && !keep {
            return;
        }
        let line = about(self.workload.as_ref(), event);
        if self.output.tells_events {
            // A reader that went away is no reason to stop a rollout.
            to_stdout(&json_line(&line)).unwrap_or(());
        }
        if keep {
            self.output.told.borrow_mut().push(line);
        }
    }

    fn key(&self) -> String {
        self.workload.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    fn prefixed(&self, text: &str) -> String {
        match &self.workload {
            Some(workload) if self.named => format!("{}/{}: {text}", workload.namespace, workload.name),
            _ => text.to_owned(),
        }
    }
}

//! The one writer. Data goes to stdout, everything else to stderr.

mod findings;
mod live;
mod safe;
mod table;
mod tree;

use std::io::Write;

use serde::Serialize;

use crate::check::{self, Report};
use crate::cli::OutputFormat;
use crate::environment::{Environment, timestamp};
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::plan::Plan;
use crate::status::WorkloadStatus;

use live::Live;
use safe::safe;

/// Writes for people or machines, on a terminal or into a pipe.
pub(crate) struct Output {
    format: OutputFormat,
    color: bool,
    live: Option<Live>,
    last: String,
}

impl Output {
    /// Chooses by the streams that `main` was given.
    pub(crate) fn new(format: OutputFormat, environment: &Environment) -> Self {
        let live =
            environment.stderr_is_terminal && !environment.is_ci() && environment.get("TERM") != Some("dumb");
        Self {
            format,
            color: environment.stdout_is_terminal && environment.allows_color(),
            live: live.then(|| Live::new(environment.allows_color())),
            last: String::new(),
        }
    }

    /// Tells what happens.
    pub(crate) fn event(&mut self, event: &Event) {
        let text = match event {
            Event::StepStarted(title) => title.clone(),
            Event::Note(text) => text.clone(),
            Event::Warning(text) => format!("warning: {text}"),
            Event::Progress { text, status } => {
                if let Some(live) = &mut self.live {
                    live.show(&tree::lines(status, live.color()), &safe(text));
                    return;
                }
                format!("{text}; {}", status.sentence())
            }
        };
        let text = safe(&text);
        if text == self.last {
            return;
        }
        match &mut self.live {
            Some(live) => live.line(&text),
            None => to_stderr(&format!("{} {text}", second())),
        }
        self.last = text;
    }

    /// Writes workloads as data: a tree for one, a table for many.
    pub(crate) fn statuses(
        &mut self,
        statuses: &[WorkloadStatus],
        many: bool,
        with_namespace: bool,
    ) -> Result<(), Error> {
        self.finish();
        match self.format {
            OutputFormat::Human if many => to_stdout(&table::render(statuses, with_namespace)),
            OutputFormat::Human => {
                let lines: Vec<String> =
                    statuses.iter().flat_map(|status| tree::lines(status, self.color)).collect();
                to_stdout(&lines.join("\n"))
            }
            _ if many => self.document(statuses),
            _ => statuses.iter().try_for_each(|status| self.document(status)),
        }
    }

    /// Writes a plan as data.
    pub(crate) fn plan(&mut self, plan: &Plan) -> Result<(), Error> {
        self.finish();
        if self.format != OutputFormat::Human {
            return self.document(plan);
        }
        let lines: Vec<String> = plan
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| format!("{}. {}", index + 1, safe(&step.title())))
            .collect();
        to_stdout(&lines.join("\n"))
    }

    /// Writes what a check found as data.
    pub(crate) fn findings(&mut self, report: &Report) -> Result<(), Error> {
        self.finish();
        match self.format {
            OutputFormat::Human => to_stdout(&findings::render(report, self.color)),
            OutputFormat::Sarif => self.document(&check::sarif(report)),
            OutputFormat::Json | OutputFormat::Yaml => self.document(report),
        }
    }

    /// Writes a sentence for people to stderr, whatever the format.
    pub(crate) fn note(&mut self, text: &str) {
        self.finish();
        to_stderr(&safe(text));
    }

    /// Writes an error with what to type next.
    pub(crate) fn error(&mut self, error: &Error) {
        self.finish();
        let mut text = format!("error: {}", safe(&error.message));
        for next in error.next.iter().filter(|next| !next.is_empty()) {
            text = format!("{text}\n  next: {}", safe(next));
        }
        to_stderr(&text);
    }

    fn document<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), Error> {
        let text = if self.format == OutputFormat::Yaml {
            serde_saphyr::to_string(&value).map_err(|error| error.to_string())
        } else {
            serde_json::to_string_pretty(value).map_err(|error| error.to_string())
        };
        to_stdout(
            text.map_err(|error| Error::new(Kind::Infrastructure, format!("write the result: {error}")))?
                .trim_end(),
        )
    }

    /// Takes the live picture away, so that what follows stays on the screen.
    fn finish(&mut self) {
        if let Some(live) = &mut self.live {
            live.clear();
        }
    }
}

/// Writes what clap has to say: help to stdout, errors to stderr.
pub(crate) fn usage(error: &clap::Error) {
    // A closed pipe is the reader's choice.
    error.print().unwrap_or(());
}

fn second() -> String {
    format!("{}Z", timestamp().split('.').next().unwrap_or_default())
}

fn to_stderr(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").unwrap_or(());
}

fn to_stdout(text: &str) -> Result<(), Error> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(Kind::Infrastructure, format!("write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

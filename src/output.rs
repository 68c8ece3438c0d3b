//! The one writer. Data goes to stdout, everything else to stderr.

mod account;
mod card;
mod channel;
mod compared;
mod completions;
mod diagnosis;
mod document;
mod evidence;
mod findings;
mod imported;
mod live;
mod objects;
mod picture;
mod report;
mod safe;
mod screen;
mod shown;
mod table;
mod tree;
mod watching;
mod whole;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cli::{OutputFormat, Report};
use crate::credentials::Diagnosis;
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::history::RevisionRow;
use crate::model::{Names, ObjectName};
use crate::plan::Plan;
use crate::preflight;
use crate::status::WorkloadStatus;
use crate::world::{self, timestamp};

pub(crate) use card::Card;
pub(crate) use channel::Channel;
pub(crate) use completions::completions;
pub(crate) use document::usage;
pub(crate) use watching::{Reader, Watching};

use live::Live;
use safe::{safe, safe_json};

/// The version of the JSON that `docs/json.md` describes.
const SCHEMA: u32 = 1;

/// Writes for people or machines, on a terminal or into a pipe. Several runs may share it.
pub(crate) struct Output {
    format: OutputFormat,
    /// Whether stdout gets one event per line.
    tells_events: bool,
    color: bool,
    /// Whether both streams are a person's terminal, so that a live picture replaces lines on stdout.
    interactive: bool,
    live: RefCell<Option<Live>>,
    last: RefCell<BTreeMap<String, String>>,
    reports: RefCell<Vec<Report>>,
    card: RefCell<Option<Card>>,
    told: RefCell<Vec<Value>>,
    finished: Cell<bool>,
}

impl Output {
    /// Chooses by the streams that `main` was given.
    pub(crate) fn new(format: OutputFormat, tells_events: bool, environment: &Environment) -> Self {
        let live =
            environment.stderr_is_terminal && !environment.is_ci() && environment.get("TERM") != Some("dumb");
        Self {
            format,
            tells_events: tells_events && format == OutputFormat::Json,
            color: environment.stdout_is_terminal && environment.allows_color(),
            interactive: live && environment.stdout_is_terminal,
            live: RefCell::new(live.then(|| Live::new(environment.allows_color()))),
            last: RefCell::default(),
            reports: RefCell::default(),
            card: RefCell::default(),
            told: RefCell::default(),
            finished: Cell::new(false),
        }
    }

    /// Has the run told again in files when it is over.
    ///
    /// # Errors
    /// A usage error if one of them cannot be written: before the run, not after it.
    pub(crate) fn report_to(&self, reports: Vec<Report>) -> Result<(), Error> {
        reports.iter().try_for_each(report::check)?;
        self.reports.replace(reports);
        Ok(())
    }

    /// Returns what the run on one workload writes to; `named` where there are several.
    pub(crate) fn about(&self, workload: ObjectName, named: bool) -> Channel<'_> {
        Channel { output: self, workload: Some(workload), named }
    }

    /// Returns what is written to about all workloads together.
    pub(crate) fn about_all(&self) -> Channel<'_> {
        Channel { output: self, workload: None, named: false }
    }

    /// Writes workloads as data: a tree for one, a table for many.
    pub(crate) fn statuses(
        &self,
        statuses: &[WorkloadStatus],
        many: bool,
        namespaces: bool,
    ) -> Result<(), Error> {
        self.finish();
        match self.format {
            OutputFormat::Human if many => {
                to_stdout(&table::render(statuses, namespaces))?;
                let failing = statuses.iter().filter(|status| status.is_failing()).count();
                if failing > 0 {
                    let verb = if failing == 1 { "is" } else { "are" };
                    to_stderr(&format!("{failing} of {} {verb} failing", statuses.len()));
                }
                Ok(())
            }
            OutputFormat::Human => {
                let now = world::now();
                let tree = |status| tree::lines(status, self.color, now, tree::PODS);
                let lines: Vec<String> = statuses.iter().flat_map(tree).collect();
                to_stdout(&lines.join("\n"))
            }
            OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Sarif if many => self.document(statuses),
            OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Sarif => {
                statuses.iter().try_for_each(|status| self.document(status))
            }
        }
    }

    /// Writes revisions as data: a table, or an array.
    pub(crate) fn revisions(&self, revisions: &[RevisionRow]) -> Result<(), Error> {
        match self.format {
            OutputFormat::Human => to_stdout(&table::revisions(revisions)),
            OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Sarif => self.document(revisions),
        }
    }

    /// Writes one revision with its pod template.
    pub(crate) fn revision(&self, revision: &RevisionRow, template: &Value) -> Result<(), Error> {
        let mut whole = serde_json::to_value(revision).unwrap_or_default();
        whole["template"] = template.clone();
        match self.format {
            OutputFormat::Human => {
                let text = serde_saphyr::to_string(&whole).unwrap_or_default();
                to_stdout(&text.lines().map(safe).collect::<Vec<_>>().join("\n"))
            }
            OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Sarif => self.document(&whole),
        }
    }

    /// Writes a plan as data.
    fn plan(&self, plan: &Plan, kind: &Names) -> Result<(), Error> {
        self.finish();
        if self.format != OutputFormat::Human {
            return self.document(plan);
        }
        let lines: Vec<String> = plan
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| format!("{}. {}", index + 1, safe(&step.title(kind))))
            .collect();
        to_stdout(&lines.join("\n"))
    }

    /// Writes what a check found as data.
    pub(crate) fn findings(&self, report: &preflight::Report) -> Result<(), Error> {
        self.finish();
        match self.format {
            OutputFormat::Human => to_stdout(&findings::render(report, self.color)),
            OutputFormat::Sarif => self.document(&preflight::sarif(report)),
            OutputFormat::Json | OutputFormat::Yaml => self.document(report),
        }
    }

    /// Writes what is known of a credential as data.
    pub(crate) fn diagnosis(&self, found: &Diagnosis) -> Result<(), Error> {
        match self.format {
            OutputFormat::Human => to_stdout(&diagnosis::render(found, world::now())),
            OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Sarif => self.document(found),
        }
    }

    /// Writes an error with what to type next. A machine that reads events is told the end in any case.
    pub(crate) fn error(&self, error: &Error) {
        self.finish();
        if self.tells_events && !self.finished.get() {
            self.about_all().ended(&Err(error.clone()), None, 0.0);
        }
        let mut text = format!("error: {}", safe(&error.message));
        for next in error.next.iter().filter(|next| !next.is_empty()) {
            text = format!("{text}\n  next: {}", safe(next));
        }
        to_stderr(&text);
    }

    /// Tells a machine that reads events that there are no more.
    fn over(&self, error: Option<&Error>) -> Result<(), Error> {
        self.finished.set(true);
        let event = Event::Finished {
            exit_code: error.map_or(0, |error| error.kind.exit_code()),
            error: error.map(Into::into),
            status: None,
            seconds: 0.0,
        };
        to_stdout(&json_line(&stamped(&event)))
    }

    /// Writes the reports that were asked for.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub(crate) fn write_reports(&self) -> Result<(), Error> {
        let told = self.told.borrow();
        self.reports.borrow().iter().try_for_each(|one| report::write(one, &told))
    }

    /// Takes the live picture away, so that what follows stays on the screen.
    fn finish(&self) {
        if let Some(live) = self.live.borrow_mut().as_mut() {
            live.clear();
        }
    }

    /// Writes a line unless it is the same as the last one about that workload.
    fn line(&self, key: &str, text: &str) {
        if self.last.borrow_mut().insert(key.to_owned(), text.to_owned()).as_deref() == Some(text) {
            return;
        }
        self.print(text);
    }

    fn print(&self, text: &str) {
        match self.live.borrow_mut().as_mut() {
            Some(live) => live.line(text),
            None => to_stderr(&format!("{} {text}", second())),
        }
    }
}

fn about(workload: Option<&ObjectName>, event: &Event) -> Value {
    let mut line = stamped(event);
    line["workload"] = workload.map_or(
        Value::Null,
        |workload| json!({"namespace": workload.namespace, "kind": workload.kind, "name": workload.name}),
    );
    line
}

/// Returns an event as a line of a stream.
fn json_line(event: &Value) -> String {
    safe_json(&event.to_string())
}

fn stamped(event: &Event) -> Value {
    let mut line = serde_json::to_value(event).unwrap_or_default();
    line["schema"] = json!(SCHEMA);
    line["time"] = json!(now());
    line
}

fn now() -> String {
    format!("{}Z", timestamp().trim_end_matches('Z'))
}

fn second() -> String {
    format!("{}Z", timestamp().split('.').next().unwrap_or_default())
}

fn to_stderr(text: &str) {
    world::stderr(&format!("{text}\n"));
}

fn to_stdout(text: &str) -> Result<(), Error> {
    match world::stdout(&format!("{text}\n")) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(Kind::Infrastructure, format!("write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod words;

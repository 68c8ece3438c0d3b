//! Workloads while they change: a live picture on a terminal, else a line for each change.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::time::Instant;

use crate::cli::OutputFormat;
use crate::error::Error;
use crate::event::Event;
use crate::model::ObjectName;
use crate::output::picture::{self, Frame};
use crate::output::safe::safe;
use crate::output::screen::Screen;
use crate::output::{Output, about, json_line, second, to_stderr};
use crate::status::WorkloadStatus;
use crate::world;

/// A line at least this often while somebody waits, because CI systems end silent jobs.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Ages move on.
const TICK: Duration = Duration::from_secs(1);

/// How changes are shown.
enum Form {
    /// One event per line.
    Events,
    /// A picture that is redrawn in place.
    Live(Screen),
    /// One line per change.
    Lines,
    /// A sign of life now and then.
    Heartbeat,
}

/// The output of a watch.
pub(crate) struct Watching<'a> {
    output: &'a Output,
    form: Form,
    /// Whether it is about more than one workload.
    many: bool,
    namespaces: bool,
    next: Instant,
}

/// Whether anybody still reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    Here,
    Gone,
}

impl Output {
    /// Begins a watch; one that is not `shown` only gives signs of life.
    pub(crate) fn watching(&self, shown: bool, many: bool, namespaces: bool) -> Watching<'_> {
        let form = match self.format {
            OutputFormat::Human | OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Sarif if !shown => {
                Form::Heartbeat
            }
            OutputFormat::Json => Form::Events,
            OutputFormat::Human | OutputFormat::Yaml | OutputFormat::Sarif if self.interactive => {
                Form::Live(Screen::default())
            }
            OutputFormat::Human | OutputFormat::Yaml | OutputFormat::Sarif => Form::Lines,
        };
        let next = Instant::now() + HEARTBEAT;
        Watching { output: self, form, many, namespaces, next }
    }
}

impl Watching<'_> {
    /// Tells that a workload is not what it was.
    pub(crate) fn changed(&self, before: Option<&WorkloadStatus>, status: &WorkloadStatus) -> Reader {
        let id = status.id();
        match self.form {
            Form::Events if before != Some(status) => {
                write(&json_line(&about(Some(&id), &Event::Status { status: Box::new(status.clone()) })))
            }
            Form::Lines => {
                let sentence = status.sentence();
                if before.is_some_and(|before| before.sentence() == sentence) {
                    return Reader::Here;
                }
                write(&format!("{} {}{}", second(), self.prefix(&id), safe(&sentence)))
            }
            Form::Events | Form::Live(_) | Form::Heartbeat => Reader::Here,
        }
    }

    /// Tells that a workload is gone.
    pub(crate) fn deleted(&self, id: &ObjectName) -> Reader {
        match self.form {
            Form::Events => write(&json_line(&about(Some(id), &Event::Deleted))),
            Form::Lines => write(&format!("{} {}deleted", second(), self.prefix(id))),
            Form::Live(_) | Form::Heartbeat => Reader::Here,
        }
    }

    /// Shows all as they are now, where they are shown together; `waits` says what for.
    pub(crate) fn show(&mut self, statuses: &[&WorkloadStatus], waits: Option<&str>) {
        let now = Instant::now();
        match &mut self.form {
            Form::Live(screen) => {
                let color = self.output.color;
                let (rows, _) = Screen::size();
                let frame = Frame { rows, color, now: world::now(), namespaces: self.namespaces };
                let mut lines = picture::lines(statuses, &frame);
                lines.truncate(rows.saturating_sub(2));
                lines.extend(waits.map(str::to_owned));
                screen.draw(&lines);
                self.next = now + TICK;
            }
            Form::Lines | Form::Heartbeat if now >= self.next => {
                if let Some(waits) = waits {
                    to_stderr(&format!("{} {waits}", second()));
                }
                self.next = now + HEARTBEAT;
            }
            Form::Events if now >= self.next => self.next = now + HEARTBEAT,
            Form::Events | Form::Lines | Form::Heartbeat => {}
        }
    }

    /// Returns when to show it again although nothing changed.
    pub(crate) const fn next(&self) -> Instant {
        self.next
    }

    /// Ends it, with the last picture as data.
    pub(crate) fn end(mut self, statuses: &[WorkloadStatus]) -> Result<(), Error> {
        self.clear();
        match self.form {
            Form::Events => self.output.over(None),
            Form::Live(_) | Form::Lines | Form::Heartbeat => {
                self.output.statuses(statuses, self.many, self.namespaces)
            }
        }
    }

    /// Takes the picture away, so that what follows stays on the screen.
    pub(crate) fn clear(&mut self) {
        if let Form::Live(screen) = &mut self.form {
            screen.clear();
        }
    }

    fn prefix(&self, id: &ObjectName) -> String {
        if self.many { format!("{}/{}: ", safe(&id.namespace), safe(&id.name)) } else { String::new() }
    }
}

fn write(line: &str) -> Reader {
    match world::stdout(&format!("{line}\n")) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Reader::Gone,
        _ => Reader::Here,
    }
}

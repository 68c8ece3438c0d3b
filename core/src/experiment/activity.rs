//! Activities: probes and actions, each with what provides it.

use std::time::Duration;

use serde_json::{Map, Value};

use super::http::Http;
use super::node::{Content, Fault, Node, object};
use super::process::Process;
use super::runtime::{Dry, dry};
use super::substitute::Values;
use super::tolerance::Tolerance;
use crate::brief;
use crate::duration::MAX_SECONDS;

/// Whether an activity looks or acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityKind {
    /// It looks.
    Probe,
    /// It changes something.
    Action,
}

impl ActivityKind {
    /// Returns the word in files and journals.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Action => "action",
        }
    }
}

/// The part of the experiment that an activity stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A setting that a probe finds out.
    Configuration,
    /// The steady-state hypothesis.
    Hypothesis,
    /// The tolerance of a probe.
    Tolerance,
    /// The method.
    Method,
    /// The rollbacks.
    Rollbacks,
}

/// One activity; a reference is already the activity that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// Its name.
    pub name: String,
    /// Whether it looks or acts.
    pub kind: ActivityKind,
    /// What does it.
    pub provider: Provider,
    /// How long to wait before and after.
    pub pauses: Pauses,
    /// Whether the next one starts before this one has ended.
    pub background: bool,
    /// What is only played of it, whatever holds for the experiment.
    pub dry: Option<Dry>,
    /// What its output has to be. Only the hypothesis' is decisive with Chaos Toolkit.
    pub tolerance: Option<Tolerance>,
    /// What is called before and after it.
    pub controls: Vec<Control>,
    /// The part that it stands in.
    pub part: Part,
    /// The line in the file, from 1; of a reference, the reference's.
    pub line: u64,
    /// It as it is in the file, for the journal; of a reference, what it names.
    pub document: Value,
}

/// What does an activity.
#[derive(Clone, Debug, PartialEq)]
pub enum Provider {
    /// A request.
    Http(Http),
    /// A program of the machine.
    Process(Process),
    /// A function of a Python module.
    Function(Call),
}

/// A function of a Python module with its arguments as they are in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The module: `chaosk8s.pod.actions`.
    pub module: String,
    /// The function.
    pub func: String,
    /// The arguments; names of variables still stand in them.
    pub arguments: Map<String, Value>,
}

/// The pauses of an activity: numbers of seconds, or the name of a variable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pauses {
    /// Before it.
    pub before: Option<Value>,
    /// After it.
    pub after: Option<Value>,
}

/// Code that Chaos Toolkit calls around activities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its name.
    pub name: String,
    /// Its module, if it says it.
    pub module: String,
    /// The line in the file.
    pub line: u64,
}

impl Pauses {
    /// Returns both as times, at most 30 days.
    ///
    /// # Errors
    /// Which one is no time.
    pub fn times(&self, values: &Values) -> Result<(Duration, Duration), String> {
        let time = |pause: &Option<Value>, key: &str| {
            let Some(pause) = pause else { return Ok(Duration::ZERO) };
            let filled = values.fill(pause);
            seconds(&filled).map_err(|why| format!("pauses.{key}: {why}"))
        };
        Ok((time(&self.before, "before")?, time(&self.after, "after")?))
    }
}

/// Reads a number of seconds; a text with a number counts, because variables of the environment are texts.
pub(super) fn seconds(value: &Value) -> Result<Duration, String> {
    let number = match value {
        Value::Null => return Ok(Duration::ZERO),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.as_f64(),
    };
    #[allow(clippy::cast_precision_loss, reason = "30 days")]
    let time = number.filter(|number| *number <= MAX_SECONDS as f64);
    time.and_then(|number| Duration::try_from_secs_f64(number).ok()).ok_or_else(|| {
        format!("{} is not a number of seconds from 0 to 30 days", brief::line(&value.to_string(), 60))
    })
}

impl Activity {
    /// Returns what provides it, for sentences: `chaosk8s.pod.actions.terminate_pods`, `http` or `process`.
    pub fn what(&self) -> String {
        match &self.provider {
            Provider::Http(_) => "http".into(),
            Provider::Process(_) => "process".into(),
            Provider::Function(call) => call.path(),
        }
    }

    /// Reads one that is not a reference.
    pub(super) fn read(node: &Node, part: Part) -> Result<Self, Fault> {
        let title = title(node);
        let wrong = |at: &Node, why: String| Fault { line: Some(at.line), why: format!("{title}: {why}") };
        let kind = match node.get("type").map(Node::text) {
            Some(Some("probe")) => ActivityKind::Probe,
            Some(Some("action")) => ActivityKind::Action,
            Some(_) => return Err(wrong(node, "its type has to be probe or action".into())),
            None => return Err(wrong(node, "it has no type: probe or action".into())),
        };
        let name = node.get("name").and_then(Node::text).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| wrong(node, "it has no name".into()))?.to_owned();
        let provider = node.get("provider").ok_or_else(|| wrong(node, "it has no provider".into()))?;
        let provider = Provider::read(provider)
            .map_err(|fault| Fault { line: fault.line, why: format!("{title}: {}", fault.why) })?;
        if let Some(timeout) = node.get("timeout")
            && timeout.value().as_f64().is_none()
        {
            return Err(wrong(timeout, "timeout has to be a number".into()));
        }
        let background = match node.get("background") {
            None => false,
            Some(given) => {
                given.flag().ok_or_else(|| wrong(given, "background has to be true or false".into()))?
            }
        };
        let tolerance = match node.get("tolerance") {
            Some(given) if part == Part::Hypothesis => {
                Some(Tolerance::read(given).map_err(|fault| in_tolerance(&title, &fault))?)
            }
            // Chaos Toolkit does not look at it outside of the hypothesis: a wrong one is as good as none.
            given => given.and_then(|given| Tolerance::read(given).ok()),
        };
        Ok(Self {
            name,
            kind,
            provider,
            pauses: pauses(node)
                .map_err(|fault| Fault { line: fault.line, why: format!("{title}: {}", fault.why) })?,
            background,
            dry: dry(node)?,
            tolerance,
            controls: controls(node),
            part,
            line: node.line,
            document: node.value(),
        })
    }
}

pub(super) fn in_tolerance(title: &str, fault: &Fault) -> Fault {
    Fault { line: fault.line, why: format!("{title}: tolerance: {}", fault.why) }
}

/// Returns how sentences name an activity, with as much as it says of itself.
pub(super) fn title(node: &Node) -> String {
    let name = node.get("name").and_then(Node::text).map(|name| format!(" '{}'", brief::line(name, 60)));
    let text = |key: &str| node.get("provider")?.get(key)?.text();
    let path = text("module").zip(text("func")).map(|(module, func)| format!(" ({module}.{func})"));
    format!("activity{}{}", name.unwrap_or_default(), path.unwrap_or_default())
}

fn pauses(node: &Node) -> Result<Pauses, Fault> {
    let read = |key: &str| {
        let Some(given) = node.get("pauses").and_then(|pauses| pauses.get(key)) else { return Ok(None) };
        let is_variable = given.text().is_some_and(|text| text.starts_with("${") && text.ends_with('}'));
        if !is_variable && given.text().is_some() {
            return Err(Fault {
                line: Some(given.line),
                why: format!("pauses.{key} has to be a number of seconds or the name of a variable"),
            });
        }
        if !is_variable {
            seconds(&given.value())
                .map_err(|why| Fault { line: Some(given.line), why: format!("pauses.{key}: {why}") })?;
        }
        Ok(Some(given.value()))
    };
    Ok(Pauses { before: read("before")?, after: read("after")? })
}

impl Provider {
    pub(super) fn read(node: &Node) -> Result<Self, Fault> {
        match node.get("type").map(Node::text) {
            Some(Some("python")) => Call::read(node).map(Self::Function),
            Some(Some("process")) => Process::read(node).map(Self::Process),
            Some(Some("http")) => Http::read(node).map(Self::Http),
            Some(_) => Err(fault(node, "the provider's type has to be python, process or http")),
            None => Err(fault(node, "the provider has no type: python, process or http")),
        }
    }
}

impl Call {
    fn read(node: &Node) -> Result<Self, Fault> {
        let text = |key: &str| {
            let text = node.get(key).and_then(Node::text).filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or_else(|| fault(node, format!("the python provider has no {key}")))
        };
        let arguments = match node.get("arguments").map(|given| (&given.content, given.line)) {
            None => Map::new(),
            Some((Content::Map(pairs), _)) => object(pairs),
            Some((_, line)) => {
                return Err(Fault {
                    line: Some(line),
                    why: "arguments have to be a map of names to values".into(),
                });
            }
        };
        Ok(Self { module: text("module")?, func: text("func")?, arguments })
    }

    /// Returns module and function: `chaosk8s.pod.actions.terminate_pods`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.module, self.func)
    }
}

/// Reads the controls of the experiment, the hypothesis or an activity.
pub(super) fn controls(node: &Node) -> Vec<Control> {
    let control = |node: &Node| {
        let text = |node: Option<&Node>| node.and_then(Node::text).unwrap_or_default().to_owned();
        let module = node.get("provider").and_then(|provider| provider.get("module"));
        Control { name: text(node.get("name")), module: text(module), line: node.line }
    };
    node.get("controls").and_then(Node::items).unwrap_or_default().iter().map(control).collect()
}

pub(super) fn fault(node: &Node, why: impl Into<String>) -> Fault {
    Fault { line: Some(node.line), why: why.into() }
}

//! What of an experiment is refused before the first write, and what needs to be allowed.
//!
//! All of it is told at once: a list of findings, in the order of the file.

mod dangers;

use std::collections::BTreeSet;

use super::activity::{Activity, ActivityKind, Call, Control, Part, Provider};
use super::configuration::SecretSource;
use super::function::{Function, Unknown};
use super::substitute::Values;
use super::{Experiment, Tolerance};
use crate::brief;
use crate::error::{Error, Kind};
use crate::listed::listed;
use dangers::dangers;

listed! {
    /// What is dangerous, each allowed by its name.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Danger {
        /// Neither labels nor a pattern say which pods: every pod of the namespace may be hit.
        NoSelector,
        /// All candidates are hit, or more than half of them.
        All,
        /// An action in another namespace than the run's.
        Namespace,
        /// Replicas are changed; they stay changed if the run is killed.
        Scale,
        /// Every pod of a Deployment is replaced.
        Restart,
        /// A policy or a fault of a mesh is made, which stays if the run is killed.
        Network,
        /// A command runs in pods: never allowed, because none is run here.
        Exec,
        /// Objects other than pods are deleted, which nothing brings back: never allowed.
        Delete,
        /// Nodes are used, which takes rights of the whole cluster: never allowed.
        Node,
    }
}

impl Danger {
    /// Returns the name for `--allow`; none if it is never allowed.
    pub const fn allow(self) -> Option<&'static str> {
        match self {
            Self::NoSelector => Some("no-selector"),
            Self::All => Some("all"),
            Self::Namespace => Some("namespace"),
            Self::Scale => Some("scale"),
            Self::Restart => Some("restart"),
            Self::Network => Some("network"),
            Self::Exec | Self::Delete | Self::Node => None,
        }
    }

    /// Reads a name for `--allow`.
    ///
    /// # Errors
    /// A sentence with the names.
    pub fn read(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|danger| danger.allow() == Some(name));
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().filter_map(Self::allow).collect();
            format!("'{}' is none of {}", brief::line(name, 40), names.join(", "))
        })
    }
}

/// What a run allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The namespace of the run.
    pub namespace: String,
    /// What is allowed although it is dangerous.
    pub allowed: BTreeSet<Danger>,
    /// Whether controls are passed over in place of refused.
    pub ignore_controls: bool,
}

/// One thing that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line in the file.
    pub line: u64,
    /// What kind of thing.
    pub kind: FindingKind,
    /// The place and the reason, without file and line: "activity 'end' (http): ...".
    pub message: String,
    /// What to type instead, if something fits.
    pub next: Option<String>,
}

/// The kind of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// It cannot be run: exit code 2.
    Invalid,
    /// It is not allowed: exit code 8.
    Dangerous(Danger),
}

/// Returns everything that is refused. It is asked again once the probes of settings have run: an argument whose value one
/// of them finds out counts as not given until then.
pub fn findings(experiment: &Experiment, values: &Values, terms: &Terms) -> Vec<Finding> {
    let mut found = Vec::new();
    for secret in experiment.secrets.iter().filter(|secret| secret.source == SecretSource::Vault) {
        let name = brief::line(&secret.name, 60);
        let message =
            format!("secret {name}: a vault is not asked: give it as a variable of the environment");
        found.push(invalid(secret.line, message));
    }
    let activities = experiment.activities();
    if !terms.ignore_controls {
        let hypothesis = experiment.hypothesis.iter().flat_map(|hypothesis| &hypothesis.controls);
        let own = activities.iter().flat_map(|activity| &activity.controls);
        found.extend(experiment.controls.iter().chain(hypothesis).chain(own).map(control));
    }
    found.extend(activities.into_iter().flat_map(|activity| of_activity(activity, values, terms)));
    found.sort_by_key(|finding| finding.line);
    // Several references to one activity have its own controls each.
    found.dedup();
    found
}

/// Returns the error of what was found: what is invalid comes before what is dangerous.
pub fn refusal(file: &str, findings: &[Finding]) -> Option<Error> {
    let is_invalid = |finding: &&Finding| finding.kind == FindingKind::Invalid;
    let invalid: Vec<&Finding> = findings.iter().filter(is_invalid).collect();
    let kind = if invalid.is_empty() { Kind::Refused } else { Kind::Usage };
    let told = if invalid.is_empty() { findings.iter().collect() } else { invalid };
    let (first, others) = told.split_first()?;
    let more = match others.len() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let message = format!("{file}:{}: {}{more}", first.line, first.message);
    let error = Error::new(kind, message);
    let next = if kind == Kind::Refused {
        allowance(&told).into_iter().fold(error, Error::next)
    } else {
        first.next.iter().fold(error, |error, next| error.next(next.as_str()))
    };
    let check = format!("kubectl rollout-plus chaos check {}", brief::line(file, 200));
    Some(if others.is_empty() { next } else { next.next(check) })
}

/// Returns how all of it is allowed, if all of it can be.
fn allowance(told: &[&Finding]) -> Option<String> {
    let name = |finding: &&Finding| match finding.kind {
        FindingKind::Dangerous(danger) => danger.allow(),
        FindingKind::Invalid => None,
    };
    let names: BTreeSet<&str> = told.iter().map(name).collect::<Option<_>>()?;
    let flags: Vec<String> = names.into_iter().map(|name| format!("--allow {name}")).collect();
    Some(format!("{} if that is meant", flags.join(" ")))
}

fn invalid(line: u64, message: String) -> Finding {
    Finding { line, kind: FindingKind::Invalid, message, next: None }
}

fn control(control: &Control) -> Finding {
    let (name, module) = (brief::line(&control.name, 60), brief::line(&control.module, 80));
    let message = format!("control '{name}' ({module}) is Python code, and none is run here");
    let next = Some("--ignore-controls runs the experiment without its controls".to_owned());
    Finding { line: control.line, kind: FindingKind::Invalid, message, next }
}

fn of_activity(activity: &Activity, values: &Values, terms: &Terms) -> Vec<Finding> {
    let name = brief::line(&activity.name, 60);
    let place = |what: &str| format!("activity '{name}' ({}): {what}", brief::line(&activity.what(), 120));
    let wrong = |why: &str| invalid(activity.line, place(why));
    let mut found = Vec::new();
    if let Err(why) = activity.pauses.times(values)
        && ![&activity.pauses.before, &activity.pauses.after]
            .into_iter()
            .flatten()
            .any(|pause| values.waits_for_a_probe(pause))
    {
        found.push(wrong(&why));
    }
    if let Some(tolerance) = activity.tolerance.as_ref().filter(|_| activity.part == Part::Hypothesis)
        && let Err(why) = tolerance.filled(values).and_then(|filled| filled.checked())
    {
        found.push(wrong(&why));
    }
    match &activity.provider {
        Provider::Http(http) => {
            let waits = values.waits_for_a_probe(&activity.document);
            found.extend(http.request(values).err().filter(|_| !waits).map(|why| wrong(&why)));
        }
        Provider::Process(process) => {
            let waits = values.waits_for_a_probe(&activity.document);
            let limit = process.time_limit(values).err();
            found.extend(process.command(values).err().or(limit).filter(|_| !waits).map(|why| wrong(&why)));
        }
        Provider::Function(call) => match function(activity, call, values) {
            Ok(function) => {
                found.extend(dangers(&function, activity, terms).into_iter().map(|(danger, why)| {
                    let message = place(&why);
                    let next = danger.allow().map(|name| format!("--allow {name} if that is meant"));
                    Finding { line: activity.line, kind: FindingKind::Dangerous(danger), message, next }
                }));
            }
            Err(Unknown::Argument(why)) => found.push(wrong(&why)),
            Err(Unknown::Name { why, next }) => found.push(Finding {
                line: activity.line,
                kind: FindingKind::Invalid,
                message: format!("activity '{name}': {why}"),
                next,
            }),
        },
    }
    found
}

/// Reads the function of an activity, and refuses one that stands where it means nothing.
fn function(activity: &Activity, call: &Call, values: &Values) -> Result<Function, Unknown> {
    let function = Function::read(call, values)?;
    let is_log_search = matches!(function, Function::FoundInLogs { .. });
    let why = if activity.part == Part::Tolerance && !is_log_search {
        "it takes no argument 'value', so it cannot be a tolerance"
    } else if activity.part != Part::Tolerance && is_log_search {
        "it is for the tolerance of read_pod_logs, and has no logs elsewhere"
    } else if function.kind() == ActivityKind::Action
        && matches!(activity.part, Part::Hypothesis | Part::Configuration)
    {
        // It would be done again and again.
        "it changes something, and only looks are allowed here"
    } else {
        return Ok(function);
    };
    Err(Unknown::Argument(why.into()))
}

impl Tolerance {
    /// Refuses a pattern or a path that variables made wrong.
    fn checked(&self) -> Result<(), String> {
        match self {
            Self::Regex { pattern, .. } => super::tolerance::regex(pattern).map(|_| ()),
            Self::JsonPath { path, .. } => super::JsonPath::read(path).map(|_| ()),
            Self::Flag(_)
            | Self::Whole(_)
            | Self::Text(_)
            | Self::List(_)
            | Self::Range { .. }
            | Self::Probe(_) => Ok(()),
        }
    }
}

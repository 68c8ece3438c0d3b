//! What is shown to prove a failure. It is gathered before anything is undone, because undoing takes the pods,
//! and with them the logs, away.

use serde::Serialize;
use serde_json::Value;

use crate::health::Failure;
use crate::model::{ClusterEvent, Observed, Pod};
use crate::scrub::Scrubber;

/// Lines of a log that are shown.
pub const LOG_LINES: usize = 20;
/// Events that are shown.
pub const EVENTS: usize = 5;
/// The longest line that is shown, in characters.
const LINE: usize = 500;

/// The proof of a failure, secrets masked.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The pod that was looked at, one of those that failed.
    pub pod: Option<String>,
    /// The container.
    pub container: Option<String>,
    /// Its image.
    pub image: Option<String>,
    /// What it waits for or how it ended, in the cluster's words.
    pub state: Option<String>,
    /// How often it was started again.
    pub restarts: i64,
    /// Its limits, as in the pod.
    pub limits: Option<Value>,
    /// The last lines of its log.
    pub log: Vec<String>,
    /// The last lines that it wrote before it was started again.
    pub previous_log: Vec<String>,
    /// The newest events, the oldest first.
    pub events: Vec<String>,
    /// What could not be read, and why.
    pub missing: Vec<String>,
}

/// What was read to prove a failure.
#[derive(Debug, Default)]
pub struct Readings {
    /// The container's log.
    pub log: String,
    /// Its log before it was started again.
    pub previous_log: String,
    /// Events about the pod and its ReplicaSet.
    pub events: Vec<ClusterEvent>,
    /// What could not be read, and why.
    pub missing: Vec<String>,
}

/// Returns the pod that is looked at: the first that failed.
pub fn pod_of<'a>(observed: &'a Observed, failure: &Failure) -> Option<&'a Pod> {
    let name = failure.pods.first()?;
    observed.pods.iter().find(|pod| pod.name() == name)
}

/// Returns the container that is looked at: the one that failed, else the first.
pub fn container_of(pod: &Pod, failure: &Failure) -> Option<String> {
    failure.container.clone().or_else(|| pod.spec.containers.first().map(|container| container.name.clone()))
}

/// Puts together what was read.
pub fn evidence(observed: &Observed, failure: &Failure, readings: Readings) -> Evidence {
    let scrubber = Scrubber::new(&observed.deployment.spec.template);
    let pod = pod_of(observed, failure);
    let container = pod.and_then(|pod| container_of(pod, failure));
    let named = |name: &str| container.as_deref() == Some(name);
    let status = pod.and_then(|pod| pod.containers().find(|(_, status, _)| named(&status.name)));
    let spec = status.and_then(|(spec, _, _)| spec);
    let log = |text: &str| {
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(LOG_LINES);
        scrubber.lines(lines[from..].iter().copied()).into_iter().map(shortened).collect()
    };
    let mut events = readings.events;
    events.sort_by(|a, b| a.last_seen().cmp(b.last_seen()));
    // Of what is told again and again the last time is enough.
    let mut seen: Vec<(String, String)> = Vec::new();
    let mut newest: Vec<String> = Vec::new();
    for event in events.iter().rev().filter(|event| event.type_ != "Normal" || event.reason == "Killing") {
        let key = (event.reason.clone(), event.message.clone());
        if newest.len() < EVENTS && !seen.contains(&key) {
            let times =
                event.count.filter(|count| *count > 1).map(|n| format!(" (x{n})")).unwrap_or_default();
            newest.push(shortened(scrubber.text(&format!(
                "{}{times}: {}",
                event.reason,
                event.message.trim()
            ))));
            seen.push(key);
        }
    }
    newest.reverse();
    Evidence {
        pod: pod.map(|pod| pod.name().to_owned()),
        image: spec.map(|spec| spec.image.clone()),
        state: status.map(|(_, status, _)| shortened(scrubber.text(&state(status)))),
        restarts: status.map_or(0, |(_, status, _)| status.restart_count),
        limits: spec.map(|spec| spec.resources["limits"].clone()).filter(|limits| !limits.is_null()),
        container,
        log: log(&readings.log),
        previous_log: log(&readings.previous_log),
        events: newest,
        missing: readings.missing,
    }
}

fn state(status: &crate::model::ContainerStatus) -> String {
    let ended = |end: &crate::model::Terminated| {
        let message =
            if end.message.is_empty() { String::new() } else { format!(": {}", end.message.trim()) };
        format!("{}, exit code {}{message}", end.reason, end.exit_code)
    };
    let now = match (&status.state.waiting, &status.state.terminated) {
        (Some(waiting), _) if waiting.message.is_empty() => format!("waiting: {}", waiting.reason),
        (Some(waiting), _) => format!("waiting: {}: {}", waiting.reason, waiting.message.trim()),
        (None, Some(end)) => format!("ended: {}", ended(end)),
        (None, None) if status.state.running.is_some() => "running".to_owned(),
        (None, None) => "not begun".to_owned(),
    };
    match &status.last_state.terminated {
        Some(end) => format!("{now}; before: {}", ended(end)),
        None => now,
    }
}

fn shortened(line: String) -> String {
    if line.chars().count() <= LINE {
        return line;
    }
    let mut short: String = line.chars().take(LINE).collect();
    short.push('…');
    short
}

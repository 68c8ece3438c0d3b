//! What is shown to prove a failure. It is gathered before anything is undone, because undoing takes the pods,
//! and with them the logs, away.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::brief;
use crate::health::Failure;
use crate::model::{ClusterEvent, ContainerStatus, Pod, Terminated};
use crate::scrub::Scrubber;
use crate::situation::Observed;

/// Lines of a log that are shown.
const LOG_LINES: usize = 20;
/// Lines of a log that are read: what is secret is known by what stands before it, and a private key of 8192 bits has
/// a hundred lines.
pub const LOG_READ: usize = 128;
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
    observed.pods.iter().map(Arc::as_ref).find(|pod| pod.name() == name)
}

/// Returns the container that is looked at: the one that failed, else the first.
pub fn container_of(pod: &Pod, failure: &Failure) -> Option<String> {
    failure.container.clone().or_else(|| pod.spec.containers.first().map(|container| container.name.clone()))
}

/// Which logs of a container there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logs {
    /// Of its newest run.
    pub now: bool,
    /// Of the run before.
    pub before: bool,
}

/// Says which logs of a container there can be: none of one that never ran, and it may be that only a kubelet that does
/// not answer could say so.
pub fn logs_of(pod: &Pod, container: &str) -> Logs {
    // Its process could not be started (`pkg/kubelet/kuberuntime` and the CRI runtimes).
    let ran = |end: &Terminated| !matches!(end.reason.as_str(), "StartError" | "ContainerCannotRun");
    let status = pod.containers().map(|(_, status, _)| status).find(|status| status.name == container);
    let before = status.and_then(|status| status.last_state.terminated.as_ref()).is_some_and(ran);
    let now = status.is_some_and(|status| {
        status.state.running.is_some() || status.state.terminated.as_ref().is_some_and(ran)
    });
    // Of one that waits to be started again the kubelet gives the log of its last run.
    Logs { now: now || before, before }
}

/// Puts together what was read.
pub fn evidence(observed: &Observed, failure: &Failure, readings: Readings) -> Evidence {
    let scrubber = Scrubber::new(&observed.workload.spec.template);
    let pod = pod_of(observed, failure);
    let container = pod.and_then(|pod| container_of(pod, failure));
    let named = |name: &str| container.as_deref() == Some(name);
    let status = pod.and_then(|pod| pod.containers().find(|(_, status, _)| named(&status.name)));
    let spec = status.and_then(|(spec, _, _)| spec);
    let log = |text: &str| {
        let mut lines = scrubber.lines(text.lines());
        lines.drain(..lines.len().saturating_sub(LOG_LINES));
        lines.iter().map(|line| brief::cut(line, LINE)).collect()
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
            let message = scrubber.text(event.message.trim());
            newest.push(brief::cut(&format!("{}{times}: {message}", event.reason), LINE));
            seen.push(key);
        }
    }
    newest.reverse();
    Evidence {
        pod: pod.map(|pod| pod.name().to_owned()),
        image: spec.map(|spec| spec.image.clone()),
        state: status.map(|(_, status, _)| brief::cut(&state(status, &scrubber), LINE)),
        restarts: status.map_or(0, |(_, status, _)| status.restart_count),
        limits: spec.map(|spec| spec.resources["limits"].clone()).filter(|limits| !limits.is_null()),
        container,
        log: log(&readings.log),
        previous_log: log(&readings.previous_log),
        events: newest,
        missing: readings.missing.iter().map(|why| scrubber.text(why)).collect(),
    }
}

fn state(status: &ContainerStatus, scrubber: &Scrubber) -> String {
    let said = |message: &str| match message.trim() {
        "" => String::new(),
        message => format!(": {}", scrubber.text(message)),
    };
    let ended =
        |end: &Terminated| format!("{}, exit code {}{}", end.reason, end.exit_code, said(&end.message));
    let now = match (&status.state.waiting, &status.state.terminated) {
        (Some(waiting), _) => format!("waiting: {}{}", waiting.reason, said(&waiting.message)),
        (None, Some(end)) => format!("ended: {}", ended(end)),
        (None, None) if status.state.running.is_some() => "running".to_owned(),
        (None, None) => "not begun".to_owned(),
    };
    match &status.last_state.terminated {
        Some(end) => format!("{now}; before: {}", ended(end)),
        None => now,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures;
    use crate::health::Class;

    fn pod(status: &Value) -> Pod {
        let status = json!({"containerStatuses": [status]});
        let spec = json!({"containers": [{"name": "web"}]});
        serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": spec, "status": status})).unwrap()
    }

    fn proof(status: &Value, log: &str) -> Evidence {
        let mut observed = fixtures::idle();
        observed.pods = vec![Arc::new(pod(status))];
        let failure = Failure {
            class: Class::Version,
            reason: "CrashLoopBackOff".into(),
            row: 9,
            grace: 0,
            message: String::new(),
            container: Some("web".into()),
            exit_code: None,
            pods: vec!["p".into()],
        };
        evidence(&observed, &failure, Readings { log: log.to_owned(), ..Readings::default() })
    }

    #[test]
    fn no_log_is_asked_of_a_container_that_never_ran() {
        let logs = |status: Value| {
            let Logs { now, before } = logs_of(&pod(&status), "web");
            (now, before)
        };
        let ended = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
        let broken = json!({"terminated": {"exitCode": 128, "reason": "StartError"}});
        let waits = |reason: &str| json!({"waiting": {"reason": reason}});
        for reason in
            ["ErrImageNeverPull", "ImagePullBackOff", "ContainerCreating", "CreateContainerConfigError"]
        {
            assert_eq!(logs(json!({"name": "web", "state": waits(reason)})), (false, false), "{reason}");
        }
        assert_eq!(logs(json!({"name": "web", "state": broken})), (false, false));
        assert_eq!(
            logs(
                json!({"name": "web", "state": waits("CrashLoopBackOff"), "lastState": broken, "restartCount": 2})
            ),
            (false, false)
        );
        assert_eq!(logs(json!({"name": "web", "state": {"running": {}}})), (true, false));
        assert_eq!(logs(json!({"name": "web", "state": ended})), (true, false));
        let crashed = waits("CrashLoopBackOff");
        assert_eq!(logs(json!({"name": "web", "state": crashed, "lastState": ended})), (true, true));
        assert!(!logs_of(&pod(&json!({"name": "other", "state": ended})), "web").now);
        assert!(!logs_of(&Pod::default(), "web").now, "it was never scheduled");
    }

    #[test]
    fn a_key_whose_begin_is_out_of_sight_is_not_shown() {
        let running = json!({"name": "web", "state": {"running": {}}});
        let key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n".repeat(30);
        let end = "-----END PRIVATE KEY-----\nlistening\n";
        for log in [format!("-----BEGIN PRIVATE KEY-----\n{key}{end}"), format!("{key}{end}")] {
            assert_eq!(proof(&running, &log).log, ["***", "listening"]);
        }
        assert_eq!(proof(&running, &key).log, ["***"]);
        let many: Vec<String> = (0..100).map(|n| format!("line {n}")).collect();
        let shown = proof(&running, &many.join("\n")).log;
        assert_eq!((shown.len(), shown[0].as_str(), shown[19].as_str()), (20, "line 80", "line 99"));
    }

    #[test]
    fn a_containers_last_words_are_scrubbed_apart_from_ours() {
        let said = "Zb9QxYz0123456789abcdefABCDEFGHIJKLMNOPQRSTU\n-----END EC PRIVATE KEY-----\nbye";
        let status = json!({"name": "web", "state": {"terminated": {"exitCode": 1, "reason": "Error", "message": said}}});
        assert_eq!(proof(&status, "").state.as_deref(), Some("ended: Error, exit code 1: ***\nbye"));
    }
}

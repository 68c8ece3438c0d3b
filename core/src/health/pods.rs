//! What is wrong with one pod.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::time::Duration;

use crate::health::budget::budget;
use crate::health::rules::{
    AWAITS_SCALE_UP, CRASH_LOOP_BACK_OFF, CREATE_CONTAINER_CONFIG_ERROR, CREATE_CONTAINER_ERROR, ENDED,
    ERR_IMAGE_NEVER_PULL, FAILED_MOUNT, IMAGE_NOT_FOUND, IMAGE_NOT_ON_NODE, IMAGE_PULL, INIT_CRASH_LOOP,
    INJECTED_NEVER_READY, INVALID_IMAGE_NAME, LIVENESS_KILLED, LOST_READINESS, NEVER_READY, NODE_LOST,
    OOM_KILLED, POST_START_HOOK, RUN_CONTAINER_ERROR, SANDBOX_FAILED, SCHEDULING_GATED, SIDECAR_NEVER_READY,
    SIGNATURE_VALIDATION_FAILED, START_ERROR, UNSCHEDULABLE, VOLUME_NOT_ATTACHED,
};
use crate::health::{Memory, Rule, Signal, View};
use crate::model::{Container, ContainerStatus, Pod, Terminated};

/// Ends without success that are no accident.
const TWICE: i64 = 2;

/// What is the same for all pods of a look, and worked out once.
pub(super) struct Shared<'v, 'a> {
    view: &'v View<'a>,
    /// Names of the containers that run somewhere.
    running: OnceCell<BTreeSet<&'a str>>,
}

impl<'v, 'a> Shared<'v, 'a> {
    pub(super) fn of(view: &'v View<'a>) -> Self {
        Self { view, running: OnceCell::new() }
    }

    /// Whether a pod runs this container.
    fn is_running(&self, container: &str) -> bool {
        let all = || {
            let statuses = self.view.standing().flat_map(Pod::containers).map(|(_, status, _)| status);
            statuses.filter(|status| status.state.running.is_some()).map(|s| s.name.as_str()).collect()
        };
        self.running.get_or_init(all).contains(container)
    }
}

/// Returns all findings about a pod of the version that is judged.
pub(super) fn of(shared: &Shared<'_, '_>, pod: &Pod, memory: &Memory) -> Vec<Signal> {
    let view = shared.view;
    let mut found = Vec::new();
    if pod.is_cut_off() {
        found.push(Signal::of_pod(view, &NODE_LOST, pod, "its node does not answer"));
        return found;
    }
    found.extend(scheduling(view, pod));
    for (container, status, init) in pod.containers() {
        let signal = waiting(shared, pod, status, memory)
            .or_else(|| ended(view, pod, (container, status), init, memory))
            .or_else(|| not_ready(shared, pod, container, status, init));
        found.extend(signal);
    }
    found.extend(creating(view, pod));
    if view.soaking && !pod.is_ready() && memory.was_ready(pod.uid()) {
        found.push(Signal::of_pod(view, &LOST_READINESS, pod, "it was Ready and is not any more"));
    }
    found
}

fn scheduling(view: &View<'_>, pod: &Pod) -> Option<Signal> {
    let condition = pod.condition("PodScheduled").filter(|condition| condition.status == "False")?;
    let message = condition.message.as_deref().unwrap_or_default();
    let scaling = view.events_of(pod).any(|event| event.reason == "TriggeredScaleUp");
    let rule = match condition.reason.as_deref() {
        Some("Unschedulable") if scaling => &AWAITS_SCALE_UP,
        Some("Unschedulable") => &UNSCHEDULABLE,
        Some("SchedulingGated") => &SCHEDULING_GATED,
        _ => return None,
    };
    Some(Signal::of_pod(view, rule, pod, message))
}

/// Findings in the reason for which a container waits: words of the kubelet and of the CRI
/// (`kubernetes/pkg/kubelet/images` and `pkg/kubelet/container/sync_result.go`).
fn waiting(shared: &Shared<'_, '_>, pod: &Pod, status: &ContainerStatus, memory: &Memory) -> Option<Signal> {
    let waiting = status.state.waiting.as_ref()?;
    let message = waiting.message.as_str();
    let rule = match waiting.reason.as_str() {
        "InvalidImageName" => &INVALID_IMAGE_NAME,
        // Another new pod runs the image that this one's node lacks.
        "ErrImageNeverPull" if shared.is_running(&status.name) => &IMAGE_NOT_ON_NODE,
        "ErrImageNeverPull" => &ERR_IMAGE_NEVER_PULL,
        "SignatureValidationFailed" => &SIGNATURE_VALIDATION_FAILED,
        // A kubelet before 1.32 does not repeat here what the registry said (kubernetes#127918).
        "ImagePullBackOff"
            if memory.has_found(&IMAGE_NOT_FOUND, pod.uid(), &status.name) && !has_cause(message) =>
        {
            &IMAGE_NOT_FOUND
        }
        "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" | "ImageInspectError" => pull(message),
        // The kubelet's own copy is not there yet (kubernetes#74755).
        "CreateContainerConfigError" if message.contains("failed to sync") && message.contains("cache") => {
            return None;
        }
        "CreateContainerConfigError" => &CREATE_CONTAINER_CONFIG_ERROR,
        "CreateContainerError" if message.contains("executable file") => &START_ERROR,
        "RunContainerError" if cannot_start(message) => &START_ERROR,
        "CreateContainerError" => &CREATE_CONTAINER_ERROR,
        "CreatePodSandboxError" => &SANDBOX_FAILED,
        "RunContainerError" if status.ends() >= TWICE => &RUN_CONTAINER_ERROR,
        "PostStartHookError" | "PreStartHookError" if status.ends() >= TWICE => &POST_START_HOOK,
        _ => return None,
    };
    Some(Signal::of_container(shared.view, rule, (pod, status), message))
}

/// Whether a cause follows the image in `Back-off pulling image "IMAGE"`.
fn has_cause(message: &str) -> bool {
    message.contains("\": ")
}

/// Tells a wrong image from a registry in trouble, by the registry's words.
fn pull(message: &str) -> &'static Rule {
    const NO: [&str; 9] = [
        "not found",
        "manifest unknown",
        "name unknown",
        "repository does not exist",
        "does not exist or may require",
        "access denied",
        "denied:",
        "unauthorized",
        "403 forbidden",
    ];
    const TROUBLE: [&str; 5] =
        ["too many requests", "toomanyrequests", "timeout", "no such host", "dial tcp"];
    let message = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if has(&NO) && !has(&TROUBLE) { &IMAGE_NOT_FOUND } else { &IMAGE_PULL }
}

/// Whether the runtime says that the command itself is wrong.
fn cannot_start(message: &str) -> bool {
    ["executable file not found", "no such file or directory", "permission denied", "exec format error"]
        .iter()
        .any(|words| message.contains(words))
}

/// A container that ended, once or again and again.
fn ended(
    view: &View<'_>,
    pod: &Pod,
    (container, status): (Option<&Container>, &ContainerStatus),
    init: bool,
    memory: &Memory,
) -> Option<Signal> {
    let end = status.last_end()?;
    let through = init && status.state.terminated.as_ref().is_some_and(|end| end.exit_code == 0);
    if through {
        return None;
    }
    if !status.ready
        && matches!(end.reason.as_str(), "StartError" | "ContainerCannotRun")
        && cannot_start(&end.message)
    {
        return Some(
            Signal::of_container(view, &START_ERROR, (pod, status), &end.message).exit(end.exit_code),
        );
    }
    let ends = status.ends() - memory.ends_before(pod.uid(), &status.name);
    let hopeless = matches!(end.exit_code, 126 | 127);
    // Up again after one end: it was waiting for something. Up again after two: it will go down again.
    if ends < 1 || (status.ready && ends < TWICE) {
        return None;
    }
    let rule = if ends < TWICE && !hopeless {
        &ENDED
    } else if init {
        &INIT_CRASH_LOOP
    } else {
        name_of(view, pod, container, end)
    };
    let own = view.scrubber.text(end.message.trim());
    let message =
        format!("{} {}: {}{}", status.name, times(ends), describe(end, &own), limit(container, end));
    Some(Signal::of_container(view, rule, (pod, status), &message).exit(end.exit_code))
}

/// Events tell who ended a container; without them its exit code has to do. The verdict is the same.
fn name_of(view: &View<'_>, pod: &Pod, container: Option<&Container>, end: &Terminated) -> &'static Rule {
    if end.reason == "OOMKilled" {
        return &OOM_KILLED;
    }
    if view.events_of(pod).any(|event| event.reason == "FailedPostStartHook") {
        return &POST_START_HOOK;
    }
    let probed = container.is_some_and(|c| c.liveness_probe.is_some() || c.startup_probe.is_some());
    let told = view.events_of(pod).any(|event| {
        event.reason == "Killing" && event.message.contains("probe, will be restarted")
            || event.reason == "Unhealthy" && !event.message.starts_with("Readiness")
    });
    let by_signal = matches!(end.exit_code, 137 | 143);
    if probed && (told || by_signal) { &LIVENESS_KILLED } else { &CRASH_LOOP_BACK_OFF }
}

fn times(ends: i64) -> String {
    match ends {
        1 => "ended once".into(),
        2 => "ended twice".into(),
        more => format!("ended {more} times"),
    }
}

/// `own`: what the container said itself, scrubbed before anything stands beside it, as a key is known by its lines.
fn describe(end: &Terminated, own: &str) -> String {
    let own = if own.is_empty() { String::new() } else { format!(": {own}") };
    format!("exit code {} ({}){own}", end.exit_code, end.reason)
}

fn limit(container: Option<&Container>, end: &Terminated) -> String {
    let limit = container.and_then(|container| container.resources["limits"]["memory"].as_str());
    match limit {
        Some(limit) if end.reason == "OOMKilled" => format!("; its memory limit is {limit}"),
        _ => String::new(),
    }
}

/// A container that runs and is not ready.
fn not_ready(
    shared: &Shared<'_, '_>,
    pod: &Pod,
    container: Option<&Container>,
    status: &ContainerStatus,
    init: bool,
) -> Option<Signal> {
    if init || status.ready || status.state.running.is_none() {
        return None;
    }
    let view = shared.view;
    let in_template = |list: &str| {
        let template = view.version.map(|rs| &rs.spec.template);
        let containers = template.and_then(|template| template["spec"][list].as_array());
        containers.into_iter().flatten().any(|container| container["name"] == status.name.as_str())
    };
    let rule = if in_template("containers") {
        &NEVER_READY
    } else if in_template("initContainers") {
        &SIDECAR_NEVER_READY
    } else {
        &INJECTED_NEVER_READY
    };
    let least = Duration::from_secs(rule.grace.unwrap_or(0));
    let patience = container.map_or(Duration::ZERO, budget).max(least);
    let patience = shared.view.own_deadline.map_or(patience, |own| patience.min(own));
    let last = view
        .events_of(pod)
        .filter(|event| event.reason == "Unhealthy")
        .max_by_key(|e| e.last_seen().to_owned());
    let told = last.map(|event| format!(": {}", event.message)).unwrap_or_default();
    let message = format!("{} runs and is not ready{told}", status.name);
    Some(Signal::of_container(view, rule, (pod, status), &message).within(patience))
}

/// A pod on a node whose containers are not begun. How long it has been so is what counts; events only say why.
fn creating(view: &View<'_>, pod: &Pod) -> Vec<Signal> {
    let begun = |status: &ContainerStatus| {
        let waiting = status.state.waiting.as_ref().map(|waiting| waiting.reason.as_str());
        !matches!(waiting, Some("ContainerCreating" | "PodInitializing"))
    };
    let scheduled = pod.condition("PodScheduled").is_some_and(|condition| condition.status == "True");
    // Without a sandbox there are no statuses at all.
    let mut containers = pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses);
    if !scheduled || pod.status.phase != "Pending" || containers.any(begun) {
        return Vec::new();
    }
    let trouble = view.events_of(pod).filter_map(|event| {
        let rule = match event.reason.as_str() {
            "FailedMount" if event.message.contains("not found") => &FAILED_MOUNT,
            "FailedMount" | "FailedAttachVolume" => &VOLUME_NOT_ATTACHED,
            "FailedCreatePodSandBox" => &SANDBOX_FAILED,
            _ => return None,
        };
        Some((rule, event))
    });
    // The newest wins: an older trouble may have passed.
    let newest = trouble.max_by_key(|(_, event)| event.last_seen().to_owned());
    newest.map(|(rule, event)| Signal::of_pod(view, rule, pod, &event.message)).into_iter().collect()
}

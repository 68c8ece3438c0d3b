//! What is wrong now, object by object.

use std::time::Duration;

use crate::health::watch::Memory;
use crate::health::{Rule, View, pods, rule};
use crate::model::{ContainerStatus, Pod};

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// What it means.
    pub rule: &'static Rule,
    /// The pod's uid; empty where it is about no pod.
    pub uid: String,
    /// The pod's name.
    pub pod: Option<String>,
    /// The container's name.
    pub container: Option<String>,
    /// What the cluster said.
    pub message: String,
    /// How the container ended.
    pub exit_code: Option<i64>,
    /// For how long it may last, where that depends on the object.
    pub within: Option<Duration>,
}

impl Signal {
    fn new(reason: &str, message: &str) -> Self {
        Self {
            rule: rule(reason),
            uid: String::new(),
            pod: None,
            container: None,
            message: message.trim().to_owned(),
            exit_code: None,
            within: None,
        }
    }

    pub(super) fn of_pod(reason: &str, pod: &Pod, message: &str) -> Self {
        Self { uid: pod.uid().to_owned(), pod: Some(pod.name().to_owned()), ..Self::new(reason, message) }
    }

    pub(super) fn of_container(reason: &str, pod: &Pod, status: &ContainerStatus, message: &str) -> Self {
        Self { container: Some(status.name.clone()), ..Self::of_pod(reason, pod, message) }
    }

    pub(super) fn exit(self, code: i64) -> Self {
        Self { exit_code: Some(code), ..self }
    }

    pub(super) fn within(self, patience: Duration) -> Self {
        Self { within: Some(patience), ..self }
    }
}

/// Returns all findings about the version that is judged.
pub fn signals(view: &View<'_>, memory: &Memory) -> Vec<Signal> {
    let mut found: Vec<Signal> = view.standing().flat_map(|pod| pods::of(view, pod, memory)).collect();
    found.extend(cannot_create(view));
    found.extend(given_up(view, memory));
    found.extend(too_few(view, memory));
    if !view.deployment.is_observed() {
        found
            .push(Signal::new("ControllerStalled", "the Deployment controller has not seen the newest spec"));
    }
    if memory.displaced() >= 3 {
        let message = format!("{} new pods were evicted or preempted", memory.displaced());
        found.push(Signal::new("Evictions", &message));
    }
    found
}

/// Pods that the API server refuses. Words of the admission plugins (`kubernetes/plugin/pkg/admission`,
/// `k8s.io/pod-security-admission`) and of `k8s.io/apiserver/pkg/admission/plugin/webhook`.
fn cannot_create(view: &View<'_>) -> Option<Signal> {
    let failing =
        view.version?.status.conditions.iter().find(|c| c.type_ == "ReplicaFailure" && c.status == "True")?;
    if failing.reason.as_deref() == Some("FailedDelete") {
        return None;
    }
    let message = failing.message.as_deref().unwrap_or_default();
    let has = |words: &str| message.contains(words);
    let reason = if has("failed calling webhook") || has("failed to call webhook") {
        "WebhookFailed"
    } else if has("exceeded quota") || has("failed quota") || has("status unknown for quota") {
        "QuotaExceeded"
    } else if has("serviceaccount") && has("not found") {
        "ServiceAccountMissing"
    } else if has("forbidden") || has("denied the request") || has("is invalid") || has("denied request") {
        "FailedCreate"
    } else {
        "CannotCreate"
    };
    Some(Signal::new(reason, message))
}

/// The Deployment controller's own verdict, unless it is that of an earlier rollout.
fn given_up(view: &View<'_>, memory: &Memory) -> Option<Signal> {
    let message = view.deployment.deadline_exceeded()?;
    let stale = memory.given_up_before.as_deref() == Some(message);
    (!stale).then(|| Signal::new("ProgressDeadlineExceeded", message))
}

/// Fewer pods than the rollout itself may take away.
fn too_few(view: &View<'_>, memory: &Memory) -> Option<Signal> {
    let before = memory.ready_before?.min(view.deployment.replicas());
    // Whoever is only cut off from us may serve on.
    let standing = |pod: &&Pod| pod.is_ready() || pod.is_cut_off();
    let ready = view.pods.iter().chain(&view.others).copied().filter(standing).count();
    let ready = u32::try_from(ready).unwrap_or(u32::MAX);
    let least = before.saturating_sub(view.may_miss);
    (ready < least).then(|| {
        Signal::new(
            "StableUnavailable",
            &format!("{ready} pods are Ready; before the start there were {before}"),
        )
    })
}

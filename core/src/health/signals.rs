//! What is wrong now, object by object.

use std::time::Duration;

use crate::health::budget::budget;
use crate::health::pods::Shared;
use crate::health::rules::{
    AWAITS_QUOTA, CANNOT_CREATE, CONTROLLER_STALLED, EVICTIONS, FAILED_CREATE, PROGRESS_DEADLINE_EXCEEDED,
    QUOTA_EXCEEDED, SERVICE_ACCOUNT_MISSING, STABLE_UNAVAILABLE, WEBHOOK_FAILED,
};
use crate::health::{Memory, Rule, Signal, View, pods};
use crate::model::Pod;

/// Returns all findings about the version that is judged.
pub fn signals(view: &View<'_>, memory: &Memory) -> Vec<Signal> {
    let shared = Shared::of(view);
    let mut found: Vec<Signal> = view.standing().flat_map(|pod| pods::of(&shared, pod, memory)).collect();
    found.extend(cannot_create(view));
    found.extend(given_up(view, memory));
    found.extend(too_few(view, memory));
    found.extend(unseen(view, memory));
    found.extend(evictions(view, memory));
    found
}

/// As many evictions as are no everyday matter, of however many pods.
const FEW: usize = 3;

/// Pods that the cluster does not let be: many in relation to those that are wanted, and others have not taken their
/// places. The grace begins when that is so, and is at least what the pods may take to become Ready.
fn evictions(view: &View<'_>, memory: &Memory) -> Option<Signal> {
    let displaced = memory.displaced();
    let wanted = view.wanted();
    if displaced < FEW || displaced * 2 < wanted {
        return None;
    }
    let ready = view.standing().filter(|pod| pod.is_ready()).count();
    if ready >= wanted {
        return None;
    }
    let starting = view.standing().flat_map(|pod| &pod.spec.containers).map(budget).max().unwrap_or_default();
    let least = Duration::from_secs(EVICTIONS.grace.unwrap_or(0));
    let message =
        format!("{displaced} new pods were evicted or preempted, and {ready} of {wanted} are Ready");
    Some(Signal::new(view, &EVICTIONS, &message).within(starting.max(least)))
}

/// Pods that the API server refuses.
fn cannot_create(view: &View<'_>) -> Option<Signal> {
    let failing =
        view.version?.status.conditions.iter().find(|c| c.type_ == "ReplicaFailure" && c.status == "True")?;
    if failing.reason.as_deref() == Some("FailedDelete") {
        return None;
    }
    let message = failing.message.as_deref().unwrap_or_default();
    // A rolling update that may take old pods away makes its own room.
    let rule = match refusal(message) {
        rule if *rule == QUOTA_EXCEEDED && view.makes_room() => &AWAITS_QUOTA,
        rule => rule,
    };
    Some(Signal::new(view, rule, message))
}

/// Names a refusal to make an object by the words of the admission plugins (`kubernetes/plugin/pkg/admission`,
/// `k8s.io/pod-security-admission`) and of `k8s.io/apiserver/pkg/admission/plugin/webhook`.
fn refusal(message: &str) -> &'static Rule {
    let has = |words: &str| message.contains(words);
    if has("failed calling webhook") || has("failed to call webhook") {
        &WEBHOOK_FAILED
    } else if has("exceeded quota") || has("failed quota") || has("status unknown for quota") {
        &QUOTA_EXCEEDED
    } else if has("serviceaccount") && has("not found") {
        &SERVICE_ACCOUNT_MISSING
    } else if has("forbidden") || has("denied the request") || has("is invalid") || has("denied request") {
        &FAILED_CREATE
    } else {
        &CANNOT_CREATE
    }
}

/// A spec that the Deployment controller has not taken in: because it cannot make the ReplicaSet, which it says in a
/// condition and in an event, or for a reason that nobody tells.
fn unseen(view: &View<'_>, memory: &Memory) -> Option<Signal> {
    if view.workload.is_observed() {
        return None;
    }
    let Some(message) = not_made(view, memory) else {
        let message = format!("{} has not seen the newest spec", view.workload.id().controller());
        return Some(Signal::new(view, &CONTROLLER_STALLED, &message));
    };
    let signal = Signal::new(view, refusal(message), message);
    // Pods that end make no room for a ReplicaSet: old ones go only once the rollout is through.
    let is_full = *signal.rule == QUOTA_EXCEEDED;
    Some(if is_full { signal.within(REPLICA_SET_QUOTA) } else { signal })
}

/// How long a ReplicaSet may be kept out by a quota: somebody may be about to raise it.
const REPLICA_SET_QUOTA: Duration = Duration::from_secs(5);

/// Returns the controller's words on the ReplicaSet of the newest spec (`getNewReplicaSet` in
/// kubernetes/pkg/controller/deployment/sync.go): an event, and a condition unless there is no deadline. A condition keeps
/// its first message as long as its reason stays (`SetDeploymentCondition`), so one from before says nothing.
fn not_made<'a>(view: &View<'a>, memory: &Memory) -> Option<&'a str> {
    let events = view.events.iter().filter(|event| {
        event.reason == NOT_MADE
            && event.involved_object.uid == view.workload.uid()
            && view.workload.written_at().is_none_or(|written| event.seen_since(written))
    });
    let told = events.max_by_key(|event| event.last_seen()).map(|event| event.message.as_str());
    told.or_else(|| view.workload.not_made().filter(|said| memory.not_made_before.as_deref() != Some(said)))
}

const NOT_MADE: &str = "ReplicaSetCreateError";

/// The Deployment controller's own verdict, unless it is that of an earlier rollout.
fn given_up(view: &View<'_>, memory: &Memory) -> Option<Signal> {
    let message = view.workload.deadline_exceeded()?;
    let stale = memory.given_up_before.as_deref() == Some(message);
    (!stale).then(|| Signal::new(view, &PROGRESS_DEADLINE_EXCEEDED, message))
}

/// Fewer pods than the rollout itself may take away.
fn too_few(view: &View<'_>, memory: &Memory) -> Option<Signal> {
    let before = memory.ready_before?;
    // Whoever is only cut off from us may serve on.
    let standing = |pod: &&&Pod| pod.is_ready() || pod.is_cut_off();
    let count = |pods: &[&Pod]| u32::try_from(pods.iter().filter(standing).count()).unwrap_or(u32::MAX);
    let (ready, least, whose) = match &view.stable {
        // Ready pods of the canary do not make up for those that are to stay. What the controller itself takes away is
        // the hold's doing: --shrink-stable, or a rollout that was under way.
        Some(stable) if view.held => {
            let before = memory.stable_before.unwrap_or(before);
            (count(&stable.pods), before.min(stable.wanted), "stable ")
        }
        _ => {
            let ready = count(&view.pods).saturating_add(count(&view.others));
            (ready, before.min(view.workload.replicas()).saturating_sub(view.may_miss), "")
        }
    };
    (ready < least).then(|| {
        let are = if ready == 1 { "pod is" } else { "pods are" };
        let message = format!("{ready} {whose}{are} Ready, and at least {least} should be");
        Signal::new(view, &STABLE_UNAVAILABLE, &message)
    })
}

#[cfg(test)]
mod tests;

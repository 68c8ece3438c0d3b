//! What the kubelet says of a pod (`generateAPIPodStatus`, `pkg/kubelet/kubelet_pods.go`).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use serde_json::{Value, json};

use crate::controllers::kubelet::life::{Life, State};
use crate::controllers::kubelet::script::{Behaviour, is_once};
use crate::controllers::pods::condition;
use crate::controllers::times::stamp;

/// Conditions that the kubelet writes; all others are left as they are.
const OWN: [&str; 5] =
    ["PodScheduled", "Initialized", "ContainersReady", "Ready", "PodReadyToStartContainers"];

/// The status as a merge patch.
pub(crate) fn patch(pod: &Pod, life: &Life, now: Timestamp) -> Value {
    let runs = matches!(life.state, State::Running { .. });
    let ready = matches!(life.state, State::Running { ready: true, .. });
    let begun = runs || life.restarts > 0 || life.last.is_some();
    let phase = match life.state {
        State::Over if life.is_late => "Failed",
        State::Over if life.last.is_some() && !runs => "Failed",
        State::Over => "Succeeded",
        State::Creating | State::Refused(_) if !begun => "Pending",
        State::Creating
        | State::Refused(_)
        | State::Running { .. }
        | State::Ended
        | State::Waiting { .. } => "Running",
    };
    let all = || pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut containers: Vec<Value> = all().map(|one| container(one, pod, life)).collect();
    // What a container has of each, not what is asked for: `convertContainerStatusResources`, `pkg/kubelet/kubelet_pods.go`.
    for (status, resources) in containers.iter_mut().zip(&life.resources) {
        if let Some(resources) = resources {
            status["resources"] = json!(resources);
        }
    }
    let names: Vec<&str> = pod
        .spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .filter(|one| !ready && is_scripted(one, life))
        .map(|one| one.name.as_str())
        .collect();
    let unready = format!("containers with unready status: [{}]", names.join(" "));
    let over = life.is_over();
    let state = |is: bool| match (is, over) {
        (true, _) => ("True", None, None),
        (false, true) => ("False", Some("PodCompleted"), None),
        (false, false) => ("False", Some("ContainersNotReady"), Some(unready.as_str())),
    };
    let yes = ("True", None, None);
    let conditions = [yes, yes, state(ready), state(ready), yes];
    let own = OWN.iter().zip(conditions).map(|(type_, (is, reason, message))| {
        let before = condition(pod, type_).filter(|present| present.status == is);
        let since = before.and_then(|present| present.last_transition_time.clone());
        json!({"type": type_, "status": is, "reason": reason, "message": message, "lastTransitionTime": since.unwrap_or_else(|| stamp(now))})
    });
    let all = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let others = all.into_iter().flatten().filter(|one| !OWN.contains(&one.type_.as_str()));
    let conditions: Vec<Value> = own.chain(others.filter_map(|one| serde_json::to_value(one).ok())).collect();
    let begin = pod.status.as_ref().and_then(|status| status.start_time.clone());
    let mut status = json!({"phase": phase, "startTime": begin.unwrap_or_else(|| stamp(now))});
    // `json!` copies what it is given.
    status["conditions"] = Value::Array(conditions);
    if life.is_late && over {
        status["reason"] = json!("DeadlineExceeded");
        status["message"] = json!("Pod was active on the node longer than the specified deadline");
    }
    status["containerStatuses"] = Value::Array(containers);
    if begun {
        let ip = address(&life.uid);
        status["podIP"] = json!(ip);
        status["podIPs"] = json!([{"ip": ip}]);
    }
    let mut patch = json!({"metadata": {"uid": pod.metadata.uid}});
    patch["status"] = status;
    patch
}

/// An address that follows from the pod's uid.
fn address(uid: &str) -> String {
    let sum = uid.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let [_, high, middle, low] = sum.to_be_bytes();
    format!("10.{}.{middle}.{low}", high | 128)
}

/// Whether the container is one that the script is about; the others of its pod are good.
fn is_scripted(container: &Container, life: &Life) -> bool {
    let own = Behaviour::of_image(container.image.as_deref().unwrap_or_default());
    life.behaviour() == Behaviour::Good || own == life.behaviour() || is_once(container)
}

fn no_image(image: &str) -> String {
    format!("failed to pull and unpack image {image:?}: not found")
}

fn container(container: &Container, pod: &Pod, life: &Life) -> Value {
    let scripted = is_scripted(container, life);
    let image = container.image.as_deref().unwrap_or_default();
    let (code, word) = life.behaviour().end();
    let ended = |at: Timestamp| {
        json!({"terminated": {
            "exitCode": code, "reason": word, "startedAt": stamp(at), "finishedAt": stamp(at), "containerID": "sim://c",
        }})
    };
    let waiting = |reason: &str, message: String| json!({"waiting": {"reason": reason, "message": message}});
    let state = match &life.state {
        State::Creating => json!({"waiting": {"reason": "ContainerCreating"}}),
        _ if !scripted && !life.is_over() => {
            json!({"running": {"startedAt": pod.metadata.creation_timestamp}})
        }
        // pkg/kubelet/images/image_manager.go, EnsureImageExists: since 1.32 with what the registry said.
        State::Refused("ImagePullBackOff") => {
            let message = format!("Back-off pulling image {image:?}: ErrImagePull: {}", no_image(image));
            waiting("ImagePullBackOff", message)
        }
        State::Refused("ErrImagePull") => waiting("ErrImagePull", no_image(image)),
        State::Refused(reason) => waiting(reason, "secret \"settings\" not found".to_owned()),
        State::Running { since, .. } => json!({"running": {"startedAt": stamp(*since)}}),
        State::Ended => life.last.map_or(Value::Null, ended),
        State::Waiting { backoff } => {
            waiting("CrashLoopBackOff", back_off(container, pod, backoff.as_secs()))
        }
        State::Over => json!({"terminated": {"exitCode": 0, "reason": "Completed"}}),
    };
    let ready = match life.state {
        State::Running { ready, .. } => ready || !scripted,
        State::Refused(_) | State::Ended | State::Waiting { .. } => !scripted,
        State::Creating | State::Over => false,
    };
    let last = life.last.filter(|_| scripted && life.state != State::Ended).map(ended);
    json!({
        "name": container.name, "image": image, "imageID": "", "ready": ready,
        "started": matches!(life.state, State::Running { .. }),
        "restartCount": if scripted { life.restarts } else { 0 },
        "state": state, "lastState": last.unwrap_or_else(|| json!({})),
    })
}

/// `doBackOff`, `pkg/kubelet/kuberuntime/kuberuntime_manager.go`.
pub(crate) fn back_off(container: &Container, pod: &Pod, seconds: u64) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (name, namespace, uid) =
        (text(&pod.metadata.name), text(&pod.metadata.namespace), text(&pod.metadata.uid));
    let delay =
        if seconds >= 60 { format!("{}m{}s", seconds / 60, seconds % 60) } else { format!("{seconds}s") };
    format!("back-off {delay} restarting failed container={} pod={name}_{namespace}({uid})", container.name)
}

//! The bad versions, each with the verdict that it has to get and the API object that proves it. Rows are those of
//! the table in `docs/health.md`.

use serde_json::{Value, json};

use super::observer::Proof;
use super::place::is_ready;
use super::registry;
use crate::api::{get, within, write};

pub struct Case {
    pub name: &'static str,
    pub row: u64,
    pub reason: &'static str,
    pub class: &'static str,
    /// The finding of the preflight that refuses it before anything is written; empty where only a try can tell.
    pub preflight: &'static str,
    /// What the tool is told beside the usual.
    pub more: &'static [&'static str],
    /// What is done to the namespace before anything is deployed.
    pub prepare: fn(&str),
    /// What is bad: a change to the pod's `spec`.
    pub change: fn(&mut Value),
    /// Whether an object proves it, by the definition of the row, before any grace.
    pub proof: Proof,
}

impl Case {
    pub fn exit_code(&self) -> i32 {
        if self.class == "infrastructure" { 6 } else { 1 }
    }
}

const PLAIN: Case = Case {
    name: "",
    row: 0,
    reason: "",
    class: "version",
    preflight: "",
    more: &[],
    prepare: |_| {},
    change: |_| {},
    proof: |_| false,
};

pub const CASES: [Case; 13] = [
    Case {
        name: "image does not exist",
        row: 3,
        reason: "ImageNotFound",
        change: |pod| {
            pod["containers"][0]["image"] = json!(registry::image("missing/web"));
            pod["containers"][0]["imagePullPolicy"] = json!("Always");
        },
        proof: |pod| waits(pod, "ErrImagePull"),
        ..PLAIN
    },
    Case {
        name: "wrong command",
        row: 8,
        reason: "StartError",
        change: |pod| pod["containers"][0]["command"] = json!(["/bin/nothing"]),
        proof: |pod| ended(pod, 1, |end| end["reason"] == "StartError"),
        ..PLAIN
    },
    Case {
        name: "crash loop",
        row: 9,
        reason: "CrashLoopBackOff",
        // At once, or a rolling update would count it as done in the moment in which it is Ready.
        change: |pod| pod["containers"][0]["args"] = json!(["v2", "EXIT_AFTER=0"]),
        proof: |pod| ended(pod, 2, |end| end["exitCode"] == 3),
        ..PLAIN
    },
    Case {
        name: "out of memory",
        row: 10,
        reason: "OOMKilled",
        change: |pod| {
            pod["containers"][0]["args"] = json!(["v2", "EAT_MEMORY=200"]);
            pod["containers"][0]["resources"]["limits"] = json!({"memory": "32Mi"});
        },
        proof: |pod| ended(pod, 2, |end| end["reason"] == "OOMKilled"),
        ..PLAIN
    },
    Case {
        name: "missing ConfigMap key",
        row: 6,
        reason: "CreateContainerConfigError",
        preflight: "RP015",
        prepare: |namespace| {
            let map = json!({"metadata": {"name": "settings"}, "data": {"other": "1"}});
            write("POST", &format!("/api/v1/namespaces/{namespace}/configmaps"), &map);
        },
        change: |pod| {
            let key = json!({"name": "settings", "key": "greeting"});
            pod["containers"][0]["env"] =
                json!([{"name": "GREETING", "valueFrom": {"configMapKeyRef": key}}]);
        },
        proof: |pod| waits(pod, "CreateContainerConfigError"),
        ..PLAIN
    },
    Case {
        name: "failing init container",
        row: 12,
        reason: "InitCrashLoop",
        change: |pod| {
            let mut init = helper("migrate");
            init["args"] = json!(["v2", "EXIT_AFTER=0"]);
            pod["initContainers"] = json!([init]);
        },
        proof: |pod| ended(pod, 2, |end| end["exitCode"] == 3),
        ..PLAIN
    },
    Case {
        name: "never ready",
        row: 15,
        reason: "NeverReady",
        more: &["--tolerate", "NeverReady=20s"],
        change: |pod| pod["containers"][0]["args"] = json!(["v2", "NEVER_READY=1"]),
        proof: |pod| runs(pod) && !is_ready(pod),
        ..PLAIN
    },
    Case {
        name: "killed by liveness",
        row: 14,
        reason: "LivenessKilled",
        // Not Ready either, or a rolling update would count it as done.
        change: |pod| {
            let container = &mut pod["containers"][0];
            container["args"] = json!(["v2", "NEVER_READY=1", "DRAIN_SECONDS=0"]);
            let get = json!({"path": "/ready", "port": "http"});
            container["livenessProbe"] = json!({"httpGet": get, "periodSeconds": 1, "failureThreshold": 2});
        },
        proof: |pod| ended(pod, 2, |_| true),
        ..PLAIN
    },
    Case {
        name: "quota exceeded",
        row: 19,
        reason: "QuotaExceeded",
        preflight: "RP014",
        prepare: |namespace| {
            let path = format!("/api/v1/namespaces/{namespace}/resourcequotas");
            let quota = json!({"metadata": {"name": "pods"}, "spec": {"hard": {"pods": "3"}}});
            write("POST", &path, &quota);
            let is_counted = || get(&format!("{path}/pods"))["status"]["used"].is_object();
            assert!(within(30, is_counted), "the quota is not counted");
        },
        proof: |set| refused(set, "exceeded quota"),
        ..PLAIN
    },
    Case {
        name: "refused by LimitRange",
        row: 18,
        reason: "FailedCreate",
        preflight: "RP014",
        prepare: |namespace| {
            let limits = json!([{"type": "Container", "max": {"memory": "64Mi"}}]);
            let range = json!({"metadata": {"name": "small"}, "spec": {"limits": limits}});
            write("POST", &format!("/api/v1/namespaces/{namespace}/limitranges"), &range);
        },
        change: |pod| pod["containers"][0]["resources"]["limits"] = json!({"memory": "1Gi"}),
        proof: |set| refused(set, "maximum memory"),
        ..PLAIN
    },
    Case {
        name: "refused by PodSecurity",
        row: 18,
        reason: "FailedCreate",
        preflight: "RP014",
        prepare: |namespace| {
            let labels = json!({"pod-security.kubernetes.io/enforce": "baseline"});
            let patch = json!({"metadata": {"labels": labels}});
            write("PATCH", &format!("/api/v1/namespaces/{namespace}"), &patch);
        },
        change: |pod| pod["containers"][0]["securityContext"] = json!({"privileged": true}),
        proof: |set| refused(set, "violates PodSecurity"),
        ..PLAIN
    },
    Case {
        name: "unschedulable",
        row: 16,
        reason: "Unschedulable",
        class: "infrastructure",
        more: &["--tolerate", "Unschedulable=5s"],
        change: |pod| pod["nodeSelector"] = json!({"disk": "fast"}),
        proof: |pod| {
            let conditions = pod["status"]["conditions"].as_array();
            conditions.is_some_and(|all| all.iter().any(|one| one["reason"] == "Unschedulable"))
        },
        ..PLAIN
    },
    Case {
        name: "sidecar not ready",
        row: 34,
        reason: "SidecarNeverReady",
        more: &["--tolerate", "SidecarNeverReady=20s"],
        change: |pod| {
            let mut sidecar = helper("istio-proxy");
            sidecar["args"] = json!(["v2", "PORT=9090", "NEVER_READY=1"]);
            sidecar["restartPolicy"] = json!("Always");
            let get = json!({"path": "/ready", "port": 9090});
            sidecar["readinessProbe"] = json!({"httpGet": get, "periodSeconds": 1});
            pod["initContainers"] = json!([sidecar]);
        },
        proof: |pod| runs(pod) && !is_ready(pod),
        ..PLAIN
    },
];

/// A second container.
fn helper(name: &str) -> Value {
    json!({"name": name, "image": "shop/web:v2", "imagePullPolicy": "Never"})
}

fn statuses(pod: &Value) -> impl Iterator<Item = &Value> {
    let of = |field| pod["status"][field].as_array().into_iter().flatten();
    of("initContainerStatuses").chain(of("containerStatuses"))
}

/// Whether all containers of the pod were started.
fn runs(pod: &Value) -> bool {
    let mut all = statuses(pod).peekable();
    all.peek().is_some() && all.all(|status| status["state"]["running"].is_object())
}

fn waits(pod: &Value, reason: &str) -> bool {
    statuses(pod).any(|status| status["state"]["waiting"]["reason"] == reason)
}

/// Whether a container ended so often, and the last time like this.
fn ended(pod: &Value, times: u64, how: fn(&Value) -> bool) -> bool {
    statuses(pod).any(|status| {
        let (now, before) = (&status["state"]["terminated"], &status["lastState"]["terminated"]);
        let is_down = now.is_object() || status["state"]["waiting"]["reason"] == "CrashLoopBackOff";
        let ends = status["restartCount"].as_u64().unwrap_or(0) + u64::from(is_down);
        // A container that could not be started may wait as RunContainerError, with its end in the last state.
        let ends = ends.max(u64::from(before.is_object()));
        ends >= times && how(if now.is_object() { now } else { before })
    })
}

/// Whether the ReplicaSet could not make a pod, for this reason.
fn refused(set: &Value, why: &str) -> bool {
    let conditions = set["status"]["conditions"].as_array();
    conditions.is_some_and(|all| {
        all.iter().any(|one| {
            one["type"] == "ReplicaFailure" && one["message"].as_str().unwrap_or_default().contains(why)
        })
    })
}

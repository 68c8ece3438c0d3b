//! What looks like a failure for a while and is none: every one has to end well.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::place::Place;
use super::registry;
use super::tool::Running;
use crate::api::{call, get, within, write};
use crate::jobs::each;

pub struct Calm {
    pub name: &'static str,
    pub strategy: &'static str,
    /// A change to the pod's `spec`.
    pub change: fn(&mut Value),
    /// What happens before.
    pub before: fn(&Place),
    /// What happens meanwhile.
    pub meanwhile: fn(&Place),
}

impl std::fmt::Debug for Calm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}, {}", self.name, self.strategy)
    }
}

pub const CANARY: Calm =
    Calm { name: "", strategy: "canary", change: |_| {}, before: |_| {}, meanwhile: |_| {} };

/// They can happen side by side.
const CALM: [Calm; 11] = [
    Calm { name: "a slow start", change: slow::<60>, ..CANARY },
    Calm { name: "a slow start", strategy: "rolling", change: slow::<30>, ..CANARY },
    Calm { name: "one restart", change: crash_once, ..CANARY },
    Calm { name: "one restart", strategy: "rolling", change: crash_once, ..CANARY },
    Calm { name: "a pod is evicted", change: slow::<15>, meanwhile: evict, ..CANARY },
    Calm { name: "kubelet evicts a pod", change: slow_with_volume, meanwhile: fill_volume, ..CANARY },
    Calm { name: "an autoscaler scales", change: slow::<15>, meanwhile: scale, ..CANARY },
    Calm {
        name: "an autoscaler scales",
        strategy: "rolling",
        change: slow::<15>,
        meanwhile: scale,
        ..CANARY
    },
    Calm {
        name: "an image comes at the third try",
        change: |pod| {
            // A name of its own, because the registry counts by it.
            let image = format!("third/web-{}", std::process::id());
            pod["containers"][0]["image"] = json!(registry::image(&image));
            pod["containers"][0]["imagePullPolicy"] = json!("Always");
        },
        ..CANARY
    },
    Calm { name: "again right after its abort", change: slow::<5>, before: try_and_abort, ..CANARY },
    Calm { name: "a webhook times out twice", before: break_webhook, meanwhile: repair_webhook, ..CANARY },
];

#[test]
fn no_false_alarm() {
    let failed = each(CALM.iter().collect(), CALM.len(), |calm| calm.happen(&Place::new(|_| {}, |_| {})));
    assert!(failed.is_empty(), "false alarms: {failed:?}");
}

impl Calm {
    pub fn happen(&self, place: &Place) {
        (self.before)(place);
        let file = place.next_version(self.change);
        let weight: &[&str] = if self.strategy == "canary" { &["--weight", "10"] } else { &[] };
        let args = [&[self.strategy, "frontend", "-f", &file], weight].concat();
        let begun = Instant::now();
        let running = Running::start(&place.shop, &place.shop.kubeconfig, &args);
        let there = within(30, || !place.new_pods().is_empty() || self.name.contains("webhook"));
        let early = !running.is_running();
        (self.meanwhile)(place);
        let run = running.finish(240);
        let verdict = run.first("verdict").map(|line| line.event.to_string());
        println!(
            "{self:?}: exit {:?} after {:.0} s, {}",
            run.code,
            begun.elapsed().as_secs_f64(),
            verdict.as_deref().unwrap_or("no verdict")
        );
        assert!(there, "no new pod came: {}", run.story());
        assert!(!early, "it ended before anything happened: {}", run.story());
        assert!(run.first("finished").is_some(), "the end is not told: {}", run.story());
        run.expect(0);
        if self.strategy == "canary" {
            // What is left of the trouble must not be in the way of the way back.
            place.shop.tool(&["abort", "frontend", "--timeout", "60s"]).expect(0);
        }
    }
}

pub fn slow<const SECONDS: u32>(pod: &mut Value) {
    pod["containers"][0]["args"] = json!(["v2", format!("READY_AFTER={SECONDS}")]);
}

fn crash_once(pod: &mut Value) {
    pod["containers"][0]["args"] = json!(["v2", "EXIT_ONCE=/data/started"]);
    pod["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    pod["volumes"] = json!([{"name": "data", "emptyDir": {}}]);
}

/// Its pods end while the same version begins again.
fn try_and_abort(place: &Place) {
    let file = place.next_version(slow::<5>);
    place.shop.tool(&["canary", "frontend", "-f", &file, "--weight", "60"]).expect(0);
    assert_eq!(place.new_pods().len(), 3, "fewer would be everyday");
    place.shop.tool(&["abort", "frontend", "--timeout", "60s"]).expect(0);
}

/// As `kubectl drain` does.
fn evict(place: &Place) {
    let running = |pod: &Value| pod["status"]["phase"] == "Running";
    assert!(within(30, || place.new_pods().iter().any(running)), "the new pod does not run");
    let pod = &place.new_pods()[0]["metadata"]["name"];
    let path = format!("/api/v1/namespaces/{}/pods/{}/eviction", place.shop.namespace, pod.as_str().unwrap());
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
    write("POST", &path, &eviction);
}

/// Slow enough that kubelet notices meanwhile: it measures volumes once a minute.
fn slow_with_volume(pod: &mut Value) {
    slow::<90>(pod);
    pod["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    pod["volumes"] = json!([{"name": "data", "emptyDir": {"sizeLimit": "1Mi"}}]);
}

/// Puts more into the pod's volume than is allowed. The evicted pod stays as Failed beside its successor.
fn fill_volume(place: &Place) {
    let pod = place.new_pods().remove(0);
    let volume = format!(
        "node/var/lib/kubelet/pods/{}/volumes/kubernetes.io~empty-dir/data",
        pod["metadata"]["uid"].as_str().unwrap()
    );
    let folder = place.shop.kubeconfig.with_file_name(volume);
    assert!(within(30, || folder.is_dir()), "{} does not come", folder.display());
    std::fs::write(folder.join("much"), vec![1; 8 << 20]).unwrap();
    let ended = || place.new_pods().iter().any(|pod| pod["status"]["phase"] != "Running");
    assert!(within(90, ended), "kubelet does not evict it");
}

fn scale(place: &Place) {
    std::thread::sleep(Duration::from_secs(2));
    place.shop.kubectl(&["scale", "deployment/frontend", "--replicas=5"]);
    std::thread::sleep(Duration::from_secs(6));
    place.shop.kubectl(&["scale", "deployment/frontend", "--replicas=4"]);
}

/// A webhook that must not fail, and whose server accepts connections and says nothing.
fn break_webhook(place: &Place) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    // Until the end of the tests: nobody accepts, so the kernel keeps what comes.
    std::mem::forget(listener);
    let namespace = &place.shop.namespace;
    let webhook = json!({
        "name": "check.shop.example",
        "clientConfig": {"url": url},
        "failurePolicy": "Fail",
        "timeoutSeconds": 1,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
    });
    let configuration = json!({"metadata": {"name": namespace}, "webhooks": [webhook]});
    write("POST", WEBHOOKS, &configuration);
    // The API server learns of it a moment later.
    let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    let containers = json!([{"name": "try", "image": "try"}]);
    let pod = json!({"metadata": {"name": "try"}, "spec": {"containers": containers}});
    assert!(within(30, || call("POST", &path, Some(&pod)).0 == 500), "the webhook is not asked");
}

const WEBHOOKS: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

/// Takes the webhook away once it has failed twice.
fn repair_webhook(place: &Place) {
    let events = format!("/api/v1/namespaces/{}/events", place.shop.namespace);
    let failures = || {
        let list = get(&events);
        let refused =
            list["items"].as_array().unwrap().iter().filter(|event| {
                event["message"].as_str().unwrap_or_default().contains("failed calling webhook")
            });
        refused.map(|event| event["count"].as_u64().unwrap_or(1)).sum::<u64>()
    };
    assert!(within(60, || failures() >= 2), "the webhook does not fail");
    let (code, answer) = call("DELETE", &format!("{WEBHOOKS}/{}", place.shop.namespace), None);
    assert_eq!(code, 200, "{answer}");
}

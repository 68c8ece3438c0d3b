//! How soon a share is in force at the data plane, and what it costs, beside a patch by kubectl of the same objects.
//!
//! Prints figures and never fails on them. Run by `bench/routes` on a real node with data planes.

#![allow(missing_docs, dead_code, unreachable_pub, reason = "a benchmark")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a benchmark ends by panicking")]
#![allow(clippy::missing_panics_doc, clippy::print_stdout, reason = "the figures are the result")]

#[path = "../tests/support/api.rs"]
mod api;
#[path = "../tests/support/proxy.rs"]
mod proxy;
#[path = "../tests/data_planes/routes/row.rs"]
mod row;
#[path = "../tests/support/seats.rs"]
mod seats;
#[path = "../tests/support/shop.rs"]
mod shop;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use proxy::Proxy;
use row::{ROWS, Routed, Row, V2};
use serde_json::{Value, json};
use shop::finish;

/// One pod at every share: only the route changes between them.
const START: [&str; 8] = ["canary", "frontend", "--image", V2, "--weight", "10", "--canary-replicas", "1"];
const RUNS: usize = 5;
/// For how long no answer of the former version means that there will be none.
const QUIET: Duration = Duration::from_millis(1500);
/// How long is waited for a share at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// Objects that say what a share is.
const KINDS: &str = "ingresses,traefikservices.traefik.io,ingressroutes.traefik.io,httproutes,grpcroutes,httpproxies,\
                     virtualservices";

fn main() {
    println!(
        "{:<36} {:>14} {:>14} {:>14} {:>14} {:>10}",
        "median of 5 runs, from typed to in force",
        "start 10 %",
        "10 to 100 %",
        "kubectl patch",
        "ratio",
        "requests"
    );
    for row in &ROWS {
        measure(row);
    }
}

fn measure(row: &'static Row) {
    let routed = row.deploy();
    let dir = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(&routed.shop.kubeconfig);
    let counted = proxy.kubeconfig(dir.path(), &routed.shop.namespace);
    let start = routed.first_answer(routed.shop.spawn(&counted, &START));
    let of_start = requests(&proxy);
    let ten = routed.objects();
    let (mut ours, mut theirs, mut of_raise) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..RUNS {
        proxy.clear();
        ours.push(routed.last_answer(|| routed.shop.spawn(&counted, &raise("100"))));
        of_raise = requests(&proxy);
        let changed = changed(&ten, &routed.objects());
        finish(routed.shop.spawn(&routed.shop.kubeconfig, &raise("10"))).expect(0);
        theirs.push(routed.last_answer(|| patch(&routed, &changed)));
        // Somebody's patch is somebody's: the next run of ours writes its own share again.
        finish(routed.shop.spawn(&routed.shop.kubeconfig, &raise("10"))).expect(0);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "{:<36} {:>11} ms {:>11} ms {:>11} ms {:>14} {:>10}",
        format!("{row:?}"),
        start.as_millis(),
        ours.as_millis(),
        theirs.as_millis(),
        format!("1 : {:.1}", theirs.as_secs_f64() / ours.as_secs_f64()),
        format!("{of_start}, {of_raise}")
    );
}

fn raise(weight: &'static str) -> [&'static str; 6] {
    ["canary", "frontend", "--weight", weight, "--canary-replicas", "1"]
}

/// Requests and, after a `+`, watches.
fn requests(proxy: &Proxy) -> String {
    let requests = proxy.requests();
    let watches = requests.iter().filter(|seen| seen.watch).count();
    format!("{}+{watches}", requests.len() - watches)
}

impl Routed {
    /// Returns the time from when it was typed to the canary's first answer; waits for the process.
    fn first_answer(&self, child: Child) -> Duration {
        let typed = Instant::now();
        while !self.get("/").is_ok_and(|(version, _)| version == "v2") {
            assert!(typed.elapsed() < PATIENCE, "{:?}: no answer of the canary", self.row);
        }
        let found = typed.elapsed();
        finish(child).expect(0);
        found
    }

    /// Returns the time from when it was typed to the last answer of the former version; waits for the process.
    fn last_answer(&self, start: impl FnOnce() -> Child) -> Duration {
        let typed = Instant::now();
        let child = start();
        let mut last = typed;
        while last.elapsed() < QUIET {
            assert!(typed.elapsed() < PATIENCE, "{:?}: the former version still answers", self.row);
            if self.get("/").is_ok_and(|(version, _)| version == "v1") {
                last = Instant::now();
            }
        }
        finish(child).expect(0);
        last - typed
    }

    fn objects(&self) -> Vec<Value> {
        self.shop.get(KINDS)["items"].as_array().unwrap().clone()
    }
}

/// Returns what kubectl has to write to come from the one picture to the other: one object.
fn changed(from: &[Value], to: &[Value]) -> Value {
    let is_new = |object: &&Value| {
        let same = |former: &Value| {
            former["metadata"]["uid"] == object["metadata"]["uid"]
                && former["spec"] == object["spec"]
                && former["metadata"]["annotations"] == object["metadata"]["annotations"]
        };
        !from.iter().any(same)
    };
    let changed: Vec<&Value> = to.iter().filter(is_new).collect();
    assert_eq!(changed.len(), 1, "one object has the shares: {changed:?}");
    changed[0].clone()
}

fn patch(routed: &Routed, object: &Value) -> Child {
    let word = |pointer: &str| object.pointer(pointer).unwrap().as_str().unwrap();
    let (group, _) = word("/apiVersion").split_once('/').unwrap();
    let name = format!("{}.{group}/{}", word("/kind").to_lowercase(), word("/metadata/name"));
    let patch =
        json!({"metadata": {"annotations": object["metadata"]["annotations"]}, "spec": object["spec"]});
    let mut kubectl = Command::new(Path::new("kubectl"));
    kubectl.args(["-n", &routed.shop.namespace, "patch", &name, "--type=merge", "-p", &patch.to_string()]);
    kubectl.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

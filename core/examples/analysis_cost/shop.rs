//! A workload whose pods have served requests, and what they and a Prometheus say of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_xorshift::XorShiftRng;
use rollout_plus_core::fixtures::held;
use rollout_plus_core::metric;
use rollout_plus_core::model::Pod;
use rollout_plus_core::situation::Observed;
use serde_json::{Value, json};

/// Paths of a program, each with its own series.
const PATHS: [&str; 8] =
    ["/", "/cart", "/orders", "/orders/{id}", "/search", "/login", "/logout", "/products/{id}"];
const CODES: [&str; 3] = ["200", "404", "500"];
/// Bounds of `client_golang` (`DefBuckets`).
const BOUNDS: [&str; 11] = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10"];
/// Requests a second of a pod, on each path.
const RATE: f64 = 2.0;
/// What a program in Go says of itself: that of Prometheus is one.
const RUNTIME: &str = include_str!("../../tests/analysis/exposition/recorded/prometheus.txt");

/// The new version.
pub const CANARY: &str = "web-2";

/// Requests on a path, by status, and by the bound that they were below first.
#[derive(Clone, Debug, Default)]
struct Served {
    codes: [u64; CODES.len()],
    below: [u64; BOUNDS.len()],
}

pub struct Shop {
    canary: usize,
    pods: BTreeMap<String, [Served; PATHS.len()]>,
    dice: XorShiftRng,
    until: Duration,
    runtime: String,
}

impl Shop {
    pub fn new(pods: usize) -> Self {
        let canary = pods.div_ceil(10);
        let name = |at: usize| {
            let version = if at < canary { "7b76b897d8" } else { "779cc4bf55" };
            format!("frontend-{version}-{at:05}")
        };
        let of_runtime = |line: &&str| {
            let line = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
            line.starts_with("go_") || line.starts_with("process_")
        };
        Self {
            canary,
            pods: (0..pods).map(|at| (name(at), Default::default())).collect(),
            dice: XorShiftRng::seed_from_u64(17),
            until: Duration::ZERO,
            runtime: RUNTIME.lines().filter(of_runtime).flat_map(|line| [line, "\n"]).collect(),
        }
    }

    pub fn observed(&self) -> Observed {
        let mut observed = held();
        for revision in &mut observed.revisions {
            revision.spec.template["spec"]["containers"][0]["ports"] =
                json!([{"name": "metrics", "containerPort": 9102}]);
        }
        let pod = |(at, name): (usize, &String)| {
            let version = if at < self.canary { CANARY } else { "web-1" };
            let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": version, "uid": version, "controller": true});
            let uid = format!("0a1b2c3d-0000-4000-8000-{at:012}");
            let pod = json!({"metadata": {"name": name, "uid": uid, "ownerReferences": [owner]},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
            Arc::new(serde_json::from_value::<Pod>(pod).unwrap())
        };
        let mut names: Vec<&String> = self.pods.keys().collect();
        names.sort_by_key(|name| name.rsplit('-').next().map(str::to_owned));
        observed.pods = names.into_iter().enumerate().map(pod).collect();
        observed
    }

    /// All pods serve; one in a hundred requests fails.
    pub fn serve_until(&mut self, now: Duration) {
        let requests = now.saturating_sub(self.until).as_secs_f64() * RATE;
        self.until = now;
        let dice = &mut self.dice;
        for served in self.pods.values_mut().flatten() {
            for _ in 0..requests as u64 {
                let code = match dice.random_range(0..100) {
                    0 => 2,
                    1..5 => 1,
                    _ => 0,
                };
                served.codes[code] += 1;
                // Half of what is left is below each bound.
                let bound = (dice.random::<u32>() | 1 << 10).leading_zeros() as usize;
                served.below[bound.min(BOUNDS.len() - 1)] += 1;
            }
        }
    }

    /// What a pod says.
    pub fn text(&self, pod: &str) -> String {
        let mut text = String::from(
            "# HELP http_requests_total Requests by status.\n# TYPE http_requests_total counter\n",
        );
        let mut last = "";
        self.series(pod, |name, labels, value| {
            if name != last && name.ends_with("_bucket") {
                text += "# TYPE http_request_duration_seconds histogram\n";
            }
            last = name;
            let labels: Vec<String> =
                labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
            writeln!(text, "{name}{{{}}} {value}", labels.join(",")).unwrap();
        });
        text + &self.runtime
    }

    /// What Prometheus answers to a query.
    pub fn answer(&self, query: &str) -> String {
        let mut result: Vec<Value> = Vec::new();
        for pod in self.pods.keys().filter(|pod| query.contains(*pod)) {
            self.series(pod, |name, labels, value| {
                if !metric::names().contains(&name) {
                    return;
                }
                let mut all: BTreeMap<&str, &str> = labels.iter().copied().collect();
                let target =
                    [("namespace", "shop"), ("job", "kubernetes-pods"), ("instance", "10.0.0.17:9102")];
                all.extend(target.into_iter().chain([("pod", pod.as_str()), ("__name__", name)]));
                result.push(json!({"metric": all, "value": [1_795_774_858.495, value.to_string()]}));
            });
        }
        json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string()
    }

    fn series(&self, pod: &str, mut of: impl FnMut(&'static str, &[(&'static str, &'static str)], u64)) {
        let served = &self.pods[pod];
        for (path, served) in PATHS.into_iter().zip(served) {
            for (code, count) in CODES.into_iter().zip(served.codes) {
                of("http_requests_total", &[("code", code), ("method", "GET"), ("path", path)], count);
            }
        }
        for (path, served) in PATHS.into_iter().zip(served) {
            let mut below = 0;
            let all: u64 = served.below.iter().sum();
            for (bound, count) in BOUNDS.into_iter().zip(served.below) {
                below += count;
                of("http_request_duration_seconds_bucket", &[("path", path), ("le", bound)], below);
            }
            of("http_request_duration_seconds_bucket", &[("path", path), ("le", "+Inf")], all);
            of("http_request_duration_seconds_sum", &[("path", path)], all);
            of("http_request_duration_seconds_count", &[("path", path)], all);
        }
    }
}

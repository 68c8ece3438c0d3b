//! What a router has counted takes the place of what pods say: from the question to the finding.

use super::*;
use crate::fixtures::routed_by;
use crate::prometheus::read;
use crate::reading::of_backends;

fn by_router() -> Analyze {
    let server = "service:monitoring/prometheus:9090".parse().unwrap();
    Analyze { from: MetricSource::Router { server, matchers: [].into() }, ..analyze() }
}

/// A replica of the router: what it has counted for the canary and for the stable version, and how many of a thousand failed.
#[derive(Clone, Copy)]
struct Replica {
    name: &'static str,
    canary: (u64, u64),
    stable: (u64, u64),
}

impl Replica {
    const fn new(name: &'static str) -> Self {
        Self { name, canary: (0, 0), stable: (0, 0) }
    }

    fn serve(&mut self, bad: u64) {
        self.canary = (self.canary.0 + 1000, self.canary.1 + bad);
        self.stable = (self.stable.0 + 9000, self.stable.1 + 90);
    }
}

fn serve(replicas: &mut [Replica], bad: u64) {
    for replica in replicas {
        replica.serve(bad);
    }
}

/// What Prometheus answers for Contour's Envoys.
fn answer(replicas: &[Replica]) -> String {
    let series = |replica: &Replica, backend: &str, class: &str, value: u64| {
        json!({"metric": {"__name__": "envoy_cluster_upstream_rq_xx", "job": "envoy", "namespace": "edge", "pod": replica.name,
            "envoy_cluster_name": format!("shop_web-rp-{backend}_80"), "envoy_response_code_class": class},
            "value": [1, value.to_string()]})
    };
    let of = |replica: &Replica| {
        let ((canary, lost), (stable, bad)) = (replica.canary, replica.stable);
        [
            series(replica, "canary", "2", canary - lost),
            series(replica, "canary", "5", lost),
            series(replica, "stable", "2", stable - bad),
            series(replica, "stable", "5", bad),
        ]
    };
    let result: Vec<Value> = replicas.iter().flat_map(of).collect();
    json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string()
}

/// A canary behind Contour, looked at each fifteen seconds.
struct Edge {
    observed: Observed,
    now: u64,
}

impl Edge {
    fn new() -> Self {
        let mut observed = shop(3);
        routed_by("contour", &mut observed);
        Self { observed, now: 100 }
    }

    fn look(&mut self, comparison: &mut Comparison, replicas: &[Replica]) -> Finding {
        self.now += 15;
        let now = Duration::from_secs(self.now);
        let situation = Situation::of(&self.observed);
        let Next::Ask(asked) = comparison.next(&situation, |_| Some(Duration::from_secs(500)), now) else {
            panic!("it is time for a look")
        };
        let Question::Router { queries, backends, .. } = asked.question else {
            panic!("{:?}", asked.question)
        };
        assert_eq!(queries.len(), 1, "both versions at once");
        let answers = Ok(vec![read(200, &answer(replicas)).unwrap().data]);
        let pods = of_backends(&backends, answers, asked.named.as_ref());
        comparison.take(Readings { pods, ..Readings::default() }, now);
        comparison.finding(now)
    }
}

#[test]
fn a_version_that_fails_more_is_worse_as_its_router_counts() {
    let (mut edge, mut comparison) = (Edge::new(), Comparison::new(&by_router(), "web-2", 3, None));
    let mut replicas = [Replica::new("a"), Replica::new("b")];
    let mut findings = Vec::new();
    for _ in 0..5 {
        serve(&mut replicas, 100);
        findings.push(edge.look(&mut comparison, &replicas));
    }
    assert!(findings[..4].iter().all(|finding| *finding == Finding::Open), "{findings:?}");
    let Finding::Worse { sentence, pods } = &findings[4] else { panic!("{findings:?}") };
    assert_eq!(pods, &["c0"], "the proof is of its pods");
    insta::assert_snapshot!(sentence, @"errors: the canary fails 10 % of its requests (800 of 8000), stable 1.0 % (720 of 72000) in the same 1m0s: at least 6.6 times worse; evidence over a million (100 needed)");
}

#[test]
fn replicas_of_the_router_come_go_and_begin_anew() {
    let (mut edge, mut comparison) = (Edge::new(), Comparison::new(&by_router(), "web-2", 3, None));
    let mut replicas = vec![Replica::new("a"), Replica::new("b")];
    // Of former versions, whose canaries had the same name.
    let old = Replica { name: "old", canary: (1_000_000, 900_000), stable: (1_000_000, 0) };
    for look in 0..20 {
        serve(&mut replicas, 10);
        match look {
            4 => replicas[1] = Replica::new("b"),
            7 | 12 => replicas.push(old),
            9 => drop(replicas.pop()),
            _ => {}
        }
        let finding = edge.look(&mut comparison, &replicas);
        assert!(matches!(finding, Finding::Open | Finding::Good { .. }), "{look}: {finding:?}");
    }
    let counted = &comparison.judged().metrics[0].canary;
    assert_eq!(counted.bad * 100, counted.requests, "{counted:?}");
}

/// Sums of replicas mean nothing where some of them went while nobody looked.
#[test]
fn whoever_goes_on_counts_from_the_first_look() {
    let (mut edge, mut comparison) = (Edge::new(), Comparison::new(&by_router(), "web-2", 3, None));
    let mut replicas =
        vec![Replica::new("a"), Replica { name: "b", canary: (90_000, 0), stable: (900_000, 9000) }];
    for _ in 0..4 {
        serve(&mut replicas, 10);
        drop(edge.look(&mut comparison, &replicas));
    }
    let before = comparison.judged().metrics[0].canary;
    let noted = serde_json::to_string(comparison.record()).unwrap();
    let mut comparison =
        Comparison::new(&by_router(), "web-2", 3, Some(serde_json::from_str(&noted).unwrap()));
    replicas[1] = Replica { name: "c", canary: (95_000, 20_000), stable: (1_000_000, 0) };
    for look in 0..2 {
        serve(&mut replicas, 10);
        let finding = edge.look(&mut comparison, &replicas);
        assert!(matches!(finding, Finding::Open), "{look}: {finding:?}");
    }
    let after = comparison.judged().metrics[0].canary;
    assert_eq!((after.requests - before.requests, after.bad - before.bad), (2000, 20));
}

#[test]
fn what_is_missing_is_no_pod() {
    let (mut edge, mut comparison) = (Edge::new(), Comparison::new(&by_router(), "web-2", 3, None));
    drop(edge.look(&mut comparison, &[]));
    insta::assert_snapshot!(comparison.missing().unwrap(), @"no metrics of 2 of 2 backends of the router: web-rp-canary: Prometheus has no envoy_cluster_upstream_rq_xx or envoy_cluster_upstream_rq or envoy_cluster_upstream_rq_time_bucket of it");
    edge.observed.traffic = None;
    let situation = Situation::of(&edge.observed);
    let asked = comparison.next(&situation, |_| Some(Duration::from_secs(500)), Duration::from_secs(200));
    assert!(matches!(asked, Next::Ask(asked) if asked.question == Question::Pods(Vec::new())));
    insta::assert_snapshot!(comparison.missing().unwrap(), @"no metrics of the router: no router splits the traffic, so none counts the versions apart: the share is that of the pods");
}

use std::sync::Arc;

use serde_json::json;

use super::super::{Finding, Next};
use super::*;
use crate::fixtures::{analyze, held};
use crate::plan::{Analyze, Probe};
use crate::reading::{MetricSource, Question, Readings};
use crate::situation::Observed;

fn pod(name: &str, version: &str) -> Pod {
    let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": version, "uid": version, "controller": true});
    serde_json::from_value(json!({"metadata": {"name": name, "uid": name, "ownerReferences": [owner]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}))
    .unwrap()
}

/// Two canary pods beside three stable ones, which listen at 8080 and have no metrics.
fn shop() -> Observed {
    let mut observed = held();
    for revision in &mut observed.revisions {
        revision.spec.template["spec"]["containers"][0]["ports"] = json!([{"containerPort": 8080}]);
    }
    let pods = [("s0", "web-1"), ("s1", "web-1"), ("s2", "web-1"), ("c0", "web-2"), ("c1", "web-2")];
    observed.pods = pods.into_iter().map(|(name, version)| Arc::new(pod(name, version))).collect();
    observed
}

fn asked() -> Analyze {
    let probe = Probe { rate: 20, path: "/".into(), port: None };
    Analyze { from: MetricSource::Probe, probe: Some(probe), ..analyze() }
}

/// Asks for so many looks; each request is answered as `answer` says.
fn looked(
    comparison: &mut Comparison,
    from: u64,
    looks: u64,
    answer: impl Fn(&Target, usize) -> Shot,
) -> Finding {
    let observed = shop();
    let mut finding = Finding::Open;
    for now in (from..from + looks).map(|look| Duration::from_secs(5 * look)) {
        let ready = |_: &Pod| Some(Duration::from_secs(500));
        let next = comparison.next(&Situation::of(&observed), ready, now);
        let Next::Ask(asked) = next else { panic!("{next:?}") };
        assert_eq!(asked.question, Question::Pods(Vec::new()), "no metrics are read");
        let volley = asked.probe.unwrap();
        let sent =
            (0..100).flat_map(|number| volley.targets(number).map(move |target| (number, target.clone())));
        let probe = sent.map(|(number, target)| (target.clone(), answer(&target, number))).collect();
        comparison.take(Readings { probe, ..Readings::default() }, now);
        finding = comparison.finding(now);
    }
    finding
}

fn answered(status: u16, millis: u64) -> Shot {
    Shot::Answered { status, millis }
}

fn begun() -> Comparison {
    Comparison::new(&asked(), "web-2", 3, None)
}

#[test]
fn each_pod_is_asked_in_turn_by_the_port_of_its_version() {
    let mut comparison = begun();
    let observed = shop();
    let ready = |_: &Pod| Some(Duration::from_secs(500));
    let Next::Ask(asked) = comparison.next(&Situation::of(&observed), ready, Duration::ZERO) else {
        panic!()
    };
    let volley = asked.probe.unwrap();
    assert_eq!((volley.rate, volley.time, &*volley.path), (20, Duration::from_secs(5), "/"));
    let names: Vec<Vec<&str>> =
        (0..3).map(|number| volley.targets(number).map(|target| &*target.pod).collect()).collect();
    assert_eq!(names, [["c0", "s0"], ["c1", "s1"], ["c0", "s2"]]);
    assert!(volley.versions.iter().flatten().all(|target| target.port == 8080));
    let Next::Ask(asked) = comparison.next(&Situation::of(&observed), ready, Duration::from_secs(5)) else {
        panic!()
    };
    assert_eq!(asked.probe.unwrap().before, 100, "the next look goes on where this one ended");
}

#[test]
fn a_version_without_metrics_that_fails_is_worse() {
    let fails = |target: &Target, number: usize| match (target.role, number % 5) {
        (Role::Canary, 0) if number.is_multiple_of(2) => answered(503, 1),
        (Role::Canary, 0) => Shot::Silent,
        (Role::Canary | Role::Stable | Role::Preview, _) => answered(404, 1),
    };
    let mut comparison = begun();
    assert_eq!(looked(&mut comparison, 0, 3, fails), Finding::Open);
    let Finding::Worse { sentence, pods } = looked(&mut comparison, 3, 1, fails) else { panic!() };
    insta::assert_snapshot!(sentence, @"probe: errors: the canary fails 20 % of its requests (80 of 400), stable 0 % (0 of 400) in the same 20s: at least 12 times worse; evidence over a million (200 needed)");
    assert_eq!(pods, ["c0", "c1"]);
}

#[test]
fn a_version_that_answers_as_well_is_good_also_after_a_kill_and_at_each_share() {
    let well = |_: &Target, number: usize| answered(200, if number.is_multiple_of(10) { 60 } else { 7 });
    let mut comparison = begun();
    let Finding::Good { sentence } = looked(&mut comparison, 0, 30, well) else { panic!() };
    insta::assert_snapshot!(sentence, @"probe: errors: not 3 times as many as stable, or below 0.50 % (evidence 39821, 20 needed): canary 0 % of 3000, stable 0 % of 3000 in 2m30s; probe: slower than 50 ms: not 3 times as many as stable, or below 0.50 % (evidence 27336, 20 needed): canary 10 % of 2900, stable 10 % of 2900 in 2m30s");
    let kept = serde_json::to_string(comparison.record()).unwrap();
    let mut again = Comparison::new(&asked(), "web-2", 3, Some(serde_json::from_str(&kept).unwrap()));
    assert!(matches!(looked(&mut again, 0, 1, well), Finding::Good { .. }));
    again.at_another_share(5);
    assert_eq!(looked(&mut again, 1, 3, well), Finding::Open);
    assert!(matches!(looked(&mut again, 4, 1, well), Finding::Good { .. }));
}

#[test]
fn a_version_that_is_slower_is_worse() {
    let slow = |target: &Target, number: usize| match target.role {
        Role::Canary => answered(200, 400),
        Role::Stable | Role::Preview => answered(200, if number.is_multiple_of(10) { 60 } else { 7 }),
    };
    let Finding::Worse { sentence, .. } = looked(&mut begun(), 0, 6, slow) else { panic!() };
    insta::assert_snapshot!(sentence, @"probe: slower than 100 ms: the canary takes longer for 100 % of its requests (500 of 500), stable 0 % (0 of 500) in the same 30s: at least 68 times worse; evidence over a million (200 needed)");
    let bound = Analyze { slower_than: Some(0.3), ..asked() };
    let mut comparison = Comparison::new(&bound, "web-2", 3, None);
    let Finding::Worse { sentence, .. } = looked(&mut comparison, 0, 4, slow) else { panic!() };
    assert!(
        sentence.starts_with("probe: slower than 300 ms: the canary takes longer for 100 %"),
        "{sentence}"
    );
}

#[test]
fn what_the_api_server_does_not_pass_on_counts_for_nobody() {
    let mut comparison = begun();
    let refused = |_: &Target, _: usize| Shot::Lost("no right to get pods/proxy".to_owned());
    assert_eq!(looked(&mut comparison, 0, 1, refused), Finding::Open);
    assert!(comparison.reads_nothing());
    assert_eq!(
        comparison.missing().unwrap(),
        "the probe was not answered: pod c0: no right to get pods/proxy"
    );
    assert_eq!(comparison.record().analysis.probe_looks(), 0);
    let Finding::NotEnough { sentence } = looked(&mut comparison, 1, 121, refused) else { panic!() };
    assert_eq!(sentence, "the probe was not answered: pod c0: no right to get pods/proxy");
}

#[test]
fn beside_the_pods_own_counts_both_have_to_be_good() {
    let probe = Some(Probe { rate: 20, path: "/healthz".into(), port: None });
    let both = Analyze { probe, ..analyze() };
    let mut comparison = Comparison::new(&both, "web-2", 3, None);
    let observed = shop();
    for now in (0..30).map(|look| Duration::from_secs(5 * look)) {
        let ready = |_: &Pod| Some(Duration::from_secs(500));
        let Next::Ask(asked) = comparison.next(&Situation::of(&observed), ready, now) else { panic!() };
        let volley = asked.probe.unwrap();
        let sent = (0..100).flat_map(|number| volley.targets(number));
        let probe = sent.map(|target| (target.clone(), answered(200, 1))).collect();
        comparison.take(Readings { probe, ..Readings::default() }, now);
        assert_eq!(comparison.finding(now), Finding::Open, "the pods' own are not read");
    }
    assert_eq!(comparison.record().analysis.probe_looks(), 30);
}

#[test]
fn a_version_alone_is_probed_alone() {
    let alone = Analyze { max_error_rate: Some(0.02), ..asked() }.alone().unwrap();
    let mut comparison = Comparison::new(&alone, "web-2", 3, None);
    let fails = |target: &Target, number: usize| {
        assert_eq!(target.role, Role::Canary);
        answered(if number.is_multiple_of(5) { 500 } else { 200 }, 1)
    };
    let Finding::Worse { sentence, .. } = looked(&mut comparison, 0, 4, fails) else { panic!() };
    insta::assert_snapshot!(sentence, @"probe: errors: the new version fails 20 % of its requests (80 of 400) in 20s; 2.0 % are allowed");
    assert!(asked().alone().is_err(), "there is nothing to hold it against");
}

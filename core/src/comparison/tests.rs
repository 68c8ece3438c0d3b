mod router;

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::fixtures::{analyze, held};
use crate::metric::Scraped;
use crate::reading::{Question, Read};
use crate::scrape::{Place, Unread};
use crate::situation::Observed;

fn pod(name: &str, version: &str) -> Pod {
    let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": version, "uid": version, "controller": true});
    serde_json::from_value(json!({"metadata": {"name": name, "uid": name, "ownerReferences": [owner]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}))
    .unwrap()
}

/// One canary pod beside stable ones, all Ready, with a port for metrics.
fn shop(stable: usize) -> Observed {
    let mut observed = held();
    for revision in &mut observed.revisions {
        revision.spec.template["spec"]["containers"][0]["ports"] =
            json!([{"name": "metrics", "containerPort": 9102}]);
    }
    observed.pods = (0..stable).map(|n| Arc::new(pod(&format!("s{n}"), "web-1"))).collect();
    observed.pods.push(Arc::new(pod("c0", "web-2")));
    observed
}

fn metrics(requests: u64, bad: u64) -> String {
    let good = requests - bad;
    format!("http_requests_total{{code=\"200\"}} {good}\nhttp_requests_total{{code=\"500\"}} {bad}\n")
}

fn told(text: &str) -> Result<Scraped, Unread> {
    Scraped::of(text, None).map_err(Unread::Told)
}

fn of(read: impl Iterator<Item = Read>) -> Readings {
    Readings { pods: read.collect(), ..Readings::default() }
}

fn pods(asked: Asked) -> Vec<(String, Place)> {
    match asked.question {
        Question::Pods(pods) => pods,
        Question::Prometheus { .. } | Question::Router { .. } => panic!("the pods are asked themselves"),
    }
}

/// A service whose canary fails so many of a thousand, and whose stable pods fail ten.
struct Service {
    observed: Observed,
    bad: u64,
    now: u64,
}

impl Service {
    fn new(bad: u64) -> Self {
        Self { observed: shop(3), bad, now: 100 }
    }

    /// Lets five seconds pass, and has the pods read if they are due.
    fn look(&mut self, comparison: &mut Comparison) -> Finding {
        self.now += 5;
        let now = Duration::from_secs(self.now);
        let situation = Situation::of(&self.observed);
        let ready = |_: &Pod| Some(Duration::from_secs(500));
        if let Next::Ask(asked) = comparison.next(&situation, ready, now) {
            let read = pods(*asked).into_iter().map(|(pod, _)| {
                let bad = if pod == "c0" { self.bad } else { 10 };
                let text = metrics(self.now * 100, self.now * 100 * bad / 1000);
                (pod, told(&text))
            });
            comparison.take(of(read), now);
        }
        comparison.finding(now)
    }
}

fn begun() -> Comparison {
    Comparison::new(&analyze(), "web-2", 3, None)
}

#[test]
fn a_version_that_fails_more_is_worse_after_four_looks() {
    let (mut service, mut comparison) = (Service::new(100), begun());
    let findings: Vec<Finding> = (0..5).map(|_| service.look(&mut comparison)).collect();
    // The first reading is what the next is counted from.
    assert!(findings[..4].iter().all(|finding| *finding == Finding::Open), "{findings:?}");
    let Finding::Worse { sentence, pods } = &findings[4] else { panic!("{findings:?}") };
    assert_eq!(pods, &["c0"]);
    insta::assert_snapshot!(sentence, @"errors: the canary fails 10 % of its requests (200 of 2000), stable 1.0 % (60 of 6000) in the same 20s: at least 5.4 times worse; evidence over a million (100 needed)");
}

#[test]
fn a_version_that_fails_as_much_is_good_in_time_and_at_each_share() {
    let (mut service, mut comparison) = (Service::new(10), begun());
    let looks = (0..60).position(|_| matches!(service.look(&mut comparison), Finding::Good { .. }));
    assert!(looks.is_some_and(|looks| looks >= 8), "{looks:?}");
    comparison.at_another_share(5);
    let looks = (0..60).position(|_| matches!(service.look(&mut comparison), Finding::Good { .. }));
    assert_eq!(looks, Some(LOOKS), "one to count from, and four");
}

#[test]
fn too_few_requests_are_not_enough() {
    let mut comparison = begun();
    let service = Service::new(10);
    let situation = Situation::of(&service.observed);
    let mut last = Finding::Open;
    for now in (0..130).map(|look| Duration::from_secs(5 * look)) {
        if let Next::Ask(asked) = comparison.next(&situation, |_| Some(Duration::from_secs(500)), now) {
            let read = pods(*asked).into_iter().map(|(pod, _)| (pod, told(&metrics(now.as_secs() / 60, 0))));
            comparison.take(of(read), now);
        }
        last = comparison.finding(now);
    }
    let Finding::NotEnough { sentence } = last else { panic!("{last:?}") };
    insta::assert_snapshot!(sentence, @"errors: 10 of the canary's requests and 30 of the stable version's in 10m0s; at this rate it takes about 16h20m, or a larger share");
    insta::assert_snapshot!(sentence, @"errors: 10 of the canary's requests and 30 of the stable version's in 10m0s; at this rate it takes about 16h20m, or a larger share");
}

#[test]
fn whoever_goes_on_after_a_kill_comes_to_the_same() {
    for bad in [10, 30, 100] {
        let (mut service, mut whole) = (Service::new(bad), begun());
        let unbroken: Vec<Finding> = (0..40).map(|_| service.look(&mut whole)).collect();
        let end = |findings: &[Finding]| findings.iter().position(|finding| *finding != Finding::Open);
        for kill in 1..30 {
            let (mut service, mut comparison) = (Service::new(bad), begun());
            let mut findings: Vec<Finding> = (0..kill).map(|_| service.look(&mut comparison)).collect();
            let noted = serde_json::to_string(comparison.record()).unwrap();
            // What was read last is one look older, as if the Lease was not written since.
            let noted = serde_json::from_str(&noted).unwrap();
            let mut comparison = Comparison::new(&analyze(), "web-2", 3, Some(noted));
            findings.extend((kill..41).map(|_| service.look(&mut comparison)));
            let (before, after) = (end(&unbroken), end(&findings));
            assert!(
                before == after || before.map(|look| look + 1) == after,
                "{bad} {kill}: {before:?} {after:?}"
            );
        }
    }
}

/// Seen on a real cluster: the long look after a kill stood out, and that was taken for scatter.
#[test]
fn a_minute_without_a_process_is_one_long_look() {
    let (mut service, mut comparison) = (Service::new(100), begun());
    (0..3).for_each(|_| drop(service.look(&mut comparison)));
    let noted = comparison.record().clone();
    service.now += 55;
    let mut comparison = Comparison::new(&analyze(), "web-2", 3, Some(noted));
    let looks = (0..9).position(|_| matches!(service.look(&mut comparison), Finding::Worse { .. }));
    assert!(looks.is_some_and(|looks| looks <= 2), "{looks:?}");
    assert!((70.0..80.0).contains(&comparison.judged().seconds), "{}", comparison.judged().seconds);
}

#[test]
fn another_version_begins_anew() {
    let (mut service, mut comparison) = (Service::new(100), begun());
    (0..5).for_each(|_| drop(service.look(&mut comparison)));
    let noted = comparison.record().clone();
    assert_eq!(Comparison::new(&analyze(), "web-3", 3, Some(noted.clone())).record().analysis.looks(), 0);
    assert_eq!(Comparison::new(&analyze(), "web-2", 4, Some(noted)).record().analysis.looks(), 4);
}

#[test]
fn counts_that_did_not_fit_are_counted_anew_and_that_is_told_once() {
    let (mut service, mut comparison) = (Service::new(10), begun());
    (0..5).for_each(|_| drop(service.look(&mut comparison)));
    let noted = comparison.record().without_counts();
    let mut again = Comparison::new(&analyze(), "web-2", 3, Some(noted));
    assert_eq!(again.record().analysis.looks(), 0);
    insta::assert_snapshot!(again.begins_anew().unwrap(), @"what was counted before did not fit on the Lease: it is counted anew from here on");
    service.look(&mut again);
    assert!(!again.record().left_out, "what is noted from here on is whole");
    assert_eq!(Comparison::new(&analyze(), "web-2", 3, Some(again.record().clone())).begins_anew(), None);
}

#[test]
fn young_pods_are_left_alone_and_ten_of_each_version_are_enough() {
    let mut observed = shop(30);
    observed.pods.extend((1..20).map(|n| Arc::new(pod(&format!("c{n}"), "web-2"))));
    let situation = Situation::of(&observed);
    let mut comparison = begun();
    let young = comparison.next(&situation, |_| Some(Duration::from_secs(20)), Duration::from_secs(5));
    assert_eq!(young, Next::Wait(Duration::from_secs(45)));
    let Next::Ask(asked) =
        comparison.next(&situation, |_| Some(Duration::from_secs(60)), Duration::from_secs(45))
    else {
        panic!()
    };
    let read = pods(*asked).into_iter().map(|(pod, _)| pod).collect::<BTreeSet<_>>();
    assert_eq!((read.len(), read.iter().filter(|pod| pod.starts_with('c')).count()), (20, 10));
    let again = comparison.next(&situation, |_| Some(Duration::from_secs(60)), Duration::from_secs(46));
    assert_eq!(again, Next::Wait(Duration::from_secs(50)));
    // The same ones, in whatever order they come, and whoever goes on reads them.
    let all = read.iter().map(|pod| (pod.clone(), told(&metrics(100, 1))));
    comparison.take(of(all), Duration::from_secs(46));
    observed.pods.reverse();
    let mut resumed = Comparison::new(&analyze(), "web-2", 3, Some(comparison.record().clone()));
    for one in [&mut comparison, &mut resumed] {
        let asked =
            one.next(&Situation::of(&observed), |_| Some(Duration::from_secs(90)), Duration::from_secs(60));
        let Next::Ask(asked) = asked else { panic!() };
        assert_eq!(pods(*asked).into_iter().map(|(pod, _)| pod).collect::<BTreeSet<_>>(), read);
    }
}

/// Seen on a real cluster: the traffic ended, and the empty looks after it took the evidence away.
#[test]
fn a_time_without_requests_is_no_look() {
    let (mut service, mut comparison) = (Service::new(100), begun());
    (0..4).for_each(|_| drop(service.look(&mut comparison)));
    let looks = comparison.record().analysis.looks();
    let stands = service.now;
    for _ in 0..10 {
        let situation = Situation::of(&service.observed);
        service.now += 5;
        let now = Duration::from_secs(service.now);
        let Next::Ask(asked) = comparison.next(&situation, |_| Some(Duration::from_secs(500)), now) else {
            panic!()
        };
        let read = pods(*asked).into_iter().map(|(pod, _)| {
            let bad = if pod == "c0" { service.bad } else { 10 };
            (pod, told(&metrics(stands * 100, stands * 100 * bad / 1000)))
        });
        comparison.take(of(read), now);
    }
    assert_eq!(comparison.record().analysis.looks(), looks);
    assert!(matches!(service.look(&mut comparison), Finding::Worse { .. }), "they come again");
}

#[test]
fn whose_metrics_cannot_be_read_is_named() {
    let service = Service::new(10);
    let situation = Situation::of(&service.observed);
    let mut comparison = begun();
    for now in (0..130).map(|look| Duration::from_secs(5 * look)) {
        if let Next::Ask(asked) = comparison.next(&situation, |_| Some(Duration::from_secs(500)), now) {
            let read = pods(*asked).into_iter().map(|(pod, place)| {
                let answered = || Err(Unread::of(404, None, &place));
                let told = if pod == "c0" { answered() } else { told(&metrics(100, 1)) };
                (pod, told)
            });
            comparison.take(of(read), now);
        }
    }
    let Finding::NotEnough { sentence } = comparison.finding(Duration::from_secs(650)) else { panic!() };
    assert_eq!(sentence, "no metrics of 1 of 4 pods: c0: /metrics on port 9102 answered 404");
}

/// A canary beside limits alone, whose queries come to this.
fn limited(measured: &[f64]) -> Finding {
    let metric = json!({"name": "queue", "query": "max(depth{pod=~\"${canary.pods}\"})", "max": 100, "looks": 2, "every": "5s"});
    let file = json!({"schema": 1, "metrics": [metric], "prometheus": {"url": "service:m/p:9090"}});
    let file = crate::analysis_file::AnalysisFile::read(&file).unwrap();
    let asked = analyze().with_file(file, None, &crate::prometheus::Matchers::new()).unwrap();
    let mut comparison = Comparison::new(&asked, "web-2", 3, None);
    let observed = shop(3);
    let situation = Situation::of(&observed);
    let mut now = Duration::ZERO;
    for number in measured {
        now += Duration::from_secs(5);
        let Next::Ask(asked) = comparison.next(&situation, |_| Some(Duration::from_secs(500)), now) else {
            panic!()
        };
        let query = crate::reading::Limited::Query("max(depth{pod=~\"c0\"})".to_owned());
        assert_eq!(asked.limits, [(0, Ok(query))]);
        assert_eq!(
            (asked.server.unwrap().to_string(), pods_of(asked.question)),
            ("service:m/p:9090".into(), 0)
        );
        let measured = crate::condition::Measured::Vector(vec![*number]);
        comparison.take(Readings { limits: vec![(0, Ok(measured))], ..Readings::default() }, now);
    }
    comparison.finding(now)
}

fn pods_of(question: Question) -> usize {
    match question {
        Question::Pods(pods) => pods.len(),
        Question::Prometheus { pods, .. } => pods.len(),
        Question::Router { backends, .. } => backends.all.len(),
    }
}

#[test]
fn limits_decide_without_a_comparison() {
    assert_eq!(limited(&[7.0]), Finding::Open);
    assert_eq!(limited(&[7.0, 8.0]), Finding::Good { sentence: "queue: 8 is within its limit".into() });
    assert_eq!(limited(&[7.0, 101.0]), Finding::Open);
    let sentence =
        "queue: 102: beyond its limit, the 2. look in a row; asked: max(depth{pod=~\"c0\"})".to_owned();
    assert_eq!(limited(&[7.0, 101.0, 102.0]), Finding::Worse { sentence, pods: vec!["c0".into()] });
}

/// New pods come one after the other, so the youngest is never warm before the last.
#[test]
fn in_a_rolling_update_each_new_pod_counts_once_it_is_warm() {
    let mut observed = shop(3);
    observed.pods.push(Arc::new(pod("c1", "web-2")));
    let mut comparison = begun().rolling(true);
    let asked = |comparison: &mut Comparison, second: u64, young: &str| {
        let situation = Situation::of(&observed);
        let age = |pod: &Pod| Some(Duration::from_secs(if pod.name() == young { 5 } else { 500 }));
        match comparison.next(&situation, age, Duration::from_secs(second)) {
            Next::Ask(asked) => pods(*asked).into_iter().map(|(pod, _)| pod).collect::<Vec<_>>(),
            Next::Wait(_) => Vec::new(),
        }
    };
    assert_eq!(asked(&mut comparison, 100, "c1"), ["c0", "s0", "s1", "s2"]);
    assert_eq!(asked(&mut comparison, 105, ""), ["c0", "c1", "s0", "s1", "s2"]);
    // However long it takes, its time is that of the rolling update.
    assert_eq!(comparison.finding(Duration::from_secs(10_000)), Finding::Open);
    comparison.end();
    let Finding::NotEnough { sentence } = comparison.finding(Duration::from_secs(110)) else { panic!() };
    insta::assert_snapshot!(sentence, @"no request of a new pod was counted that was Ready for more than 60 s (--warm-up) while the former version served");
    let mut cold = begun().rolling(true);
    cold.end();
    let Finding::NotEnough { sentence } = cold.finding(Duration::from_secs(110)) else { panic!() };
    insta::assert_snapshot!(sentence, @"no new pod was Ready for more than 60 s (--warm-up) while the former version served");
}

#[test]
fn a_version_that_serves_alone_is_judged_without_the_other() {
    let asked = Analyze { max_error_rate: Some(0.02), ..analyze() }.alone().unwrap();
    let found = |bad: u64| {
        let (mut service, mut comparison) = (Service::new(bad), Comparison::new(&asked, "web-2", 3, None));
        let found = (0..20).map(|_| service.look(&mut comparison)).find(|found| *found != Finding::Open);
        assert_eq!(comparison.record().bases.len(), 1, "the other is not read");
        found
    };
    let Some(Finding::Good { sentence }) = found(0) else { panic!() };
    insta::assert_snapshot!(sentence, @"errors: less than the 2.0 % that are allowed (evidence over a million, 20 needed): 0 % of 4000 in 40s");
    let Some(Finding::Worse { sentence, .. }) = found(200) else { panic!() };
    insta::assert_snapshot!(sentence, @"errors: the new version fails 20 % of its requests (400 of 2000) in 20s; 2.0 % are allowed");
}

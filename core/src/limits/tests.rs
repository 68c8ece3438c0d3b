use serde_json::{Value, json};

use super::*;

fn limits(metrics: &Value) -> Limits {
    Limits::of(&AnalysisFile::read(&json!({"schema": 1, "metrics": metrics})).unwrap())
}

fn queue(more: &Value) -> Limits {
    let mut metric = json!({"name": "queue", "query": "max(depth{pod=~\"${canary.pods}\"})", "max": 100});
    metric.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    limits(&json!([metric, {"name": "errors", "counter": "http_requests_total"}]))
}

fn variables(pods: &[String], window: Duration) -> Variables<'_> {
    Variables {
        namespace: "shop",
        deployment: "web",
        canary_pods: pods,
        stable_pods: &[],
        canary_hash: "2",
        stable_hash: "1",
        window,
    }
}

#[test]
fn queries_are_due_each_in_their_time() {
    let mut limits = queue(&json!({"every": "30s"}));
    let pods = ["web-2".to_owned()];
    let due = |limits: &mut Limits, second: u64| {
        limits.due(Duration::from_secs(second), |window| variables(&pods, window))
    };
    let query = Limited::Query("max(depth{pod=~\"web-2\"})".to_owned());
    assert_eq!(due(&mut limits, 5), [(0, Ok(query))]);
    assert_eq!(due(&mut limits, 34), []);
    assert_eq!(due(&mut limits, 35).len(), 1);
}

#[test]
fn variables_stand_in_addresses_and_in_arguments() {
    let mut limits = limits(&json!([
        {"name": "gate", "web": {"url": "https://gate.example/${deployment}?pods=${canary.pods}"}, "max": 0},
        {"name": "smoke", "command": ["./smoke", "--pods=${canary.pods}"], "min": 1}]));
    let pods = ["web-2".to_owned(), "web-3".to_owned()];
    let due = limits.due(Duration::ZERO, |window| variables(&pods, window));
    let [(0, Ok(Limited::Web { url, .. })), (1, Ok(Limited::Command { command, words, patience }))] =
        due.as_slice()
    else {
        panic!("{due:?}")
    };
    assert_eq!(url, "https://gate.example/web?pods=web-2%7Cweb-3");
    assert_eq!(words.as_slice(), ["./smoke", "--pods=web-2|web-3"]);
    assert_eq!((command[1].as_str(), patience.as_secs()), ("--pods=${canary.pods}", 10));
}

#[test]
fn a_limit_takes_as_many_looks_as_it_says() {
    let mut limits = queue(&json!({"looks": 2}));
    assert_eq!(limits.outlook(), Outlook::Open("queue: it was not measured yet".into()));
    let take = |limits: &mut Limits, number: f64| limits.take(0, Ok(Measured::Vector(vec![number])));
    take(&mut limits, 7.0);
    assert_eq!(limits.outlook(), Outlook::Open("queue: 7".into()), "one look is not two");
    take(&mut limits, 101.0);
    take(&mut limits, 8.0);
    assert_eq!(limits.outlook(), Outlook::Good);
    take(&mut limits, 101.0);
    take(&mut limits, 102.5);
    let due = limits.due(Duration::ZERO, |window| variables(&[], window));
    assert_eq!(due.len(), 1);
    take(&mut limits, 103.0);
    let bad = "queue: 103: beyond its limit, the 3. look in a row; asked: max(depth{pod=~\"-\"})";
    assert_eq!(limits.outlook(), Outlook::Bad(bad.into()));
    limits.at_another_share();
    assert_eq!(limits.outlook(), Outlook::Bad(bad.into()));
}

#[test]
fn no_data_is_never_good() {
    let of = |more: &Value, measured: Result<Measured, Unmeasured>| {
        let mut limits = queue(more);
        limits.take(0, measured);
        limits.outlook()
    };
    let none = || Ok(Measured::Vector(Vec::new()));
    let nan = || Ok(Measured::Vector(vec![f64::NAN]));
    let why = "queue: one sample is wanted, and there are 0";
    assert_eq!(of(&json!({}), none()), Outlook::Open(why.into()));
    assert_eq!(of(&json!({}), nan()), Outlook::Open("queue: it is not a number (NaN)".into()));
    let slow = || Err(Unmeasured::Failed("it is slow".into()));
    assert_eq!(of(&json!({}), slow()), Outlook::Open("queue: it is slow".into()));
    assert_eq!(of(&json!({"onNoData": "ignore"}), slow()), Outlook::Open("queue: it is slow".into()));
    assert_eq!(
        of(&json!({"onNoData": "fail"}), slow()),
        Outlook::Bad("queue: it is slow: a failure, as its onNoData says; asked: ".into())
    );
    for more in ["inconclusive", "ignore", "fail"] {
        let elsewhere = Err(Unmeasured::NotHere("not here".into()));
        let open = Outlook::Open("queue: not here".into());
        assert_eq!(of(&json!({"onNoData": more}), elsewhere), open, "{more}");
    }
    let text = || Ok(Measured::Json(json!("down")));
    assert_eq!(of(&json!({"onNoData": "ignore"}), text()), Outlook::Open("queue: it is not a number".into()));
    assert_eq!(of(&json!({"onNoData": "ignore"}), Ok(Measured::Json(json!(null)))), Outlook::Good);
    assert_eq!(
        of(&json!({"onNoData": "fail"}), none()),
        Outlook::Bad(format!("{why}: a failure, as its onNoData says; asked: "))
    );
    assert_eq!(of(&json!({"onNoData": "ignore"}), none()), Outlook::Good);
    assert_eq!(of(&json!({"dryRun": true}), Ok(Measured::Vector(vec![500.0]))), Outlook::Good);
}

#[test]
fn what_was_asked_is_told_with_each_look() {
    let mut limits = limits(&json!([
        {"name": "queue", "query": "max(depth{pod=~\"${canary.pods}\"})", "max": 100},
        {"name": "gate", "web": {"url": "https://gate.example/?h=${canary.hash}&token=hush-hush"}, "max": 0},
        {"name": "smoke", "command": ["./smoke", "a b", "--h=${canary.hash}"], "min": 1}]));
    let pods: Vec<String> = (0..40).map(|number| format!("web-{number}")).collect();
    for (place, asked) in limits.due(Duration::ZERO, |window| variables(&pods, window)) {
        assert!(asked.is_ok());
        limits.take(place, Ok(Measured::Json(json!(101))));
    }
    let seen = serde_json::to_value(limits.seen()).unwrap();
    assert!(seen[0]["asked"].as_str().unwrap().contains("|web-20|"), "{seen}");
    assert_eq!(seen[1]["asked"], "https://gate.example/?h=2&token=***");
    assert_eq!(seen[2]["asked"], "./smoke 'a b' '--h=2'");
    let Outlook::Bad(why) = limits.outlook() else { panic!("{seen}") };
    assert!(why.starts_with("queue: 101: beyond its limit; asked: max(depth{pod=~\"web-0|"), "{why}");
    assert!(why.len() < 220 && why.ends_with("|web-39\"})"), "{why}");
}

#[test]
fn bad_looks_in_a_row_outlive_their_process() {
    let mut killed = queue(&json!({"looks": 3}));
    let take = |limits: &mut Limits, number: f64| limits.take(0, Ok(Measured::Vector(vec![number])));
    take(&mut killed, 101.0);
    take(&mut killed, 102.0);
    let noted = killed.bad_looks();
    assert_eq!(noted, [("queue".to_owned(), 2)].into());
    let resumed = || {
        let mut limits = queue(&json!({"looks": 3}));
        limits.go_on(&noted);
        limits
    };
    let mut bad = resumed();
    assert!(matches!(bad.outlook(), Outlook::Open(_)), "what it measured is not known here");
    take(&mut bad, 103.0);
    assert!(
        matches!(bad.outlook(), Outlook::Bad(why) if why.contains("103: beyond its limit, the 3. look in a row"))
    );
    let mut good = resumed();
    take(&mut good, 7.0);
    assert!(good.bad_looks().is_empty());
    take(&mut good, 8.0);
    assert!(matches!(good.outlook(), Outlook::Open(_)), "what is good takes all of its looks");
    take(&mut good, 9.0);
    assert_eq!(good.outlook(), Outlook::Good);
    let mut other = queue(&json!({"looks": 1}));
    other.go_on(&[("queue".to_owned(), 9)].into());
    assert!(matches!(other.outlook(), Outlook::Open(_)), "no note decides alone");
}

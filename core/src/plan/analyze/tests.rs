use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::fixtures::analyze;

fn with(metrics: &Value, prometheus: Option<&str>) -> Result<Analyze, String> {
    let mut file = json!({"schema": 1, "metrics": metrics});
    if let Some(url) = prometheus {
        file["prometheus"] = json!({"url": url});
    }
    analyze().with_file(AnalysisFile::read(&file).unwrap(), None, &Matchers::new())
}

#[test]
fn a_file_says_what_is_compared_and_what_is_limited() {
    let metrics = json!([
        {"name": "lost", "counter": "jobs_total", "bad": {"result": "lost"}},
        {"name": "slow", "histogram": "took", "slowerThan": "250ms"},
        {"name": "queue", "query": "max(depth)", "max": 100}]);
    let asked = with(&metrics, Some("service:m/p:9090")).unwrap();
    assert!(asked.compares() && asked.slower_than == Some(0.25));
    assert_eq!(asked.from, MetricSource::Pods { port: None, path: None });
    assert_eq!(asked.server().unwrap().to_string(), "service:m/p:9090");
    insta::assert_snapshot!(asked.sentence(), @"compare its errors and requests slower than 250 ms with the stable version's, and keep the limits of queue, after 60 s");
    // Whoever goes on with the plan asks the same.
    let text = serde_json::to_string(&asked).unwrap();
    assert_eq!(serde_json::from_str::<Analyze>(&text).unwrap(), asked);
    let limited =
        with(&json!([{"name": "queue", "query": "up", "min": 1}]), Some("https://p.example")).unwrap();
    assert!(!limited.compares());
    insta::assert_snapshot!(limited.sentence(), @"keep the limits of queue, after 60 s");
}

#[test]
fn a_version_that_serves_alone_is_held_against_limits() {
    insta::assert_snapshot!(analyze().alone().unwrap_err(), @"after the switch the former version gets no requests to compare with: what is judged is --max-error-rate, and limits of an analysis file");
    let allowed = Analyze { max_error_rate: Some(0.02), ..analyze() }.alone().unwrap();
    assert!(allowed.compares() && allowed.alone);
    insta::assert_snapshot!(allowed.sentence(), @"keep the limits of errors (2 %), after 60 s");
    let query = json!([{"name": "queue", "query": "up", "min": 1}]);
    let limited = with(&query, Some("https://p.example")).unwrap();
    let both = Analyze { max_error_rate: Some(0.02), ..limited.clone() }.alone().unwrap();
    insta::assert_snapshot!(both.sentence(), @"keep the limits of errors (2 %), queue, after 60 s");
    assert_eq!(both.named(), None, "what conventions tell");
    let limited = limited.alone().unwrap();
    assert!(!limited.compares());
    insta::assert_snapshot!(limited.sentence(), @"keep the limits of queue, after 60 s");
    assert!(with(&json!([{"name": "a", "counter": "a_total"}]), None).unwrap().alone().is_err());
}

#[test]
fn a_token_goes_to_the_server_of_its_file_alone() {
    let with = |more: &Value, named: Option<&str>| {
        let mut file = json!({"schema": 1, "metrics": [{"name": "a", "query": "up", "max": 1}]});
        file["prometheus"] = more.clone();
        let named = named.map(|named| named.parse().unwrap());
        analyze().with_file(AnalysisFile::read(&file).unwrap(), named.as_ref(), &Matchers::new())
    };
    let whole = json!({
        "url": "https://p.example/", "headers": {"X-Scope-OrgID": "shop"}, "tokenFile": "/t", "caFile": "/c"});
    let login = |named| with(&whole, named).unwrap().login().cloned().unwrap();
    assert_eq!(login(None), login(Some("https://p.example")));
    let other = login(Some("https://q.example"));
    let kept = BTreeMap::from([("X-Scope-OrgID".to_owned(), "shop".to_owned())]);
    assert_eq!(other, Prometheus { headers: kept, ..Prometheus::at("https://q.example".into()) });
    let plain = json!({"url": "https://p.example"});
    assert_eq!(with(&plain, None).unwrap().login(), None);
    let wrong = |url: &str, key: &str, value: Value| {
        let mut given = json!({"url": url});
        given[key] = value;
        with(&given, None).unwrap_err()
    };
    insta::assert_snapshot!(wrong("http://p.example", "tokenFile", json!("/t")), @"prometheus.tokenFile: the token would go in clear: https is wanted");
    insta::assert_snapshot!(wrong("http://p.example", "tokenCommand", json!(["t"])), @"prometheus.tokenCommand: the token would go in clear: https is wanted");
    insta::assert_snapshot!(wrong("service:m/p:9090", "tokenFile", json!("/t")), @"prometheus.tokenFile: a Service is asked by the API server, with its own credentials: use an address");
    insta::assert_snapshot!(wrong("service:m/p:9090", "caFile", json!("/c")), @"prometheus.caFile: a Service is asked by the API server, with its own credentials: use an address");
    assert!(with(&json!({"url": "service:m/p:9090", "headers": {"X-Scope-OrgID": "shop"}}), None).is_ok());
    assert!(with(&json!({"url": "http://127.0.0.1:9090", "tokenFile": "/t"}), None).is_ok());
}

#[test]
fn what_only_a_command_line_may_ask_is_named() {
    let metrics = json!([
        {"name": "lost", "counter": "a_total", "from": "prometheus"},
        {"name": "slow", "histogram": "took", "from": "prometheus"},
        {"name": "queue", "query": "up", "max": 1},
        {"name": "gate", "web": {"url": "https://a.example"}, "max": 1},
        {"name": "smoke", "command": ["a"], "max": 1}]);
    let names = |prometheus: Value| {
        let file = json!({"schema": 1, "metrics": metrics, "prometheus": prometheus});
        let asked = analyze().with_file(AnalysisFile::read(&file).unwrap(), None, &Matchers::new());
        asked.unwrap().of_command_line().join(" ")
    };
    assert_eq!(names(json!({"url": "https://p.example"})), "gate smoke");
    let token = json!({"url": "https://p.example", "tokenFile": "/t"});
    assert_eq!(names(token), "lost slow queue gate smoke");
    assert_eq!(analyze().of_command_line(), Vec::<&str>::new());
}

#[test]
fn a_file_may_name_what_a_router_counts() {
    let metrics = json!([{"name": "a", "counter": "traefik_service_requests_total", "from": "router"}]);
    let asked = with(&metrics, Some("service:m/p:9090")).unwrap();
    assert!(asked.from.is_router() && asked.compares());
    insta::assert_snapshot!(asked.sentence(), @"compare its errors and latency with the stable version's as the router counts them and service:m/p:9090 has them, after 60 s");
    let text = serde_json::to_string(&asked).unwrap();
    assert_eq!(serde_json::from_str::<Analyze>(&text).unwrap(), asked);
    // What says so on the command line is for what conventions tell.
    let from = asked.from;
    let file = AnalysisFile::read(&json!({"schema": 1, "metrics": metrics})).unwrap();
    let server = from.server().cloned();
    let flag = Analyze { from, ..analyze() }.with_file(file, server.as_ref(), &Matchers::new());
    insta::assert_snapshot!(flag.unwrap_err(), @"it says where each metric is read: write from: router there, and leave --metrics-from out");
}

#[test]
fn what_cannot_be_done_is_refused_with_its_metric() {
    let query = json!({"name": "queue", "query": "up", "max": 1});
    insta::assert_snapshot!(with(&json!([query]), None).unwrap_err(), @"metric queue: it takes a prometheus in the file, or --prometheus");
    let web = json!([{"name": "a", "web": {"url": "https://a.example", "jsonPath": "{$.b}"}, "max": 1}]);
    assert!(!with(&web, None).unwrap().compares(), "it takes no Prometheus");
    let counter = |name: &str, from: &str| json!({"name": name, "counter": "a_total", "from": from});
    let two = json!([counter("a", "pods"), counter("b", "pods")]);
    insta::assert_snapshot!(with(&two, None).unwrap_err(), @"one counter and one histogram are compared, and there are more");
    insta::assert_snapshot!(with(&json!([counter("a", "router")]), None).unwrap_err(), @"metric a: it takes a prometheus in the file, or --prometheus");
    let differ = json!([counter("a", "router"), {"name": "b", "histogram": "took", "from": "prometheus"}]);
    insta::assert_snapshot!(with(&differ, Some("service:m/p:9090")).unwrap_err(), @"the counter and the histogram are read from the same source");
    insta::assert_snapshot!(with(&json!([counter("a", "prometheus")]), None).unwrap_err(), @"metric a: it takes a prometheus in the file, or --prometheus");
}

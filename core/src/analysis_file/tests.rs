use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The file of the module's own words.
const WHOLE: &str = r#"
schema: 1
every: 15s
metrics:
- name: errors
  counter: http_requests_total
  bad: {code: "5.."}
  ignore: {path: "/health.*"}
- name: slow
  histogram: http_request_duration_seconds
  slowerThan: 250ms
- name: queue
  query: max(queue_depth{pod=~"${canary.pods}"})
  max: 100
  looks: 3
  dryRun: true
  onNoData: ignore
- name: gate
  every: 1m
  web: {url: "http://gate.shop/${deployment}", jsonPath: "{$.status}", timeout: 5s}
  successCondition: result == "ready"
- name: smoke
  command: [./smoke, "${namespace}", "--pods=${canary.pods}"]
  timeout: 30s
  min: 0.9
prometheus:
  url: service:monitoring/prometheus:9090
  headers: {X-Scope-OrgID: shop}
  tokenFile: /run/secrets/prom
"#;

fn value(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

#[test]
fn a_file_is_read_and_written_as_it_was() {
    let file = AnalysisFile::read(&value(WHOLE)).unwrap();
    assert_eq!(file.every, Duration::from_secs(15));
    let [errors, slow, queue, gate, smoke] = file.metrics.as_slice() else { panic!("{file:?}") };
    assert!(matches!(&errors.source, Source::Counter { from: From::Pods, bad, .. } if bad["code"] == "5.."));
    assert!(matches!(slow.source, Source::Histogram { slower_than: Some(0.25), .. }));
    assert!(
        matches!(&queue.source, Source::Query { limit, .. } if limit.max == Some(100.0) && limit.looks() == 3)
    );
    assert!(queue.dry_run && queue.on_no_data == OnNoData::Ignore);
    assert!(
        matches!(&gate.source, Source::Web { web, .. } if web.json_path.as_deref() == Some("{$.status}"))
    );
    assert!(matches!(&smoke.source, Source::Command { command, .. } if command.len() == 3));
    assert_eq!(file.programs().collect::<Vec<_>>(), ["./smoke"]);
    let written = file.yaml().unwrap();
    assert_eq!(AnalysisFile::read(&value(&written)).unwrap(), file, "{written}");
    insta::assert_snapshot!(written);
}

/// As kubectl reads it, `on` is true and `0400` a number.
#[test]
fn texts_that_yaml_1_1_would_take_for_others_are_written_with_quotes() {
    for odd in
        ["on", "yes", "N", "0400", "1_000", "12:30", "1e3", "~", "null", "0x1F", ".5", "<<", "a: b", "# x"]
    {
        let file = with("/metrics/0/bad", json!({"code": odd})).unwrap().yaml().unwrap();
        let line = file.lines().find(|line| line.trim_start().starts_with("code:")).unwrap();
        assert!(line.contains(['"', '\'']), "{line}");
    }
}

/// The file with one place changed.
fn with(place: &str, new: Value) -> Result<AnalysisFile, String> {
    let mut file = value(WHOLE);
    let (parent, key) = place.rsplit_once('/').unwrap();
    match file.pointer_mut(parent).unwrap() {
        Value::Object(map) if new.is_null() => drop(map.remove(key)),
        Value::Object(map) => drop(map.insert(key.to_owned(), new)),
        other => other[key.parse::<usize>().unwrap()] = new,
    }
    AnalysisFile::read(&file)
}

#[test]
fn what_is_wrong_is_told_with_metric_and_key() {
    for (place, new, why) in [
        ("/schema", json!(2), "schema: only 1 is known"),
        ("/schema", json!(null), "schema: 1 is missing"),
        ("/evry", json!("15s"), "there is no key evry: is every meant?"),
        ("/every", json!("1s"), "every: '1s' is not within 5s and 1h"),
        ("/every", json!("soon"), "every: 'soon' is not a duration: write for example 90s, 5m or 1h30m"),
        ("/metrics", json!([]), "metrics: at least one is wanted, as a list"),
        ("/metrics/0", json!("x"), "metric 1: keys are wanted"),
        (
            "/metrics/0/name",
            json!("a/b"),
            "metric a/b: name: letters, digits, '-', '_' and '.' are wanted, 63 at most",
        ),
        ("/metrics/0/name", json!("slow"), "metric slow: the name stands twice"),
        ("/metrics/0/name", json!(null), "metric 1: name: it is missing"),
        ("/metrics/0/counter", json!("5xx"), "metric errors: counter: '5xx' is not the name of a metric"),
        ("/metrics/0/query", json!("up"), "metric errors: counter and query cannot stand together"),
        (
            "/metrics/0/counter",
            json!(null),
            "metric errors: one of counter, histogram, query, web, command is wanted",
        ),
        (
            "/metrics/0/slowerThan",
            json!("1s"),
            "metric errors: there is no key slowerThan: here are name, every, dryRun, onNoData, counter, bad, from, ignore",
        ),
        (
            "/metrics/0/bad",
            json!({"code": "5("}),
            "metric errors: bad: code: '5(' is not a regular expression",
        ),
        ("/metrics/0/bad", json!({"co-de": "5"}), "metric errors: bad: 'co-de' is not the name of a label"),
        ("/metrics/0/bad", json!("5.."), "metric errors: bad: names with texts are wanted"),
        ("/metrics/0/from", json!("pod"), "metric errors: from: 'pod' is none of pods, prometheus, router"),
        ("/metrics/0/countr", json!("x"), "metric errors: there is no key countr: is counter meant?"),
        (
            "/metrics/1/slowerThan",
            json!("250"),
            "metric slow: slowerThan: '250' is not a latency: write for example 250ms or 1.5s",
        ),
        (
            "/metrics/2/query",
            json!("up{x=\"${canary.pod}\"}"),
            "metric queue: query: there is no variable ${canary.pod}: there are ${namespace} ${deployment} ${canary.pods} ${stable.pods} ${canary.hash} ${stable.hash} ${window}",
        ),
        ("/metrics/2/max", json!("100"), "metric queue: max: a number is wanted"),
        (
            "/metrics/2/max",
            json!(null),
            "metric queue: a query takes min, max, successCondition or failureCondition",
        ),
        ("/metrics/2/min", json!(101), "metric queue: min: it is larger than max"),
        ("/metrics/2/looks", json!(0), "metric queue: looks: a number from 1 to 100 is wanted"),
        ("/metrics/2/dryRun", json!("yes"), "metric queue: dryRun: true or false is wanted"),
        (
            "/metrics/2/onNoData",
            json!("pass"),
            "metric queue: onNoData: 'pass' is none of inconclusive, ignore, fail",
        ),
        (
            "/metrics/2/failureCondition",
            json!("result > 1"),
            "metric queue: min and max cannot stand beside conditions",
        ),
        (
            "/metrics/3/successCondition",
            json!("result ="),
            "metric gate: successCondition: column 8: '=' is not supported",
        ),
        (
            "/metrics/3/web/url",
            json!("gate"),
            "metric gate: web.url: 'gate' is not an address: write for example http://prometheus.monitoring:9090",
        ),
        (
            "/metrics/3/web/jsonPath",
            json!("$.x"),
            "metric gate: web.jsonPath: a path in braces is wanted: '{$.status}'",
        ),
        (
            "/metrics/3/web/jsonPath",
            json!("{$.items[?(@.n>1)]}"),
            "metric gate: web.jsonPath: column 15: '>' where '=' is wanted",
        ),
        (
            "/metrics/3/web/url",
            json!("https://${canary.hash}.example/"),
            "metric gate: web.url: ${canary.hash} cannot stand in the host: ${namespace} and ${deployment} can",
        ),
        (
            "/metrics/3/web/url",
            json!("https://a.example/\u{7f}${namespace}"),
            "metric gate: web.url: 'https://a.example/\u{7f}${namespace}' is not an address: write for example http://prometheus.monitoring:9090",
        ),
        ("/metrics/3/web/url", json!("https://a[b/"), "metric gate: web.url: 'https://a[b/' cannot be sent"),
        (
            "/metrics/3/web/tokenFile",
            json!("/run/token"),
            "metric gate: web.tokenFile: the token would go in clear: https is wanted",
        ),
        ("/metrics/3/web/header", json!({}), "metric gate: web: there is no key header: is headers meant?"),
        (
            "/metrics/4/command",
            json!("./smoke"),
            "metric smoke: command: a program with its arguments is wanted, as a list of texts",
        ),
        (
            "/metrics/4/command",
            json!([]),
            "metric smoke: command: a program with its arguments is wanted, as a list of texts",
        ),
        (
            "/metrics/4/command",
            json!(["${namespace}"]),
            "metric smoke: command: a program without variables is wanted",
        ),
        (
            "/metrics/4/command",
            json!(["a", "b\u{0}"]),
            "metric smoke: command: a text of 4096 bytes at most is wanted",
        ),
        (
            "/metrics/4/command",
            json!(["a", "${pods}"]),
            "metric smoke: command: there is no variable ${pods}: there are ${namespace} ${deployment} ${canary.pods} ${stable.pods} ${canary.hash} ${stable.hash} ${window}",
        ),
        ("/metrics/4/timeout", json!("90s"), "metric smoke: timeout: 1s to 60s are wanted"),
        (
            "/metrics/4/min",
            json!(null),
            "metric smoke: a command takes min, max, successCondition or failureCondition",
        ),
        ("/prometheus/url", json!(null), "prometheus.url: it is missing"),
        (
            "/prometheus/url",
            json!("service:x"),
            "prometheus.url: 'service:x' is not of the form service:NAMESPACE/NAME:PORT",
        ),
        (
            "/prometheus/url",
            json!("https://me:secret@p"),
            "prometheus.url: the address has a password in it, and this file is not secret: use tokenFile",
        ),
        (
            "/prometheus/headers",
            json!({"authorization": "Bearer x"}),
            "prometheus.headers: authorization is secret, and this file is not: use tokenFile",
        ),
        (
            "/prometheus/headers",
            json!({"Impersonate-User": "x"}),
            "prometheus.headers: Impersonate-User cannot be given here",
        ),
        (
            "/metrics/3/web/headers",
            json!({"Content-Length": "0"}),
            "metric gate: web.headers: Content-Length cannot be given here",
        ),
        ("/prometheus/headers", json!({"a b": "x"}), "prometheus.headers: 'a b' is not the name of a header"),
        (
            "/prometheus/tokenCommand",
            json!(["a"]),
            "prometheus.tokenFile: it cannot stand beside tokenCommand",
        ),
        ("/prometheus/token", json!("x"), "prometheus: there is no key token: is tokenFile meant?"),
    ] {
        let got = with(place, new.clone()).map(|file| format!("{file:?}"));
        assert_eq!(got, Err(why.to_owned()), "{place} {new}");
    }
    assert_eq!(AnalysisFile::read(&json!([])), Err("keys are wanted".to_owned()));
}

#[test]
fn a_token_goes_where_nobody_on_the_way_can_read_it() {
    let token = |url: &str| with("/metrics/3/web", json!({"url": url, "tokenFile": "/run/token"}));
    for url in [
        "https://gate.example",
        "https://gate.${namespace}.svc/${canary.hash}",
        "http://127.0.0.1:8080/a",
        "http://localhost",
    ] {
        assert!(token(url).is_ok(), "{url}");
    }
    for url in ["http://gate.example", "http://127.0.0.1.example", "http://localhost.${namespace}"] {
        assert!(token(url).is_err(), "{url}");
    }
}

#[test]
fn a_look_is_judged_by_bounds_or_conditions_and_nothing_odd_passes() {
    let bounds = Limit { min: Some(1.0), max: Some(2.0), ..Limit::default() };
    let vector = |samples: &[f64]| Measured::Vector(samples.to_vec());
    for (measured, wanted) in [
        (vector(&[1.0]), Outcome::Successful),
        (Measured::Scalar(2.0), Outcome::Successful),
        (vector(&[2.5]), Outcome::Failed),
        (Measured::Json(json!(3)), Outcome::Failed),
        (vector(&[f64::NAN]), Outcome::Error("it is not a number (NaN)".into())),
        (vector(&[f64::INFINITY]), Outcome::Failed),
        (vector(&[]), Outcome::Error("one sample is wanted, and there are 0".into())),
        (vector(&[1.0, 1.5]), Outcome::Error("one sample is wanted, and there are 2".into())),
        (Measured::Json(json!("1")), Outcome::Error("it is not a number".into())),
    ] {
        assert_eq!(bounds.judge(&measured), wanted, "{measured:?}");
    }
    let condition = Condition::read("len(result) == 0 || result[0] < 1").unwrap();
    let open = Limit { success_condition: Some(condition), ..Limit::default() };
    assert_eq!(open.judge(&vector(&[])), Outcome::Successful, "its author says so");
    assert_eq!(open.judge(&vector(&[1.0])), Outcome::Failed);
}

#[test]
fn variables_stand_for_exact_names_and_never_for_nothing() {
    let pods = ["web-1-a".to_owned(), "web.b-1".to_owned()];
    let variables = Variables {
        namespace: "shop",
        deployment: "web",
        canary_pods: &pods,
        stable_pods: &[],
        canary_hash: "1",
        stable_hash: "0",
        window: Duration::from_secs(90),
    };
    let resolved = |text: &str| resolve(text, &variables);
    assert_eq!(
        resolved("a{p=~\"${canary.pods}\"}[${window}]"),
        Ok("a{p=~\"web-1-a|web[.]b-1\"}[90s]".into())
    );
    assert_eq!(
        resolved("${stable.pods}"),
        Ok("-".into()),
        "the empty expression matches what has no such label"
    );
    assert_eq!(
        resolved("${namespace}/${deployment}/${canary.hash}/${stable.hash}$"),
        Ok("shop/web/1/0$".into())
    );
    let address =
        resolve_address("http://${namespace}/?a=b|c&pods=${canary.pods}&h=${canary.hash}", &variables);
    assert_eq!(address, Ok("http://shop/?a=b|c&pods=web-1-a%7Cweb%5B.%5Db-1&h=1".into()));
    for text in ["${canary.pod}", "${", "${namespace", "${}", "${ namespace }"] {
        assert!(resolved(text).is_err() && unknown(text).is_some(), "{text}");
    }
}

#[test]
fn times_and_latencies_are_written_as_they_are_read() {
    for text in ["5s", "15s", "1m", "90s", "1h"] {
        assert_eq!(values::written(span(text).unwrap()), text);
    }
    for text in ["250ms", "1.5s", "0.5ms", "2s"] {
        assert_eq!(values::written_latency(latency(text).unwrap()), text);
    }
    for text in ["0ms", "-1s", "1e3s", "NaNs", "infs", "4000s", "1 s", "s", "ms", ""] {
        assert!(latency(text).is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_as_variables_or_value_panics(text in ".{0,40}") {
        drop(unknown(&text));
        for place in ["/every", "/metrics/0/name", "/metrics/0/counter", "/metrics/1/slowerThan", "/metrics/2/query", "/prometheus/url", "/metrics/3/web"] {
            drop(with(place, json!(text)));
        }
    }
}

//! Outputs and what they have to be, as `chaoslib/hypothesis.py` judges them.

use serde_json::{Value, json};

use super::{refusal, values, with, yaml};
use crate::experiment::node::Node;
use crate::experiment::{Tolerance, found_in_logs};

fn met(tolerance: &Value, output: &Value) -> Result<bool, String> {
    let read = Tolerance::read(&Node::of(tolerance, 1)).map_err(|fault| fault.why)?;
    read.met(output)
}

fn http(status: u16, body: &Value) -> Value {
    json!({"status": status, "headers": {"X": "y"}, "body": body})
}

#[test]
fn outputs_are_judged_as_chaoslib_does() {
    let json_body = || http(200, &json!([{"text": "j1", "n": 1}, {"text": "j2"}]));
    let process = json!({"status": 0, "stdout": "hi\n", "stderr": "12"});
    for (tolerance, output, expected) in [
        (json!(true), json!(true), true),
        (json!(true), json!(false), false),
        (json!(true), json!(null), false),
        (json!(true), http(200, &json!("")), false),
        (json!(false), json!(false), true),
        (json!("a"), json!("a"), true),
        (json!("a"), json!("ab"), false),
        (json!("200"), json!(200), false),
        (json!(200), http(200, &json!("")), true),
        (json!(200), http(503, &json!("")), false),
        (json!(0), process.clone(), true),
        (json!(3), json!(3), true),
        (json!(3), json!(3.0), true),
        (json!(3), json!("3"), false),
        (json!(1), json!(true), true),
        // Two of them are a range, unless the output has a status.
        (json!([2, 5]), json!(3), true),
        (json!([2, 5]), json!(5), true),
        (json!([2, 5]), json!(5.1), false),
        (json!(["a", "c"]), json!("b"), true),
        (json!([200, 204]), http(202, &json!("")), false),
        (json!([200, 204]), http(204, &json!("")), true),
        (json!([200, 201, 204]), http(202, &json!("")), false),
        (json!([1, 2, 3]), json!(2), true),
        (json!([7]), json!(7), true),
        (json!([]), json!(7), false),
        (json!({"type": "regex", "target": "body", "pattern": "^o.?k$"}), http(200, &json!("ok")), true),
        (json!({"type": "regex", "target": "stdout", "pattern": "^hi"}), process.clone(), true),
        (json!({"type": "regex", "target": "stderr", "pattern": "hi"}), process.clone(), false),
        (json!({"type": "regex", "pattern": r"\d+"}), json!("a 12"), true),
        // What follows crashes chaoslib.
        (json!({"type": "regex", "pattern": "^ok"}), http(200, &json!("ok")), true),
        (json!({"type": "regex", "pattern": "^hi"}), process.clone(), true),
        (json!({"type": "regex", "target": "body", "pattern": "\"text\":\"j1\""}), json_body(), true),
        (json!({"type": "regex", "pattern": "."}), json!(null), false),
        (json!({"type": "range", "range": [200, 299]}), http(204, &json!("")), true),
        // And so far.
        (json!({"type": "range", "target": "status", "range": [200, 299]}), http(300, &json!("")), false),
        (json!({"type": "range", "range": [0.5, 1.5]}), json!(1), true),
        (json!({"type": "range", "range": [0.5, 1.5]}), json!(" 1.25 "), true),
        (json!({"type": "range", "range": [0.5, 1.5]}), json!("one"), false),
        (json!({"type": "range", "target": "stderr", "range": [10, 12]}), process, true),
        (json!({"type": "jsonpath", "target": "body", "path": "$[*].text", "count": 2}), json_body(), true),
        (json!({"type": "jsonpath", "target": "body", "path": "$[*].text", "count": 1}), json_body(), false),
        (json!({"type": "jsonpath", "target": "body", "path": "$[*].text"}), json_body(), true),
        (json!({"type": "jsonpath", "target": "body", "path": "$[*].gone"}), json_body(), false),
        (json!({"type": "jsonpath", "target": "body", "path": "$[*].gone", "count": 0}), json_body(), true),
        (
            json!({"type": "jsonpath", "target": "body", "path": "$[0].text", "expect": "j1"}),
            json_body(),
            true,
        ),
        (
            json!({"type": "jsonpath", "target": "body", "path": "$[*].text", "expect": "j1"}),
            json_body(),
            false,
        ),
        (
            json!({"type": "jsonpath", "target": "body", "path": "$[*].text", "expect": ["j1", "j2"]}),
            json_body(),
            true,
        ),
        (
            json!({"type": "jsonpath", "target": "body", "path": "$[*].text", "expect": ["j2", "j1"]}),
            json_body(),
            false,
        ),
        (
            json!({"type": "jsonpath", "target": "body", "path": "$[0].n", "expect": 1.0, "count": 9}),
            json_body(),
            true,
        ),
        (json!({"type": "jsonpath", "path": "$.status", "expect": 200}), json_body(), true),
        (
            json!({"type": "jsonpath", "target": "body", "path": "$.a", "expect": 1}),
            http(200, &json!("{\"a\": 1}")),
            true,
        ),
        (json!({"type": "jsonpath", "target": "body", "path": "$.a"}), http(200, &json!("no json")), false),
        (json!({"type": "jsonpath", "path": "$.a", "expect": null}), json!({"a": null}), true),
    ] {
        assert_eq!(met(&tolerance, &output), Ok(expected), "{tolerance} of {output}");
    }
}

#[test]
fn what_cannot_be_judged_says_why() {
    assert_eq!(met(&json!([1, 2]), &json!("x")), Err("\"x\" cannot be compared with 1 and 2".into()));
    assert_eq!(met(&json!([1, 2]), &json!(null)), Err("null cannot be compared with 1 and 2".into()));
    let probe = json!({"type": "probe", "name": "p", "provider": {"type": "http", "url": "u"}});
    assert_eq!(met(&probe, &json!(1)), Err("the probe 'p' judges it".into()));
}

#[test]
fn what_is_no_tolerance_is_refused_with_its_line() {
    let told = |tolerance: &str| {
        let text = with(&format!(
            "method: []\nsteady-state-hypothesis:\n  title: h\n  probes:\n  - type: probe\n    name: p\n    provider: {{type: http, url: u}}\n    tolerance: {tolerance}"
        ));
        refusal(&text)
    };
    let place = "e.yaml:10: activity 'p': tolerance: ";
    for (tolerance, why) in [
        ("0.5", "a number with a fraction has to be a range: {type: range, range: [LOW, HIGH]}"),
        ("{type: sum}", "its type has to be probe, regex, jsonpath or range"),
        ("{range: [1, 2]}", "its type has to be probe, regex, jsonpath or range"),
        ("{type: range}", "it has no range, which has to be a list of two numbers"),
        ("{type: range, range: [1]}", "it has no range, which has to be a list of two numbers"),
        ("{type: range, range: [1, a]}", "it has no range, which has to be a list of two numbers"),
        ("{type: regex}", "it has no pattern, which has to be a text"),
        ("{type: regex, pattern: 5}", "it has no pattern, which has to be a text"),
        ("{type: regex, pattern: '(?!a)'}", "the pattern has look-ahead (?!...), which is not supported"),
        ("{type: jsonpath}", "it has no path, which has to be a text"),
        ("{type: jsonpath, path: '$.a', count: x}", "count has to be a whole number"),
        ("{type: jsonpath, path: 'a'}", "the path is not understood at column 1: $ is wanted at the begin"),
        ("{type: probe, name: q, provider: {type: http}}", "activity 'q': the http provider has no url"),
    ] {
        assert_eq!(told(tolerance), format!("{place}{why}"), "{tolerance}");
    }
    assert!(told("{type: regex, pattern: '('}").starts_with(&format!("{place}the pattern is wrong: ")));
    // Outside of the hypothesis Chaos Toolkit does not look at it.
    let method =
        yaml(&with("method:\n- {type: probe, name: p, tolerance: 0.5, provider: {type: http, url: u}}"));
    assert_eq!(method.method[0].tolerance, None);
}

#[test]
fn variables_are_filled_into_texts_patterns_and_paths() {
    let experiment = yaml(&with("configuration: {code: 204, word: ok, key: a}\nmethod: []"));
    let values = values(&experiment);
    let filled = |tolerance: &Value| Tolerance::read(&Node::of(tolerance, 1)).unwrap().filled(&values);
    assert_eq!(filled(&json!("${code}")), Ok(Tolerance::Whole(204)));
    assert_eq!(filled(&json!("is ${word}")), Ok(Tolerance::Text("is ok".into())));
    let regex = filled(&json!({"type": "regex", "pattern": "^${word}$"})).unwrap();
    assert_eq!(regex.met(&json!("ok")), Ok(true));
    let path = filled(&json!({"type": "jsonpath", "path": "$.${key}", "expect": ["${code}"]})).unwrap();
    assert_eq!(path.met(&json!({"a": 204})), Ok(true));
}

#[test]
fn logs_are_searched_as_chaosk8s_does() {
    let logs = json!({"a": "one\ntwo", "b": "three"});
    for (pattern, all, expected) in
        [("t", true, true), ("two", true, false), ("two", false, true), ("four", false, false)]
    {
        assert_eq!(found_in_logs(pattern, all, &logs), Ok(expected), "{pattern} {all}");
    }
    assert!(found_in_logs("t", false, &json!({})).is_err());
    assert!(found_in_logs("t", false, &json!(null)).is_err());
}

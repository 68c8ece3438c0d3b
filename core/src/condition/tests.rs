use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(text: &str) -> Condition {
    Condition::read(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

/// True, false, or the error.
fn said(text: &str, measured: &Measured) -> String {
    read(text).holds(measured).map_or_else(|why| why, |is| is.to_string())
}

fn vector(samples: &[f64]) -> Measured {
    Measured::Vector(samples.to_vec())
}

#[test]
fn shapes_that_people_write_say_what_they_say_in_argo() {
    let web = Measured::Json(json!({"ok": true, "latency": 120, "a": {"b": ["x", 7]}, "ä-b": null}));
    for (text, measured, wanted) in [
        ("result[0] >= 0.95", vector(&[0.95]), "true"),
        ("result[0] >= 0.95 && result[0] <= 1", vector(&[1.5]), "false"),
        ("0.95<=result[0]", vector(&[1.0]), "true"),
        ("result[-1] == 2", vector(&[1.0, 2.0]), "true"),
        ("result[0] > 0.05", vector(&[f64::NAN]), "false"),
        ("default(result, 0) < 0.05", Measured::Json(json!(null)), "true"),
        ("default(result, 0) < 0.05", Measured::Scalar(0.5), "false"),
        ("isNil(result) || result > 1", Measured::Json(json!(null)), "a number and nil cannot be compared"),
        ("result == \"ready\"", Measured::Json(json!("ready")), "true"),
        ("result == 'it\\'s \\u00e4'", Measured::Json(json!("it's ä")), "true"),
        ("result.ok == true && result.latency < 500", web.clone(), "true"),
        ("result.a.b[1] == 7 && result['ä-b'] == nil && result.none == nil", web.clone(), "true"),
        ("len(result.a.b) == 2 and not (result.a.b[0] != \"x\")", web.clone(), "true"),
        ("result != nil", vector(&[]), "true"),
        ("asInt(result) == 5 && asFloat(result) < 5.5", Measured::Json(json!("5")), "true"),
        ("asFloat(result) > 0", Measured::Json(json!("1e999")), "asFloat cannot read a string"),
        ("asInt(result) < 5", Measured::Scalar(f64::NAN), "asInt cannot read a number"),
        ("result < 0.01", vector(&[0.0]), "a list and a number cannot be compared"),
        ("result.ok > 1", web.clone(), "a bool and a number cannot be compared"),
        ("result.ok", web.clone(), "true"),
        ("result.latency", web, "it is a number in the end, neither true nor false"),
        ("result", Measured::Scalar(1.0), "it is a number in the end, neither true nor false"),
        ("isNaN(1) || isInf(-1)", Measured::Scalar(1.0), "false"),
        ("isNaN(len(result))", vector(&[]), "a number is not a float"),
        ("1 < 2 == true", Measured::Scalar(0.0), "true"),
    ] {
        // In words the order of what cannot be compared does not count.
        let got = said(text, &measured);
        let turned = got.split_once(" and ").and_then(|(a, rest)| Some((a, rest.split_once(" cannot")?)));
        let turned = turned.map(|(a, (b, rest))| format!("{b} and {a} cannot{rest}"));
        assert!(got == wanted || turned.as_deref() == Some(wanted), "{text}: {got}");
    }
}

#[test]
fn types_are_checked_before_anything_is_evaluated_and_literals_folded() {
    let list = vector(&[1.0]);
    for (text, wanted) in [
        ("true || result < 1", "a list and a number cannot be compared"),
        ("true || result[0] == \"a\"", "a number and a string cannot be compared"),
        ("true || result.a", "a list has no field 'a'"),
        ("result[5] > 1 && false", "false"),
        ("result[5] > 1 || 1 == 1", "true"),
        ("result[5] > 1 || 1.0 == 1.0", "a list of 1 has no [5]"),
        ("result[0] > 5 && result[5] > 1", "false"),
    ] {
        assert_eq!(said(text, &list), wanted, "{text}");
    }
    let web = Measured::Json(json!([1]));
    assert_eq!(said("true || result[0] == \"a\"", &web), "true", "what is in JSON is known when it runs");
    assert_eq!(said("result[0] || true", &web), "true");
    assert_eq!(said("result[0] && true", &web), "it is a number in the end, neither true nor false");
}

#[test]
fn what_is_not_of_the_grammar_is_refused_with_its_column() {
    for (text, column, why) in [
        ("all(result, # < 1000)", 13, "'#' is not supported"),
        ("all(result, x)", 1, "'all' is not supported"),
        ("result[0] in [1]", 11, "'in' is not supported here"),
        ("result[0] * 100 > 5", 11, "'*' is not supported"),
        ("result > 1 ? true : false", 17, "':' is not supported"),
        ("result[0", 9, "']' is missing"),
        ("", 1, "it ends too early"),
        ("ä >= ", 1, "'ä' is not supported"),
        ("result >= ", 11, "it ends too early"),
        ("result = 1", 8, "'=' is not supported"),
        ("result == 'a", 11, "the string does not end"),
        ("result == '\\q'", 12, "this escape is not supported"),
        ("result[0.5] > 1", 8, "a number is not supported here"),
        ("result > 1x", 10, "'1x' is not a number"),
        ("result > 9223372036854775808", 10, "'9223372036854775808' is not a number"),
        ("len(result, 1) > 1", 1, "'len' takes 1 argument"),
        ("default(result) > 1", 1, "'default' takes 2 arguments"),
        ("result[0] > 1 result", 15, "'result' is not supported here"),
        ("foo > 1", 1, "'foo' is not supported"),
        ("isNaN", 6, "'(' is missing"),
    ] {
        let got = Condition::read(text).unwrap_err();
        if text.contains('?') || text.contains('#') {
            assert!(got.why.ends_with("is not supported"), "{text}: {got}");
        } else {
            assert_eq!((got.column, got.why.as_str()), (column, why), "{text}");
        }
    }
    for deep in ["(", "!", "len("] {
        let text = format!("{}result", deep.repeat(200));
        assert!(Condition::read(&text).unwrap_err().why.contains("nested deeper"), "{deep}");
    }
    let long = format!("1{}", " == 1".repeat(60));
    assert!(Condition::read(&long).unwrap_err().why.contains("in a row"));
    assert!(Condition::read(&" ".repeat(5000)).unwrap_err().why.contains("longer"));
    assert!(Condition::read(&format!("true{}", " && true".repeat(500))).is_ok(), "a chain is not deep");
}

#[test]
fn both_conditions_leave_room_for_what_is_neither() {
    let (good, bad) = (read("result[0] >= 0.99"), read("result[0] < 0.95"));
    let judged = |samples: &[f64], good: Option<&Condition>, bad: Option<&Condition>| {
        judge(good, bad, &vector(samples))
    };
    assert_eq!(judged(&[1.0], Some(&good), Some(&bad)), Outcome::Successful);
    assert_eq!(judged(&[0.97], Some(&good), Some(&bad)), Outcome::Inconclusive);
    assert_eq!(judged(&[0.5], Some(&good), Some(&bad)), Outcome::Failed);
    assert_eq!(judged(&[0.97], Some(&good), None), Outcome::Failed);
    assert_eq!(judged(&[0.97], None, Some(&bad)), Outcome::Successful);
    assert_eq!(judged(&[0.97], None, None), Outcome::Successful);
    for empty in [judged(&[], Some(&good), None), judged(&[], None, Some(&bad))] {
        assert_eq!(
            empty,
            Outcome::Error("a list of 0 has no [0]".into()),
            "never a pass, and never a failure"
        );
    }
    assert_eq!(
        judge(Some(&read("result != 0")), Some(&read("result > 1")), &Measured::Scalar(2.0)),
        Outcome::Failed
    );
}

#[test]
fn limits_are_seen_in_the_shapes_that_people_write() {
    let limits = |text: &str| read(text).limits();
    let none = Limits::default();
    for (text, wanted) in [
        ("result[0] >= 0.95", Limits { min: Some(0.95), ..none }),
        ("result < 5", Limits { max: Some(5.0), strict: true, bare: true, ..none }),
        ("0 <= result[0] && result[0] <= 1", Limits { min: Some(0.0), max: Some(1.0), ..none }),
        (
            "len(result) == 0 || isNaN(result[0]) || result[0] < 0.02",
            Limits { max: Some(0.02), strict: true, empty: Some(true), nan: Some(true), ..none },
        ),
        (
            "len(result) == 1 && !isNaN(result[0]) && !isInf(result[0]) && result[0] >= 20",
            Limits { min: Some(20.0), empty: Some(false), nan: Some(false), ..none },
        ),
        (
            "isNaN(result[0]) || result[0] < 1",
            Limits { max: Some(1.0), strict: true, nan: Some(true), ..none },
        ),
        ("default(result, 0) < 0.05", Limits { max: Some(0.05), strict: true, bare: true, ..none }),
    ] {
        assert_eq!(limits(text), Some(wanted), "{text}");
    }
    for text in [
        "result == 1",
        "result[0] < 1 && result[1] < 2",
        "result[0] < 1 || result[0] > 2",
        "result.a < 1",
        "true",
        "isNaN(result[0])",
        "isNaN(result[0]) && result[0] < 1",
        "len(result) > 0 || result[0] < 1",
    ] {
        assert_eq!(limits(text), None, "{text}");
    }
}

fn value() -> impl Strategy<Value = Measured> {
    let sample = prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(0.0), any::<f64>()];
    prop_oneof![
        sample.clone().prop_map(Measured::Scalar),
        proptest::collection::vec(sample, 0..4).prop_map(Measured::Vector),
        Just(Measured::Json(json!(null))),
        Just(Measured::Json(json!({"a": [1, "x", null, {"b": true}], "ok": true}))),
        ".{0,4}".prop_map(|text| Measured::Json(json!(text))),
    ]
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,60}", measured in value()) {
        if let Ok(condition) = Condition::read(&text) {
            drop(condition.holds(&measured));
        }
    }

    #[test]
    fn no_words_in_any_order_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "result", "[0]", "[-1]", "[9223372036854775807]", ".a", "(", ")", "!", "&&", "||", "==", "<", "1",
                "-", "1.5", "'ä'", "nil", "true", "false", "len(", "isNaN(", "default(", ",", "asInt(", "asFloat(",
            ]),
            0..30,
        ),
        measured in value(),
    ) {
        if let Ok(condition) = Condition::read(&words.join(" ")) {
            drop(condition.holds(&measured));
            let _ = condition.limits();
        }
    }
}

//! Conditions beside Argo Rollouts' own evaluator: the same answer to 1,000 that are drawn. `testbed/argo-evaluate/compare`
//! builds the evaluator and runs this.

#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use rollout_plus_core::condition::{Condition, Measured};
use serde_json::{Value, json};

const DRAWN: usize = 1000;

fn number() -> impl Strategy<Value = String> {
    select(vec!["0", "1", "-1", "2", "0.5", "0.95", "1.0", "-0.5", "1e3", "007", "1_000", "0x1F", ".5", "5."])
        .prop_map(str::to_owned)
}

fn place() -> impl Strategy<Value = String> {
    let step = select(vec!["[0]", "[1]", "[-1]", "[7]", ".a", ".ok", ".list", "['a']", ".none"]);
    let base = select(vec!["result", "result", "result", "(result)", "default(result, 0)"]);
    (base, proptest::collection::vec(step, 0..3))
        .prop_map(|(base, steps)| format!("{base}{}", steps.concat()))
}

fn operand() -> BoxedStrategy<String> {
    let function = select(vec!["len", "asFloat", "asInt"]);
    prop_oneof![
        4 => place(),
        3 => number(),
        1 => select(vec!["nil", "true", "false", "'x'", "\"5\"", "'\\u00e4'", "''"]).prop_map(str::to_owned),
        2 => (function, prop_oneof![place(), number(), Just("'5'".to_owned()), Just("'x'".to_owned())])
            .prop_map(|(function, of)| format!("{function}({of})")),
    ]
    .boxed()
}

/// Values of a kind, and places of them that have a number.
#[derive(Clone, Debug)]
struct Kind {
    numbers: Vec<&'static str>,
    measured: BoxedStrategy<Measured>,
}

fn kinds() -> Vec<Kind> {
    let sample =
        select(vec![0.0, 1.0, 0.5, 0.95, 2.0, 1000.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    let list = prop_oneof![
        1 => proptest::collection::vec(sample.clone(), 0..1),
        6 => proptest::collection::vec(sample.clone(), 1..4),
    ];
    let json = |values: Vec<Value>| select(values).prop_map(Measured::Json).boxed();
    let objects = vec![
        json!({"a": 0.95, "ok": true, "list": [1, 2], "text": "ready"}),
        json!({"a": 2, "ok": false, "list": [], "text": "5"}),
        json!({"a": null, "ok": null, "list": [0.5, "x", [1]], "text": ""}),
    ];
    let others = vec![
        json!(null),
        json!(true),
        json!(5),
        json!("ready"),
        json!("5"),
        json!([0.5, "x", null, {"a": 1}]),
    ];
    vec![
        Kind {
            numbers: vec!["result", "asFloat(result)", "asInt(result)", "default(result, 0)", "(result)"],
            measured: sample.prop_map(Measured::Scalar).boxed(),
        },
        Kind {
            numbers: vec![
                "result[0]",
                "result[0]",
                "result[-1]",
                "result[1]",
                "len(result)",
                "asFloat(result[0])",
            ],
            measured: list.prop_map(Measured::Vector).boxed(),
        },
        Kind {
            numbers: vec!["result.a", "result['a']", "result.list[0]", "len(result.list)", "asInt(result.a)"],
            measured: json(objects),
        },
        Kind {
            numbers: vec!["asFloat(result)", "default(result, 0)", "len(result)", "result", "asInt(result)"],
            measured: json(others),
        },
    ]
}

fn condition(numbers: Vec<&'static str>) -> impl Strategy<Value = String> {
    let compare = select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let place = select(numbers).prop_map(str::to_owned);
    let tested = prop_oneof![
        10 => (place.clone(), compare.clone(), number()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        2 => (number(), compare.clone(), place.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        3 => (select(vec!["isNaN", "isInf", "isNil"]), place).prop_map(|(f, of)| format!("{f}({of})")),
        1 => select(vec!["result == nil", "result != nil", "result.ok == true", "result.text == 'ready'", "true"])
            .prop_map(str::to_owned),
        1 => (operand(), compare, operand()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => operand(),
    ];
    tested.prop_recursive(4, 8, 2, |inner| {
        prop_oneof![
            3 => (inner.clone(), select(vec!["&&", "||", "and", "or"]), inner.clone())
                .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            1 => (inner.clone(), select(vec!["&&", "||", "==", "!="]), inner.clone())
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            1 => inner.clone().prop_map(|a| format!("!({a})")),
            1 => inner.prop_map(|a| format!("not {a}")),
        ]
    })
}

/// One in eight texts has a letter too few or too many.
fn text(numbers: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    let condition = || condition(numbers.to_vec());
    let broken = (
        condition(),
        any::<proptest::sample::Index>(),
        select(vec!["", "(", ")", ".", "!", "&", "=", "#", "e"]),
    );
    prop_oneof![
        7 => condition(),
        1 => broken.prop_map(|(text, at, with)| {
            let letters: Vec<char> = text.chars().collect();
            let at = at.index(letters.len());
            let head: String = letters.iter().take(at).collect();
            let tail: String = letters.iter().skip(at + 1).collect();
            format!("{head}{with}{tail}")
        }),
    ]
}

fn case() -> impl Strategy<Value = (String, Measured)> {
    select(kinds()).prop_flat_map(|kind| (text(&kind.numbers), kind.measured))
}

fn sent(measured: &Measured) -> Value {
    let number = |number: f64| match number {
        finite if finite.is_finite() => json!(finite),
        other if other.is_nan() => json!("NaN"),
        other => json!(if other > 0.0 { "+Inf" } else { "-Inf" }),
    };
    match measured {
        Measured::Scalar(one) => json!({"scalar": number(*one)}),
        Measured::Vector(samples) => {
            json!({"vector": samples.iter().map(|one| number(*one)).collect::<Vec<_>>()})
        }
        Measured::Json(value) => json!({"web": value}),
    }
}

fn answers(program: &str, lines: &str) -> Vec<String> {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines = lines.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "takes Argo's evaluator: testbed/argo-evaluate/compare"]
fn a_thousand_drawn_conditions_say_what_argo_says() {
    let program = std::env::var("ARGO_EVALUATE").unwrap();
    let mut runner = TestRunner::deterministic();
    let cases: Vec<(String, Measured)> =
        (0..DRAWN).map(|_| case().new_tree(&mut runner).unwrap().current()).collect();
    let line = |(text, measured): &(String, Measured)| {
        json!({"condition": text, "value": sent(measured)}).to_string() + "\n"
    };
    let theirs = answers(&program, &cases.iter().map(line).collect::<String>());
    assert_eq!(theirs.len(), cases.len());
    let (mut counts, mut wrong) = (BTreeMap::<&str, usize>::new(), Vec::new());
    for ((text, measured), theirs) in cases.iter().zip(&theirs) {
        let is_error = theirs.starts_with("error: ");
        let (ours, class) = match Condition::read(text) {
            Err(why) if is_error => (why.to_string(), "refused, and an error of Argo's"),
            // Outside of the grammar: a text that was broken may be another language's.
            Err(why) => (why.to_string(), "refused, and a value of Argo's"),
            Ok(condition) => match condition.holds(measured) {
                Ok(true) if theirs == "true" => continue_with("true"),
                Ok(false) if theirs == "false" => continue_with("false"),
                Err(_) if is_error => continue_with("an error of both"),
                // What Go leaves to the machine.
                Err(why) if why.starts_with("asInt cannot read a number") => (why, "not to be said"),
                ours => (format!("{ours:?}"), "different"),
            },
        };
        *counts.entry(class).or_default() += 1;
        if ["different", "refused, and a value of Argo's"].contains(&class) {
            wrong.push(format!("{class}: {text} with {measured:?}: {ours} | {theirs}"));
        }
    }
    println!("{counts:#?}\n{}", wrong.join("\n"));
    assert!(!counts.contains_key("different"), "{}", wrong.join("\n"));
    assert!(
        counts.get("refused, and a value of Argo's").is_none_or(|count| *count <= 5),
        "{}",
        wrong.join("\n")
    );
    assert!(counts["true"] > 100 && counts["false"] > 100 && counts["an error of both"] > 100, "{counts:?}");
}

fn continue_with(class: &str) -> (String, &str) {
    (String::new(), class)
}

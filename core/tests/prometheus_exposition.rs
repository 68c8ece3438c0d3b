//! Texts of metrics beside Prometheus' own reading: recorded ones of programs, and 1,000 that are drawn.
//! `testbed/prometheus-read/compare` builds that reading and runs this.
//!
//! What comes as bytes that are no UTF-8 is not asked: they are replaced before our parser sees them, and Prometheus refuses them.

#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods, reason = "a test")]

mod exposition;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use exposition::draw::{OPEN_METRICS, PLAIN, drawn};
use exposition::purpose::{Stricter, as_prometheus_wants};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use rollout_plus_core::exposition::samples;
use serde_json::{Value, json};

const DRAWN: usize = 1000;

/// What programs wrote when they were asked as we ask; cut to some families where it was long.
const RECORDED: [(&str, &str); 5] = [
    ("etcd 3.6", include_str!("analysis/exposition/recorded/etcd.txt")),
    ("kube-apiserver 1.36", include_str!("analysis/exposition/recorded/kube-apiserver.txt")),
    ("Envoy 1.38", include_str!("analysis/exposition/recorded/envoy.txt")),
    ("Traefik 3.7", include_str!("analysis/exposition/recorded/traefik.txt")),
    ("Prometheus 2.42", include_str!("analysis/exposition/recorded/prometheus.txt")),
];

/// Texts made by hand, as programs and exporters write them.
const BY_HAND: [(&str, &str); 10] = [
    ("edge", include_str!("analysis/exposition/edge.txt")),
    ("no last line feed", include_str!("analysis/exposition/no-final-newline.txt")),
    ("Contour", include_str!("analysis/exposition/contour-envoy.txt")),
    ("Go", include_str!("analysis/exposition/go-http.txt")),
    ("gRPC", include_str!("analysis/exposition/grpc.txt")),
    ("ingress-nginx", include_str!("analysis/exposition/ingress-nginx.txt")),
    ("Spring", include_str!("analysis/exposition/spring.txt")),
    ("Traefik", include_str!("analysis/exposition/traefik.txt")),
    ("broken", include_str!("analysis/exposition/broken.txt")),
    ("nothing", ""),
];

/// A sample: its name, its labels without empty ones, the bits of its value.
type Read = (String, BTreeMap<String, String>, String);

/// A bound that is the same number counts as the same: Prometheus writes it anew where a type says that it is one.
fn bound(label: &str, value: &str) -> String {
    let number = value.parse::<f64>().ok().filter(|_| ["le", "quantile"].contains(&label));
    number.map_or_else(|| value.to_owned(), |number| number.to_string())
}

fn ours(text: &str) -> Option<Vec<Read>> {
    let read = |sample: rollout_plus_core::exposition::Sample<'_>| {
        let labels = sample.labels.iter().filter(|(_, value)| !value.is_empty());
        let labels = labels.map(|(name, value)| (name.to_string(), bound(name, value))).collect();
        let bits =
            if sample.value.is_nan() { "NaN".to_owned() } else { format!("{:016x}", sample.value.to_bits()) };
        (sample.name.into_owned(), labels, bits)
    };
    Some(samples(text).ok()?.into_iter().map(read).collect())
}

/// Without dots in names, as `as_prometheus_wants` writes them.
fn undotted(all: Vec<Read>) -> Vec<Read> {
    let without = |name: String| name.replace('.', "_");
    let labels = |labels: BTreeMap<String, String>| {
        labels.into_iter().map(|(name, value)| (without(name), value)).collect()
    };
    all.into_iter().map(|(name, of, bits)| (without(name), labels(of), bits)).collect()
}

fn unindented(all: Vec<Read>) -> Vec<Read> {
    all.into_iter()
        .map(|(name, labels, bits)| (name.trim_start_matches([' ', '\t']).to_owned(), labels, bits))
        .collect()
}

/// What Prometheus reads in each text, or why it does not.
fn theirs<'t>(texts: impl Iterator<Item = (&'t str, &'t str)>) -> Vec<Result<Vec<Read>, String>> {
    let program = std::env::var("PROMETHEUS_READ").unwrap();
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines: String =
        texts.map(|(form, text)| json!({"form": form, "text": text}).to_string() + "\n").collect();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let read = |sample: &Value| -> Read {
        let labels = sample["labels"].as_object().unwrap();
        let labels = labels.iter().map(|(name, value)| (name.clone(), bound(name, value.as_str().unwrap())));
        let text = |key: &str| sample[key].as_str().unwrap().to_owned();
        (text("name"), labels.collect(), text("bits"))
    };
    let answer = |line: &str| {
        let answer: Value = serde_json::from_str(line).unwrap();
        match answer["error"].as_str() {
            Some(why) => Err(why.to_owned()),
            None => Ok(answer["samples"].as_array().unwrap().iter().map(read).collect()),
        }
    };
    String::from_utf8(output.stdout).unwrap().lines().map(answer).collect()
}

/// Whether a text reads for both as ours read it, once what is more than Prometheus takes is taken away.
fn is_explained(read: &[Read], rewritten: &str, theirs: &Result<Vec<Read>, String>) -> bool {
    let read = Some(undotted(read.to_vec()));
    read == ours(rewritten).map(undotted) && read == theirs.clone().ok().map(undotted)
}

#[test]
fn each_line_of_a_recorded_text_is_read() {
    for (program, text) in RECORDED {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
        assert_eq!(ours(text).unwrap().len(), lines, "{program}");
        assert!(lines > 150, "{program}: {lines}");
    }
}

#[test]
#[ignore = "takes Prometheus' own reading: testbed/prometheus-read/compare"]
fn texts_of_programs_say_what_they_say_to_prometheus() {
    let all = || RECORDED.into_iter().chain(BY_HAND);
    for ((program, text), theirs) in all().zip(theirs(all().map(|(_, text)| (PLAIN, text)))) {
        match theirs {
            Ok(theirs) => {
                println!("{program}: {} samples", theirs.len());
                assert_eq!(ours(text), Some(theirs), "{program}");
            }
            Err(why) => assert_eq!(ours(text), None, "{program}: {why}"),
        }
    }
}

#[test]
#[ignore = "takes Prometheus' own reading: testbed/prometheus-read/compare"]
fn a_thousand_drawn_texts_say_what_they_say_to_prometheus() {
    let mut runner = TestRunner::deterministic();
    let cases: Vec<(&str, String)> =
        (0..DRAWN).map(|_| drawn().new_tree(&mut runner).unwrap().current()).collect();
    let rewritten: Vec<String> = cases.iter().map(|(_, text)| as_prometheus_wants(text)).collect();
    let read = theirs(cases.iter().map(|(form, text)| (*form, &**text)));
    let read_rewritten = theirs(rewritten.iter().map(|text| (PLAIN, &**text)));
    assert_eq!((read.len(), read_rewritten.len()), (DRAWN, DRAWN));
    let (mut counts, mut wrong) = (BTreeMap::<String, usize>::new(), Vec::new());
    for (((form, text), theirs), (rewritten, theirs_rewritten)) in
        cases.iter().zip(read).zip(rewritten.iter().zip(read_rewritten))
    {
        let ours_is = ours(text);
        let class = match (&ours_is, &theirs) {
            (Some(ours), Ok(theirs)) if ours == theirs => format!("read alike: {form}"),
            (None, Err(_)) => format!("refused by both: {form}"),
            // A defect of Prometheus' (`promparse.go: Next`): the format has blanks before a name ignored.
            (Some(ours), Ok(theirs)) if unindented(ours.clone()) == unindented(theirs.clone()) => {
                "a name with blanks before it".to_owned()
            }
            // What is more than Prometheus takes is taken away: then it has to read the same.
            (Some(ours), Err(_)) if is_explained(ours, rewritten, &theirs_rewritten) => {
                format!("more lenient on purpose: {form}")
            }
            // `a.5 7`: a name with a dot, or a value at a name and a time.
            (Some(ours), Ok(_))
                if Stricter::of(text) == Some(Stricter::NoBlank)
                    && is_explained(ours, rewritten, &theirs_rewritten) =>
            {
                "a dot that is none of a value's".to_owned()
            }
            (None, Ok(_)) => match Stricter::of(text) {
                Some(why) => format!("stricter on purpose: {why:?}"),
                None => "DIFFERENT".to_owned(),
            },
            _ => "DIFFERENT".to_owned(),
        };
        if class == "DIFFERENT" {
            wrong.push(format!("{form} {text:?}\n  ours: {ours_is:?}\n  theirs: {theirs:?}\n  rewritten: {rewritten:?} {theirs_rewritten:?}"));
        }
        *counts.entry(class).or_default() += 1;
    }
    println!("{counts:#?}\n{}", wrong.join("\n"));
    assert!(wrong.is_empty(), "{} of {DRAWN} differ", wrong.len());
    let at_least = |class: &str, least: usize| {
        assert!(counts.get(class).is_some_and(|count| *count >= least), "{class}");
    };
    at_least(&format!("read alike: {PLAIN}"), 250);
    at_least(&format!("read alike: {OPEN_METRICS}"), 50);
    at_least(&format!("refused by both: {PLAIN}"), 100);
    at_least(&format!("more lenient on purpose: {PLAIN}"), 50);
}

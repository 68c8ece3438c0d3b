//! One recording for each row of the table, and its verdict.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use rollout_plus::health::{RULES, State, Verdict, Watch};
use serde_json::Value;

use crate::Recorded;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/health");
/// Longer than every grace.
const LATE: u64 = 3600;

fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(format!("{FOLDER}/{name}")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The reason for which a recording counts as failed at last, and at once; `-` for none.
fn outcome(name: &str) -> (String, String) {
    let recorded = Recorded::parse(&read(name)).unwrap_or_else(|| panic!("{name} cannot be read"));
    let mut watch = Watch::default();
    recorded.newborn().judge(&mut watch, 0);
    let word = |verdict: Verdict| match (verdict.failure, verdict.state) {
        (Some(failure), _) => failure.reason,
        (None, State::Healthy) => "healthy".to_owned(),
        (None, _) => "-".to_owned(),
    };
    let now = word(recorded.judge(&mut watch, 1));
    (now, word(recorded.counted().judge(&mut watch, LATE)))
}

#[test]
fn every_recording_gets_its_verdict() {
    let expected = include_str!("expected.txt");
    let mut table = String::new();
    let mut names: Vec<String> = Path::new(FOLDER)
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "json"))
        .collect();
    names.sort();
    for name in &names {
        let (now, late) = outcome(name);
        writeln!(table, "{name:<45} {now:<26} {late}").unwrap();
    }
    println!("{:<45} {:<26} {}\n{table}", "recording", "at once", "after an hour");
    for (line, wanted) in table.lines().zip(expected.lines()) {
        assert_eq!(line.trim(), wanted.trim());
    }
    assert_eq!(table.lines().count(), expected.lines().count(), "expected.txt has other recordings");
}

/// Rows that are about time or absence, or that no single node can show; each has a test of its own.
const ELSEWHERE: [&str; 7] = [
    "CannotCreate",
    "StableUnavailable",
    "ControllerStalled",
    "Evictions",
    "LostReadiness",
    "ImageNotOnNode",
    "RunContainerError",
];

#[test]
fn every_rule_has_a_recording() {
    let seen: BTreeSet<String> = include_str!("expected.txt")
        .lines()
        .flat_map(|line| line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let missing: Vec<&str> = RULES
        .iter()
        .filter(|rule| rule.grace.is_some())
        .map(|rule| rule.reason)
        .filter(|reason| !seen.contains(*reason) && !ELSEWHERE.contains(reason))
        .collect();
    assert!(missing.is_empty(), "no recording for {missing:?}");
}

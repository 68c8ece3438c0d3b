//! A seed is a scenario: played again it gives the same trace, byte for byte.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::process::Command;

use sim::scenario::{play, routed};

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 1..=4 {
        let (first, second) = (play(seed, true).unwrap(), play(seed, true).unwrap());
        let differs = first.trace.lines().zip(second.trace.lines()).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.trace.len(), second.trace.len(), "seed {seed}");
        assert!(first.trace.lines().count() > 50, "seed {seed}: hardly anything happened");
    }
}

#[test]
fn the_same_routed_seed_gives_the_same_trace() {
    for seed in 1..=4 {
        let (first, second) = (routed::of_seed(seed, true).unwrap(), routed::of_seed(seed, true).unwrap());
        assert!(first.trace == second.trace, "seed {seed}");
        assert!(first.trace.lines().count() > 50, "seed {seed}: hardly anything happened");
    }
}

/// A trace that nobody wants must change nothing.
#[test]
fn a_seed_goes_the_same_way_untraced() {
    let (traced, silent) = (play(2, true).unwrap(), play(2, false).unwrap());
    assert_eq!((traced.took, traced.broken), (silent.took, silent.broken));
    assert!(silent.trace.is_empty());
}

#[test]
fn seeds_go_the_same_way_on_any_number_of_threads() {
    let told = |threads: &str| {
        let arguments = ["--seeds", "9", "--threads", threads];
        let output = Command::new(env!("CARGO_BIN_EXE_sim")).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // Before that it is how long it took.
        text.split_once("; ").unwrap().1.to_owned()
    };
    assert_eq!(told("1"), told("4"));
}

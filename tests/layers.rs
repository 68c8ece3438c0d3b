//! The pure core stays pure: no client, no clock, no environment, no printing.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

const PURE: &[&str] = &[
    "src/aftermath.rs",
    "src/brief.rs",
    "src/check",
    "src/check.rs",
    "src/ci",
    "src/ci.rs",
    "src/completion",
    "src/completion.rs",
    "src/credentials",
    "src/credentials.rs",
    "src/delivery/drone.rs",
    "src/delivery/forms.rs",
    "src/delivery/github.rs",
    "src/delivery/gitlab.rs",
    "src/delivery/remote.rs",
    "src/delivery/target.rs",
    "src/delivery/woodpecker.rs",
    "src/duration.rs",
    "src/evidence.rs",
    "src/golang.rs",
    "src/grant",
    "src/grant.rs",
    "src/health",
    "src/health.rs",
    "src/history.rs",
    "src/hold.rs",
    "src/kubeconfig",
    "src/kubeconfig.rs",
    "src/model",
    "src/model.rs",
    "src/ownership",
    "src/ownership.rs",
    "src/plan",
    "src/plan.rs",
    "src/record",
    "src/record.rs",
    "src/scrub",
    "src/scrub.rs",
    "src/share.rs",
    "src/source/yaml.rs",
    "src/status",
    "src/status.rs",
    "src/step.rs",
];

const FORBIDDEN: [&str; 10] = [
    "kube::",
    "tokio",
    "std::env",
    "::now()",
    "println!",
    "eprintln!",
    "std::fs",
    "std::net",
    "crate::cluster",
    "crate::output",
];

/// Clock, chance, signals and streams. They reach a run through one value, so that a simulator can make another.
const WORLD: [&str; 11] = [
    "Timestamp::now()",
    "Zoned::now()",
    "SystemTime",
    "time::Instant::now",
    "RandomState",
    "SignalKind::interrupt",
    "SignalKind::terminate",
    "io::stdout()",
    "io::stderr()",
    "println!",
    "eprintln!",
];

/// Who reads them: the two that make the value.
const READERS: [&str; 2] = ["src/main.rs", "src/world.rs"];

fn files(place: &Path, found: &mut Vec<PathBuf>) {
    if place.is_dir() {
        for entry in fs::read_dir(place).unwrap() {
            files(&entry.unwrap().path(), found);
        }
    } else {
        found.push(place.to_owned());
    }
}

#[test]
fn the_core_has_no_client_clock_environment_or_printing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for place in PURE {
        files(&root.join(place), &mut found);
    }
    assert!(found.len() >= 14, "only {found:?}");
    for file in found {
        let text = fs::read_to_string(&file).unwrap();
        for word in FORBIDDEN {
            assert!(!text.contains(word), "{} uses {word}", file.display());
        }
    }
}

/// The pauses, too: without `biased` tokio rolls dice.
#[test]
fn a_run_reads_its_world_in_one_place_and_waits_without_chance() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files(&root.join("src"), &mut found);
    let readers = READERS.map(|reader| root.join(reader));
    for file in found.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let text = fs::read_to_string(file).unwrap();
        let own = text.split("#[cfg(test)]").next().unwrap();
        for word in WORLD.iter().filter(|_| !readers.contains(file)) {
            assert!(!own.contains(word), "{} reads {word}: it is for src/world.rs", file.display());
        }
        assert!(!own.contains("std::time::Instant"), "{}: its waits are not virtual", file.display());
        for (_, after) in own.match_indices("select! {").map(|(at, word)| own.split_at(at + word.len())) {
            assert!(
                after.trim_start().starts_with("biased;"),
                "{} has a select without 'biased'",
                file.display()
            );
        }
    }
}

#[test]
fn files_stay_small() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    files(&root.join("src"), &mut found);
    for file in found {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 400, "{} has {lines} lines: split it", file.display());
    }
}

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

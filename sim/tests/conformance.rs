//! The simulation does what a real control plane did, whatever the delays are.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use sim::conformance::play;
use sim::conformance::script::{compare, scripts};

#[test]
fn the_simulation_does_what_the_control_plane_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let scripts = scripts(&folder).unwrap();
    assert!(scripts.len() >= 30, "{}", scripts.len());
    let mut wrong = Vec::new();
    for script in &scripts {
        // Whatever the delays are, the states are the same.
        for seed in 1..=3 {
            let told = play(script, seed).and_then(|states| compare(script, &states));
            if let Err(why) = told {
                wrong.push(format!("seed {seed}: {why}"));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), scripts.len(), wrong.join("\n\n"));
}

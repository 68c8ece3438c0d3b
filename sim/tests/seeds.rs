//! The first seeds hold: as many as fit into a test. `sim --seeds` plays more.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use sim::scenario::{crowd, play};

#[test]
fn the_first_seeds_hold() {
    for seed in 1..=8 {
        let report = play(seed, false).unwrap();
        assert!(report.broken.is_empty(), "seed {seed}: {:?}\n{}", report.broken, report.drawn);
    }
}

fn holds(seed: u64) {
    let report = crowd::of_seed(seed, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

/// An agent applied its manifest to a frozen blue-green: the Deployment stayed paused for ever.
#[test]
fn a_freeze_goes_with_its_hold() {
    holds(349);
}

/// The strategy was edited between the record of the way home and the hold, and the way back brought the old one.
#[test]
fn settings_of_the_last_moment_are_those_to_come_back_to() {
    holds(834);
}

/// A controller that was killed while it was busy lost a key to the look that it had been about to take.
#[test]
fn a_controller_that_starts_again_loses_no_key() {
    let report = play(88, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

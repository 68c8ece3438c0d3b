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

/// A run that lost its lock while it took a hold off freed the lock of the run that had taken over.
#[test]
fn a_run_that_lost_its_lock_leaves_it_to_whoever_has_it() {
    let report = crowd::of_seed(96, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

/// A ReplicaSet controller that tried a status again brought its old annotations back with it, which upstream does not do.
#[test]
fn a_status_that_is_tried_again_changes_nothing_else() {
    let report = crowd::of_seed(3843, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

/// A controller that was killed while it was busy lost a key to the look that it had been about to take.
#[test]
fn a_controller_that_starts_again_loses_no_key() {
    let report = play(88, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

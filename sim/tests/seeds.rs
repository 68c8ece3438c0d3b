//! The first seeds hold: as many as fit into a test. `sim --seeds` plays more.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use sim::scenario::play;

#[test]
fn the_first_seeds_hold() {
    for seed in 1..=8 {
        let report = play(seed, false).unwrap();
        assert!(report.broken.is_empty(), "seed {seed}: {:?}\n{}", report.broken, report.drawn);
    }
}

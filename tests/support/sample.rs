//! A part of a walk: every n-th of its points, others each day.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 24 * 60 * 60;

/// Returns the points to visit: all, or with `WALK_EVERY=n` every n-th from `WALK_OFFSET` (the day, if it is not set).
#[allow(clippy::disallowed_methods, reason = "a test")]
pub fn sample<T>(walk: &str, points: Vec<T>) -> Vec<T> {
    let number = |name: &str| {
        std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap_or_else(|_| panic!("{name}={text}")))
    };
    let every = number("WALK_EVERY").unwrap_or(1).max(1);
    let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / DAY;
    let offset = number("WALK_OFFSET").unwrap_or(today) % every;
    let all = points.len();
    let sample: Vec<T> =
        (0..).zip(points).filter(|(n, _)| n % every == offset).map(|(_, point)| point).collect();
    println!("{walk}: {} of {all} points (WALK_EVERY={every} WALK_OFFSET={offset})", sample.len());
    assert!(!sample.is_empty(), "{walk}: a sample without points shows nothing");
    sample
}

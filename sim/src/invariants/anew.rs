//! What others write between a run's look and its write is met by another look: it ends no run.

use crate::driver::Driver;

/// What the server says of a write that was decided about an object as it is no more (`conflict` and `patch` in
/// `server/refusal.rs`).
const WORDS: [&str; 2] =
    ["the server rejected our request due to an error in our request", "Operation cannot be fulfilled on"];

/// Holds what runs said at their end against it.
pub fn check(driver: &mut Driver) {
    for run in 0..driver.runs.len() {
        driver.seen.look("decides anew");
        let printed = driver.runs.get(run).map(|run| run.printed().stderr).unwrap_or_default();
        let is_so = |line: &&str| line.starts_with("error") && WORDS.iter().any(|words| line.contains(words));
        if let Some(line) = printed.lines().find(is_so) {
            driver.breaks("decides anew", format!("run {run} gives up: {line}"));
        }
    }
}

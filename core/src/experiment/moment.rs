//! Moments as experiments write them: "30s", "10 minutes", "5 minutes ago", "now", or RFC 3339.
//!
//! Upstream reads them with dateparser, which knows far more words; what is not read here is refused before the run.

use std::time::Duration;

use jiff::Timestamp;

use crate::brief;
use crate::duration::MAX_SECONDS;

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So long before now.
    Back(Duration),
    /// Then.
    At(Timestamp),
}

/// Units and their seconds.
const UNITS: [(&[&str], u64); 5] = [
    (&["s", "sec", "secs", "second", "seconds"], 1),
    (&["m", "min", "mins", "minute", "minutes"], 60),
    (&["h", "hr", "hrs", "hour", "hours"], 3600),
    (&["d", "day", "days"], 86_400),
    (&["w", "week", "weeks"], 7 * 86_400),
];

impl Moment {
    /// Reads a moment, at most 30 days back.
    ///
    /// # Errors
    /// A sentence that says what is accepted.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(then) = text.parse() {
            return Ok(Self::At(then));
        }
        let lower = text.to_lowercase();
        let words = lower.strip_suffix("ago").unwrap_or(&lower);
        let words = words.strip_prefix("in the last ").unwrap_or(words).trim();
        let back = if words == "now" { Some(0) } else { seconds(words) };
        back.filter(|seconds| *seconds <= MAX_SECONDS).map(Duration::from_secs).map(Self::Back).ok_or_else(
            || {
                let shown = brief::line(text, 60);
                format!("'{shown}' is not a time: write for example 30s, 10 minutes, or 2026-11-28T16:00:00Z")
            },
        )
    }
}

/// Reads numbers with units, each once or more: "1 hour 30 minutes".
fn seconds(text: &str) -> Option<u64> {
    let (mut rest, mut total) = (text, 0_u64);
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(end);
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, size) = UNITS.iter().find(|(names, _)| names.contains(&unit))?;
        total = number.parse::<u64>().ok()?.checked_mul(*size)?.checked_add(total)?;
        rest = after.trim_start_matches([' ', ',']);
        if rest.is_empty() {
            return Some(total);
        }
    }
}

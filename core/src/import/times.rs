//! Times as Go writes them, and numbers that come as texts too.

use std::time::Duration;

use serde_json::Value;

/// Reads a time of Argo or Flagger: `30s`, `1m30s`, `500ms`; a bare number is seconds.
pub(super) fn time(value: &Value) -> Option<Duration> {
    if let Some(seconds) = value.as_u64() {
        return Some(Duration::from_secs(seconds.min(30 * 24 * 3600)));
    }
    let text = value.as_str()?;
    match text.strip_suffix("ms") {
        Some(digits) => digits.parse().ok().map(Duration::from_millis),
        None => crate::duration::parse(text).ok(),
    }
}

/// Reads a whole number, also as text.
pub(super) fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Returns a number's place: 1st, 4th.
pub(super) fn ordinal(number: i64) -> String {
    let end = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

/// Writes seconds as command lines have them.
pub(super) fn seconds(time: Duration) -> String {
    format!("{}s", time.as_secs())
}

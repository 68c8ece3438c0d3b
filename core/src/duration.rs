//! Durations as kubectl users write them: `90s`, `5m`, `1h30m`, or a bare number of seconds.

use std::time::Duration;

/// The longest duration that is accepted: 30 days.
pub(crate) const MAX_SECONDS: u64 = 30 * 24 * 3600;

/// Parses a duration.
///
/// # Errors
/// A sentence that says what is accepted.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is not a duration: write for example 90s, 5m or 1h30m");
    let mut total: u64 = 0;
    let mut digits = String::new();
    if text.is_empty() {
        return Err(wrong());
    }
    for letter in text.chars() {
        let unit = match letter {
            '0'..='9' => {
                digits.push(letter);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return Err(wrong()),
        };
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        total = number.checked_mul(unit).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        digits.clear();
    }
    if !digits.is_empty() {
        total = digits.parse::<u64>().ok().and_then(|rest| total.checked_add(rest)).ok_or_else(wrong)?;
    }
    if total > MAX_SECONDS {
        return Err(format!("'{text}' is longer than 30 days"));
    }
    Ok(Duration::from_secs(total))
}

/// What "no timeout" means: kubectl waits for so long where it is told a negative one (`wait --timeout`).
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// Parses the longest time to wait as kubectl means it: without end for 0 (`rollout status --timeout`) and below, which is a
/// week here.
///
/// # Errors
/// As [`parse`].
pub fn timeout(text: &str) -> Result<Duration, String> {
    match text.strip_prefix('-') {
        Some(rest) => parse(rest).map(|_| WEEK),
        None => parse(text).map(|time| if time.is_zero() { WEEK } else { time }),
    }
}

/// Parses the longest time to wait where 0 means to look once, and a negative one a week, as in `kubectl wait --timeout`.
///
/// # Errors
/// As [`parse`].
pub fn patience(text: &str) -> Result<Duration, String> {
    match text.strip_prefix('-') {
        Some(rest) => parse(rest).map(|_| WEEK),
        None => parse(text),
    }
}

/// Writes a duration with its two largest units.
pub fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_kubectl_users_write_them() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h30m", 5400), ("45", 45), ("0", 0)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "m", "5x", "-5s", "1.5h", "99999999999999999999s", "31d", "9999h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_timeout_is_what_kubectl_means_by_0_and_negative() {
        for (text, waits, looks) in [
            ("0", WEEK, Duration::ZERO),
            ("0s", WEEK, Duration::ZERO),
            ("-1s", WEEK, WEEK),
            ("-1", WEEK, WEEK),
        ] {
            assert_eq!((timeout(text), patience(text)), (Ok(waits), Ok(looks)), "{text}");
        }
        assert_eq!(timeout("90s"), Ok(Duration::from_secs(90)));
        assert!(timeout("-").is_err() && timeout("--1s").is_err() && patience("-x").is_err());
    }

    #[test]
    fn short_shows_two_units() {
        assert_eq!(short(Duration::from_secs(3725)), "1h2m");
        assert_eq!(short(Duration::from_secs(59)), "59s");
    }
}

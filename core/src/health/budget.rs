//! For how long a container may take to become ready, by its own probes.

use std::time::Duration;

use crate::model::{Container, Probe};

/// The longest that one probe's settings count for, in seconds: absurd numbers must not overflow.
const MOST: i64 = 24 * 3600;

/// Returns one and a half times what the probes of a container allow.
///
/// A startup probe comes first; then the readiness probe has to succeed. Fields and defaults: `Probe` of the
/// `v1` API.
pub(super) fn budget(container: &Container) -> Duration {
    let startup = container.startup_probe.as_ref().map_or(0, failing);
    let readiness =
        container.readiness_probe.as_ref().map_or(0, |probe| failing(probe).max(succeeding(probe)));
    let seconds = u64::try_from(startup.saturating_add(readiness)).unwrap_or(0);
    Duration::from_secs(seconds.saturating_mul(3) / 2)
}

/// Seconds until as many tries failed as may fail.
fn failing(probe: &Probe) -> i64 {
    span(probe, number(probe.failure_threshold, 3))
}

/// Seconds until as many tries succeeded as must succeed.
fn succeeding(probe: &Probe) -> i64 {
    span(probe, number(probe.success_threshold, 1))
}

fn span(probe: &Probe, tries: i64) -> i64 {
    let every = number(probe.period_seconds, 10).max(number(probe.timeout_seconds, 1));
    let delay = probe.initial_delay_seconds.unwrap_or(0).clamp(0, MOST);
    delay.saturating_add(every.saturating_mul(tries)).min(MOST)
}

/// The API server refuses less than 1.
fn number(given: Option<i64>, default: i64) -> i64 {
    given.unwrap_or(default).clamp(1, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_starter_gets_what_its_probes_allow() {
        let slow = Probe { period_seconds: Some(10), failure_threshold: Some(30), ..Probe::default() };
        let ready = Probe { initial_delay_seconds: Some(5), period_seconds: Some(1), ..Probe::default() };
        let container =
            Container { startup_probe: Some(slow), readiness_probe: Some(ready), ..Container::default() };
        assert_eq!(budget(&container), Duration::from_secs(462));
        assert_eq!(budget(&Container::default()), Duration::ZERO);
    }

    #[test]
    fn absurd_numbers_do_no_harm() {
        let absurd = Probe {
            initial_delay_seconds: Some(i64::MAX),
            period_seconds: Some(i64::MIN),
            failure_threshold: Some(i64::MAX),
            ..Probe::default()
        };
        let container = Container { startup_probe: Some(absurd), ..Container::default() };
        assert!(budget(&container) <= Duration::from_secs(2 * 24 * 3600));
    }
}

//! Times as the API writes them: whole seconds.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// `metav1.Time` is written without fractions (`k8s.io/apimachinery/pkg/apis/meta/v1/time.go`, `MarshalJSON`).
pub(crate) fn stamp(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// How long after `from` it is; nothing where `from` is to come.
pub(crate) fn since(from: &Time, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(from.0)).unwrap_or_default()
}

/// How long it is until `delay` has passed since `from`; nothing where that is over.
pub(crate) fn until(from: &Time, delay: Duration, now: Timestamp) -> Option<Duration> {
    let passed = now.duration_since(from.0);
    match Duration::try_from(passed) {
        Ok(passed) => delay.checked_sub(passed).filter(|left| !left.is_zero()),
        Err(_) => Some(delay + passed.unsigned_abs()),
    }
}

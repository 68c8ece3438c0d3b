//! For how long a pod has been Ready: by our own monotonic clock, and from its condition for the time before we looked.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::model::Pod;

/// Whether a pod is Ready.
#[derive(Clone, Copy)]
pub(super) enum Ready {
    /// It is not.
    No,
    /// Without a break since it was seen first; and since when its condition says so, unless we saw it change.
    Since(Instant, Option<Timestamp>),
}

impl Ready {
    /// Takes note of a pod as it is now. `before` is what it was, if it is known.
    pub(super) fn of(pod: &Pod, before: Option<Self>) -> Self {
        let written = || Some(pod.condition("Ready")?.last_transition_time.as_ref()?.0);
        match before {
            _ if !pod.is_ready() => Self::No,
            Some(since @ Self::Since(..)) => since,
            Some(Self::No) => Self::Since(Instant::now(), None),
            None => Self::Since(Instant::now(), written()),
        }
    }

    /// Returns for how long. `server` is what the API server's clock shows at least: the cluster's clocks are not ours.
    pub(super) fn age(self, server: Option<Timestamp>) -> Option<Duration> {
        match self {
            Self::No => None,
            Self::Since(seen, written) => {
                let written = written.zip(server).map(|(since, server)| before(since, server));
                Some(seen.elapsed().max(written.unwrap_or_default()))
            }
        }
    }
}

/// Returns the age of a condition, as the ReplicaSet controller counts (`IsPodAvailable` in
/// kubernetes/pkg/api/v1/pod). Conditions have whole seconds, so it is one less.
fn before(since: Timestamp, server: Timestamp) -> Duration {
    let age = Duration::try_from(server.duration_since(since)).unwrap_or_default();
    age.saturating_sub(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(ready: bool, since: &str) -> Pod {
        let status = if ready { "True" } else { "False" };
        serde_json::from_value(json!({"metadata": {"name": "a", "uid": "a"}, "status": {"phase": "Running",
            "conditions": [{"type": "Ready", "status": status, "lastTransitionTime": since}]}}))
        .unwrap()
    }

    fn age(ready: Ready, server: Option<Timestamp>) -> Option<u64> {
        ready.age(server).map(|age| age.as_secs())
    }

    #[test]
    fn a_run_that_is_resumed_counts_from_the_pods_condition() {
        let server = "2026-01-01T00:10:00Z".parse().ok();
        for (since, seconds) in
            [("2026-01-01T00:09:00Z", 59), ("2026-01-01T00:10:00Z", 0), ("2026-01-01T00:20:00Z", 0)]
        {
            let ready = Ready::of(&pod(true, since), None);
            assert_eq!(age(ready, server), Some(seconds), "{since}");
            let later = Ready::of(&pod(true, since), Some(ready));
            assert_eq!(age(later, server), Some(seconds), "{since}: the next event takes nothing back");
        }
        let ready = Ready::of(&pod(true, "2026-01-01T00:09:00Z"), None);
        assert_eq!(age(ready, None), Some(0), "without a clock from now on");
        assert_eq!(age(ready, server), Some(59), "as soon as the server has told its time");
    }

    #[test]
    fn what_we_saw_ourselves_counts_more_than_what_is_written() {
        let server = "2026-01-01T00:10:00Z".parse().ok();
        let ready = Ready::of(&pod(false, "2026-01-01T00:00:00Z"), None);
        assert_eq!(age(ready, server), None);
        let ready = Ready::of(&pod(true, "2026-01-01T00:00:00Z"), Some(ready));
        assert_eq!(age(ready, server), Some(0));
        let ready = Ready::of(&pod(false, "2026-01-01T00:00:00Z"), Some(ready));
        assert_eq!(age(ready, server), None);
    }

    #[test]
    fn time_goes_on_by_our_clock_where_the_servers_is_behind() {
        let server = "2026-01-01T00:10:00Z".parse().ok();
        let ready = Ready::of(&pod(true, "2026-01-01T00:10:00Z"), None);
        std::thread::sleep(Duration::from_millis(20));
        assert!(ready.age(server).is_some_and(|age| age >= Duration::from_millis(20)));
    }
}

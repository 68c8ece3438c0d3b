//! For how long pods have been Ready: by our own monotonic clock, and from the pods' conditions for the time before we looked.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::model::Pod;
use crate::step::ReadyFor;

/// When each pod was first seen Ready since it was last seen otherwise; `None`: it is not.
#[derive(Default)]
pub(crate) struct ReadyClock {
    since: BTreeMap<String, Option<Instant>>,
}

impl ReadyClock {
    /// Takes note of the pods as they are now. `server` is what the API server's clock shows at least.
    pub(crate) fn see(&mut self, pods: &[Pod], server: Option<Timestamp>) {
        let now = Instant::now();
        let before = std::mem::take(&mut self.since);
        for pod in pods {
            let since = match before.get(pod.name()) {
                _ if !pod.is_ready() => None,
                Some(Some(since)) => Some(*since),
                Some(None) => Some(now),
                None => now.checked_sub(ready_before(pod, server)).or(Some(now)),
            };
            self.since.insert(pod.name().to_owned(), since);
        }
    }

    /// Returns for how long each has been Ready.
    pub(crate) fn ready_for(&self) -> ReadyFor {
        let now = Instant::now();
        let age =
            |(name, since): (&String, &Option<Instant>)| Some((name.clone(), now.duration_since((*since)?)));
        self.since.iter().filter_map(age).collect()
    }
}

/// Returns for how long a pod has been Ready by its own condition, as the ReplicaSet controller counts (`IsPodAvailable` in
/// kubernetes/pkg/api/v1/pod). Conditions have whole seconds, so it is one less.
fn ready_before(pod: &Pod, server: Option<Timestamp>) -> Duration {
    let since = pod.condition("Ready").and_then(|condition| condition.last_transition_time.as_ref());
    let age = since.zip(server).map(|(since, server)| server.duration_since(since.0));
    age.and_then(|age| Duration::try_from(age).ok())
        .unwrap_or_default()
        .saturating_sub(Duration::from_secs(1))
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

    fn age(clock: &ReadyClock) -> Option<u64> {
        clock.ready_for().get("a").map(Duration::as_secs)
    }

    #[test]
    fn a_run_that_is_resumed_counts_from_the_pods_condition() {
        let server = "2026-01-01T00:10:00Z".parse().ok();
        for (since, seconds) in
            [("2026-01-01T00:09:00Z", 59), ("2026-01-01T00:10:00Z", 0), ("2026-01-01T00:20:00Z", 0)]
        {
            let mut clock = ReadyClock::default();
            clock.see(&[pod(true, since)], server);
            assert_eq!(age(&clock), Some(seconds), "{since}");
        }
        let mut clock = ReadyClock::default();
        clock.see(&[pod(true, "2026-01-01T00:09:00Z")], None);
        assert_eq!(age(&clock), Some(0), "without a clock from now on");
    }

    #[test]
    fn what_we_saw_ourselves_counts_more_than_what_is_written() {
        let server = "2026-01-01T00:10:00Z".parse().ok();
        let mut clock = ReadyClock::default();
        clock.see(&[pod(false, "2026-01-01T00:00:00Z")], server);
        assert_eq!(age(&clock), None);
        clock.see(&[pod(true, "2026-01-01T00:00:00Z")], server);
        assert_eq!(age(&clock), Some(0));
        clock.see(&[], server);
        assert_eq!(age(&clock), None);
    }
}

//! What a `ReplicaSet` waits to see in its cache before it makes or ends more pods.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::object::{Key, Kind};

/// `ExpectationsTimeout`, `pkg/controller/controller_utils.go`.
const TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// How long a cache may stay behind what was written to it. Upstream waits without end; here a watch that was cut may have
/// missed the version that was written.
const BEHIND: Duration = Duration::from_secs(30);

/// `UIDTrackingControllerExpectations`, `pkg/controller/controller_utils.go`, and `ConsistencyStore`,
/// `pkg/controller/util/consistency/consistency.go` (since 1.36).
#[derive(Debug, Default)]
pub(crate) struct Expectations {
    of: BTreeMap<Key, Expected>,
    wrote: BTreeMap<Key, Wrote>,
    seen: BTreeMap<Kind, u64>,
}

#[derive(Debug)]
struct Expected {
    made: i64,
    ended: BTreeSet<Key>,
    since: Timestamp,
}

#[derive(Debug)]
struct Wrote {
    versions: BTreeMap<Kind, u64>,
    since: Timestamp,
}

impl Expectations {
    /// `ExpectCreations`.
    pub(crate) fn expect_made(&mut self, key: &Key, count: usize, now: Timestamp) {
        let made = i64::try_from(count).unwrap_or(i64::MAX);
        self.of.insert(key.clone(), Expected { made, ended: BTreeSet::new(), since: now });
    }

    /// `ExpectDeletions`.
    pub(crate) fn expect_ended(&mut self, key: &Key, pods: impl IntoIterator<Item = Key>, now: Timestamp) {
        self.of.insert(key.clone(), Expected { made: 0, ended: pods.into_iter().collect(), since: now });
    }

    /// `CreationObserved`.
    pub(crate) fn made(&mut self, key: &Key) {
        if let Some(expected) = self.of.get_mut(key) {
            expected.made -= 1;
        }
    }

    /// `DeletionObserved`.
    pub(crate) fn ended(&mut self, key: &Key, pod: &Key) {
        if let Some(expected) = self.of.get_mut(key) {
            expected.ended.remove(pod);
        }
    }

    /// `SatisfiedExpectations`.
    pub(crate) fn are_met(&self, key: &Key, now: Timestamp) -> bool {
        self.of.get(key).is_none_or(|expected| {
            (expected.made <= 0 && expected.ended.is_empty()) || past(expected.since, now) > TIMEOUT
        })
    }

    /// `DeleteExpectations`, and `Clear`.
    pub(crate) fn forget(&mut self, key: &Key) {
        self.of.remove(key);
        self.wrote.remove(key);
    }

    /// `WroteAt`.
    pub(crate) fn wrote(&mut self, key: &Key, kind: Kind, version: u64, now: Timestamp) {
        let wrote =
            self.wrote.entry(key.clone()).or_insert_with(|| Wrote { versions: BTreeMap::new(), since: now });
        wrote.since = now;
        let newest = wrote.versions.entry(kind).or_default();
        *newest = (*newest).max(version);
    }

    /// `LastStoreSyncResourceVersion`, as far as the changes tell of it.
    pub(crate) fn saw(&mut self, kind: Kind, version: u64) {
        let newest = self.seen.entry(kind).or_default();
        *newest = (*newest).max(version);
    }

    /// `EnsureReady`: the cache holds what was written for this key.
    pub(crate) fn is_current(&self, key: &Key, now: Timestamp) -> bool {
        self.wrote.get(key).is_none_or(|wrote| {
            let seen =
                |(kind, version): (&Kind, &u64)| self.seen.get(kind).is_some_and(|seen| seen >= version);
            wrote.versions.iter().all(seen) || past(wrote.since, now) > BEHIND
        })
    }
}

fn past(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// `TestControllerExpectations`, `pkg/controller/controller_utils_test.go`.
    #[test]
    fn what_is_made_is_waited_for() {
        let (mut all, key) = (Expectations::default(), Key::new("shop", "web"));
        assert!(all.are_met(&key, at(0)));
        all.expect_made(&key, 2, at(0));
        all.made(&key);
        assert!(!all.are_met(&key, at(0)));
        all.made(&key);
        assert!(all.are_met(&key, at(0)));
        all.made(&key);
        assert!(all.are_met(&key, at(0)));
        all.expect_made(&key, 2, at(0));
        assert!(!all.are_met(&key, at(300)));
        assert!(all.are_met(&key, at(301)));
        all.expect_made(&key, 2, at(0));
        all.forget(&key);
        assert!(all.are_met(&key, at(0)));
    }

    /// `TestUIDExpectations`, `pkg/controller/controller_utils_test.go`.
    #[test]
    fn the_end_of_a_pod_counts_once() {
        let (mut all, key) = (Expectations::default(), Key::new("shop", "web"));
        let pods = [Key::new("shop", "a"), Key::new("shop", "b")];
        all.expect_ended(&key, pods.clone(), at(0));
        all.ended(&key, &pods[0]);
        all.ended(&key, &pods[0]);
        all.ended(&key, &Key::new("shop", "other"));
        assert!(!all.are_met(&key, at(0)));
        all.ended(&key, &pods[1]);
        assert!(all.are_met(&key, at(0)));
    }

    #[test]
    fn a_cache_is_behind_until_it_holds_what_was_written() {
        let (mut all, key) = (Expectations::default(), Key::new("shop", "web"));
        all.wrote(&key, Kind::Pod, 7, at(0));
        all.saw(Kind::Pod, 6);
        all.saw(Kind::ReplicaSet, 9);
        assert!(!all.is_current(&key, at(0)));
        assert!(all.is_current(&key, at(31)));
        all.saw(Kind::Pod, 8);
        assert!(all.is_current(&key, at(0)));
    }
}

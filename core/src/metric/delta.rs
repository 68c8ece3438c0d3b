//! What was counted between two readings of a pod.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Histogram, Scraped};
use crate::analysis::{Count, Counted, micros, seconds};

/// What a pod has counted since it is there, without its series: what is kept where the process may end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Requests, and those that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<Count>,
    /// Requests, and those that took longer, by bound in microseconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slow: BTreeMap<u64, Count>,
}

impl Totals {
    /// Returns requests, and those above a bound in seconds.
    pub fn above(&self, bound: f64) -> Count {
        self.slow.get(&micros(bound)).copied().unwrap_or_default()
    }

    /// Returns what was counted since. A sum that fell began anew (a container was started again).
    pub fn since(&self, before: &Self) -> Counted {
        let count = |now: Count, before: Count| {
            if now.requests < before.requests || now.bad < before.bad {
                return now;
            }
            Count { requests: now.requests - before.requests, bad: now.bad - before.bad }
        };
        let errors = self.errors.zip(before.errors).map(|(now, before)| count(now, before));
        let slow = self
            .slow
            .iter()
            .filter_map(|(bound, now)| Some((seconds(*bound), count(*now, *before.slow.get(bound)?))));
        Counted { errors, slow: slow.collect() }
    }
}

impl Scraped {
    /// Returns the sums of all series, with latencies for these bounds in seconds.
    pub fn totals(&self, bounds: &[f64]) -> Totals {
        let errors = self.requests.as_ref().map(|series| {
            series.values().fold(Count::default(), |all, (requests, is_bad)| plus(all, *requests, *is_bad))
        });
        let above = |bound: u64| {
            let each = self.latencies.values().map(|one| (one.all, one.above(bound)));
            each.fold(Count::default(), |all, (requests, bad)| all.plus(Count { requests, bad }))
        };
        let known = self.bounds();
        let bounds = bounds.iter().filter(|bound| known.contains(bound)).map(|bound| micros(*bound));
        Totals { errors, slow: bounds.map(|bound| (bound, above(bound))).collect() }
    }

    /// Returns what was counted since a former reading of the same pod: a series that fell began anew, one that is new counts
    /// from nothing, one that is gone counts nothing, nor does one of a router's replica that is new.
    pub fn since(&self, before: &Self, bounds: &[f64]) -> Counted {
        let newcomers = self.newcomers(before);
        let errors = self.requests.as_ref().zip(before.requests.as_ref()).map(|(now, before)| {
            let each = now.iter().map(|(key, (requests, is_bad))| {
                let base = if newcomers.contains(key.as_str()) { *requests } else { 0 };
                (gained(*requests, before.get(key).map_or(base, |(requests, _)| *requests)), *is_bad)
            });
            each.fold(Count::default(), |all, (requests, is_bad)| plus(all, requests, is_bad))
        });
        let none = Histogram::default();
        let latencies: BTreeMap<String, Histogram> = self
            .latencies
            .iter()
            .map(|(key, now)| {
                let base = if newcomers.contains(key.as_str()) { now } else { &none };
                (key.clone(), now.since(before.latencies.get(key).unwrap_or(base)))
            })
            .collect();
        let since = Self { latencies, family: self.family, ..Self::default() };
        let slow = since.totals(bounds).slow;
        Counted { errors, slow: slow.into_iter().map(|(bound, count)| (seconds(bound), count)).collect() }
    }
}

impl Histogram {
    fn above(&self, bound: u64) -> u64 {
        self.all.saturating_sub(self.below.get(&bound).copied().unwrap_or(self.all))
    }

    fn since(&self, before: &Self) -> Self {
        if self.all < before.all {
            return self.clone();
        }
        let below = self
            .below
            .iter()
            .map(|(bound, count)| (*bound, gained(*count, before.below.get(bound).copied().unwrap_or(0))));
        Self { below: below.collect(), all: self.all - before.all }
    }
}

const fn gained(now: u64, before: u64) -> u64 {
    if now < before { now } else { now - before }
}

const fn plus(all: Count, requests: u64, is_bad: bool) -> Count {
    all.plus(Count { requests, bad: if is_bad { requests } else { 0 } })
}

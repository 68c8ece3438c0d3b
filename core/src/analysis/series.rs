//! One thing that is counted, look by look: failed requests, or requests above one bound.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::dispersion::{OfLooks, OfPods};
use super::evidence::{Look, below, mixed, numbers, same, worse};
use super::{Count, FLOOR};

/// Looks before the first alarm.
pub(super) const LOOKS: usize = 4;
/// Looks before "not worse".
pub(super) const LOOKS_TO_PASS: usize = 8;
/// Bad requests before the first alarm.
const BAD: u64 = 3;
/// The looks that say it most, without which the evidence has to stand.
const DROPPED: usize = 2;
/// Half of so many requests of one look are bad, and the stable version is well: one look is enough.
const AT_ONCE: u64 = 20;

/// Counts of all looks so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Series {
    pub(super) looks: Vec<Look>,
    scatter: OfLooks,
    stable: OfPods,
    /// Each canary pod, by uid.
    pods: BTreeMap<String, Pod>,
}

/// What is kept of a canary pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Pod {
    /// The looks before it was there.
    since: usize,
    /// Its requests and bad ones in each look after these.
    looks: Vec<[u64; 2]>,
    /// Of the looks without it.
    scatter: OfLooks,
}

impl Pod {
    fn own(&self) -> Count {
        self.looks
            .iter()
            .fold(Count::default(), |all, [requests, bad]| all.plus(Count { requests: *requests, bad: *bad }))
    }

    /// The looks without it.
    fn without(&self, looks: &[Look]) -> Vec<Look> {
        let own = std::iter::repeat_n(&[0, 0], self.since).chain(&self.looks);
        looks.iter().zip(own).map(|(look, own)| less(*look, *own)).collect()
    }
}

/// What is asked of a series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// Alternatives, in multiples of the margin.
    pub(super) grid: &'a [f64],
    /// So many times as many are not worse yet.
    pub(super) margin: f64,
    /// The logarithm of the evidence that is needed.
    pub(super) alarm: f64,
    /// So many times as many are worse for certain.
    pub(super) bad: f64,
}

impl Series {
    /// Takes a look in: counts of each pod that was read, by uid, and how many times as long it took as those before it.
    pub(super) fn add(
        &mut self,
        canary: &BTreeMap<String, Count>,
        stable: &BTreeMap<String, Count>,
        stretch: f64,
    ) {
        let ([nc, xc], [ns, xs]) = (total(canary), total(stable));
        let look = [nc, xc, ns, xs];
        for uid in canary.keys().filter(|uid| !self.pods.contains_key(*uid)).cloned().collect::<Vec<_>>() {
            let pod = Pod { since: self.looks.len(), scatter: self.scatter, ..Pod::default() };
            self.pods.insert(uid, pod);
        }
        for (uid, pod) in &mut self.pods {
            let own = canary.get(uid).copied().unwrap_or_default();
            let own = [own.requests, own.bad];
            pod.looks.push(own);
            pod.scatter.add(less(look, own), stretch);
        }
        self.looks.push(look);
        self.scatter.add(look, stretch);
        let pods: Vec<(u64, u64)> = stable.values().map(|count| (count.requests, count.bad)).collect();
        self.stable.add(&pods);
    }

    /// Returns all that was counted.
    pub(super) fn total(&self) -> Look {
        together(&self.looks)
    }

    /// Returns by what factor the counts scatter more than those of independent requests.
    pub(super) fn scatter(&self) -> f64 {
        self.factor(self.total(), self.scatter, self.pods.len())
    }

    fn factor(&self, [nc, _, ns, _]: Look, scatter: OfLooks, canaries: usize) -> f64 {
        let canaries = u64::try_from(canaries.max(1)).unwrap_or(u64::MAX);
        let [nc, ns, canaries, _] = numbers([nc, ns, canaries, 0]);
        let stable = (ns / self.stable.mean(self.looks.len()).max(1.0)).max(1.0);
        self.stable.factor(nc / canaries / stable).max(scatter.factor())
    }

    /// Returns the logarithm of the evidence that the canary is worse, with all guards: each takes evidence away, none
    /// gives any.
    pub(super) fn worse(&self, asked: Asked<'_>) -> f64 {
        let guarded = self.guarded(asked);
        // The guards alone are waived.
        if self.is_at_once() && self.plain(asked) >= asked.alarm { guarded.max(asked.alarm) } else { guarded }
    }

    fn guarded(&self, asked: Asked<'_>) -> f64 {
        if self.looks.len() < LOOKS || self.total()[1] < BAD {
            return f64::NEG_INFINITY;
        }
        let factor = self.scatter();
        let rest = asked.alarm / 2.0;
        let all = sums(&self.looks, asked);
        let whole = mixed(&all.iter().map(|sum| sum / factor).collect::<Vec<_>>());
        let undropped: Vec<f64> = all
            .iter()
            .zip(asked.grid)
            .map(|(sum, t)| (sum - best(&self.looks, *t, asked.margin)) / factor)
            .collect();
        let newest = mixed(&sums(self.newest(), asked).iter().map(|sum| sum / factor).collect::<Vec<_>>());
        let without = self.without_a_pod(asked).unwrap_or(f64::INFINITY);
        [mixed(&undropped) + rest, newest + rest, without + rest].into_iter().fold(whole, f64::min)
    }

    /// The evidence alone.
    fn plain(&self, asked: Asked<'_>) -> f64 {
        mixed(&sums(&self.looks, asked))
    }

    fn is_at_once(&self) -> bool {
        let Some(&[nc, xc, ns, xs]) = self.looks.last() else { return false };
        nc >= AT_ONCE && xc.saturating_mul(2) >= nc && xs.saturating_mul(4) <= ns
    }

    /// The newest third, two looks at least.
    fn newest(&self) -> &[Look] {
        let count = self.looks.len();
        let from = (2 * count / 3).min(count.saturating_sub(2));
        self.looks.get(from..).unwrap_or_default()
    }

    /// The least evidence that is left without one of the canary pods; `None` where there is only one.
    fn without_a_pod(&self, asked: Asked<'_>) -> Option<f64> {
        if self.pods.len() < 2 {
            return None;
        }
        let each = self.pods.values().map(|pod| {
            let looks = pod.without(&self.looks);
            let factor = self.factor(together(&looks), pod.scatter, self.pods.len() - 1);
            mixed(&sums(&looks, asked).iter().map(|sum| sum / factor).collect::<Vec<_>>())
        });
        each.reduce(f64::min)
    }

    /// Returns what the worst canary pod has counted, where there are several.
    pub(super) fn odd_pod(&self) -> Option<Count> {
        let counts = self.pods.values().map(Pod::own);
        counts.max_by(|a, b| a.rate().total_cmp(&b.rate())).filter(|_| self.pods.len() > 1)
    }

    /// Returns the logarithm of the evidence that the canary is not worse: less than `bad` times, or below the floor.
    pub(super) fn good(&self, asked: Asked<'_>) -> f64 {
        if self.looks.len() < LOOKS_TO_PASS {
            return f64::NEG_INFINITY;
        }
        let factor = self.scatter();
        let sum = |of: &dyn Fn(Look) -> f64| self.looks.iter().map(|look| of(*look)).sum::<f64>() / factor;
        mixed(&[sum(&|look| same(look, asked.bad)), sum(&|look| below(look, FLOOR))])
    }
}

fn less([nc, xc, ns, xs]: Look, [requests, bad]: [u64; 2]) -> Look {
    [nc.saturating_sub(requests), xc.saturating_sub(bad), ns, xs]
}

pub(super) fn together(looks: &[Look]) -> Look {
    looks.iter().fold([0; 4], |all, look| std::array::from_fn(|at| all[at].saturating_add(look[at])))
}

fn total(counts: &BTreeMap<String, Count>) -> [u64; 2] {
    let all = counts.values().fold(Count::default(), |all, count| all.plus(*count));
    [all.requests, all.bad]
}

fn sums(looks: &[Look], asked: Asked<'_>) -> Vec<f64> {
    let sum = |t: &f64| looks.iter().map(|look| worse(*look, t * asked.margin, asked.margin)).sum();
    asked.grid.iter().map(sum).collect()
}

/// What the looks that say it most say together.
fn best(looks: &[Look], t: f64, margin: f64) -> f64 {
    let mut each: Vec<f64> = looks.iter().map(|look| worse(*look, t * margin, margin).max(0.0)).collect();
    each.sort_by(|a, b| b.total_cmp(a));
    each.iter().take(DROPPED).sum()
}

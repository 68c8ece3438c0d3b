//! Above which latencies requests are slow.

use std::collections::BTreeMap;

use super::Comparison;
use crate::analysis::{Count, bounds};
use crate::metric::{Scraped, Totals};
use crate::traffic::Role;

impl Comparison {
    /// Bounds stay as they were chosen first, so that all looks count the same.
    pub(super) fn choose_bounds(&mut self, scraped: &BTreeMap<String, Scraped>) {
        if self.record.bounds.is_some() {
            return;
        }
        let is_stable = |pod: &String| self.asked_of.get(pod).is_some_and(|(_, role)| *role == Role::Stable);
        let stable = || scraped.iter().filter(|(pod, _)| is_stable(pod)).map(|(_, one)| one);
        let Some(first) = stable().next() else { return };
        let known = first.bounds();
        let chosen = match self.asked.slower_than {
            Some(asked) => known.into_iter().filter(|bound| is_same(*bound, asked)).collect(),
            None => chosen(&stable().map(|one| one.totals(&known)).collect::<Vec<_>>(), &known),
        };
        // Whoever has answered nothing yet tells no bounds.
        self.record.bounds = Some(chosen).filter(|chosen| !chosen.is_empty());
    }
}

/// Chooses bounds from what the stable pods have counted since they are there.
fn chosen(totals: &[Totals], known: &[f64]) -> Vec<f64> {
    let sum = |bound: f64| totals.iter().fold(Count::default(), |all, one| all.plus(one.above(bound)));
    bounds(&known.iter().map(|bound| (*bound, sum(*bound))).collect::<Vec<_>>())
}

/// Whether two bounds are the same but for how they were written.
pub fn is_same(a: f64, b: f64) -> bool {
    (a - b).abs() <= a.abs() * 1e-6
}

//! How far the evidence reaches: how much worse a version is at least, and how long it takes to tell.

use super::evidence::{below, numbers, same};
use super::series::{Asked, Series};
use super::{BETA, FLOOR};

/// Steps in which the factor is looked for.
const STEP: f64 = 0.05;

/// Returns the largest factor that the evidence excludes: at least so many times worse.
pub(super) fn at_least(series: &Series, asked: Asked<'_>) -> f64 {
    let holds = |margin: f64| series.worse(Asked { margin, ..asked }) >= asked.alarm;
    let mut margin = asked.margin;
    while margin < 1000.0 && holds(margin * (1.0 + STEP)) {
        margin *= 1.0 + STEP;
    }
    margin
}

/// Returns how many times as much of the same data would tell that the version is not worse, if it is not.
pub(super) fn times_as_much(series: &Series, bad: f64) -> Option<f64> {
    let [nc, xc, ns, xs] = series.total();
    let [n, x, ..] = numbers([nc.saturating_add(ns), xc.saturating_add(xs), 0, 0]);
    if n <= 0.0 || nc == 0 || ns == 0 {
        return None;
    }
    // As if both had the rate that they have together.
    let scatter = series.scatter();
    let p = x / n;
    let [canary, all, ..] = numbers([nc, nc.saturating_add(ns), 0, 0]);
    let ratio = p * (all * (same([nc, 0, ns, 1], bad)) - canary * bad.ln());
    let floor = canary * (p * (0.25_f64).ln() + (1.0 - p) * below([1, 0, 0, 0], FLOOR));
    let gain = ratio.max(floor) / scatter;
    let needed = (2.0 / BETA).ln();
    (gain > 0.0).then(|| needed / gain)
}

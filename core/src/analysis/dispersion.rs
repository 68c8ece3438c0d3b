//! How much more the counts scatter than those of independent requests: evidence is divided by that.

use serde::{Deserialize, Serialize};

use super::evidence::{Look, numbers};

/// So many looks without excess scatter are assumed before the first: few looks tell little of it.
const LOOKS: f64 = 5.0;
/// The same for degrees of freedom between the stable pods.
const PODS: f64 = 3.0;

/// Sums are kept as whole millionths, so that whoever goes on with them comes to the same.
const UNIT: f64 = 1e6;

/// How the canary's share of the bad requests scatters from look to look about its own mean: a difference that stays is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OfLooks {
    count: u32,
    sum: i64,
    squares: i64,
}

impl OfLooks {
    /// Takes a look in that took so many times as long as those before it, 1 or more. A difference that stays stands out by the
    /// square root of that in a long look (the first after a process was killed), and that is no scatter.
    pub(super) fn add(&mut self, look: Look, stretch: f64) {
        let [nc, xc, ns, xs] = numbers(look);
        let (n, x) = (nc + ns, xc + xs);
        let variance = x * nc * ns / (n * n);
        // Also where it is no number: without requests, or without a bad one.
        if variance.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater) {
            return;
        }
        let z = (xc - x * nc / n) / (variance * stretch.max(1.0)).sqrt();
        self.count += 1;
        self.sum = self.sum.saturating_add(whole(z));
        self.squares = self.squares.saturating_add(whole(z * z));
    }

    /// Returns the factor, 1 or more.
    pub(super) fn factor(self) -> f64 {
        let count = f64::from(self.count);
        let sum = part(self.sum);
        let about_mean = part(self.squares) - sum * sum / count.max(1.0);
        ((LOOKS + about_mean) / (LOOKS + (count - 1.0).max(0.0))).max(1.0)
    }
}

/// How the rates of the stable pods scatter within each look (Pearson's chi squared).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OfPods {
    chi: i64,
    freedom: u32,
    /// How many pods there were, over all looks.
    seen: u64,
}

impl OfPods {
    /// Takes requests and bad ones of each stable pod.
    pub(super) fn add(&mut self, pods: &[(u64, u64)]) {
        let count = u32::try_from(pods.len()).unwrap_or(u32::MAX);
        self.seen = self.seen.saturating_add(u64::from(count));
        let sum = |of: fn(&(u64, u64)) -> u64| pods.iter().map(of).fold(0, u64::saturating_add);
        let [n, x, ..] = numbers([sum(|pod| pod.0), sum(|pod| pod.1), 0, 0]);
        if count < 2 || x <= 0.0 || pods.iter().any(|pod| pod.0 == 0) {
            return;
        }
        let p = x / n;
        let chi = |&(requests, bad): &(u64, u64)| {
            let [requests, bad, ..] = numbers([requests, bad, 0, 0]);
            let expected = requests * p;
            (bad - expected).powi(2) / (expected * (1.0 - p)).max(1e-9)
        };
        self.chi = self.chi.saturating_add(whole(pods.iter().map(chi).sum()));
        self.freedom = self.freedom.saturating_add(count - 1);
    }

    /// Returns the factor, 1 or more, for canary pods that have so many times as many requests each as the stable pods.
    pub(super) fn factor(self, size: f64) -> f64 {
        let of_stable = ((PODS + part(self.chi)) / (PODS + f64::from(self.freedom))).max(1.0);
        1.0 + (of_stable - 1.0) * size.clamp(0.25, 4.0)
    }

    /// Returns how many stable pods there were in the mean of so many looks.
    pub(super) fn mean(self, looks: usize) -> f64 {
        let [seen, looks, ..] = numbers([self.seen, u64::try_from(looks).unwrap_or(u64::MAX), 0, 0]);
        seen / looks.max(1.0)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
fn whole(value: f64) -> i64 {
    (value * UNIT).round() as i64
}

#[expect(clippy::cast_precision_loss, reason = "leading digits are enough")]
fn part(value: i64) -> f64 {
    value as f64 / UNIT
}

//! Is the new version worse? Looks at the counters of both versions in, a judgement out; nothing here reads a clock.
//!
//! The claim: of a hundred rollouts of versions that fail at most [`Settings::margin`] times as many of their requests as the
//! stable version, at most one is called worse, **however often one looks**, whatever the error rate is and however it changes
//! for both at once. The assumption: given the rates of a look, requests fail independently of each other and of which pod
//! gets them. Where they do not (bursts, pods that differ), guards take evidence away:
//!
//! | guard | against |
//! |---|---|
//! | a margin, not equality | differences that nobody minds |
//! | the evidence divided by the dispersion seen, from look to look and between stable pods (quasi-likelihood: `McCullagh` and Nelder, *Generalized Linear Models*, 4.5) | requests that fail together |
//! | it stands without its two best looks | one burst |
//! | it stands in the newest third of the looks | young pods that recover |
//! | it stands without any one canary pod, if there are several | one bad node |
//! | three bad requests, four looks | anything |
//!
//! What lasts in the only canary pod cannot be told from its version. `docs/analysis-statistics.md` has all of it.
//!
//! The form of the evidence is in `analysis/evidence.rs`; it is an e-process (Ramdas, Grünwald, Vovk, Shafer: *Game-theoretic statistics
//! and safe anytime-valid inference*, 2023), so Ville's inequality holds at every look.

mod alone;
mod dispersion;
mod evidence;
mod picture;
mod probed;
mod reach;
mod replay;
mod series;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use replay::{Replayed, replay};

use evidence::{mixed, numbers};
use series::{Asked, Series};

/// False alarms that are allowed, of all causes together.
const ALPHA: f64 = 0.01;
/// Wrong "not worse" that are allowed, for each cause.
const BETA: f64 = 0.05;
/// Shares of bad requests that nobody minds.
const FLOOR: f64 = 0.005;
/// Alternatives for errors, in multiples of the margin: a version that fails all is far above one that fails a few more.
const ERRORS: [f64; 5] = [2.0, 4.0, 8.0, 16.0, 64.0];
/// Alternatives for slow requests: shares that are not small cannot be sixty times as large.
const SLOW: [f64; 4] = [1.5, 2.0, 4.0, 8.0];
/// Requests a second from which on twice as many can be told from as many.
const BUSY: f64 = 100.0;
/// The most bounds of latency that are judged together.
const BOUNDS: usize = 7;

/// Requests and bad ones among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Requests.
    pub requests: u64,
    /// Bad ones.
    pub bad: u64,
}

impl Count {
    /// Returns both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            bad: self.bad.saturating_add(other.bad),
        }
    }

    /// Returns the share of bad ones, from 0 to 1.
    pub fn rate(self) -> f64 {
        let [requests, bad, ..] = numbers([self.requests, self.bad, 0, 0]);
        bad / requests.max(1.0)
    }
}

/// What a pod has counted since the last look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// Requests, and those that failed; `None` where its metrics do not tell.
    pub errors: Option<Count>,
    /// Requests, and those above each bound in seconds.
    pub slow: Vec<(f64, Count)>,
}

impl Counted {
    /// Whether it has answered anything.
    pub fn has_requests(&self) -> bool {
        self.requests() > 0
    }

    fn requests(&self) -> u64 {
        let first = self.slow.first().map(|(_, count)| *count);
        self.errors.or(first).map_or(0, |count| count.requests)
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// So many times as many bad requests are not worse yet.
    pub margin: f64,
    /// The largest share of failed requests, from 0 to 1, whatever the stable version has.
    pub max_error_rate: Option<f64>,
    /// Whether the new version has all of the requests: there is nothing to compare it with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

/// All looks so far. Serialized it is what stands on the Lease, and whoever reads it comes to the same judgement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// Milliseconds that the looks took together.
    millis: u64,
    errors: Series,
    /// By bound, in microseconds.
    slow: BTreeMap<u64, Series>,
    /// The same of what a probe was answered; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe: Option<Box<Self>>,
}

/// What is thought of one thing that is counted, or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Not worse.
    Good,
    /// It is not known yet.
    Collecting,
    /// Worse.
    Worse,
}

/// What is thought of errors, or of latency.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// `errors`, or `slow`.
    pub name: &'static str,
    /// Whether that is of requests that a probe sent, and not of users'.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub probe: bool,
    /// Seconds that its looks took together.
    #[serde(skip)]
    pub seconds: f64,
    /// Above which requests are slow, in seconds, if one bound is judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// What is thought of it.
    pub state: State,
    /// What the canary's pods have counted.
    pub canary: Count,
    /// What the stable version's pods have counted that were read.
    pub stable: Count,
    /// The evidence that the canary is worse, divided by the one that is needed.
    pub evidence: f64,
    /// The evidence that is needed.
    pub needed: f64,
    /// The evidence that it is not, and the one that is needed.
    pub for_same: f64,
    /// By what factor the counts scatter more than those of independent requests.
    pub scatter: f64,
    /// So many times as many, above the floor, are excluded where `for_same` is enough.
    pub excludes: f64,
    /// At least so many times worse, if it is worse than the stable version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// Whether more than the largest share that is allowed fails.
    pub above_most: bool,
    /// That share, where it is all that is judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<f64>,
}

/// What is thought of the new version.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Of all metrics together: the worst, and good only if all are.
    pub state: State,
    /// Each.
    pub metrics: Vec<Metric>,
    /// Seconds that the looks took together.
    pub seconds: f64,
}

impl Analysis {
    /// Takes in what each pod has counted since the last look, by uid, and how long that was; `None`: another process knows
    /// that, so it is told from the requests.
    pub fn look(
        &mut self,
        canary: &BTreeMap<String, Counted>,
        stable: &BTreeMap<String, Counted>,
        took: Option<Duration>,
    ) {
        let requests =
            canary.values().chain(stable.values()).map(Counted::requests).fold(0, u64::saturating_add);
        let millis = match took {
            Some(took) => u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            None => self.millis_of(requests),
        };
        let looks = u64::try_from(self.looks()).unwrap_or(u64::MAX);
        let [took, before, looks, _] = numbers([millis, self.millis, looks, 0]);
        let stretch = if before > 0.0 { (took * looks / before).max(1.0) } else { 1.0 };
        self.millis = self.millis.saturating_add(millis);
        let errors = |pods: &BTreeMap<String, Counted>| -> BTreeMap<String, Count> {
            pods.iter().filter_map(|(uid, counted)| Some((uid.clone(), counted.errors?))).collect()
        };
        let (of_canary, of_stable) = (errors(canary), errors(stable));
        if !of_canary.is_empty() && !of_stable.is_empty() {
            self.errors.add(&of_canary, &of_stable, stretch);
        }
        let bounds = stable.values().flat_map(|counted| counted.slow.iter().map(|(bound, _)| micros(*bound)));
        for bound in bounds.collect::<std::collections::BTreeSet<_>>() {
            let above = |pods: &BTreeMap<String, Counted>| -> BTreeMap<String, Count> {
                let of = |counted: &Counted| {
                    counted.slow.iter().find(|(one, _)| micros(*one) == bound).map(|(_, count)| *count)
                };
                pods.iter().filter_map(|(uid, counted)| Some((uid.clone(), of(counted)?))).collect()
            };
            let (of_canary, of_stable) = (above(canary), above(stable));
            if !of_canary.is_empty() && !of_stable.is_empty() {
                self.slow.entry(bound).or_default().add(&of_canary, &of_stable, stretch);
            }
        }
    }

    /// The same for a version that has all of the requests.
    pub fn look_alone(&mut self, canary: &BTreeMap<String, Counted>, took: Option<Duration>) {
        let nobody = Counted { errors: Some(Count::default()), slow: Vec::new() };
        self.look(canary, &[(String::new(), nobody)].into(), took);
    }

    /// How long so many requests take at the rate of the looks so far.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float saturates"
    )]
    fn millis_of(&self, requests: u64) -> u64 {
        let [nc, _, ns, _] = numbers(self.shown().total());
        let [millis, requests, ..] = numbers([self.millis, requests, 0, 0]);
        if nc + ns > 0.0 { (millis * requests / (nc + ns)).round() as u64 } else { 0 }
    }

    /// What requests are counted by: errors, or the first bound.
    fn shown(&self) -> &Series {
        self.slow.values().next().filter(|_| self.errors.looks.is_empty()).unwrap_or(&self.errors)
    }

    /// Returns how many looks there were.
    pub fn looks(&self) -> usize {
        self.errors.looks.len().max(self.slow.values().map(|one| one.looks.len()).max().unwrap_or(0))
    }

    /// How many things are judged: they share the false alarms that are allowed.
    fn causes(&self, settings: Settings) -> u32 {
        let has_errors = !self.errors.looks.is_empty();
        let has_most = settings.max_error_rate.is_some() && has_errors;
        u32::from(has_errors) + u32::from(!self.slow.is_empty()) + u32::from(has_most)
    }

    /// Judges by all looks so far, but for those at what a probe was answered.
    fn judge_part(&self, settings: Settings, causes: u32) -> Judged {
        if let Some(most) = settings.max_error_rate.filter(|_| settings.alone) {
            return self.judge_alone(most, causes);
        }
        let seconds = numbers([self.millis, 0, 0, 0])[0] / 1000.0;
        let mut metrics = Vec::new();
        let has_errors = !self.errors.looks.is_empty();
        let most = settings.max_error_rate.filter(|_| has_errors);
        let alarm = (f64::from(causes.max(1)) / ALPHA).ln();
        let bad = self.bad();
        if has_errors {
            let asked = Asked { grid: &ERRORS, margin: settings.margin, alarm, bad };
            let mut metric =
                metric("errors", &self.errors, self.errors.worse(asked), self.errors.good(asked), asked);
            if most.is_some_and(|most| self.is_above(most, alarm)) {
                metric.above_most = true;
                metric.state = State::Worse;
            }
            metrics.push(metric);
        }
        let asked = Asked { grid: &SLOW, margin: settings.margin, alarm, bad };
        let of_each = |of: &dyn Fn(&Series) -> f64| self.slow.values().map(of).collect::<Vec<_>>();
        if let Some((bound, first)) = self.slow.first_key_value() {
            let worse = mixed(&of_each(&|series| series.worse(asked)));
            let good = of_each(&|series| series.good(asked)).into_iter().fold(f64::INFINITY, f64::min);
            // For people: the bound that says it most.
            let shown = self.slow.iter().max_by(|a, b| a.1.worse(asked).total_cmp(&b.1.worse(asked)));
            let (bound, series) = shown.unwrap_or((bound, first));
            let mut metric = metric("slow", series, worse, good, asked);
            metric.bound = Some(self::seconds(*bound));
            metrics.push(metric);
        }
        for metric in &mut metrics {
            metric.seconds = seconds;
        }
        let worst = metrics.iter().map(|metric| metric.state).max();
        Judged { state: worst.unwrap_or(State::Collecting), metrics, seconds }
    }

    /// How many times as many bad requests are worse for certain: with few requests a small factor cannot be told.
    fn bad(&self) -> f64 {
        let [nc, _, ns, _] = numbers(self.shown().total());
        let millis = numbers([self.millis, 0, 0, 0])[0];
        if (nc + ns) * 1000.0 >= BUSY * millis.max(1.0) { 2.0 } else { 3.0 }
    }
}

fn metric(name: &'static str, series: &Series, worse: f64, good: f64, asked: Asked<'_>) -> Metric {
    let [nc, xc, ns, xs] = series.total();
    let state = if worse >= asked.alarm {
        State::Worse
    } else if good >= -BETA.ln() {
        State::Good
    } else {
        State::Collecting
    };
    Metric {
        name,
        probe: false,
        seconds: 0.0,
        bound: None,
        state,
        canary: Count { requests: nc, bad: xc },
        stable: Count { requests: ns, bad: xs },
        evidence: finite(worse.exp()),
        needed: asked.alarm.exp(),
        for_same: finite(good.exp()),
        scatter: series.scatter(),
        excludes: asked.bad,
        at_least: (state == State::Worse).then(|| reach::at_least(series, asked)),
        above_most: false,
        allowed: None,
    }
}

/// Chooses bounds of latency from what the stable version has counted since it is there: those above which there is at most
/// half, and at least one in a thousand of its requests; and the first that hardly any of them reaches, which those of a
/// slower version may.
pub fn bounds(stable: &[(f64, Count)]) -> Vec<f64> {
    let fits = |(_, count): &&(f64, Count)| (0.001..=0.5).contains(&count.rate());
    let usual = stable.iter().filter(fits).take(BOUNDS - 1);
    let beyond = stable.iter().find(|(_, count)| count.requests > 0 && count.rate() < 0.001);
    usual.chain(beyond).map(|(bound, _)| *bound).collect()
}

/// JSON has no infinity.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::MAX }
}

/// Returns a bound of latency as a whole number, by which it is kept.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
pub(crate) fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round() as u64
}

/// Returns a bound in seconds again.
pub(crate) fn seconds(micros: u64) -> f64 {
    numbers([micros, 0, 0, 0])[0] / 1e6
}

#[cfg(test)]
mod tests;

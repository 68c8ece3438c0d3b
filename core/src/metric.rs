//! Which of a pod's metrics count requests, which of these failed, and how long they took: by the conventions of the
//! libraries that programs use.

mod convention;
mod delta;
mod named;
mod replicas;

use std::collections::BTreeMap;

use crate::analysis::{micros, seconds};
use crate::brief;
use crate::exposition::{Sample, samples};

use convention::{FAMILIES, HISTOGRAMS, is_aside, is_aside_path};
pub use delta::Totals;
pub use named::{CounterName, HistogramName, Labels, Named, Patterns};
pub use replicas::{COUNTED_BY, Counter, Counts};

/// The longest list of names in an error, in letters.
const NAMES: usize = 200;

/// What a pod's metrics say at one moment: each series by itself, because each may begin anew.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scraped {
    /// Requests by series, and whether they are bad ones; `None` where failures are not told apart.
    requests: Option<BTreeMap<String, (u64, bool)>>,
    /// Latencies by series.
    latencies: BTreeMap<String, Histogram>,
    /// Which replica of a router has counted a series; empty for what a pod says of itself.
    replicas: BTreeMap<String, String>,
    /// The name of what counts requests.
    pub family: &'static str,
}

/// How many requests took how long.
#[derive(Clone, Debug, Default, PartialEq)]
struct Histogram {
    /// By bound in microseconds, those that took no longer.
    below: BTreeMap<u64, u64>,
    /// All.
    all: u64,
}

impl Scraped {
    /// Reads a text.
    ///
    /// # Errors
    /// What it is, if it is no exposition; what is missing in it.
    pub fn of(text: &str, named: Option<&Named>) -> Result<Self, String> {
        let all = samples(text).map_err(|broken| {
            format!("that is no exposition of metrics: line {} begins with '{}'", broken.line, broken.text)
        })?;
        Self::of_samples(&all, named)
    }

    /// Reads samples.
    ///
    /// # Errors
    /// What is missing among them.
    pub fn of_samples(all: &[Sample<'_>], named: Option<&Named>) -> Result<Self, String> {
        if let Some(named) = named {
            return named.read(all);
        }
        let mut scraped = Self::default();
        for family in FAMILIES {
            let of_family = all.iter().filter(|sample| sample.name == family.name);
            let told: Vec<(&Sample<'_>, bool)> =
                of_family.filter_map(|sample| Some((sample, family.is_bad(sample)?))).collect();
            if told.is_empty() {
                continue;
            }
            // A pod that was only probed so far has answered nothing yet.
            let counts = told.into_iter().filter(|(sample, _)| !is_aside(sample));
            let series = counts.map(|(sample, is_bad)| Ok((key(sample), (whole(sample)?, is_bad))));
            scraped.requests = Some(series.collect::<Result<_, String>>()?);
            scraped.family = family.name;
            break;
        }
        for (name, unit) in HISTOGRAMS {
            scraped.latencies = histograms(all, name, *unit)?;
            if !scraped.latencies.is_empty() {
                break;
            }
        }
        if scraped.requests.is_none() && scraped.latencies.is_empty() {
            return Err(nothing(all));
        }
        Ok(scraped)
    }

    /// Whether it tells requests that failed from others.
    pub const fn tells_errors(&self) -> bool {
        self.requests.is_some()
    }

    /// Returns the bounds of its latencies in seconds that all series have.
    pub fn bounds(&self) -> Vec<f64> {
        let mut all = self.latencies.values();
        let first: Vec<u64> = all.next().map(|one| one.below.keys().copied().collect()).unwrap_or_default();
        let everywhere = first
            .into_iter()
            .filter(|bound| self.latencies.values().all(|one| one.below.contains_key(bound)));
        everywhere.map(seconds).collect()
    }
}

/// Returns the names of all that is read, by any convention.
pub fn names() -> Vec<&'static str> {
    let families = FAMILIES.iter().map(|family| family.name);
    families.chain(HISTOGRAMS.iter().map(|(name, _)| *name)).collect()
}

/// Whether pods' counters leave requests to this path out, where their labels tell paths.
pub fn is_left_out(path: &str, named: Option<&Named>) -> bool {
    let path = path.split('?').next().unwrap_or(path);
    is_aside_path(path) || named.is_some_and(|named| named.leaves_out(path))
}

fn key(sample: &Sample<'_>) -> String {
    let mut labels: Vec<String> = sample
        .labels
        .iter()
        .filter(|(name, _)| name != "le")
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    labels.sort();
    labels.join(",")
}

/// Reads a counter.
fn whole(sample: &Sample<'_>) -> Result<u64, String> {
    let value = sample.value;
    if !value.is_finite() || value < 0.0 {
        return Err(format!("{} is {value}, and that is no count", brief::cut(&sample.name, NAMES)));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float saturates"
    )]
    Ok(value.round() as u64)
}

fn histograms(samples: &[Sample<'_>], name: &str, unit: f64) -> Result<BTreeMap<String, Histogram>, String> {
    histogram_of(samples.iter().filter(|sample| sample.name == name && !is_aside(sample)), name, unit)
}

fn histogram_of<'s, 't: 's>(
    samples: impl Iterator<Item = &'s Sample<'t>>,
    name: &str,
    unit: f64,
) -> Result<BTreeMap<String, Histogram>, String> {
    let mut all: BTreeMap<String, Histogram> = BTreeMap::new();
    for sample in samples {
        let one = all.entry(key(sample)).or_default();
        match sample.label("le") {
            "+Inf" => one.all = whole(sample)?,
            bound => {
                let bound: f64 = bound.parse().map_err(|_| format!("{name} has the bound {bound:?}"))?;
                one.below.insert(micros(bound / unit), whole(sample)?);
            }
        }
    }
    Ok(all)
}

/// Says what is missing.
fn nothing(all: &[Sample<'_>]) -> String {
    let mut near: Vec<&str> = all.iter().map(|sample| &*sample.name).collect();
    near.retain(|name| ["request", "http", "grpc", "rpc"].iter().any(|word| name.contains(word)));
    near.dedup();
    let known: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
    let near = if near.is_empty() {
        String::new()
    } else {
        format!("; it has {}", brief::cut(&near.join(", "), NAMES))
    };
    format!("nothing in it counts requests that fail ({}){near}", known.join(", "))
}

#[cfg(test)]
mod tests;

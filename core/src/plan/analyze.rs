//! What is to be found out of the metrics of both versions while the new one serves.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::duration::MAX_SECONDS;
use crate::reading::MetricSource;

/// What is asked of the metrics. Kept in the plan, so that whoever goes on with a run asks the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Analyze {
    /// Where they are read.
    pub from: MetricSource,
    /// Requests that take longer than so many seconds are slow; absent: the bounds are chosen from the stable version's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slower_than: Option<f64>,
    /// So many times as many bad requests as the stable version has are not worse yet.
    pub margin: f64,
    /// The largest share of bad requests, from 0 to 1, whatever the stable version has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_error_rate: Option<f64>,
    /// Seconds for which new pods are Ready before the first look.
    pub warm_up: u64,
    /// Seconds of looks after which there is not enough data.
    pub limit: u64,
    /// Whether to go on as soon as it is known that the new version is not worse.
    #[serde(default)]
    pub early_pass: bool,
    /// What is done where that is not known in the end.
    #[serde(default)]
    pub on_inconclusive: OnInconclusive,
}

/// What is done where the metrics do not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OnInconclusive {
    /// Go back to the stable version.
    #[default]
    Abort,
    /// Stop where it stands.
    Hold,
    /// Go on.
    Promote,
}

impl Analyze {
    /// Returns what of it no command line asks.
    pub fn oddity(&self) -> Option<String> {
        let time = [self.warm_up, self.limit].into_iter().find(|seconds| *seconds > MAX_SECONDS);
        let share = |share: f64| share > 0.0 && share < 1.0;
        let numbers = (1.0..=10.0).contains(&self.margin)
            && self.max_error_rate.is_none_or(share)
            && self.slower_than.is_none_or(|seconds| seconds > 0.0 && seconds <= 3600.0);
        time.map(|seconds| format!("a time of {seconds} s"))
            .or_else(|| (!numbers).then(|| "an analysis with numbers that none has".to_owned()))
    }

    /// Returns it for people, after "let the canary serve".
    pub fn sentence(&self) -> String {
        let latency = self.slower_than.map_or_else(
            || "latency".to_owned(),
            |seconds| format!("requests slower than {} ms", (seconds * 1000.0).round()),
        );
        format!(
            "compare its errors and {latency} with the stable version's{}, after {} s, for {} s at most",
            match &self.from {
                MetricSource::Pods { .. } => String::new(),
                MetricSource::Prometheus { server, .. } => format!(" as {server} has them"),
            },
            self.warm_up,
            self.limit
        )
    }
}

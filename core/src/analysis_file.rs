//! The analysis file: which metrics tell whether a canary is worse, and where they come from. Schema 1.
//!
//! ```yaml
//! schema: 1
//! every: 15s
//! metrics:
//! - name: errors
//!   counter: http_requests_total          # compared with stable; from: pods (default), prometheus, router
//!   bad: {code: "5.."}
//!   ignore: {path: "/health.*"}
//! - name: slow
//!   histogram: http_request_duration_seconds
//!   slowerThan: 250ms
//! - name: queue                           # a limit: not compared with stable
//!   query: max(queue_depth{pod=~"${canary.pods}"})
//!   max: 100
//!   looks: 3                              # in a row
//!   dryRun: true
//!   onNoData: ignore
//! - name: gate
//!   web: {url: "https://gate.example/${deployment}", jsonPath: "{$.errors}"}
//!   max: 0
//! - name: smoke
//!   command: [./smoke, "${namespace}"]
//!   min: 0.9
//! prometheus:
//!   url: https://prom.example
//!   headers: {X-Scope-OrgID: shop}
//!   tokenFile: /run/secrets/prom
//! ```
//!
//! Nothing in it is secret: it is made to stand in a repository.

mod json_path;
mod read;
mod values;
mod variables;
mod written;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::condition::{Condition, Measured, Outcome, judge};

pub use json_path::JsonPath;
pub use values::{SECRET_HEADERS, is_private, latency, name as metric_name, span};
pub use variables::{VARIABLES, Variables, resolve, resolve_address, unknown};

/// The schema that is read and written.
pub const SCHEMA: u64 = 1;

/// The most metrics of a file: each costs a query a look, and alpha is divided by their number.
pub const MAX_METRICS: usize = 20;

/// How often metrics are looked at where nothing else is said: as often as Prometheus scrapes by default.
pub const EVERY: Duration = Duration::from_secs(15);

/// The longest time for an answer where nothing else is said.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// An analysis file.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalysisFile {
    /// The time from one look to the next, where a metric has none of its own.
    pub every: Duration,
    /// The metrics, with names of their own; at least one.
    pub metrics: Vec<Metric>,
    /// Where queries are sent.
    pub prometheus: Option<Prometheus>,
}

/// One metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// Its name in reports.
    pub name: String,
    /// The time from one look to the next.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written::span")]
    pub every: Option<Duration>,
    /// What is measured.
    #[serde(flatten)]
    pub source: Source,
    /// Whether it is shown and decides nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// What no data mean.
    #[serde(skip_serializing_if = "OnNoData::is_default")]
    pub on_no_data: OnNoData,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Source {
    /// Bad ones among requests, compared with stable.
    Counter {
        /// The counter's name.
        counter: String,
        /// Who is asked.
        #[serde(skip_serializing_if = "From::is_default")]
        from: From,
        /// Labels of bad requests, with anchored regular expressions.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        bad: BTreeMap<String, String>,
        /// Labels of requests that do not count, such as probes.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        ignore: BTreeMap<String, String>,
    },
    /// Slow ones among requests, compared with stable.
    Histogram {
        /// The histogram's name, without `_bucket`.
        histogram: String,
        /// Who is asked.
        #[serde(skip_serializing_if = "From::is_default")]
        from: From,
        /// Seconds above which a request is slow; without, bounds are chosen from the stable version's.
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written::latency")]
        slower_than: Option<f64>,
        /// Labels of requests that do not count.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        ignore: BTreeMap<String, String>,
    },
    /// A query of Prometheus with a limit.
    Query {
        /// The query, with variables.
        query: String,
        /// When it is good.
        #[serde(flatten)]
        limit: Limit,
    },
    /// What a program prints with a limit.
    Command {
        /// The program with its arguments, in which there may be variables; no shell.
        command: Vec<String>,
        /// The longest time for it; [`PATIENCE`] where nothing is said.
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written::span")]
        timeout: Option<Duration>,
        /// When it is good.
        #[serde(flatten)]
        limit: Limit,
    },
    /// The answer to a web request with a limit.
    Web {
        /// The request.
        web: Web,
        /// When it is good.
        #[serde(flatten)]
        limit: Limit,
    },
}

/// A web request that is answered in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Web {
    /// Where to, with variables.
    pub url: String,
    /// Headers, none of them secret.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A file with the token that goes as `Authorization: Bearer`, where nobody on the way can read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// What of the answer is measured, as [`JsonPath`] reads it: `{$.status}`; all of it where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_path: Option<String>,
    /// The longest time for an answer; [`PATIENCE`] where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written::span")]
    pub timeout: Option<Duration>,
}

/// When a measurement is good: within bounds, or by conditions as Argo has them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limit {
    /// At least so much.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written::number")]
    pub min: Option<f64>,
    /// At most so much.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written::number")]
    pub max: Option<f64>,
    /// It is good where this holds.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written::condition")]
    pub success_condition: Option<Condition>,
    /// It is bad where this holds.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written::condition")]
    pub failure_condition: Option<Condition>,
    /// So many bad looks in a row are a failure; 1 where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looks: Option<u32>,
}

/// Who is asked for a counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// The pods themselves, through the API server.
    #[default]
    Pods,
    /// Prometheus.
    Prometheus,
    /// The router.
    Router,
}

/// What no data mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnNoData {
    /// There is nothing to judge by.
    #[default]
    Inconclusive,
    /// The metric does not count.
    Ignore,
    /// The look is bad.
    Fail,
}

/// A Prometheus, or what answers as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Prometheus {
    /// `http://HOST:PORT/PATH`, `https://...`, or `service:NAMESPACE/NAME:PORT` through the API server.
    pub url: String,
    /// Headers, none of them secret.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A file with a bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// A program that prints a bearer token, with its arguments; no shell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_command: Vec<String>,
    /// A file with certificates that its own is signed by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

impl Prometheus {
    /// One of which the address is all there is to say.
    pub const fn at(url: String) -> Self {
        Self { url, headers: BTreeMap::new(), token_file: None, token_command: Vec::new(), ca_file: None }
    }
}

impl From {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
    fn is_default(&self) -> bool {
        *self == Self::Pods
    }
}

impl OnNoData {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
    fn is_default(&self) -> bool {
        *self == Self::Inconclusive
    }
}

impl Metric {
    /// Whether it has a limit, and is not compared with the stable version.
    pub const fn has_limit(&self) -> bool {
        self.limit().is_some()
    }

    /// Returns its limit, if it has one.
    pub const fn limit(&self) -> Option<&Limit> {
        match &self.source {
            Source::Query { limit, .. } | Source::Web { limit, .. } | Source::Command { limit, .. } => {
                Some(limit)
            }
            Source::Counter { .. } | Source::Histogram { .. } => None,
        }
    }
}

impl Limit {
    /// Judges one look. A list without a sample is for [`OnNoData`], where a condition does not say what it means.
    ///
    /// NaN is within no bounds, and no data either: an error, which is never a pass.
    pub fn judge(&self, measured: &Measured) -> Outcome {
        if self.success_condition.is_some() || self.failure_condition.is_some() {
            return judge(self.success_condition.as_ref(), self.failure_condition.as_ref(), measured);
        }
        let sample = match measured {
            Measured::Scalar(number) => Some(*number),
            Measured::Vector(samples) => match samples.as_slice() {
                [only] => Some(*only),
                many => return Outcome::Error(format!("one sample is wanted, and there are {}", many.len())),
            },
            Measured::Json(value) => value.as_f64(),
        };
        match sample {
            Some(number) if !number.is_nan() => {
                let within =
                    self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max);
                if within { Outcome::Successful } else { Outcome::Failed }
            }
            Some(_) => Outcome::Error("it is not a number (NaN)".into()),
            None => Outcome::Error("it is not a number".into()),
        }
    }

    /// Returns how many bad looks in a row are a failure.
    pub fn looks(&self) -> u32 {
        self.looks.unwrap_or(1)
    }
}

impl AnalysisFile {
    /// Whether it has this web request, to the letter.
    pub fn has_web(&self, wanted: &Web) -> bool {
        self.metrics.iter().any(|metric| matches!(&metric.source, Source::Web { web, .. } if web == wanted))
    }

    /// Whether it has this program with these arguments, to the letter.
    pub fn has_command(&self, wanted: &[String]) -> bool {
        let is_same =
            |source: &Source| matches!(source, Source::Command { command, .. } if command == wanted);
        self.metrics.iter().any(|metric| is_same(&metric.source))
    }

    /// Returns the programs that it has run for metrics.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        self.metrics.iter().filter_map(|metric| match &metric.source {
            Source::Command { command, .. } => command.first().map(String::as_str),
            Source::Counter { .. } | Source::Histogram { .. } | Source::Query { .. } | Source::Web { .. } => {
                None
            }
        })
    }

    /// Returns it as YAML.
    ///
    /// # Errors
    /// What the writer says.
    pub fn yaml(&self) -> Result<String, String> {
        serde_saphyr::to_string(self).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests;

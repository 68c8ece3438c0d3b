//! Writing an analysis file, as it is read.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::values::{written as span_text, written_latency as latency_text};
use super::{AnalysisFile, Metric, Prometheus, SCHEMA};
use crate::condition::Condition;

impl Serialize for AnalysisFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'f> {
            schema: u64,
            every: String,
            metrics: &'f [Metric],
            #[serde(skip_serializing_if = "Option::is_none")]
            prometheus: Option<&'f Prometheus>,
        }
        let every = span_text(self.every);
        let written =
            Written { schema: SCHEMA, every, metrics: &self.metrics, prometheus: self.prometheus.as_ref() };
        written.serialize(serializer)
    }
}

#[allow(clippy::ref_option, reason = "serde's form")]
pub(super) fn span<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    span.map(span_text).serialize(serializer)
}

#[allow(clippy::ref_option, reason = "serde's form")]
pub(super) fn latency<S: Serializer>(seconds: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    seconds.map(latency_text).serialize(serializer)
}

/// Whole numbers without a point.
#[allow(clippy::ref_option, reason = "serde's form")]
pub(super) fn number<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        #[allow(clippy::cast_possible_truncation, reason = "it is whole, and small")]
        Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => serializer.serialize_i64(*whole as i64),
        other => other.serialize(serializer),
    }
}

#[allow(clippy::ref_option, reason = "serde's form")]
pub(super) fn condition<S: Serializer>(
    condition: &Option<Condition>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    condition.as_ref().map(Condition::text).serialize(serializer)
}

//! What is asked of metrics, for people.

use super::Analyze;
use crate::reading::MetricSource;

impl Analyze {
    /// Returns it for people, after what is done meanwhile.
    pub fn sentence(&self) -> String {
        let latency = self.slower_than.map_or_else(
            || "latency".to_owned(),
            |seconds| format!("requests slower than {} ms", (seconds * 1000.0).round()),
        );
        let limits = self.file.iter().flat_map(|file| &file.metrics).filter(|metric| metric.has_limit());
        let limits: Vec<&str> = limits.map(|metric| metric.name.as_str()).collect();
        let sent =
            self.probe.as_ref().map(|probe| format!(" (sent: {})", probe.sentence())).unwrap_or_default();
        if !self.judges() {
            return format!("keep the limits of {}, after {} s", limits.join(", "), self.warm_up);
        }
        if let Some(most) = self.max_error_rate.filter(|_| self.alone) {
            let errors = format!("errors ({} %)", most * 100.0);
            let all: Vec<&str> = std::iter::once(errors.as_str()).chain(limits).collect();
            return format!("keep the limits of {}, after {} s{sent}", all.join(", "), self.warm_up);
        }
        let beside = if limits.is_empty() {
            String::new()
        } else {
            format!(", and keep the limits of {}", limits.join(", "))
        };
        let source = match &self.from {
            MetricSource::Pods { .. } => String::new(),
            MetricSource::Probe => " by a probe".to_owned(),
            MetricSource::Prometheus { server, .. } => format!(" as {server} has them"),
            MetricSource::Router { server, .. } => {
                format!(" as the router counts them and {server} has them")
            }
        };
        format!(
            "compare its errors and {latency} with the stable version's{source}{beside}, after {} s{sent}",
            self.warm_up
        )
    }
}

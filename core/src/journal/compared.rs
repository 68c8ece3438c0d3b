//! What of a comparison of metrics has to last longer than the process.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::analysis::Analysis;
use crate::metric::Totals;

/// What of a comparison of metrics has to last longer than the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparisonRecord {
    /// The pod-template-hash of the new version.
    pub canary: String,
    /// The step of the plan in which that was counted: within a look the share is the same.
    pub step: usize,
    /// Bounds of latency, in seconds, that requests are counted above; absent before the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Vec<f64>>,
    /// What each pod had counted at the last look, by uid.
    pub bases: BTreeMap<String, Totals>,
    /// Bounds of what a probe is answered, in seconds; absent before the first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_bounds: Option<Vec<f64>>,
    /// What the looks came to.
    pub analysis: Analysis,
}

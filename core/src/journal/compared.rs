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
    /// Metrics with a limit whose last looks were beyond it, by name: how many in a row.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bad_looks: BTreeMap<String, u32>,
    /// Whether what was counted did not fit on the Lease: whoever goes on counts anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_out: bool,
    /// What the looks came to.
    pub analysis: Analysis,
}

impl ComparisonRecord {
    /// Begins one of a version.
    pub fn of(canary: &str, step: usize) -> Self {
        Self {
            canary: canary.to_owned(),
            step,
            bounds: None,
            bases: BTreeMap::new(),
            probe_bounds: None,
            bad_looks: BTreeMap::new(),
            left_out: false,
            analysis: Analysis::default(),
        }
    }

    /// Returns what of it is kept where the counts do not fit.
    #[must_use]
    pub fn without_counts(&self) -> Self {
        let Self { canary, step, bad_looks, .. } = self;
        Self { bad_looks: bad_looks.clone(), left_out: true, ..Self::of(canary, *step) }
    }
}

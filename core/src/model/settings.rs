//! The settings of a workload that a hold changes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Marks, Names, Workload};
use crate::share::Bounds;

/// The user's own values of the fields that a hold changes. The template's original is the stable
/// revision's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Originals {
    /// Absent and 0 mean the same, but are restored as they were.
    pub min_ready_seconds: Option<i64>,
    /// Absent only where a client wrote null and the server kept it.
    pub progress_deadline_seconds: Option<i64>,
    /// The whole strategy, raw.
    pub strategy: Option<Value>,
}

impl Originals {
    /// Reads them off a workload that is not held.
    pub fn of(workload: &Workload) -> Self {
        Self {
            min_ready_seconds: workload.spec.min_ready_seconds,
            progress_deadline_seconds: workload.spec.progress_deadline_seconds,
            strategy: workload.spec.strategy.clone(),
        }
    }

    /// Returns those of a hold with these limits; what it lets be is absent.
    pub fn held(workload: &Workload, limits: Bounds) -> Self {
        let Marks { min_ready_seconds, progress_deadline_seconds } = workload.kind.marks();
        let strategy = Some(workload.kind.strategy(workload, limits));
        Self { min_ready_seconds, progress_deadline_seconds, strategy }
    }

    /// The fields with their paths, in the order in which they are written.
    pub fn fields(&self, kind: &Names) -> [(String, Option<Value>); 3] {
        [
            ("/spec/minReadySeconds".to_owned(), self.min_ready_seconds.map(Value::from)),
            ("/spec/progressDeadlineSeconds".to_owned(), self.progress_deadline_seconds.map(Value::from)),
            (format!("/spec/{}", kind.strategy), self.strategy.clone()),
        ]
    }
}

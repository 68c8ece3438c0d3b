//! The verdict on objects as a real cluster returned them, and on objects that no cluster should return.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "a test"
)]
#![allow(clippy::print_stdout, reason = "the table is worth reading")]

#[path = "health/absurd.rs"]
mod absurd;
#[path = "health/made.rs"]
mod made;
#[path = "health/rows.rs"]
mod rows;
#[path = "health/stable.rs"]
mod stable;

use std::sync::Arc;
use std::time::Duration;

use rollout_plus::health::{State, Verdict, View, Watch};
use rollout_plus::model::{ClusterEvent, Pod};
use rollout_plus::situation::{Observed, Situation};
use serde_json::Value;

/// A workload as it was recorded.
pub struct Recorded {
    pub observed: Observed,
    pub events: Vec<ClusterEvent>,
}

impl Recorded {
    /// Reads a recording; `None` for what is not made of objects.
    pub fn parse(value: &Value) -> Option<Self> {
        let pods: Vec<Pod> = serde_json::from_value(value["pods"].clone()).ok()?;
        let observed = Observed {
            workload: serde_json::from_value(value["deployment"].clone()).ok()?,
            revisions: serde_json::from_value(value["replicaSets"].clone()).ok()?,
            pods: pods.into_iter().map(Arc::new).collect(),
            ..Observed::default()
        };
        let events = serde_json::from_value(value["events"].clone()).ok()?;
        Some(Self { observed, events })
    }

    /// The same when its pods had just been made: nothing had happened to them yet.
    pub fn newborn(&self) -> Self {
        let mut observed = self.observed.clone();
        for pod in &mut observed.pods {
            Arc::make_mut(pod).status =
                serde_json::from_value(serde_json::json!({"phase": "Pending"})).unwrap();
        }
        Self { observed, events: Vec::new() }
    }

    /// The same once the Deployment controller has written its count: some recordings were quicker.
    pub fn counted(&self) -> Self {
        let mut observed = self.observed.clone();
        let generation = observed.workload.generation();
        observed.workload.status.observed_generation = generation;
        Self { observed, events: self.events.clone() }
    }

    /// Judges it at a time, in seconds.
    pub fn judge(&self, watch: &mut Watch, second: u64) -> Verdict {
        let situation = Situation::of(&self.observed);
        watch.look(&View::of(&situation, &self.events, false), Duration::from_secs(second))
    }
}

/// Whether every pod that is wanted is Ready, by the simplest count that there is.
pub fn all_ready(observed: &Observed) -> bool {
    let situation = Situation::of(observed);
    let Some(version) = situation.current else { return false };
    let ready = situation.pods_of(version).filter(|pod| pod.is_ready()).count();
    version.replicas() > 0 && ready >= usize::try_from(version.replicas()).unwrap()
}

pub fn is_healthy(verdict: &Verdict) -> bool {
    verdict.state == State::Healthy
}

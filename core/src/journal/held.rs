//! The record that a hold leaves on the Deployment: the way home.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::keys;
use crate::model::{Originals, Workload};
use crate::share::Bounds;
use crate::traffic::Traffic;

/// Who runs, since when, and where to read more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRef {
    /// Random, one per process.
    pub id: String,
    /// `user@host`, or what the CI system calls itself.
    pub holder: String,
    /// When the run began, RFC 3339, by the clock of its machine.
    pub since: String,
    /// The CI build, if any.
    #[serde(default)]
    pub link: Option<String>,
    /// The commit that is deployed, as far as the CI system says.
    #[serde(default)]
    pub commit: Option<String>,
    /// Who made that commit, or started the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

/// The value of [`keys::HELD_ANNOTATION`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldRecord {
    /// Version of this schema.
    pub v: u32,
    /// The run that wrote it. With `epoch` it fences off writers that were taken over.
    pub run: RunRef,
    /// Rises with every write of this record.
    pub epoch: u64,
    /// The weight that was asked for, in percent; absent if pods were asked for.
    pub asked: Option<u8>,
    /// The limits that we set.
    pub bounds: Bounds,
    /// The pod-template-hash of the stable ReplicaSet.
    pub stable: String,
    /// The [`crate::model::fingerprint`] of the canary's template.
    pub canary: String,
    /// The way home.
    pub original: Originals,
    /// How the traffic is routed, if a router splits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
}

impl HeldRecord {
    /// The schema that this program writes.
    pub const SCHEMA: u32 = 1;

    /// Reads the annotation's text; `None` for what we did not write.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(|record| record.v == Self::SCHEMA)
    }
}

impl Workload {
    /// Returns the record of a hold, which may be an older one: `kubectl rollout undo` brings annotations back.
    pub fn held_record(&self) -> Option<HeldRecord> {
        self.annotation(keys::HELD_ANNOTATION).and_then(HeldRecord::parse)
    }

    /// Returns the user's own `progressDeadlineSeconds`, from the record of the hold where there is one; `None`
    /// if there is no deadline.
    pub fn own_deadline(&self) -> Option<Duration> {
        let held = self.held_record().filter(|_| self.is_held());
        let own =
            held.map_or(self.spec.progress_deadline_seconds, |held| held.original.progress_deadline_seconds);
        let seconds = own.filter(|seconds| *seconds != keys::NO_DEADLINE)?;
        u64::try_from(seconds).ok().map(Duration::from_secs)
    }
}

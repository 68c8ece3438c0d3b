//! Events as the cluster tells them. They expire and are rate limited: they explain, they never decide.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

/// A `v1` Event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterEvent {
    /// Name and creation time.
    pub metadata: ObjectMeta,
    /// What it is about.
    pub involved_object: InvolvedObject,
    /// A word for machines, for example `FailedMount`.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub type_: String,
    /// How often it was seen.
    pub count: Option<i64>,
    /// When it was seen last, RFC 3339, by the cluster's clock.
    pub last_timestamp: Option<String>,
    /// The same, from newer components.
    pub event_time: Option<String>,
}

/// What an event is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InvolvedObject {
    /// For example `Pod`.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// The object's uid.
    pub uid: String,
}

impl ClusterEvent {
    /// Returns when it was seen last, as text that sorts by time.
    pub fn last_seen(&self) -> &str {
        self.last_timestamp.as_deref().or(self.event_time.as_deref()).unwrap_or_default()
    }

    /// Whether it was seen at a time or later. Both are of the cluster's clocks, and may have whole seconds only.
    pub fn seen_since(&self, time: Timestamp) -> bool {
        self.last_seen().parse::<Timestamp>().is_ok_and(|seen| seen.as_second() >= time.as_second())
    }
}

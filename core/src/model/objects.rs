//! What the API objects that we read have in common. Whatever is written back stays raw JSON, so that fields of
//! newer API servers survive.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::{Deserialize, Serialize};

/// A condition of a Deployment or Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// For example `Ready` or `Progressing`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// A word for machines.
    pub reason: Option<String>,
    /// A sentence for people.
    pub message: Option<String>,
    /// When the status last changed, by the server's clock.
    pub last_transition_time: Option<Time>,
}

pub(super) fn controller(metadata: &ObjectMeta) -> Option<&str> {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.as_str())
}

pub(super) fn count(replicas: i64) -> u32 {
    u32::try_from(replicas).unwrap_or(0)
}

/// Reads `null` as an empty list, as the API's own decoder does.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<Vec<T>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

//! The outcomes of former runs, kept on the workload's Lease.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Kind;
use crate::journal::Verb;
use crate::keys;

/// Outcomes that are kept.
const MOST: usize = 50;
/// The size that fits beside the journal, in bytes.
const MAX_BYTES: usize = 24 * 1024;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// The version is the only one, and was healthy to the end.
    Healthy,
    /// The version is the only one, and no pod of it was wanted: nothing is known of its health.
    Unjudged,
    /// The version has its share and was healthy.
    Held,
    /// A person took it away.
    Aborted,
    /// It failed.
    Failed,
    /// The metrics did not tell whether it is worse.
    Undecided,
    /// The run stopped with steps left.
    Interrupted,
}

impl Ending {
    /// Returns how a run ended that ended so: whether something is known to be wrong with the version.
    pub const fn after(kind: Kind) -> Self {
        match kind {
            Kind::VersionFailed | Kind::Infrastructure => Self::Failed,
            Kind::NotEnoughData => Self::Undecided,
            Kind::Usage
            | Kind::Cluster
            | Kind::Deadline
            | Kind::Locked
            | Kind::Refused
            | Kind::Interrupted => Self::Interrupted,
        }
    }

    /// Whether the version became the only one.
    pub const fn is_through(self) -> bool {
        match self {
            Self::Healthy | Self::Unjudged => true,
            Self::Held | Self::Aborted | Self::Failed | Self::Undecided | Self::Interrupted => false,
        }
    }

    /// Whether the version was given up.
    pub const fn is_bad(self) -> bool {
        match self {
            Self::Aborted | Self::Failed => true,
            Self::Healthy | Self::Unjudged | Self::Held | Self::Undecided | Self::Interrupted => false,
        }
    }
}

/// One outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was typed.
    pub verb: Verb,
    /// How it ended.
    pub ending: Ending,
    /// The failure's reason.
    #[serde(default)]
    pub reason: Option<String>,
    /// The number of the version in `kubectl rollout history`, if it still had one.
    pub revision: Option<u64>,
    /// The pod-template-hash of the version.
    pub hash: String,
    /// The pod-template-hash of the version that was there before.
    pub from: String,
    /// Who ran.
    pub who: String,
    /// The commit, if the CI system told it.
    #[serde(default)]
    pub commit: Option<String>,
    /// The CI build.
    #[serde(default)]
    pub link: Option<String>,
    /// Who made the commit, if the CI system told it.
    #[serde(default)]
    pub author: Option<String>,
    /// When the run began, RFC 3339.
    pub began: String,
    /// How long it took, in seconds.
    pub seconds: u64,
}

/// Reads the outcomes off a Lease, the oldest first.
pub fn outcomes(lease: &Value) -> Vec<Outcome> {
    let text = lease["metadata"]["annotations"][keys::HISTORY_ANNOTATION].as_str().unwrap_or("[]");
    // One that a newer version of this program wrote does not hide the others.
    let all: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
    all.into_iter().filter_map(|one| serde_json::from_value(one).ok()).collect()
}

/// Adds an outcome to a Lease; the oldest go where there are too many.
pub fn with_outcome(lease: &mut Value, outcome: &Outcome) {
    let mut all = outcomes(lease);
    all.push(outcome.clone());
    let surplus = all.len().saturating_sub(MOST);
    all.drain(..surplus);
    let text = |all: &[Outcome]| serde_json::to_string(all).unwrap_or_default();
    while text(&all).len() > MAX_BYTES && all.len() > 1 {
        all.remove(0);
    }
    lease["metadata"]["annotations"][keys::HISTORY_ANNOTATION] = Value::from(text(&all));
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(in crate::journal) fn outcome(revision: u64) -> Outcome {
        Outcome {
            verb: Verb::Rolling,
            ending: Ending::Healthy,
            reason: None,
            revision: Some(revision),
            hash: "abc".into(),
            from: "def".into(),
            who: "me@here".into(),
            commit: None,
            link: Some("https://ci/1".into()),
            author: None,
            began: "2026-01-01T00:00:00Z".into(),
            seconds: 7,
        }
    }

    #[test]
    fn the_newest_fifty_are_kept_and_none_is_lost_to_a_stranger() {
        let mut lease =
            json!({"metadata": {"annotations": {keys::HISTORY_ANNOTATION: "[{\"verb\": \"fly\"}]"}}});
        (1..=60).for_each(|revision| with_outcome(&mut lease, &outcome(revision)));
        let kept = outcomes(&lease);
        assert_eq!((kept.len(), kept[0].revision, kept[49].revision), (50, Some(11), Some(60)));
    }

    #[test]
    fn an_annotation_stays_within_its_size() {
        let mut lease = json!({});
        let long = Outcome { who: "x".repeat(5000), ..outcome(1) };
        (0..20).for_each(|_| with_outcome(&mut lease, &long));
        let text = lease["metadata"]["annotations"][keys::HISTORY_ANNOTATION].as_str().unwrap();
        assert!(text.len() <= MAX_BYTES && !outcomes(&lease).is_empty());
    }
}

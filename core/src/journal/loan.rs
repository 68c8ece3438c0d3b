//! What a hold has put into fields of the user's.

use serde::{Deserialize, Serialize};

use super::Originals;
use crate::keys;
use crate::model::Workload;
use crate::share::Bounds;

/// What holds have put into the fields of a workload, and what those come back to. It is noted in the journal before it is
/// done, and until no field has a value of ours any more: `kubectl rollout undo` gives a Deployment the annotations that it
/// had with another version (`Rollback`, `k8s.io/kubectl/pkg/polymorphichelpers/rollback.go`), so the record there may be gone,
/// or that of an older hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loan {
    /// The workload's uid: a re-created one has nothing to do with this.
    pub uid: String,
    /// The user's own values.
    pub original: Originals,
    /// All limits that may have been set since: a field that has another value is the user's.
    pub limits: Vec<Bounds>,
}

impl Loan {
    /// Whether the limits of a workload are some of ours.
    pub fn has_limits_of(&self, workload: &Workload) -> bool {
        self.limits.iter().any(|limits| workload.has_limits(*limits))
    }

    /// Returns the user's own values: whatever is not ours was written by somebody else.
    pub fn own(&self, workload: &Workload) -> Originals {
        let (live, original) = (Originals::of(workload), &self.original);
        let is_ours = self.has_limits_of(workload);
        Originals {
            min_ready_seconds: match live.min_ready_seconds {
                Some(keys::HELD) => original.min_ready_seconds,
                own => own,
            },
            progress_deadline_seconds: match live.progress_deadline_seconds {
                Some(keys::NO_DEADLINE) => original.progress_deadline_seconds,
                own => own,
            },
            strategy: if is_ours { original.strategy.clone() } else { live.strategy },
        }
    }
}

//! The journal and the lock as they stand on a workload's Lease. One object for both, so that whoever has
//! lost the lock cannot write the journal.

mod compared;
mod fault;
mod held;
mod history;
mod lease;
mod loan;
mod origin;
mod trusted;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Error, Kind};
use crate::health::Failure;
use crate::keys;
use crate::model::{Names, Workload};
use crate::plan::{Plan, Step};
use crate::traffic::Traffic;

pub use crate::model::Originals;
pub use compared::ComparisonRecord;
pub use fault::{FaultRecord, Victim};
pub use held::{HeldRecord, RunRef};
pub use history::{Ending, Outcome, outcomes, with_outcome};
pub use lease::{Lease, Written};
pub use loan::Loan;
pub use origin::note_origin;
pub use trusted::trusted_journal;

/// What the user typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Start or change a canary.
    Canary,
    /// Start a whole second set and switch all traffic at once.
    #[serde(rename = "blue-green")]
    BlueGreen,
    /// Make the canary the only version.
    Promote,
    /// Go back to the stable version.
    Abort,
    /// Replace the version by a stock rolling update.
    Rolling,
    /// Go back to a former version.
    Rollback,
    /// Replace all pods by new ones of the same version.
    Restart,
}

impl Verb {
    /// Returns the verb as it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::BlueGreen => "blue-green",
            Self::Promote => "promote",
            Self::Abort => "abort",
            Self::Rolling => "rolling",
            Self::Rollback => "rollback",
            Self::Restart => "restart",
        }
    }

    /// Whether it takes the lock from a live run: a person who aborts must not wait.
    pub const fn takes_over(self) -> bool {
        match self {
            Self::Promote | Self::Abort => true,
            Self::Canary | Self::BlueGreen | Self::Rolling | Self::Rollback | Self::Restart => false,
        }
    }

    /// Whether it brings a version that was not there before.
    pub const fn brings_a_version(self) -> bool {
        match self {
            Self::Canary | Self::BlueGreen | Self::Rolling => true,
            Self::Promote | Self::Abort | Self::Rollback | Self::Restart => false,
        }
    }

    /// Whether it is a way out of trouble, which nothing keeps shut that the live version has, too.
    pub const fn goes_back(self) -> bool {
        match self {
            Self::Rollback | Self::Restart => true,
            Self::Canary | Self::BlueGreen | Self::Promote | Self::Abort | Self::Rolling => false,
        }
    }
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Under way, or killed.
    Open,
    /// Stopped in a safe state with steps left: a signal or a deadline.
    Interrupted,
    /// All steps done.
    Done,
    /// Ended for good without success.
    Failed,
}

impl State {
    /// Returns how far a run came that ended so: whether its steps that are left can still be done.
    pub const fn after(kind: Kind) -> Self {
        match kind {
            Kind::VersionFailed | Kind::Refused => Self::Failed,
            Kind::Usage
            | Kind::Cluster
            | Kind::Deadline
            | Kind::Locked
            | Kind::Infrastructure
            | Kind::NotEnoughData
            | Kind::Interrupted => Self::Interrupted,
        }
    }
}

/// The stable version as it was before the first write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The workload's uid: a re-created one has nothing to do with this.
    pub uid: String,
    /// The pod-template-hash of the stable ReplicaSet.
    pub stable: String,
    /// The stable pod template, without the hash label.
    pub template: Value,
    /// The fields that a hold changes.
    pub original: Originals,
    /// The [`crate::model::fingerprint`] of the new version's template.
    pub canary: String,
    /// The fingerprint of the template that was live when the run began.
    #[serde(default)]
    pub live: String,
}

/// The value of [`keys::JOURNAL_ANNOTATION`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// Version of this schema.
    pub schema: u32,
    /// The run that wrote it.
    pub run: RunRef,
    /// Rises with every run on this workload.
    pub epoch: u64,
    /// What the user typed.
    pub verb: Verb,
    /// What is to be done.
    pub plan: Plan,
    /// Steps of the plan that are done.
    pub cursor: usize,
    /// How far the run came.
    pub state: State,
    /// The way home, from the first write of a rollout until it is through or undone.
    pub snapshot: Option<Snapshot>,
    /// What holds have put into fields of the user's, from before the first hold until none has a value of ours any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loan: Option<Loan>,
    /// Why the version failed, once it did.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// How the traffic is routed, from before the first change of a route until the last is undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// What the metrics of both versions came to, until the run is through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<ComparisonRecord>,
}

impl Journal {
    /// The schema that this program writes.
    pub const SCHEMA: u32 = 1;

    /// Whether no hold is left to be put on: from here on the record alone tells the way back.
    pub fn is_past_holds(&self) -> bool {
        !self.plan.steps.iter().skip(self.cursor).any(Step::holds)
    }

    /// Whether steps are left to be done.
    pub fn is_open(&self) -> bool {
        match self.state {
            State::Open | State::Interrupted => true,
            State::Done | State::Failed => false,
        }
    }
}

/// Who holds the lock, as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockState {
    /// `user@host/run`, or nothing if it is free.
    pub holder: Option<String>,
    /// Last renewal as the holder wrote it. Compared for change only, never with a clock.
    pub renewed: Option<String>,
    /// For how long an unchanged record counts as held, in seconds.
    pub duration: u64,
}

/// Returns the name of a workload's Lease.
pub fn lease_name(kind: &Names, name: &str) -> String {
    format!("rollout-plus.{}.{name}", kind.word)
}

/// Returns a new Lease, owned by the workload so that it goes with it.
pub fn new_lease(workload: &Workload) -> Value {
    let id = workload.id();
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": lease_name(id.kind, &id.name),
            "namespace": id.namespace,
            "labels": {keys::MANAGED_BY: "rollout-plus"},
            "ownerReferences": [workload.owner_reference()],
        },
        "spec": {"leaseTransitions": 0},
    })
}

/// Writes holder and journal into a Lease. `now` is RFC 3339 with microseconds; no holder frees the lock. What metrics came to is
/// left out where it does not fit: whoever goes on counts anew then, and the lock and the way back are kept.
///
/// # Errors
/// [`crate::error::Kind::Refused`] if the journal is larger than an annotation may be.
pub fn write_lease(
    lease: &mut Value,
    holder: Option<&RunRef>,
    journal: &Journal,
    now: &str,
) -> Result<(), Error> {
    let fits = |text: &String| text.len() <= keys::ANNOTATION_BYTES;
    let with = |compared| serde_json::to_string(&Journal { compared, ..journal.clone() }).ok();
    let uncounted = || with(journal.compared.as_ref().map(ComparisonRecord::without_counts)).filter(fits);
    let whole = serde_json::to_string(journal).ok().filter(fits);
    let text = whole.or_else(uncounted).or_else(|| with(None)).unwrap_or_default();
    if text.len() > keys::ANNOTATION_BYTES {
        return Err(Error::refused(format!(
            "the pod template is too large to be kept for an abort: the journal would be {} KiB, an annotation can hold {}",
            text.len() / 1024,
            keys::ANNOTATION_BYTES / 1024
        )));
    }
    lease["metadata"]["annotations"][keys::JOURNAL_ANNOTATION] = Value::from(text);
    seat(lease, holder, now);
    Ok(())
}

/// Writes who holds a Lease, or that nobody does. `now` is RFC 3339 with microseconds.
pub fn seat(lease: &mut Value, holder: Option<&RunRef>, now: &str) {
    let spec = &mut lease["spec"];
    let holder = holder.map(identity);
    let holder = holder.as_deref().unwrap_or_default();
    if spec["holderIdentity"].as_str().unwrap_or_default() != holder && !holder.is_empty() {
        spec["leaseTransitions"] = Value::from(spec["leaseTransitions"].as_i64().unwrap_or_default() + 1);
        spec["acquireTime"] = Value::from(now);
    }
    spec["holderIdentity"] = Value::from(holder);
    spec["leaseDurationSeconds"] = Value::from(keys::LEASE_SECONDS);
    spec["renewTime"] = Value::from(now);
}

/// Reads who holds a Lease.
pub fn lock_state(lease: &Value) -> LockState {
    let spec = &lease["spec"];
    LockState {
        holder: spec["holderIdentity"].as_str().filter(|holder| !holder.is_empty()).map(str::to_owned),
        renewed: spec["renewTime"].as_str().map(str::to_owned),
        // Somebody else's Lease of this name may say anything; the wait must stay bounded.
        duration: spec["leaseDurationSeconds"].as_u64().unwrap_or(0).clamp(1, 300),
    }
}

/// Reads the journal off a Lease; `None` if there is none of our schema, or none that may be followed.
pub fn journal(lease: &Value) -> Option<Journal> {
    trusted_journal(lease).ok().flatten()
}

/// Returns how a run is named as a holder.
pub fn identity(run: &RunRef) -> String {
    format!("{}/{}", run.holder, run.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_journal() -> Journal {
        let run = RunRef { id: "r1".into(), holder: "me@here".into(), ..RunRef::default() };
        Journal { run, ..crate::fixtures::journal(Verb::Canary, Plan { steps: vec![Step::AwaitCanary] }) }
    }

    #[test]
    fn a_lease_carries_holder_and_journal_and_keeps_the_rest() {
        let mut lease = new_lease(&Workload::default());
        lease["metadata"]["annotations"]["other"] = json!("kept");
        write_lease(&mut lease, Some(&a_journal().run), &a_journal(), "2026-01-01T00:00:00.000000Z").unwrap();
        assert_eq!(lock_state(&lease).holder.as_deref(), Some("me@here/r1"));
        assert_eq!(lease["spec"]["leaseTransitions"], 1);
        assert_eq!(journal(&lease), Some(a_journal()));
        write_lease(&mut lease, None, &a_journal(), "2026-01-01T00:00:01.000000Z").unwrap();
        assert_eq!(lock_state(&lease).holder, None);
        assert_eq!(lease["metadata"]["annotations"]["other"], "kept");
    }

    #[test]
    fn a_journal_of_another_schema_or_none_is_no_journal() {
        let mut lease = json!({});
        assert_eq!(journal(&lease), None);
        let mut newer = serde_json::to_value(a_journal()).unwrap();
        newer["schema"] = json!(99);
        lease["metadata"]["annotations"][keys::JOURNAL_ANNOTATION] = json!(newer.to_string());
        assert_eq!(journal(&lease), None);
    }

    #[test]
    fn a_journal_that_no_annotation_can_hold_is_refused() {
        let mut journal = a_journal();
        journal.run.holder = "x".repeat(keys::ANNOTATION_BYTES);
        assert!(write_lease(&mut json!({}), None, &journal, "").is_err());
    }

    /// Ten canary pods fill an annotation in half an hour: the lock has to be renewed, and the way back noted, all the same.
    #[test]
    fn counts_that_no_annotation_can_hold_are_left_out() {
        let compared = |bytes: usize| ComparisonRecord::of(&"x".repeat(bytes), 1);
        let with = |bytes| Journal { compared: Some(compared(bytes)), ..a_journal() };
        let mut lease = json!({});
        write_lease(&mut lease, None, &with(1000), "").unwrap();
        assert_eq!(self::journal(&lease), Some(with(1000)));
        write_lease(&mut lease, None, &with(keys::ANNOTATION_BYTES), "").unwrap();
        assert_eq!(self::journal(&lease), Some(a_journal()));
        let bad_looks = std::collections::BTreeMap::from([("queue".to_owned(), 2)]);
        let bounds = Some(vec![0.25; keys::ANNOTATION_BYTES / 4]);
        let large = ComparisonRecord { bounds, bad_looks: bad_looks.clone(), ..compared(5) };
        write_lease(&mut lease, None, &Journal { compared: Some(large), ..a_journal() }, "").unwrap();
        let left = self::journal(&lease).and_then(|journal| journal.compared).unwrap();
        assert_eq!(
            left,
            ComparisonRecord { left_out: true, bad_looks, ..compared(5) },
            "whoever goes on knows"
        );
    }
}

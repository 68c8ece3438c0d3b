//! The record of a fault that is on, as it stands on a workload's Lease: whoever comes next knows what to undo.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chaos::Fault;
use crate::journal::RunRef;
use crate::keys;

/// The value of [`keys::FAULT_ANNOTATION`], from before the fault until it is undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// Version of this schema.
    pub v: u32,
    /// The run that wrote it.
    pub run: RunRef,
    /// What is done.
    pub fault: Fault,
    /// To whom.
    pub victims: Vec<Victim>,
    /// For how long at most, in seconds from `since`: then the kubelet ends those pods.
    pub seconds: u64,
    /// When it began, RFC 3339, by the clock of the run's machine.
    pub since: String,
}

/// A pod that a fault hits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Victim {
    /// Its name.
    pub name: String,
    /// Its uid: another pod of this name is none.
    pub uid: String,
}

impl FaultRecord {
    /// The schema that this program writes.
    pub const SCHEMA: u32 = 1;

    /// Reads the record off a Lease; `None` if there is none that a run of ours could have written.
    pub fn on(lease: &Value) -> Option<Self> {
        let text = lease["metadata"]["annotations"][keys::FAULT_ANNOTATION].as_str()?;
        let record: Self = serde_json::from_str(text).ok()?;
        // Whoever may write the Lease must not lead others to other objects.
        let is_name = |name: &str| {
            !name.is_empty()
                && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-.".contains(letter))
        };
        let is_ours = record.v == Self::SCHEMA && record.victims.iter().all(|victim| is_name(&victim.name));
        is_ours.then_some(record)
    }

    /// Writes the record into a Lease.
    pub fn note(&self, lease: &mut Value) {
        lease["metadata"]["annotations"][keys::FAULT_ANNOTATION] =
            Value::from(serde_json::to_string(self).unwrap_or_default());
    }

    /// Takes it off a Lease.
    pub fn clear(lease: &mut Value) {
        if let Some(annotations) = lease["metadata"]["annotations"].as_object_mut() {
            annotations.remove(keys::FAULT_ANNOTATION);
        }
    }

    /// Returns the names of those that are hit.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.victims.iter().map(|victim| victim.name.as_str()).collect();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(name: &str) -> FaultRecord {
        let victims = vec![Victim { name: name.into(), uid: "u1".into() }];
        let run = RunRef { id: "r1".into(), ..RunRef::default() };
        FaultRecord { v: 1, run, fault: Fault::FailPods, victims, seconds: 35, since: String::new() }
    }

    #[test]
    fn a_record_is_read_as_it_is_written_and_taken_off() {
        let mut lease = json!({"metadata": {"annotations": {"other": "kept"}}});
        record("web-1").note(&mut lease);
        assert_eq!(FaultRecord::on(&lease), Some(record("web-1")));
        FaultRecord::clear(&mut lease);
        assert_eq!(lease, json!({"metadata": {"annotations": {"other": "kept"}}}));
        assert_eq!(FaultRecord::on(&lease), None);
    }

    #[test]
    fn a_record_that_leads_elsewhere_is_none() {
        for name in ["", "../secrets/key", "a/b", "a?b"] {
            let mut lease = json!({});
            record(name).note(&mut lease);
            assert_eq!(FaultRecord::on(&lease), None, "{name}");
        }
    }
}

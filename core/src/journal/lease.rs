//! A Lease as a list or a watch brings it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, NamespaceResourceScope, Resource};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::journal::{FaultRecord, Journal, LockState, journal, lock_state};

/// A `coordination.k8s.io/v1` Lease, as a list or a watch brings it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// Its metadata.
    pub metadata: ObjectMeta,
    spec: Value,
}

impl Lease {
    /// Returns what of it the journal and the lock are read from, as text: there may be thousands.
    pub fn packed(&self) -> String {
        let (metadata, spec) = (&self.metadata, &self.spec);
        json!({
            "metadata": {"name": metadata.name, "namespace": metadata.namespace, "annotations": metadata.annotations},
            "spec": spec,
        })
        .to_string()
    }

    /// Returns what runs have written on a Lease that was packed.
    ///
    /// # Errors
    /// If it is the text of none.
    pub fn record(packed: &str) -> Result<Written, serde_json::Error> {
        let lease: Value = serde_json::from_str(packed)?;
        Ok(Written { journal: journal(&lease), lock: lock_state(&lease), fault: FaultRecord::on(&lease) })
    }
}

/// What runs have written on a Lease.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The journal.
    pub journal: Option<Journal>,
    /// Who holds it.
    pub lock: LockState,
    /// A fault that is not undone.
    pub fault: Option<FaultRecord>,
}

impl Resource for Lease {
    const API_VERSION: &'static str = "coordination.k8s.io/v1";
    const GROUP: &'static str = "coordination.k8s.io";
    const KIND: &'static str = "Lease";
    const VERSION: &'static str = "v1";
    const URL_PATH_SEGMENT: &'static str = "leases";
    type Scope = NamespaceResourceScope;
}

impl Metadata for Lease {
    type Ty = ObjectMeta;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

//! A Lease as a list or a watch brings it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{Metadata, NamespaceResourceScope, Resource};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::journal::{Journal, LockState, journal, lock_state};

/// A `coordination.k8s.io/v1` Lease, as a list or a watch brings it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// Its metadata.
    pub metadata: ObjectMeta,
    spec: Value,
}

impl Lease {
    /// Returns the journal and the lock on it.
    pub fn record(&self) -> (Option<Journal>, LockState) {
        let (metadata, spec) = (&self.metadata, &self.spec);
        let lease = json!({
            "metadata": {"name": metadata.name, "namespace": metadata.namespace, "annotations": metadata.annotations},
            "spec": spec,
        });
        (journal(&lease), lock_state(&lease))
    }
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

//! Reading and writing a workload's Lease.

use serde_json::Value;

use crate::cluster::{Call, Cluster, Failure};
use crate::error::Error;
use crate::journal::lease_name;
use crate::keys::FIELD_MANAGER;
use crate::model::ObjectName;
use crate::model::resource::LEASES;

impl Cluster {
    /// Reads the Lease of a workload.
    pub(crate) async fn lease(&self, id: &ObjectName) -> Result<Option<Value>, Error> {
        let doing = format!("read the lock of {id}");
        self.optional(doing, self.path(&LEASES, &lease_name(id.kind, &id.name))).await
    }

    /// Creates a Lease, or replaces one that is still as we read it.
    pub(crate) async fn write_lease(&self, lease: &Value) -> Result<Value, Failure> {
        let name = lease["metadata"]["name"].as_str().unwrap_or_default();
        let exists = lease["metadata"]["resourceVersion"].is_string();
        let doing = format!("write the lock leases/{name} in namespace {}", self.namespace);
        let (method, path) = if exists {
            ("PUT", self.path(&LEASES, name))
        } else {
            ("POST", LEASES.collection(Some(&self.namespace)))
        };
        let path = format!("{path}?fieldManager={FIELD_MANAGER}");
        self.write(&Call { doing, method, path, body: Some(("application/json", lease.clone())) }).await
    }
}

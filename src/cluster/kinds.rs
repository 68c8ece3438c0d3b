//! Our own structs as kinds that kube can watch.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::{Deployment, Pod, ReplicaSet};
use crate::record::{self, Journal, LockState};

/// A `coordination.k8s.io/v1` Lease, as a list or a watch brings it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Lease {
    pub(super) metadata: ObjectMeta,
    spec: Value,
}

impl Lease {
    /// Returns the journal and the lock on it.
    pub(super) fn record(&self) -> (Option<Journal>, LockState) {
        let (metadata, spec) = (&self.metadata, &self.spec);
        let lease = json!({
            "metadata": {"name": metadata.name, "namespace": metadata.namespace, "annotations": metadata.annotations},
            "spec": spec,
        });
        (record::journal(&lease), record::lock_state(&lease))
    }
}

macro_rules! kind {
    ($type:ty, $kind:literal, $group:literal, $plural:literal) => {
        impl kube::Resource for $type {
            type DynamicType = ();
            type Scope = k8s_openapi::NamespaceResourceScope;

            fn kind((): &()) -> Cow<'_, str> {
                $kind.into()
            }
            fn group((): &()) -> Cow<'_, str> {
                $group.into()
            }
            fn version((): &()) -> Cow<'_, str> {
                "v1".into()
            }
            fn plural((): &()) -> Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

kind!(Deployment, "Deployment", "apps", "deployments");
kind!(ReplicaSet, "ReplicaSet", "apps", "replicasets");
kind!(Pod, "Pod", "", "pods");
kind!(Lease, "Lease", "coordination.k8s.io", "leases");

//! What one controller believes to be so: copies that lag behind the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::object::{Key, Object};

/// Typed copies, in the order of their names.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// Deployments.
    pub deployments: BTreeMap<Key, Arc<Deployment>>,
    /// `ReplicaSets`.
    pub replica_sets: BTreeMap<Key, Arc<ReplicaSet>>,
    /// Pods.
    pub pods: BTreeMap<Key, Arc<Pod>>,
    /// Services.
    pub services: BTreeMap<Key, Arc<Service>>,
    /// `EndpointSlices`.
    pub slices: BTreeMap<Key, Arc<EndpointSlice>>,
    /// Quotas.
    pub quotas: BTreeMap<Key, Arc<ResourceQuota>>,
    /// Autoscalers.
    pub autoscalers: BTreeMap<Key, Arc<HorizontalPodAutoscaler>>,
    /// Nodes.
    pub nodes: BTreeMap<Key, Arc<Node>>,
}

impl Cache {
    /// Takes a change in: the object as it is now, or that it is gone.
    pub fn take(&mut self, change: &Change) {
        match &change.after {
            Some(object) => self.keep(object),
            None => change.before.iter().for_each(|object| self.forget(object)),
        }
    }

    fn keep(&mut self, object: &Object) {
        let key = object.key();
        match object {
            Object::Deployment(it) => drop(self.deployments.insert(key, it.clone())),
            Object::ReplicaSet(it) => drop(self.replica_sets.insert(key, it.clone())),
            Object::Pod(it) => drop(self.pods.insert(key, it.clone())),
            Object::Service(it) => drop(self.services.insert(key, it.clone())),
            Object::EndpointSlice(it) => drop(self.slices.insert(key, it.clone())),
            Object::ResourceQuota(it) => drop(self.quotas.insert(key, it.clone())),
            Object::Autoscaler(it) => drop(self.autoscalers.insert(key, it.clone())),
            Object::Node(it) => drop(self.nodes.insert(key, it.clone())),
        }
    }

    fn forget(&mut self, object: &Object) {
        let key = object.key();
        match object {
            Object::Deployment(_) => drop(self.deployments.remove(&key)),
            Object::ReplicaSet(_) => drop(self.replica_sets.remove(&key)),
            Object::Pod(_) => drop(self.pods.remove(&key)),
            Object::Service(_) => drop(self.services.remove(&key)),
            Object::EndpointSlice(_) => drop(self.slices.remove(&key)),
            Object::ResourceQuota(_) => drop(self.quotas.remove(&key)),
            Object::Autoscaler(_) => drop(self.autoscalers.remove(&key)),
            Object::Node(_) => drop(self.nodes.remove(&key)),
        }
    }
}

/// What became of one object, as a watch tells it.
#[derive(Clone, Debug)]
pub struct Change {
    /// As the one who is told knew it before; absent when it is new to it.
    pub before: Option<Object>,
    /// As it is now; absent when it is gone.
    pub after: Option<Object>,
}

impl Change {
    /// The object, whether it is there or gone.
    pub fn object(&self) -> Option<&Object> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

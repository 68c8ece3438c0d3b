//! What one controller believes to be so: copies that lag behind the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::NetworkPolicy;

use crate::object::{Key, Object, Route};

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
    /// Network policies.
    pub policies: BTreeMap<Key, Arc<NetworkPolicy>>,
    /// Routes.
    pub routes: BTreeMap<Key, Arc<Route>>,
}

impl Cache {
    /// Takes a change in: the object as it is now, or that it is gone.
    pub fn take(&mut self, change: &Change) {
        if let Some(object) = change.object() {
            self.take_of(&object.key(), change);
        }
    }

    /// The same for whoever knows its key.
    pub fn take_of(&mut self, key: &Key, change: &Change) {
        match &change.after {
            Some(object) => self.keep(key, object),
            None => change.before.iter().for_each(|object| self.forget(key, object)),
        }
    }

    fn keep(&mut self, key: &Key, object: &Object) {
        match object {
            Object::Deployment(it) => put(&mut self.deployments, key, it),
            Object::ReplicaSet(it) => put(&mut self.replica_sets, key, it),
            Object::Pod(it) => put(&mut self.pods, key, it),
            Object::Service(it) => put(&mut self.services, key, it),
            Object::EndpointSlice(it) => put(&mut self.slices, key, it),
            Object::ResourceQuota(it) => put(&mut self.quotas, key, it),
            Object::Autoscaler(it) => put(&mut self.autoscalers, key, it),
            Object::Node(it) => put(&mut self.nodes, key, it),
            Object::NetworkPolicy(it) => put(&mut self.policies, key, it),
            Object::Route(it) => put(&mut self.routes, key, it),
        }
    }

    fn forget(&mut self, key: &Key, object: &Object) {
        match object {
            Object::Deployment(_) => drop(self.deployments.remove(key)),
            Object::ReplicaSet(_) => drop(self.replica_sets.remove(key)),
            Object::Pod(_) => drop(self.pods.remove(key)),
            Object::Service(_) => drop(self.services.remove(key)),
            Object::EndpointSlice(_) => drop(self.slices.remove(key)),
            Object::ResourceQuota(_) => drop(self.quotas.remove(key)),
            Object::Autoscaler(_) => drop(self.autoscalers.remove(key)),
            Object::Node(_) => drop(self.nodes.remove(key)),
            Object::NetworkPolicy(_) => drop(self.policies.remove(key)),
            Object::Route(_) => drop(self.routes.remove(key)),
        }
    }
}

/// A key is copied only for what is new.
fn put<T>(map: &mut BTreeMap<Key, Arc<T>>, key: &Key, object: &Arc<T>) {
    match map.get_mut(key) {
        Some(place) => place.clone_from(object),
        None => drop(map.insert(key.clone(), Arc::clone(object))),
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

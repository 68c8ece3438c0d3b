//! The objects that traffic goes by, as they were read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{Role, Split, Target, Traffic, selected, text};

/// Everything between the clients and the pods that we know of.
#[derive(Clone, Debug, Default)]
pub struct TrafficObjects {
    /// Services, routes, and objects of our own. `None`: it is not there.
    pub objects: BTreeMap<Target, Value>,
    /// EndpointSlices of the Services. Shared, because they name every pod.
    pub slices: Vec<Arc<Value>>,
}

impl TrafficObjects {
    /// Returns a Service.
    pub fn service(&self, name: &str) -> Option<&Value> {
        self.objects
            .iter()
            .find(|(target, _)| target.kind == "Service" && target.name == name)
            .map(|(_, value)| value)
    }

    /// Returns the routes that are there.
    pub fn routes<'r>(&'r self, traffic: &'r Traffic) -> impl Iterator<Item = (&'r Target, &'r Value)> {
        traffic.routes.iter().filter_map(|target| self.objects.get_key_value(target))
    }

    /// Returns what a router may look at; `pods` are the labels of each version's pods, as far as they are known.
    pub fn view<'r>(&'r self, traffic: &'r Traffic, pods: Vec<&'r Value>) -> View<'r> {
        let beside = traffic.beside.iter().filter_map(|target| self.objects.get(target)).collect();
        View { traffic, routes: self.routes(traffic).collect(), beside, traffic_objects: self, pods }
    }

    /// Returns the pods of a Service that are ready to serve. With two address families each is listed twice.
    pub fn ready(&self, service: &str) -> BTreeSet<&str> {
        self.slices_of(service).flat_map(ready_endpoints).collect()
    }

    /// Returns the pods of a Service but for those that end; an endpoint that is no pod is told by its address.
    pub fn pods(&self, service: &str) -> BTreeSet<&str> {
        let stays = |endpoint: &&Value| endpoint["conditions"]["terminating"] != true;
        let name = |endpoint| match text(endpoint, "/targetRef/name") {
            "" => text(endpoint, "/addresses/0"),
            name => name,
        };
        self.slices_of(service).flat_map(endpoints).filter(stays).map(name).collect()
    }

    fn slices_of<'r, 's>(&'r self, service: &'s str) -> impl Iterator<Item = &'r Value> + use<'r, 's> {
        let of = move |slice: &&Value| slice["metadata"]["labels"]["kubernetes.io/service-name"] == service;
        self.slices.iter().map(Arc::as_ref).filter(of)
    }
}

/// What a router may look at to make objects of its own.
#[derive(Clone, Debug)]
pub struct View<'v> {
    /// What the traffic goes by, and how the router is set up.
    pub traffic: &'v Traffic,
    /// The routes that are there.
    pub routes: Vec<(&'v Target, &'v Value)>,
    /// Objects of the user's that say how the Service is served, as far as they are there.
    pub beside: Vec<&'v Value>,
    /// All that the traffic goes by.
    pub traffic_objects: &'v TrafficObjects,
    /// The labels of each version's pods, as far as they are known.
    pub pods: Vec<&'v Value>,
}

impl View<'_> {
    /// Returns the hash of the pods that the Service of that role has; empty, which no pod has, before there is one.
    pub fn hash(&self, role: Role, root: &str) -> &str {
        let service = self.traffic_objects.service(&role.service(root));
        service.and_then(selected).unwrap_or_default()
    }

    /// Returns whose hosts and subsets there have to be: as the Services of ours, they are there until no route names
    /// one.
    pub fn roles(&self, split: &Split) -> Vec<Role> {
        let is_named = |role: &Role| {
            let name = format!("\"{}", split.name(Some(*role)));
            self.routes.iter().any(|(_, route)| route["spec"].to_string().contains(&name))
        };
        let both = [Role::Stable, Role::Canary];
        if split.is_undone() && !both.iter().any(is_named) {
            return Vec::new();
        }
        let asked = |role: Role| split.backends().iter().any(|backend| backend.role == Some(role));
        let is_there = |role: Role| self.traffic_objects.service(&split.name(Some(role))).is_some();
        both.into_iter().filter(|role| asked(*role) || is_there(*role)).collect()
    }
}

/// Returns the pods whose endpoints in an EndpointSlice are ready; absent means so (`discovery/v1` types.go).
pub fn ready_endpoints(slice: &Value) -> Vec<&str> {
    let ready = endpoints(slice).iter().filter(|endpoint| endpoint["conditions"]["ready"] != false);
    ready.map(|endpoint| text(endpoint, "/targetRef/name")).collect()
}

fn endpoints(slice: &Value) -> &[Value] {
    slice["endpoints"].as_array().map_or(&[], Vec::as_slice)
}

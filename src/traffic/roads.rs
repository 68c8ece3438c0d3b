//! The objects that traffic goes by, as they were read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Target, Traffic};

/// Everything between the clients and the pods that we know of.
#[derive(Clone, Debug, Default)]
pub struct Roads {
    /// Services, routes, and objects of our own. `None`: it is not there.
    pub objects: BTreeMap<Target, Value>,
    /// EndpointSlices of the Services.
    pub slices: Vec<Value>,
}

impl Roads {
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

    /// Returns the pods of a Service that are ready to serve. With two address families each is listed twice.
    pub fn ready(&self, service: &str) -> BTreeSet<&str> {
        let of = |slice: &&Value| slice["metadata"]["labels"]["kubernetes.io/service-name"] == service;
        self.slices.iter().filter(of).flat_map(ready_endpoints).collect()
    }
}

/// Returns the pods whose endpoints in an EndpointSlice are ready; absent means so (`discovery/v1` types.go).
pub fn ready_endpoints(slice: &Value) -> Vec<&str> {
    let endpoints = slice["endpoints"].as_array().map_or(&[][..], Vec::as_slice);
    let ready = endpoints.iter().filter(|endpoint| endpoint["conditions"]["ready"] != false);
    ready.map(|endpoint| super::text(endpoint, "/targetRef/name")).collect()
}

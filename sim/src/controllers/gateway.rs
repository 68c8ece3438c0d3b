//! The controller of a Gateway: what it says of routes. After Contour (`internal/dag/gatewayapi_processor.go` and
//! `internal/status/routeconditions.go` of projectcontour/contour) and Envoy Gateway
//! (`internal/gatewayapi/route.go` of envoyproxy/gateway), which differ in their words. What it serves is the data plane's.

use std::sync::PoisonError;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cache::{Cache, Change};
use crate::controllers::times::stamp;
use crate::controllers::{Controller, Sync, Write, in_namespace};
use crate::dataplane::proxies::Shared;
use crate::draw::Draw;
use crate::object::{Key, Kind, Object, Route};

/// The Gateway that takes routes.
pub const EDGE: &str = "edge";
/// The Gateway that takes none: its listeners allow no routes of the namespace.
pub const INTERNAL: &str = "internal";

/// In whose words it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Contour's.
    Contour,
    /// Envoy Gateway's.
    Envoy,
}

impl Words {
    /// Its name in entries of a status.
    const fn controller(self) -> &'static str {
        match self {
            Self::Contour => "projectcontour.io/gateway-controller",
            Self::Envoy => "gateway.envoyproxy.io/gatewayclass-controller",
        }
    }

    /// `EnsureService`, `internal/dag/accessors.go`; `processDestination`, `internal/gatewayapi/route.go`.
    fn missing(self, rule: usize, backend: usize, namespace: &str, name: &str) -> String {
        match self {
            Self::Contour => {
                format!("service \"{name}\" is invalid: service \"{namespace}/{name}\" not found")
            }
            Self::Envoy => format!(
                "Failed to process route rule {rule} backendRef {backend}: service {namespace}/{name} not found."
            ),
        }
    }
}

/// The controller.
#[derive(Debug)]
pub struct Gateways {
    /// In whose words it speaks.
    pub words: Words,
    /// The data plane, which is given what it knows.
    pub shared: Shared,
}

impl Controller for Gateways {
    fn name(&self) -> &'static str {
        "gateway-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Route, Kind::Service]
    }

    fn keys(&mut self, change: &Change, cache: &Cache) -> Vec<Key> {
        match change.object() {
            Some(object @ Object::Route(_)) => vec![object.key()],
            Some(object @ Object::Service(_)) => {
                let key = object.key();
                let routes = in_namespace(&cache.routes, &key.namespace);
                routes.map(|route| Object::Route(route.clone()).key()).collect()
            }
            _ => Vec::new(),
        }
    }

    fn sync(&mut self, key: &Key, cache: &Cache, now: Timestamp, _draw: &mut Draw) -> Sync {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).serve(cache);
        let Some(route) = cache.routes.get(key) else { return Sync::default() };
        let own = |entry: &&Value| entry["controllerName"] == self.words.controller();
        let before: Vec<&Value> = route.status.parents.iter().filter(own).collect();
        let parents =
            route.spec.parent_refs.iter().filter_map(|parent| self.entry(route, parent, cache, &before, now));
        let others = route.status.parents.iter().filter(|entry| !own(entry)).cloned();
        let parents: Vec<Value> = parents.chain(others).collect();
        if parents == route.status.parents {
            return Sync::default();
        }
        let mut route = Route::clone(route);
        route.status.parents = parents;
        Sync { writes: vec![Write::UpdateStatus(route.into())], again_after: None }
    }
}

impl Gateways {
    /// What it says of a route for one of its parents; nothing for one that is not its own.
    fn entry(
        &self,
        route: &Route,
        parent: &Value,
        cache: &Cache,
        before: &[&Value],
        now: Timestamp,
    ) -> Option<Value> {
        let accepted = match parent["name"].as_str() {
            Some(EDGE) => ("True", "Accepted", "Accepted HTTPRoute".to_owned()),
            Some(INTERNAL) => {
                let why = "No listeners included by this parent ref allowed this attachment.";
                ("False", "NotAllowedByListeners", why.to_owned())
            }
            _ => return None,
        };
        let resolved = match self.unresolved(route, cache) {
            None => ("True", "ResolvedRefs", "References resolved".to_owned()),
            Some(why) => ("False", "BackendNotFound", why),
        };
        let before = before.iter().find(|entry| entry["parentRef"] == *parent);
        let conditions =
            [("Accepted", accepted), ("ResolvedRefs", resolved)].map(|(type_, (is, reason, message))| {
                let list = before.and_then(|entry| entry["conditions"].as_array()).into_iter().flatten();
                let mut same = list.filter(|one| one["type"] == type_ && one["status"] == is);
                let since =
                    same.next().map_or_else(|| json!(stamp(now)), |one| one["lastTransitionTime"].clone());
                json!({"type": type_, "status": is, "reason": reason, "message": message,
                "observedGeneration": route.metadata.generation, "lastTransitionTime": since})
            });
        Some(
            json!({"parentRef": parent, "controllerName": self.words.controller(), "conditions": conditions}),
        )
    }

    /// The last backend that is not there: its condition takes the place of those before it.
    fn unresolved(&self, route: &Route, cache: &Cache) -> Option<String> {
        let home = route.metadata.namespace.as_deref().unwrap_or_default();
        let mut missing = None;
        for (rule, one) in route.spec.rules.iter().enumerate() {
            for (at, backend) in one.backend_refs.iter().enumerate() {
                let namespace = backend.namespace.as_deref().unwrap_or(home);
                if !cache.services.contains_key(&Key::new(namespace, &backend.name)) {
                    missing = Some(self.words.missing(rule, at, namespace, &backend.name));
                }
            }
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use serde_json::from_value;

    use super::*;

    fn cache(parents: &[&str], backends: &[&str], services: &[&str]) -> Cache {
        let parents: Vec<Value> = parents.iter().map(|name| json!({"name": name})).collect();
        let backends: Vec<Value> = backends.iter().map(|name| json!({"name": name})).collect();
        let route = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "web", "namespace": "shop", "generation": 3},
            "spec": {"parentRefs": parents, "rules": [{"backendRefs": backends}]},
            "status": {"parents": [{"controllerName": "other", "parentRef": {"name": "gone"}}]}});
        let mut cache = Cache::default();
        add(&mut cache, Kind::Route, &route);
        for name in services {
            add(&mut cache, Kind::Service, &json!({"metadata": {"name": name, "namespace": "shop"}}));
        }
        cache
    }

    fn add(cache: &mut Cache, kind: Kind, value: &Value) {
        let after = Some(Object::from_json(kind, value).unwrap());
        cache.take(&Change { before: None, after });
    }

    fn told(cache: &Cache, second: i64) -> Option<Route> {
        let now = Timestamp::from_second(second).unwrap();
        let sync = Gateways { words: Words::Contour, shared: Shared::default() }.sync(
            &Key::new("shop", "web"),
            cache,
            now,
            &mut Draw::new(1),
        );
        match sync.writes.as_slice() {
            [] => None,
            [Write::UpdateStatus(Object::Route(route))] => Some(Route::clone(route)),
            other => panic!("{other:?}"),
        }
    }

    fn condition(route: &Route, entry: usize, type_: &str) -> (String, String, i64) {
        let all: Vec<Value> = from_value(route.status.parents[entry]["conditions"].clone()).unwrap();
        let one = all.into_iter().find(|one| one["type"] == type_).unwrap();
        let text = |member: &str| one[member].as_str().unwrap().to_owned();
        (text("status"), text("message"), one["observedGeneration"].as_i64().unwrap())
    }

    #[test]
    fn a_route_is_answered_for_once_and_others_answers_stay() {
        let mut present = cache(&[EDGE, "foreign"], &["web"], &["web"]);
        let route = told(&present, 10).unwrap();
        assert_eq!(route.status.parents.len(), 2);
        assert_eq!(condition(&route, 0, "Accepted").0, "True");
        assert_eq!(condition(&route, 0, "ResolvedRefs"), ("True".into(), "References resolved".into(), 3));
        assert_eq!(route.status.parents[1]["controllerName"], "other");
        add(&mut present, Kind::Route, &Object::from(route).to_json().unwrap());
        assert_eq!(told(&present, 20), None);
    }

    #[test]
    fn what_is_not_there_is_told_and_a_closed_gateway_takes_nothing() {
        let route = told(&cache(&[EDGE, INTERNAL], &["web", "old"], &["web"]), 10).unwrap();
        let (status, message, _) = condition(&route, 0, "ResolvedRefs");
        assert_eq!(
            (status.as_str(), message.as_str()),
            ("False", "service \"old\" is invalid: service \"shop/old\" not found")
        );
        assert_eq!(condition(&route, 1, "Accepted").0, "False");
    }
}

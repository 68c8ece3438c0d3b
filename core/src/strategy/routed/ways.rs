//! Ways by which a router splits traffic, as far as they differ in what is written where, and what data planes make of
//! them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::keys::POD_TEMPLATE_HASH;
use crate::traffic::{Role, Target, TrafficObjects, text};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A route has all that it takes.
    Backends,
    /// A route names subsets, and an object beside it says which pods they have.
    Subsets,
    /// A route names subsets, and which pods they have comes into an object of the user's.
    Amended,
    /// A route names a Service, which says what each version gets.
    Groups,
}

/// Who gets requests.
pub(super) struct Backend<'r> {
    /// The Service whose pods these are.
    pub(super) name: String,
    pub(super) weight: u64,
    pub(super) ready: BTreeSet<&'r str>,
}

impl Way {
    pub(super) const fn router(self) -> &'static str {
        match self {
            Self::Backends => "httproute",
            Self::Subsets => "istio",
            Self::Amended => "consul",
            Self::Groups => "haproxy",
        }
    }

    pub(super) fn route(self, name: &str) -> (Target, Value) {
        let (api, kind, plural, spec) = match self {
            Self::Backends => (
                "gateway.networking.k8s.io/v1",
                "HTTPRoute",
                "httproutes",
                json!({"parentRefs": [{"name": "gate"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}),
            ),
            Self::Subsets => (
                "networking.istio.io/v1",
                "VirtualService",
                "virtualservices",
                json!({"hosts": [name], "http": [{"route": [{"destination": {"host": "web", "subset": "main"}}]}]}),
            ),
            Self::Amended => (
                "consul.hashicorp.com/v1alpha1",
                "ServiceSplitter",
                "servicesplitters",
                json!({"splits": [{"weight": 100, "service": "web"}]}),
            ),
            Self::Groups => (
                "networking.k8s.io/v1",
                "Ingress",
                "ingresses",
                json!({"rules": [{"host": name, "http": {"paths": [{"path": "/", "pathType": "Prefix",
                    "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}),
            ),
        };
        let metadata = json!({"name": name, "namespace": "shop", "uid": name, "generation": 1, "annotations": {"a": "b"}});
        (target(api, kind, plural, name), json!({"metadata": metadata, "spec": spec}))
    }

    /// What is beside it.
    pub(super) fn beside(self) -> Option<(Target, Value)> {
        let (target, spec) = match self {
            Self::Subsets => (
                target("networking.istio.io/v1", "DestinationRule", "destinationrules", "rule"),
                json!({"host": "web", "subsets": [{"name": "main", "labels": {"app": "web"}}]}),
            ),
            Self::Amended => (
                target("consul.hashicorp.com/v1alpha1", "ServiceResolver", "serviceresolvers", "web"),
                json!({"connectTimeout": "5s", "subsets": {}}),
            ),
            Self::Backends | Self::Groups => return None,
        };
        let metadata = json!({"name": target.name, "namespace": "shop", "uid": target.name});
        Some((target, json!({"metadata": metadata, "spec": spec})))
    }

    /// Returns what a data plane makes of a route, or what it misses.
    pub(super) fn backends<'r>(
        self,
        traffic_objects: &'r TrafficObjects,
        route: &Value,
    ) -> Result<Vec<Backend<'r>>, String> {
        match self {
            Self::Backends => {
                let list = route["spec"]["rules"][0]["backendRefs"].as_array().unwrap();
                let one = |entry: &Value| {
                    let name = text(entry, "/name").to_owned();
                    traffic_objects.service(&name).ok_or(&name)?;
                    let ready = traffic_objects.ready(&name);
                    Ok(Backend { name, weight: entry["weight"].as_u64().unwrap_or(1), ready })
                };
                list.iter().map(one).collect()
            }
            Self::Subsets => {
                let list = route["spec"]["http"][0]["route"].as_array().unwrap();
                list.iter().map(|entry| subset(traffic_objects, entry)).collect()
            }
            Self::Amended => {
                let list = route["spec"]["splits"].as_array().unwrap();
                list.iter().map(|entry| resolved(traffic_objects, entry)).collect()
            }
            Self::Groups => {
                let name = text(route, "/spec/rules/0/http/paths/0/backend/service/name");
                let service = traffic_objects.service(name).ok_or(name)?;
                let groups =
                    &service["metadata"]["annotations"]["haproxy-ingress.github.io/blue-green-balance"];
                let Some(groups) = groups.as_str() else {
                    return Ok(vec![Backend {
                        name: name.into(),
                        weight: 1,
                        ready: traffic_objects.ready(name),
                    }]);
                };
                let known = traffic_objects.ready(name);
                Ok(groups.split(',').map(|group| of_group(traffic_objects, &known, group)).collect())
            }
        }
    }
}

fn target(api: &str, kind: &str, plural: &str, name: &str) -> Target {
    Target {
        api: format!("/apis/{api}"),
        kind: kind.into(),
        plural: plural.into(),
        namespace: "shop".into(),
        name: name.into(),
    }
}

fn with_hash<'r>(pods: &BTreeSet<&'r str>, hash: &str) -> BTreeSet<&'r str> {
    pods.iter().copied().filter(|pod| pod.split_once('.').is_some_and(|(of, _)| of == hash)).collect()
}

fn subset<'r>(traffic_objects: &'r TrafficObjects, entry: &Value) -> Result<Backend<'r>, String> {
    let name = text(entry, "/destination/subset");
    let weight = entry["weight"].as_u64().unwrap_or(1);
    let rules = traffic_objects.objects.iter().filter(|(target, _)| target.kind == "DestinationRule");
    let mut subsets = rules.flat_map(|(_, rule)| rule["spec"]["subsets"].as_array().unwrap());
    let subset = subsets.find(|subset| subset["name"] == name).ok_or(name)?;
    let known = traffic_objects.ready("web");
    match subset["labels"][POD_TEMPLATE_HASH].as_str() {
        Some(hash) => Ok(Backend { name: name.into(), weight, ready: with_hash(&known, hash) }),
        None => Ok(Backend { name: "web".into(), weight, ready: known }),
    }
}

fn resolved<'r>(traffic_objects: &'r TrafficObjects, entry: &Value) -> Result<Backend<'r>, String> {
    let weight = entry["weight"].as_u64().unwrap();
    let known = traffic_objects.ready("web");
    let name = text(entry, "/serviceSubset");
    if name.is_empty() {
        return Ok(Backend { name: "web".into(), weight, ready: known });
    }
    let resolver =
        traffic_objects.objects.iter().find(|(target, _)| target.kind == "ServiceResolver").ok_or(name)?.1;
    let filter = resolver["spec"]["subsets"][name]["filter"].as_str().ok_or(name)?;
    let hash = filter.rsplit_once("^web-").unwrap().1.trim_end_matches("-\"");
    Ok(Backend { name: name.into(), weight, ready: with_hash(&known, hash) })
}

fn of_group<'r>(traffic_objects: &TrafficObjects, known: &BTreeSet<&'r str>, group: &str) -> Backend<'r> {
    let [label, hash, weight] = *group.split('=').collect::<Vec<_>>() else { panic!("{group}") };
    assert_eq!(label, POD_TEMPLATE_HASH);
    let canary = Role::Canary.service("web");
    let is_canary =
        traffic_objects.service(&canary).is_some_and(|one| one["spec"]["selector"][label] == hash);
    let name = if is_canary { canary } else { Role::Stable.service("web") };
    Backend { name, weight: weight.parse().unwrap(), ready: with_hash(known, hash) }
}

//! Shares of requests: pure functions of what a proxy knows.

use std::collections::BTreeMap;

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};

use crate::cache::Cache;
use crate::controllers::in_namespace;
use crate::object::{Key, Rule};

/// Where a request ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// At this pod.
    Pod(String),
    /// With an error: there is no such Service (500: `HTTPBackendRef` in `apis/v1/httproute_types.go` of
    /// kubernetes-sigs/gateway-api).
    NoService(String),
    /// With an error: it has no endpoint (503, ibid.).
    NoEndpoint(String),
    /// With an error: nobody has a weight (500, ibid.).
    NoBackend,
}

/// Parts of all requests, which are 1 together.
pub type Shares = BTreeMap<End, f64>;

/// What becomes of an endpoint that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It gets nothing any more (`internal/xdscache/v3/endpointslicetranslator.go` of projectcontour/contour).
    Left,
    /// It gets requests where no other endpoint is ready (`categorizeEndpoints`, `pkg/proxy/topology.go` of
    /// kubernetes/kubernetes).
    LastResort,
}

fn pod(endpoint: &Endpoint) -> Option<&str> {
    endpoint.target_ref.as_ref()?.name.as_deref()
}

fn slices<'c>(cache: &'c Cache, service: &'c Key) -> impl Iterator<Item = &'c EndpointSlice> {
    in_namespace(&cache.slices, &service.namespace).map(AsRef::as_ref).filter(|slice| {
        let labels = slice.metadata.labels.as_ref();
        labels.and_then(|labels| labels.get("kubernetes.io/service-name")) == Some(&service.name)
    })
}

/// The pods among which a Service's requests are divided, each by the same part.
fn pods<'c>(cache: &'c Cache, service: &'c Key, ending: Ending) -> Vec<&'c str> {
    let all: Vec<&Endpoint> = slices(cache, service).flat_map(|slice| &slice.endpoints).collect();
    let is = |condition: Option<bool>, absent: bool| condition.unwrap_or(absent);
    let some = |wanted: &dyn Fn(&Endpoint) -> bool| -> Vec<&'c str> {
        all.iter().filter(|endpoint| wanted(endpoint)).filter_map(|endpoint| pod(endpoint)).collect()
    };
    let ready = some(&|endpoint| endpoint.conditions.as_ref().is_none_or(|told| is(told.ready, true)));
    if !ready.is_empty() || ending == Ending::Left {
        return ready;
    }
    some(&|endpoint| {
        let told = endpoint.conditions.as_ref();
        told.is_some_and(|told| is(told.serving, true) && is(told.terminating, false))
    })
}

#[allow(clippy::cast_precision_loss, reason = "a share")]
fn part(one: usize, of: usize) -> f64 {
    one as f64 / of as f64
}

fn add(shares: &mut Shares, end: End, share: f64) {
    *shares.entry(end).or_default() += share;
}

/// Where the requests to a Service end.
pub fn of_service(cache: &Cache, service: &Key, ending: Ending) -> Shares {
    let mut shares = Shares::new();
    if !cache.services.contains_key(service) {
        add(&mut shares, End::NoService(service.name.clone()), 1.0);
        return shares;
    }
    let pods = pods(cache, service, ending);
    for pod in &pods {
        add(&mut shares, End::Pod((*pod).to_owned()), part(1, pods.len()));
    }
    if pods.is_empty() {
        add(&mut shares, End::NoEndpoint(service.name.clone()), 1.0);
    }
    shares
}

/// Where the requests of a route's rule end: each backend gets its weight's part of them, whatever it does with it.
pub fn of_rule(cache: &Cache, home: &str, rule: &Rule) -> Shares {
    let weight = |backend: &crate::object::Backend| f64::from(backend.weight.unwrap_or(1));
    let total: f64 = rule.backend_refs.iter().map(weight).sum();
    let mut shares = Shares::new();
    if total == 0.0 {
        add(&mut shares, End::NoBackend, 1.0);
        return shares;
    }
    for backend in rule.backend_refs.iter().filter(|backend| weight(backend) > 0.0) {
        let service = Key::new(backend.namespace.as_deref().unwrap_or(home), &backend.name);
        for (end, share) in of_service(cache, &service, Ending::Left) {
            add(&mut shares, end, share * weight(backend) / total);
        }
    }
    shares
}

/// The part of the requests that end with an error, and why.
pub fn failing(shares: &Shares) -> Option<(f64, String)> {
    let failed = |(end, share): (&End, &f64)| match end {
        End::Pod(_) => None,
        End::NoService(name) => Some((*share, format!("service/{name} is not there"))),
        End::NoEndpoint(name) => Some((*share, format!("service/{name} has no endpoint"))),
        End::NoBackend => Some((*share, "nobody has a weight".to_owned())),
    };
    let all: Vec<(f64, String)> = shares.iter().filter_map(failed).collect();
    let sum = all.iter().map(|(share, _)| share).sum();
    let why: Vec<&str> = all.iter().map(|(_, why)| why.as_str()).collect();
    (!all.is_empty()).then(|| (sum, why.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;
    use crate::cache::Change;
    use crate::object::{Kind, Object};

    fn add(cache: &mut Cache, kind: Kind, value: &Value) {
        let after = Some(Object::from_json(kind, value).unwrap());
        cache.take(&Change { before: None, after });
    }

    /// Services, each with pods: `+` is ready, `-` is not, `~` ends and still serves.
    fn cache(services: &[(&str, &[&str])]) -> Cache {
        let mut cache = Cache::default();
        for (name, pods) in services {
            add(&mut cache, Kind::Service, &json!({"metadata": {"name": name, "namespace": "shop"}}));
            let endpoint = |pod: &&str| {
                let (how, name) = pod.split_at(1);
                let conditions =
                    json!({"ready": how == "+", "serving": how != "-", "terminating": how == "~"});
                json!({"addresses": [], "conditions": conditions, "targetRef": {"kind": "Pod", "name": name}})
            };
            let endpoints: Vec<Value> = pods.iter().map(endpoint).collect();
            let metadata = json!({"name": format!("{name}-1"), "namespace": "shop", "labels": {"kubernetes.io/service-name": name}});
            let slice = json!({"metadata": metadata, "addressType": "IPv4", "endpoints": endpoints});
            add(&mut cache, Kind::EndpointSlice, &slice);
        }
        cache
    }

    fn rule(backends: &[(&str, u32)]) -> Rule {
        let one = |(name, weight): &(&str, u32)| json!({"name": name, "weight": weight});
        let backends: Vec<Value> = backends.iter().map(one).collect();
        from_value(json!({"backendRefs": backends})).unwrap()
    }

    fn told(shares: &Shares) -> Vec<(String, u32)> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole percents")]
        let percent = |share: &f64| (share * 100.0).round() as u32;
        let name = |end: &End| match end {
            End::Pod(name) => name.clone(),
            other => format!("{other:?}"),
        };
        shares.iter().map(|(end, share)| (name(end), percent(share))).collect()
    }

    fn wanted(list: &[(&str, u32)]) -> Vec<(String, u32)> {
        list.iter().map(|(name, percent)| ((*name).to_owned(), *percent)).collect()
    }

    #[test]
    fn a_service_divides_by_its_ready_endpoints() {
        let service = |pods: &[&str], ending| {
            told(&of_service(&cache(&[("web", pods)]), &Key::new("shop", "web"), ending))
        };
        assert_eq!(service(&["+a", "+b", "-c", "~d"], Ending::Left), wanted(&[("a", 50), ("b", 50)]));
        assert_eq!(service(&["-c", "~d"], Ending::LastResort), wanted(&[("d", 100)]));
        assert_eq!(service(&["-c", "~d"], Ending::Left), wanted(&[("NoEndpoint(\"web\")", 100)]));
        let none = of_service(&Cache::default(), &Key::new("shop", "web"), Ending::Left);
        assert_eq!(told(&none), wanted(&[("NoService(\"web\")", 100)]));
    }

    #[test]
    fn a_rule_divides_by_weights_and_what_nobody_answers_fails() {
        let cache = cache(&[("web", &["+a", "+b"]), ("new", &["+c"]), ("empty", &[])]);
        let shares = |backends: &[(&str, u32)]| of_rule(&cache, "shop", &rule(backends));
        assert_eq!(told(&shares(&[("web", 90), ("new", 10)])), wanted(&[("a", 45), ("b", 45), ("c", 10)]));
        assert_eq!(failing(&shares(&[("web", 100), ("empty", 0), ("gone", 0)])), None);
        let (share, why) = failing(&shares(&[("web", 50), ("empty", 25), ("gone", 25)])).unwrap();
        assert!((share - 0.5).abs() < 1e-9, "{share}");
        assert_eq!(why, "service/gone is not there, service/empty has no endpoint");
        assert_eq!(failing(&shares(&[("web", 0)])).unwrap().1, "nobody has a weight");
    }
}

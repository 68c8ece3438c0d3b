//! What objects say of Services: weights, and copies.

use serde_json::{Map, Value};

use super::BackendStatus;
use crate::keys::SPLIT_ANNOTATION;
use crate::router::Router;
use crate::traffic::{Role, embedded, is_ours, text};

/// The Services of one list, with their weights.
pub(super) type Group = Vec<BackendStatus>;

/// Returns the Services that an object names: in its spec, and in annotations that a router reads as objects.
pub(super) fn groups(object: &Value, service: &str, router: Option<&dyn Router>) -> Vec<Group> {
    if let Some(shares) = shares(object) {
        return vec![shares];
    }
    let annotations = object["metadata"]["annotations"].as_object();
    let weight = annotations.into_iter().flatten().find(|(key, _)| key.ends_with("/canary-weight"));
    let weight = weight.and_then(|(_, value)| value.as_str()?.parse().ok());
    let mut groups = vec![Group::new()];
    walk(&object["spec"], service, Gets::Requests(weight), &mut groups);
    for place in router.map(|router| router.places(object)).unwrap_or_default() {
        if let Some(value) = object.pointer(&place).and_then(Value::as_str).and_then(embedded) {
            walk(&value, service, Gets::Requests(weight), &mut groups);
        }
    }
    groups
}

/// Takes the groups as one: in order and each Service with a weight once.
pub(super) fn once(groups: Vec<Group>) -> Group {
    let mut found = Group::new();
    for one in groups.into_iter().flatten() {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

/// Returns what a Service of ours with several versions gives each.
fn shares(object: &Value) -> Option<Group> {
    let told = embedded(object["metadata"]["annotations"][SPLIT_ANNOTATION].as_str()?)?;
    let one = |(service, weight): (&String, &Value)| BackendStatus {
        service: service.clone(),
        weight: weight.as_u64(),
        mirror: None,
    };
    Some(told.as_object()?.iter().map(one).collect())
}

/// Returns the canary's share in percent, where the user's own Service divides its requests by `pods` percent; `None`
/// where no Service of ours is named.
///
/// A list that names the canary alone is for matched requests, but for one whose weight stands beside it: that of an
/// Ingress is a percentage already.
pub(super) fn share(groups: &[Group], service: &str, pods: f64) -> Option<f64> {
    let number = |weight: u64| u32::try_from(weight).map_or(0.0, f64::from);
    let weight = |group: &Group, is: &dyn Fn(&str) -> bool| -> f64 {
        group.iter().filter(|one| is(&one.service)).filter_map(|one| one.weight).map(number).sum()
    };
    let [stable, canary] = [Role::Stable, Role::Canary].map(|role| role.service(service));
    let names =
        |group: &Group, name: &str| group.iter().any(|one| one.service == *name && one.mirror.is_none());
    let weighs =
        |group: &Group, name: &str| group.iter().any(|one| one.service == *name && one.weight.is_some());
    let split = |group: &&Group| group.len() > 1 && (weighs(group, &canary) || weighs(group, &stable));
    let (own, root, all) = if let Some(group) = groups.iter().find(split) {
        (
            weight(group, &|name| name == canary),
            weight(group, &|name| name == service),
            weight(group, &|_| true),
        )
    } else {
        let alone = groups.iter().find(|group| weighs(group, &canary));
        let own = alone.map(|group| weight(group, &|name| name == canary));
        match (own, groups.iter().any(|group| names(group, &stable))) {
            (own, true) => (own.unwrap_or_default(), 0.0, 100.0),
            (Some(own), false) => {
                (own, if groups.iter().any(|group| names(group, service)) { 100.0 - own } else { 0.0 }, 100.0)
            }
            (None, false) => return None,
        }
    };
    (all > 0.0).then(|| ((own + root * pods / 100.0) * 10_000.0 / all).round() / 100.0)
}

/// What a Service gets where it is named.
#[derive(Clone, Copy)]
enum Gets {
    /// Requests, with this weight if one stands there.
    Requests(Option<u64>),
    /// A copy of so many percent of them.
    Copies(u64),
}

/// Adds what a value names to the last group; a list begins one of its own.
fn walk(value: &Value, service: &str, gets: Gets, groups: &mut Vec<Group>) {
    match value {
        Value::Array(list) => {
            let mut own = vec![Group::new()];
            for value in list {
                walk(value, service, gets, &mut own);
            }
            groups.splice(groups.len() - 1..groups.len() - 1, own);
        }
        Value::Object(members) => {
            let gets = match gets {
                // An entry of Contour's.
                Gets::Requests(_) if members.get("mirror") == Some(&Value::Bool(true)) => {
                    Gets::Copies(members.get("weight").and_then(Value::as_u64).unwrap_or(100))
                }
                Gets::Requests(weight) => {
                    Gets::Requests(members.get("weight").and_then(Value::as_u64).or(weight))
                }
                Gets::Copies(percent) => Gets::Copies(percent),
            };
            add(value, members, service, gets, groups);
            for (key, value) in members {
                match key.as_str() {
                    "requestMirror" => walk(value, service, Gets::Copies(copied(value)), groups),
                    "mirror" => walk(value, service, Gets::Copies(100), groups),
                    "mirrors" => value.as_array().into_iter().flatten().for_each(|value| {
                        walk(value, service, Gets::Copies(copied(value)), groups);
                    }),
                    _ => walk(value, service, gets, groups),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns of how many percent of the requests a copy is made: all, if nothing says so.
fn copied(mirror: &Value) -> u64 {
    let percent = mirror["percent"].as_u64().or_else(|| mirror["percentage"]["value"].as_u64());
    let fraction = || {
        let fraction = &mirror["fraction"];
        let denominator = fraction["denominator"].as_u64().unwrap_or(100);
        fraction["numerator"].as_u64()?.saturating_mul(100).checked_div(denominator)
    };
    percent.or_else(fraction).unwrap_or(100)
}

/// Adds the Service that an object names, if it is the user's own or one of ours.
fn add(value: &Value, members: &Map<String, Value>, service: &str, gets: Gets, groups: &mut [Group]) {
    let (weight, mirror) = match gets {
        Gets::Requests(weight) => (weight, None),
        Gets::Copies(percent) => (None, Some(percent)),
    };
    let named = ["subset", "serviceSubset", "name", "service", "host", "serviceName"];
    let name = named.iter().map(|key| text(value, &format!("/{key}"))).find(|name| {
        let name = name.split('.').next().unwrap_or_default();
        is_ours(name, service)
            || name == service
                && (weight.is_some() || ["port", "servicePort"].iter().any(|key| members.contains_key(*key)))
    });
    let (Some(name), Some(group)) = (name, groups.last_mut()) else { return };
    let name = name.split('.').next().unwrap_or_default().to_owned();
    let one = BackendStatus { service: name, weight, mirror };
    if !group.contains(&one) {
        group.push(one);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::keys::LAST_APPLIED;
    use crate::router::router;

    const PODS: f64 = 25.0;

    fn backends(object: &Value, service: &str) -> Group {
        once(groups(object, service, router("alb")))
    }

    #[test]
    fn a_share_is_that_of_a_list_and_not_of_matched_requests() {
        let backend = |name: &str, weight: u64| json!({"name": name, "port": 80, "weight": weight});
        let rule = |backends: &[Value]| json!({"backendRefs": backends});
        let all = |stable, canary| {
            let route = json!({"spec": {"rules": [rule(&[backend("web-rp-canary", 1)]),
                rule(&[backend("web", 0), backend("web-rp-stable", stable), backend("web-rp-canary", canary)])]}});
            share(&groups(&route, "web", None), "web", PODS)
        };
        assert_eq!((all(90, 10), all(100, 0), all(0, 100)), (Some(10.0), Some(0.0), Some(100.0)));
        let ingress = json!({"metadata": {"annotations": {"any/canary-weight": "20"}},
            "spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "web-rp-canary"}}}]}}]}});
        assert_eq!(share(&groups(&ingress, "web", None), "web", PODS), Some(20.0));
        let action = r#"{"forwardConfig": {"targetGroups": [{"serviceName": "web", "servicePort": 80, "weight": 0},
            {"serviceName": "web-rp-stable", "weight": 70}, {"serviceName": "web-rp-canary", "weight": 30}]}}"#;
        let load_balancer = json!({"metadata": {"annotations": {"alb.ingress.kubernetes.io/actions.x": action,
            LAST_APPLIED: action}}, "spec": {}});
        assert_eq!(share(&groups(&load_balancer, "web", router("alb")), "web", PODS), Some(30.0));
        assert_eq!(backends(&load_balancer, "web").len(), 3);
        assert_eq!(share(&groups(&json!({"spec": {}}), "web", None), "web", PODS), None);
    }

    #[test]
    fn a_share_of_the_root_is_divided_by_the_pods_and_one_of_the_stable_pods_is_not() {
        let told = |backends: &[(&str, u64)]| {
            let list: Vec<Value> = backends
                .iter()
                .map(|(name, weight)| json!({"name": name, "port": 80, "weight": weight}))
                .collect();
            share(&groups(&json!({"spec": {"rules": [{"backendRefs": list}]}}), "web", None), "web", PODS)
        };
        assert_eq!(told(&[("web", 1)]), None, "nothing of ours");
        assert_eq!(told(&[("web", 100), ("web-rp-stable", 0)]), Some(25.0));
        assert_eq!(told(&[("web", 0), ("web-rp-stable", 100)]), Some(0.0));
        assert_eq!(told(&[("web", 50), ("web-rp-stable", 50)]), Some(12.5));
        assert_eq!(told(&[("web", 100), ("web-rp-stable", 0), ("web-rp-canary", 0)]), Some(25.0));
        let path = |name: &str| {
            json!({"spec": {"rules": [{"http": {"paths": [
            {"backend": {"service": {"name": name, "port": {"number": 80}}}}]}}]}})
        };
        let ingress = |name| share(&groups(&path(name), "web", None), "web", PODS);
        assert_eq!((ingress("web"), ingress("web-rp-stable")), (None, Some(0.0)));
    }

    #[test]
    fn a_copy_is_no_share() {
        let pair = |service: &str, weight: Option<u64>, mirror: Option<u64>| BackendStatus {
            service: service.into(),
            weight,
            mirror,
        };
        let entries = |extra: &[Value]| {
            let two = [
                json!({"name": "web-rp-stable", "port": 80, "weight": 90}),
                json!({"name": "web-rp-canary", "port": 80, "weight": 10}),
            ];
            Value::Array([&two[..], extra].concat())
        };
        let shares = [pair("web-rp-stable", Some(90), None), pair("web-rp-canary", Some(10), None)];
        let wanted = |percent| [&shares[..], &[pair("web-rp-canary", None, Some(percent))]].concat();
        let same = |object: &Value, percent: u64| {
            let mut found = backends(object, "web");
            found.sort_by_key(|one| (one.mirror, u64::MAX - one.weight.unwrap_or_default()));
            assert_eq!(found, wanted(percent), "{object}");
            assert_eq!(share(&groups(object, "web", None), "web", PODS), Some(10.0), "{object}");
        };
        let gateway = |mirror: &Value| {
            json!({"spec": {"rules": [{"backendRefs": entries(&[]),
            "filters": [{"type": "RequestMirror", "requestMirror": mirror}]}]}})
        };
        let backend = json!({"name": "web-rp-canary", "port": 80});
        same(&gateway(&json!({"backendRef": backend, "percent": 20})), 20);
        same(&gateway(&json!({"backendRef": backend})), 100);
        same(&gateway(&json!({"backendRef": backend, "fraction": {"numerator": 1, "denominator": 4}})), 25);
        let copy = json!({"name": "web-rp-canary", "port": 80, "mirror": true, "weight": 30});
        same(&json!({"spec": {"routes": [{"services": entries(&[copy])}]}}), 30);
        let hosts = json!([{"destination": {"host": "web-rp-stable"}, "weight": 90},
            {"destination": {"host": "web-rp-canary"}, "weight": 10}]);
        let mirrors = json!([{"destination": {"host": "web-rp-canary"}, "percentage": {"value": 40}}]);
        same(&json!({"spec": {"http": [{"route": hosts, "mirrors": mirrors}]}}), 40);
    }

    #[test]
    fn what_an_object_says_is_read_off_any_kind() {
        let pair = |service: &str, weight: Option<u64>| BackendStatus {
            service: service.into(),
            weight,
            mirror: None,
        };
        let route = json!({"spec": {"rules": [{"name": "web", "backendRefs": [
            {"name": "web", "port": 80, "weight": 0}, {"name": "web-rp-stable", "port": 80, "weight": 90},
            {"name": "web-rp-canary", "port": 80, "weight": 10}]}]}});
        let wanted = [pair("web", Some(0)), pair("web-rp-stable", Some(90)), pair("web-rp-canary", Some(10))];
        assert_eq!(backends(&route, "web"), wanted);
        let service = json!({"spec": {"http": [{"route": [
            {"destination": {"host": "web-rp-canary.shop.svc.cluster.local"}, "weight": 10}]}]}});
        assert_eq!(backends(&service, "web"), [pair("web-rp-canary", Some(10))]);
        let subset = json!({"spec": {"http": [{"route": [
            {"destination": {"host": "web", "subset": "v1"}, "weight": 0},
            {"destination": {"host": "web", "subset": "web-rp-stable"}, "weight": 100}]}]}});
        assert_eq!(backends(&subset, "web"), [pair("web", Some(0)), pair("web-rp-stable", Some(100))]);
        let both = json!({"metadata": {"annotations": {SPLIT_ANNOTATION: r#"{"web-rp-canary":10,"web-rp-stable":90}"#}}});
        let wanted = [pair("web-rp-canary", Some(10)), pair("web-rp-stable", Some(90))];
        assert_eq!(backends(&both, "web"), wanted);
        let ingress = json!({"metadata": {"annotations": {"nginx.ingress.kubernetes.io/canary-weight": "20"}},
            "spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "web-rp-canary", "port": {"number": 80}}}}]}}]}});
        assert_eq!(backends(&ingress, "web"), [pair("web-rp-canary", Some(20))]);
    }
}

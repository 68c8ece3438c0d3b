//! How the traffic goes: what the objects say, and whether the data plane confirms it.

use serde::Serialize;
use serde_json::Value;

use crate::keys::SPLIT_ANNOTATION;
use crate::model::Situation;
use crate::router::{Router, Settled, router};
use crate::traffic::{Roads, Role, Traffic, embedded, is_ours, pinned_to, text};

/// The traffic of a workload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrafficStatus {
    /// The router, as `--router` takes it; `none` if the Service itself is switched.
    pub router: String,
    /// The user's own Service.
    pub service: String,
    /// Whether that Service is pinned to the pods of one version, and which: a pod-template-hash.
    pub pinned: Option<String>,
    /// The routes.
    pub routes: Vec<RouteStatus>,
    /// The canary's share in percent, if they say one.
    #[serde(skip)]
    share: Option<f64>,
}

/// One route, or an object of ours beside it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RouteStatus {
    /// `kind/name`, with the namespace where it is another.
    pub object: String,
    /// Whether it is there.
    pub exists: bool,
    /// Services that it names, with what it gives them.
    pub backends: Vec<BackendStatus>,
    /// Whether the data plane follows it; null where no status tells.
    pub confirmed: Option<bool>,
    /// What its status says, if it is not followed.
    pub message: Option<String>,
}

/// One Service of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackendStatus {
    /// The Service.
    pub service: String,
    /// Its weight as it stands there; null where there is none.
    pub weight: Option<u64>,
}

impl TrafficStatus {
    /// Sums up what was read; `None` where nothing splits or switches the traffic.
    pub(super) fn of(situation: &Situation<'_>) -> Option<Self> {
        let traffic = situation.observed.traffic.as_ref()?;
        let roads = &situation.observed.roads;
        let namespace = situation.deployment().id().namespace;
        let router = router(&traffic.router);
        let one = |target: &crate::traffic::Target| {
            let live = roads.objects.get(target);
            let settled = live.zip(router).map(|(live, router)| router.settled(live));
            let place = if target.namespace == namespace {
                String::new()
            } else {
                format!(" in {}", target.namespace)
            };
            RouteStatus {
                object: format!("{}/{}{place}", target.kind.to_lowercase(), target.name),
                exists: live.is_some(),
                backends: live.map(|live| once(groups(live, &traffic.service, router))).unwrap_or_default(),
                confirmed: match settled {
                    Some(Settled::Yes) => Some(true),
                    Some(Settled::No(_)) => Some(false),
                    Some(Settled::Silent) | None => None,
                },
                message: match settled {
                    Some(Settled::No(why)) => Some(why),
                    _ => None,
                },
            }
        };
        let own = traffic.own.iter().filter(|target| roads.objects.contains_key(target));
        let targets: Vec<_> = traffic.routes.iter().chain(own).collect();
        let named = targets.iter().filter_map(|target| roads.objects.get(target));
        let named: Vec<Group> = named.flat_map(|object| groups(object, &traffic.service, router)).collect();
        Some(Self {
            router: traffic.router.clone(),
            service: traffic.service.clone(),
            pinned: pinned(traffic, roads),
            routes: targets.into_iter().map(one).collect(),
            share: share(&named, &traffic.service),
        })
    }

    /// The canary's share in percent as the objects say; `None` if they name no canary.
    pub(super) fn share(&self) -> Option<f64> {
        self.share
    }

    /// Returns one line for each route.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.routes.iter().map(RouteStatus::line).collect();
        if let Some(hash) = &self.pinned {
            lines.push(format!("service/{}: pinned to {hash}", self.service));
        }
        lines
    }
}

impl RouteStatus {
    fn line(&self) -> String {
        if !self.exists {
            return format!("{}: not there", self.object);
        }
        let backend = |one: &BackendStatus| match one.weight {
            Some(weight) => format!("{} {weight}", one.service),
            None => one.service.clone(),
        };
        let backends: Vec<String> = self.backends.iter().map(backend).collect();
        let confirmed = match (self.confirmed, &self.message) {
            (Some(true), _) => "; the data plane follows",
            (Some(false), _) => "; not followed: ",
            (None, _) => "",
        };
        format!(
            "{}: {}{confirmed}{}",
            self.object,
            backends.join(", "),
            self.message.as_deref().unwrap_or_default()
        )
    }
}

fn pinned(traffic: &Traffic, roads: &Roads) -> Option<String> {
    let hash = pinned_to(roads.service(&traffic.service)?)?;
    (!hash.is_empty()).then(|| hash.to_owned())
}

/// The Services of one list, with their weights.
type Group = Vec<BackendStatus>;

/// Returns the Services that an object names: in its spec, and in annotations that a router reads as objects.
fn groups(object: &Value, service: &str, router: Option<&dyn Router>) -> Vec<Group> {
    if let Some(shares) = shares(object) {
        return vec![shares];
    }
    let annotations = object["metadata"]["annotations"].as_object();
    let weight = annotations.into_iter().flatten().find(|(key, _)| key.ends_with("/canary-weight"));
    let weight = weight.and_then(|(_, value)| value.as_str()?.parse().ok());
    let mut groups = vec![Group::new()];
    walk(&object["spec"], service, weight, &mut groups);
    for place in router.map(|router| router.places(object)).unwrap_or_default() {
        if let Some(value) = object.pointer(&place).and_then(Value::as_str).and_then(embedded) {
            walk(&value, service, weight, &mut groups);
        }
    }
    groups
}

/// Takes the groups as one: in order and each Service with a weight once.
fn once(groups: Vec<Group>) -> Group {
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
    };
    Some(told.as_object()?.iter().map(one).collect())
}

/// Returns the canary's share of a list in percent. A list that names it alone is for matched requests, but for one
/// whose weight stands beside it: that of an Ingress is a percentage already.
fn share(groups: &[Group], service: &str) -> Option<f64> {
    let canary = Role::Canary.service(service);
    let of = |group: &&Group| group.iter().any(|one| one.service == canary && one.weight.is_some());
    let weights = |group: &Group, is: &dyn Fn(&str) -> bool| -> f64 {
        let number = |weight: u64| u32::try_from(weight).map_or(0.0, f64::from);
        group.iter().filter(|one| is(&one.service)).filter_map(|one| one.weight).map(number).sum()
    };
    let several = groups.iter().filter(of).find(|group| group.len() > 1);
    let (group, all) = match several {
        Some(group) => (group, weights(group, &|_| true)),
        None => (groups.iter().find(of)?, 100.0),
    };
    let own = weights(group, &|name| name == canary);
    (all > 0.0).then(|| (own * 10_000.0 / all).round() / 100.0)
}

/// Adds what a value names to the last group; a list begins one of its own.
fn walk(value: &Value, service: &str, weight: Option<u64>, groups: &mut Vec<Group>) {
    match value {
        Value::Array(list) => {
            let mut own = vec![Group::new()];
            for value in list {
                walk(value, service, weight, &mut own);
            }
            groups.splice(groups.len() - 1..groups.len() - 1, own);
        }
        Value::Object(members) => {
            let weight = members.get("weight").and_then(Value::as_u64).or(weight);
            let named = ["subset", "serviceSubset", "name", "service", "host", "serviceName"];
            let name = named.iter().map(|key| text(value, &format!("/{key}"))).find(|name| {
                let name = name.split('.').next().unwrap_or_default();
                is_ours(name, service)
                    || name == service
                        && (weight.is_some()
                            || ["port", "servicePort"].iter().any(|key| members.contains_key(*key)))
            });
            if let (Some(name), Some(group)) = (name, groups.last_mut()) {
                let name = name.split('.').next().unwrap_or_default().to_owned();
                let one = BackendStatus { service: name, weight };
                if !group.contains(&one) {
                    group.push(one);
                }
            }
            members.values().for_each(|value| walk(value, service, weight, groups));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
            share(&groups(&route, "web", None), "web")
        };
        assert_eq!((all(90, 10), all(100, 0), all(0, 100)), (Some(10.0), Some(0.0), Some(100.0)));
        let ingress = json!({"metadata": {"annotations": {"any/canary-weight": "20"}},
            "spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "web-rp-canary"}}}]}}]}});
        assert_eq!(share(&groups(&ingress, "web", None), "web"), Some(20.0));
        let action = r#"{"forwardConfig": {"targetGroups": [{"serviceName": "web", "servicePort": 80, "weight": 0},
            {"serviceName": "web-rp-stable", "weight": 70}, {"serviceName": "web-rp-canary", "weight": 30}]}}"#;
        let load_balancer = json!({"metadata": {"annotations": {"alb.ingress.kubernetes.io/actions.x": action,
            "kubectl.kubernetes.io/last-applied-configuration": action}}, "spec": {}});
        assert_eq!(share(&groups(&load_balancer, "web", router("alb")), "web"), Some(30.0));
        assert_eq!(backends(&load_balancer, "web").len(), 3);
        assert_eq!(share(&groups(&json!({"spec": {}}), "web", None), "web"), None);
    }

    #[test]
    fn what_an_object_says_is_read_off_any_kind() {
        let pair = |service: &str, weight: Option<u64>| BackendStatus { service: service.into(), weight };
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

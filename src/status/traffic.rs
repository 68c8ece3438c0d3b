//! How the traffic goes: what the objects say, and whether the data plane confirms it.

use serde::Serialize;
use serde_json::Value;

use crate::model::Situation;
use crate::router::{Settled, router};
use crate::traffic::{Roads, Role, Traffic, is_ours, pinned_to, text};

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
                backends: live.map(|live| backends(live, &traffic.service)).unwrap_or_default(),
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
        Some(Self {
            router: traffic.router.clone(),
            service: traffic.service.clone(),
            pinned: pinned(traffic, roads),
            routes: traffic.routes.iter().chain(own).map(one).collect(),
        })
    }

    /// The canary's share in percent as the objects say; `None` if they name no canary.
    pub(super) fn share(&self) -> Option<f64> {
        let canary = Role::Canary.service(&self.service);
        let of = |route: &&RouteStatus| {
            route.backends.iter().any(|one| one.service == canary && one.weight.is_some())
        };
        let route = self.routes.iter().find(of)?;
        let weights = |is: &dyn Fn(&str) -> bool| -> f64 {
            let number = |weight: u64| u32::try_from(weight).map_or(0.0, f64::from);
            route
                .backends
                .iter()
                .filter(|one| is(&one.service))
                .filter_map(|one| one.weight)
                .map(number)
                .sum()
        };
        let own = weights(&|name| name == canary);
        let all = weights(&|_| true);
        // The weight of an Ingress stands alone: it is a percentage already.
        let all = if route.backends.len() == 1 { 100.0 } else { all };
        (all > 0.0).then(|| (own * 10_000.0 / all).round() / 100.0)
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

/// Returns the Services that an object names, in order and once each.
fn backends(object: &Value, service: &str) -> Vec<BackendStatus> {
    let mut found = Vec::new();
    let annotations = object["metadata"]["annotations"].as_object();
    let weight = annotations.into_iter().flatten().find(|(key, _)| key.ends_with("/canary-weight"));
    let weight = weight.and_then(|(_, value)| value.as_str()?.parse().ok());
    walk(&object["spec"], service, weight, &mut found);
    found
}

fn walk(value: &Value, service: &str, weight: Option<u64>, found: &mut Vec<BackendStatus>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| walk(value, service, weight, found)),
        Value::Object(members) => {
            let weight = members.get("weight").and_then(Value::as_u64).or(weight);
            let named = ["name", "service", "host", "serviceName"];
            let name = named.iter().map(|key| text(value, &format!("/{key}"))).find(|name| {
                let name = name.split('.').next().unwrap_or_default();
                is_ours(name, service)
                    || name == service && (weight.is_some() || members.contains_key("port"))
            });
            if let Some(name) = name {
                let name = name.split('.').next().unwrap_or_default().to_owned();
                let one = BackendStatus { service: name, weight };
                if !found.contains(&one) {
                    found.push(one);
                }
            }
            members.values().for_each(|value| walk(value, service, weight, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
        let ingress = json!({"metadata": {"annotations": {"nginx.ingress.kubernetes.io/canary-weight": "20"}},
            "spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "web-rp-canary", "port": {"number": 80}}}}]}}]}});
        assert_eq!(backends(&ingress, "web"), [pair("web-rp-canary", Some(20))]);
    }
}

//! How the traffic goes: what the objects say, and whether the data plane confirms it.

mod backends;

use serde::Serialize;

use crate::model::Revision;
use crate::router::{Settled, router};
use crate::situation::Situation;
use crate::traffic::{Role, Traffic, TrafficObjects, pinned_to, selected};

use backends::{Group, groups, once, share};

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
    /// Services of ours, and the user's own where it is pinned, that get requests and have no Ready pod.
    #[serde(skip)]
    deserted: Vec<String>,
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
    /// The percent of the requests that it gets a copy of; null where it gets requests themselves.
    pub mirror: Option<u64>,
}

impl TrafficStatus {
    /// Sums up what was read; `None` where nothing splits or switches the traffic.
    ///
    /// `pods` is the canary's share of the Ready pods, which the user's own Service divides its requests by.
    pub(super) fn of(situation: &Situation<'_>, pods: f64) -> Option<Self> {
        let traffic = situation.observed.traffic.as_ref()?;
        let traffic_objects = &situation.observed.traffic_objects;
        let namespace = situation.workload().id().namespace;
        let router = router(&traffic.router);
        let one = |target: &crate::traffic::Target| {
            let live = traffic_objects.objects.get(target);
            let settled = live.zip(router).map(|(live, router)| router.settled(live, &traffic.service));
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
        let own = traffic.own.iter().filter(|target| traffic_objects.objects.contains_key(target));
        let targets: Vec<_> = traffic.routes.iter().chain(own).collect();
        let named = targets.iter().filter_map(|target| traffic_objects.objects.get(target));
        let named: Vec<Group> = named.flat_map(|object| groups(object, &traffic.service, router)).collect();
        let pinned = pinned(traffic, traffic_objects);
        Some(Self {
            router: traffic.router.clone(),
            service: traffic.service.clone(),
            share: match (&pinned, router) {
                (Some(hash), None) => share_of_pinned(situation, hash),
                _ => share(&named, &traffic.service, pods),
            },
            pinned,
            routes: targets.into_iter().map(one).collect(),
            deserted: deserted(situation, traffic, &named),
        })
    }

    /// Returns the Services that get requests although none of their pods is Ready.
    pub(super) fn deserted(&self) -> &[String] {
        &self.deserted
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
        let backend = |one: &BackendStatus| match (one.weight, one.mirror) {
            (_, Some(percent)) => format!("a copy of {percent} % to {}", one.service),
            (Some(weight), None) => format!("{} {weight}", one.service),
            (None, None) => one.service.clone(),
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

fn pinned(traffic: &Traffic, traffic_objects: &TrafficObjects) -> Option<String> {
    let hash = pinned_to(traffic_objects.service(&traffic.service)?)?;
    (!hash.is_empty()).then(|| hash.to_owned())
}

/// Without a router all requests go to the version that the Service is pinned to.
fn share_of_pinned(situation: &Situation<'_>, hash: &str) -> Option<f64> {
    let is = |version: Option<&Revision>| version.is_some_and(|version| version.hash() == hash);
    match (is(situation.stable), is(situation.canary)) {
        (true, _) => Some(0.0),
        (false, true) => Some(100.0),
        (false, false) => None,
    }
}

/// Returns the Services of ours, and the user's own where it is pinned, that get requests and have no Ready pod, or are not there.
fn deserted(situation: &Situation<'_>, traffic: &Traffic, named: &[Group]) -> Vec<String> {
    let traffic_objects = &situation.observed.traffic_objects;
    let root = &traffic.service;
    let is_used = |name: &String| {
        // Without a router it gets all of them.
        let switches = name == root && router(&traffic.router).is_none();
        let mut entries = named.iter().flatten();
        switches || entries.any(|one| one.service == *name && one.mirror.is_none() && one.weight != Some(0))
    };
    let has_ready = |name: &String| {
        let hash = traffic_objects.service(name).map(|service| selected(service).unwrap_or_default());
        let version = situation.observed.revisions.iter().find(|set| hash == Some(set.hash()));
        version.is_some_and(|version| super::ready(situation, version) > 0)
    };
    let root = pinned(traffic, traffic_objects).map(|_| root.clone());
    let roles = [Role::Stable, Role::Canary].map(|role| role.service(&traffic.service));
    roles.into_iter().chain(root).filter(|name| is_used(name) && !has_ready(name)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{held, replica_set};
    use crate::situation::Observed;
    use crate::status::WorkloadStatus;
    use crate::traffic::Target;

    /// A canary that is held behind a route with these weights of the stable and the canary Service.
    fn routed(stable: u64, canary: u64) -> Observed {
        let mut observed = held();
        let route = Target {
            kind: "HTTPRoute".into(),
            plural: "httproutes".into(),
            ..Target::service("shop", "web")
        };
        for (name, hash) in [("web-rp-stable", "web-1"), ("web-rp-canary", "web-2")] {
            let service = json!({"spec": {"selector": {"app": "web", "pod-template-hash": hash}}});
            observed.traffic_objects.objects.insert(Target::service("shop", name), service);
        }
        let backend = |name: &str, weight: u64| json!({"name": name, "port": 80, "weight": weight});
        let backends =
            [backend("web", 0), backend("web-rp-stable", stable), backend("web-rp-canary", canary)];
        let spec = json!({"rules": [{"backendRefs": backends}]});
        observed.traffic_objects.objects.insert(route.clone(), json!({"spec": spec}));
        observed.traffic =
            Some(Traffic { router: "httproute".into(), routes: vec![route], ..Traffic::direct("web") });
        observed
    }

    fn told(observed: &Observed) -> (String, Vec<&'static str>) {
        let status = WorkloadStatus::of(observed, &[]);
        let codes = status.warnings.iter().map(|warning| warning.code);
        (status.sentence(), codes.filter(|code| *code == "no-pods").collect())
    }

    #[test]
    fn requests_that_go_to_nobody_are_told() {
        let mut observed = routed(90, 10);
        assert_eq!(told(&observed).1, [""; 0]);
        observed.workload.spec.template = crate::fixtures::template("web:3");
        observed.revisions[1] = replica_set("web:3", 1);
        assert_eq!(told(&observed).1, ["no-pods"]);
        let status = WorkloadStatus::of(&observed, &[]);
        let warning = status.warnings.iter().find(|warning| warning.code == "no-pods").unwrap();
        let wanted = "requests go to service/web-rp-canary, and none of its pods is Ready: these fail: \
                      kubectl rollout-plus abort web -n shop";
        assert_eq!(warning.message, wanted);
        // Nobody asks it for anything.
        let mut observed = routed(100, 0);
        observed.revisions[1].status.ready_replicas = 0;
        assert_eq!(told(&observed).1, [""; 0]);
        let mut observed = routed(90, 10);
        observed.traffic_objects.objects.remove(&Target::service("shop", "web-rp-stable"));
        assert_eq!(told(&observed).1, ["no-pods"]);
    }

    /// Without a router the user's own Service is switched, and all requests go where it is pinned to.
    #[test]
    fn requests_to_a_version_that_is_switched_to_and_has_no_pod_are_told() {
        let pinned = |hash: &str| {
            let mut observed = held();
            let annotations = json!({crate::keys::SELECTOR_ANNOTATION: "{\"app\":\"web\"}"});
            let service = json!({"metadata": {"annotations": annotations},
                "spec": {"selector": {"app": "web", "pod-template-hash": hash}}});
            observed.traffic_objects.objects.insert(Target::service("shop", "web"), service);
            observed.traffic = Some(Traffic { switch: Some(30), ..Traffic::direct("web") });
            observed
        };
        for hash in ["web-1", "web-2"] {
            assert_eq!(told(&pinned(hash)).1, [""; 0], "{hash}");
        }
        let mut observed = pinned("web-2");
        observed.revisions[1].status.ready_replicas = 0;
        assert_eq!(told(&observed).1, ["no-pods"]);
        assert_eq!(told(&pinned("web-0")).1, ["no-pods"], "it is gone");
    }

    #[test]
    fn the_share_is_what_decides_it() {
        let share = |observed: &Observed| crate::share::tidy(WorkloadStatus::of(observed, &[]).weight.actual);
        assert_eq!(share(&held()), "25");
        let mut observed = routed(100, 0);
        assert_eq!(share(&observed), "0");
        let named = observed
            .traffic_objects
            .objects
            .values_mut()
            .find(|one| !one["spec"]["rules"].is_null())
            .unwrap();
        named["spec"]["rules"][0]["backendRefs"].as_array_mut().unwrap().pop();
        assert_eq!(share(&observed), "0", "the stable pods alone");
        assert!(told(&observed).0.contains("share 0 %"), "{}", told(&observed).0);
        // Without a router.
        for (hash, percent) in [("web-1", "0"), ("web-2", "100")] {
            let mut observed = held();
            let annotations = json!({crate::keys::SELECTOR_ANNOTATION: "{\"app\":\"web\"}"});
            let service = json!({"metadata": {"annotations": annotations},
                "spec": {"selector": {"app": "web", "pod-template-hash": hash}}});
            observed.traffic_objects.objects.insert(Target::service("shop", "web"), service);
            observed.traffic = Some(Traffic::direct("web"));
            assert_eq!(share(&observed), percent, "{hash}");
        }
    }

    #[test]
    fn a_copy_is_told_as_one() {
        let backend = |weight, mirror| BackendStatus { service: "web-rp-canary".into(), weight, mirror };
        let route = RouteStatus {
            object: "httproute/web".into(),
            exists: true,
            backends: vec![backend(Some(10), None), backend(None, Some(20))],
            confirmed: None,
            message: None,
        };
        assert_eq!(route.line(), "httproute/web: web-rp-canary 10, a copy of 20 % to web-rp-canary");
    }
}

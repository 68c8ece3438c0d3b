//! The blue/green annotations of haproxy-ingress (`docs/content/en/docs/configuration/keys.md` and
//! `pkg/converters/ingress/annotations/backend.go` of jcmoraisjr/haproxy-ingress).
//!
//! It balances groups of pods within one Service. So a path moves to a Service of ours that has the pods of both
//! versions, and says what each group gets; nothing is written on the user's, which other paths may name, too.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::ingress::{self, KINDS};
use crate::error::Error;
use crate::keys::{POD_TEMPLATE_HASH, SPLIT_ANNOTATION};
use crate::router::{Abilities, Claim, RouteKind, Router, Settled, unable};
use crate::traffic::{Role, Split, Target, View, copy_of, own_name, text};

/// What annotations begin with, unless the controller was told otherwise.
const PREFIX: &str = "haproxy-ingress.github.io";
/// What they began with before.
const LEGACY: &str = "ingress.kubernetes.io";
/// The controller that an IngressClass names.
const CONTROLLER: &str = "haproxy-ingress.github.io/controller";
const OWNER: ingress::Controller =
    ingress::Controller { name: CONTROLLER, product: "haproxy-ingress", class: "haproxy" };

/// What the shares of ours would take the place of, or could not be reckoned with: without pods there are no groups.
const TAKEN: [&str; 7] = [
    "blue-green-balance",
    "blue-green-deploy",
    "blue-green-mode",
    "blue-green-header",
    "blue-green-cookie",
    "service-upstream",
    "use-resolver",
];

/// Ingresses of haproxy-ingress.
pub(super) struct Haproxy;

pub(super) const HAPROXY: Haproxy = Haproxy;

impl Router for Haproxy {
    fn name(&self) -> &'static str {
        "haproxy"
    }

    fn kinds(&self) -> &'static [RouteKind] {
        &KINDS
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            weight: true,
            header: false,
            cookie: false,
            mirror: false,
            tested: "a real API server",
            limits: "a share is met to 1/256 of the largest pod's; a header or a cookie could only hold the hash of the \
                     pods; sticky users stay after weight 0; groups (`blue-green-...`) of your own are refused",
        }
    }

    fn claim(&self, route: &Value, classes: &[Value]) -> Claim {
        OWNER.claim(route, classes)
    }

    fn places(&self, route: &Value) -> Vec<String> {
        ingress::places(route)
    }

    fn names(&self, element: &Value, home: &Target, service: &str, namespace: &str) -> bool {
        ingress::names(element, &home.namespace, service, namespace)
    }

    fn weave(&self, element: &Value, _home: &Target, split: &Split) -> Result<Vec<Value>, Error> {
        let mut element = element.clone();
        if split.root.is_none_or(|root| root == 0) {
            ingress::rename(&mut element, &both(split));
        }
        Ok(vec![element])
    }

    fn refuses(&self, route: &Value, split: &Split) -> Option<Error> {
        unable(self, split).or_else(|| taken(route))
    }

    fn refuses_service(&self, service: &Value) -> Option<Error> {
        let mut error = taken(service)?;
        error.message = format!("service/{}: {}", text(service, "/metadata/name"), error.message);
        Some(error)
    }

    fn own(&self, view: &View<'_>, split: &Split) -> Result<Vec<(Target, Value)>, Error> {
        let name = both(split);
        // Where somebody deleted the user's meanwhile, it stays what it is.
        let like =
            view.traffic_objects.service(&split.service).or_else(|| view.traffic_objects.service(&name));
        let mut shares: Vec<(Role, u8)> =
            split.backends().iter().filter_map(|backend| Some((backend.role?, backend.percent))).collect();
        let (Some(like), false) = (like, shares.is_empty()) else { return Ok(Vec::new()) };
        // Before the path moves here, and until it has moved away, somebody has to serve.
        if shares.iter().all(|(_, percent)| *percent == 0) {
            shares[0].1 = 100;
        }
        let groups = shares.iter().map(|(role, percent)| {
            format!("{POD_TEMPLATE_HASH}={}={percent}", view.hash(*role, &split.service))
        });
        let told: Map<String, Value> =
            shares.iter().map(|(role, percent)| (split.name(Some(*role)), json!(percent))).collect();
        let target = Target::service(&split.namespace, &name);
        let mut service = copy_of(like, &target, view.traffic.annotation_prefix.as_deref(), None);
        let prefix = view.traffic.annotation_prefix.as_deref().unwrap_or(PREFIX);
        let annotations = &mut service["metadata"]["annotations"];
        annotations[SPLIT_ANNOTATION] = Value::Object(told).to_string().into();
        annotations[format!("{prefix}/blue-green-balance")] = groups.collect::<Vec<_>>().join(",").into();
        annotations[format!("{prefix}/blue-green-mode")] = "deploy".into();
        // The weights of the groups are rounded to whole numbers of this size (`RebalanceWeight` in lbweight.go).
        annotations[format!("{prefix}/initial-weight")] = "256".into();
        Ok(vec![(target, service)])
    }

    fn annotation_prefix(&self) -> Option<&'static str> {
        Some(PREFIX)
    }

    fn settled(&self, _route: &Value, _service: &str) -> Settled {
        Settled::Silent
    }

    /// It waits 2 s between two updates (`--rate-limit-update`), and may reload after that.
    fn grace(&self) -> Duration {
        Duration::from_secs(5)
    }
}

/// Returns the name of the Service with the pods of both versions.
fn both(split: &Split) -> String {
    own_name(&split.service, "split")
}

/// Why an object leaves no place for shares of ours, if so.
fn taken(object: &Value) -> Option<Error> {
    let annotations = object["metadata"]["annotations"].as_object();
    let is_taken = |key: &&String| {
        let name = key.strip_prefix(PREFIX).or_else(|| key.strip_prefix(LEGACY));
        name.and_then(|name| name.strip_prefix('/')).is_some_and(|name| TAKEN.contains(&name))
    };
    let is_off = |value: &Value| value == "false" || value == "";
    let mut keys = annotations.into_iter().flatten().filter(|(_, value)| !is_off(value)).map(|(key, _)| key);
    let key = keys.find(is_taken)?;
    Some(Error::refused(format!("it has {key}: beside that there is no place for shares of ours")))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::router::tests::{is_mine, refusal, ten, there_and_back, written};
    use crate::router::weave;
    use crate::traffic::{Match, Traffic, TrafficObjects, selecting};

    fn path(path: &str, service: &str) -> Value {
        json!({"path": path, "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}})
    }

    fn route() -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "i1"},
            "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}},
                "rules": [{"host": "a.b", "http": {"paths": [path("/", "web"), path("/old", "old")]}}]}})
    }

    fn traffic_objects() -> TrafficObjects {
        let mut traffic_objects = TrafficObjects::default();
        let services = [("web", None), ("web-rp-stable", Some("h1")), ("web-rp-canary", Some("h2"))];
        for (name, hash) in services {
            let mut selector = json!({"app": "web"});
            if let Some(hash) = hash {
                selector[POD_TEMPLATE_HASH] = hash.into();
            }
            let service = json!({"metadata": {"name": name, "annotations": {"haproxy.org/mine": "1"}},
                "spec": {"selector": selector, "ports": [{"port": 80, "nodePort": 30000}]}});
            traffic_objects.objects.insert(Target::service("shop", name), service);
        }
        traffic_objects
    }

    fn made(traffic_objects: &TrafficObjects, split: &Split) -> Option<Value> {
        let traffic = Traffic::direct("web");
        let mut own = HAPROXY.own(&traffic_objects.view(&traffic, Vec::new()), split).unwrap();
        let (target, service) = own.pop()?;
        assert_eq!((own.len(), target), (0, Target::service("shop", "web-rp-split")));
        Some(service)
    }

    fn groups(root: u8, stable: Option<u8>, canary: Option<u8>) -> Option<String> {
        let service = made(&traffic_objects(), &ten().with(Some(root), stable, canary))?;
        let groups = &service["metadata"]["annotations"]["haproxy-ingress.github.io/blue-green-balance"];
        Some(groups.as_str().unwrap().replace("pod-template-hash=", ""))
    }

    #[test]
    fn a_path_moves_to_the_service_with_the_shares_and_back() {
        let woven = there_and_back(&HAPROXY, &route(), &ten());
        let paths = json!([path("/", "web-rp-split"), path("/old", "old")]);
        assert_eq!(woven["spec"]["rules"][0]["http"]["paths"], paths);
        assert_eq!(woven["spec"]["defaultBackend"]["service"]["name"], "web-rp-split");
        assert_eq!(
            written(&HAPROXY, &woven, &ten().with(Some(0), None, Some(100))).0,
            woven,
            "it stays there"
        );
        let before = written(&HAPROXY, &route(), &ten().with(Some(100), Some(0), None)).0;
        assert_eq!(before["spec"], route()["spec"], "the root has a share");
        let mut lost = woven;
        lost["metadata"]["annotations"] = json!({});
        assert_eq!(written(&HAPROXY, &lost, &Split::undone("web", "shop")).0["spec"], route()["spec"]);
    }

    #[test]
    fn each_version_is_a_group_of_the_one_service() {
        let wanted = |text: &str| Some(text.to_owned());
        assert_eq!(groups(100, None, None), None);
        assert_eq!(groups(100, Some(0), None), wanted("h1=100"), "somebody serves before it is named");
        assert_eq!(groups(0, Some(100), None), wanted("h1=100"));
        assert_eq!(groups(0, Some(90), Some(10)), wanted("h1=90,h2=10"));
        assert_eq!(groups(0, Some(0), Some(100)), wanted("h1=0,h2=100"));
        assert_eq!(groups(0, None, Some(100)), wanted("h2=100"));
        assert_eq!(groups(100, None, Some(0)), wanted("h2=100"), "and until it is not");
    }

    #[test]
    fn it_is_like_the_users_with_the_pods_of_all_versions() {
        let service = made(&traffic_objects(), &ten()).unwrap();
        let spec = json!({"selector": {"app": "web"}, "ports": [{"port": 80}]});
        assert_eq!(service["spec"], spec);
        let annotations = &service["metadata"]["annotations"];
        assert_eq!(annotations["haproxy.org/mine"], "1");
        let traffic = Traffic { annotation_prefix: Some("inner.example".into()), ..Traffic::direct("web") };
        let own = HAPROXY.own(&traffic_objects().view(&traffic, Vec::new()), &ten()).unwrap();
        assert_eq!(own[0].1["metadata"]["annotations"]["inner.example/blue-green-mode"], "deploy");
        assert_eq!(annotations[SPLIT_ANNOTATION], r#"{"web-rp-canary":10,"web-rp-stable":90}"#);
        assert_eq!(
            selecting(vec![service.clone()], &json!({"app": "web"})).len(),
            0,
            "it is none of the user's"
        );
        assert_eq!(service["metadata"]["labels"]["consul.hashicorp.com/service-ignore"], "true");
        let mut traffic_objects = traffic_objects();
        traffic_objects.objects.remove(&Target::service("shop", "web"));
        assert_eq!(made(&traffic_objects, &ten()), None);
        traffic_objects.objects.insert(Target::service("shop", "web-rp-split"), service.clone());
        assert_eq!(made(&traffic_objects, &ten()), Some(service), "without the user's it stays");
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        let header = Match::Header { name: "X-Beta".into(), value: "1".into() };
        let split = Split { matches: vec![header], ..ten() };
        assert_snapshot!(refusal(&HAPROXY, &route(), &split), @"ingress/web in namespace shop: the router haproxy cannot tell requests by a header");
        for key in ["haproxy-ingress.github.io/blue-green-header", "ingress.kubernetes.io/service-upstream"] {
            let mut own = route();
            own["metadata"]["annotations"] = json!({key: "x"});
            let why = format!("it has {key}: beside that there is no place for shares of ours");
            assert_eq!(refusal(&HAPROXY, &own, &ten()), format!("ingress/web in namespace shop: {why}"));
            let root = json!({"metadata": {"name": "web", "annotations": {key: "x"}}});
            let error = HAPROXY.refuses_service(&root).unwrap();
            assert_eq!(error.message, format!("service/web: {why}"));
        }
        assert!(HAPROXY.refuses_service(&json!({"metadata": {"name": "web"}})).is_none());
        let mut off = route();
        off["metadata"]["annotations"] = json!({"haproxy-ingress.github.io/service-upstream": "false"});
        let target = Target::service("shop", "web");
        assert!(weave(&HAPROXY, &target, &off, &ten()).is_ok());
    }

    #[test]
    fn an_ingress_is_told_by_its_class() {
        let class = |name: &str, controller: &str| json!({"metadata": {"name": name}, "spec": {"controller": controller}});
        let classes = [
            class("in", CONTROLLER),
            class("out", &format!("{CONTROLLER}/out")),
            class("x", "haproxy.org/x"),
        ];
        let named = |name: &str| json!({"spec": {"ingressClassName": name}});
        assert!(is_mine(&HAPROXY, &named("in"), &classes) && is_mine(&HAPROXY, &named("out"), &classes));
        assert!(!is_mine(&HAPROXY, &named("x"), &classes) && is_mine(&HAPROXY, &named("haproxy"), &[]));
        let legacy = json!({"metadata": {"annotations": {ingress::CLASS: "haproxy"}}});
        assert!(is_mine(&HAPROXY, &legacy, &classes));
    }
}

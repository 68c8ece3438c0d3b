//! Traefik's own kinds: IngressRoute, and TraefikService with weights (`pkg/provider/kubernetes/crd` of
//! traefik/traefik).
//!
//! Several Services of a route are shared out by weight. A copy of requests is no matter of routes here: it takes a
//! TraefikService that mirrors another one, which has the weights.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::router::{Abilities, RouteKind, Router, Settled, Weighted, as_written};
use crate::traffic::{Match, Role, Split, Target, View, made, own_name, text};

/// The largest weight; the CRD has no limit, so this is one that every sum stays far below.
const MOST: u64 = 1_000_000_000;

/// Routes of Traefik's own kinds.
pub(super) struct Traefik;

pub(super) const TRAEFIK: Traefik = Traefik;

const fn kind(group: &'static str, kind: &'static str, plural: &'static str) -> RouteKind {
    RouteKind { group, versions: &["v1alpha1"], kind, plural }
}

/// The old group is the one of Traefik 2.
const KINDS: [RouteKind; 4] = [
    kind("traefik.io", "IngressRoute", "ingressroutes"),
    kind("traefik.io", "TraefikService", "traefikservices"),
    kind("traefik.containo.us", "IngressRoute", "ingressroutes"),
    kind("traefik.containo.us", "TraefikService", "traefikservices"),
];

impl Router for Traefik {
    fn name(&self) -> &'static str {
        "traefik"
    }

    fn kinds(&self) -> &'static [RouteKind] {
        &KINDS
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            weight: true,
            header: true,
            cookie: true,
            mirror: true,
            tested: "Traefik 3.7",
            limits: "a header or a cookie needs an IngressRoute and the rules of Traefik 3 (of Traefik 2 with `syntax: \
                     v2`); a copy needs a route with no other Service",
        }
    }

    /// The weighted list is one value, not one per entry: a share is known beside the others alone.
    fn places(&self, _route: &Value) -> Vec<String> {
        vec!["/spec/routes".into(), "/spec/weighted".into()]
    }

    /// As `--providers.kubernetescrd.allowCrossNamespace` of its controller says.
    fn reaches_abroad(&self) -> bool {
        true
    }

    fn names(&self, element: &Value, home: &Target, service: &str, namespace: &str) -> bool {
        services(element).iter().any(|entry| is_service(entry, &home.namespace, service, namespace))
    }

    fn weave(&self, element: &Value, home: &Target, split: &Split) -> Result<Vec<Value>, Error> {
        let is_root = |entry: &Value| is_service(entry, &home.namespace, &split.service, &split.namespace);
        let weighted = weighted(&is_root);
        let entries = services(element);
        let mut routes = Vec::new();
        for wanted in &split.matches {
            let mut added = narrowed(element, split, wanted)?;
            added["services"] = Value::Array(weighted.canary_alone(entries, split));
            routes.push(added);
        }
        let mut route = element.clone();
        let divided = weighted.divided(entries, split)?;
        route["services"] = match (split.mirror, entries) {
            (None, _) => Value::Array(divided),
            (Some(_), [root]) => {
                let mut entry = json!({"kind": "TraefikService", "name": mirror(split)});
                if let Some(namespace) = root.get("namespace") {
                    entry["namespace"] = namespace.clone();
                }
                json!([entry])
            }
            (Some(_), _) => {
                return Err(Error::refused(format!(
                    "a copy of the requests needs a route with service/{} alone: this one names {} Services",
                    split.service,
                    entries.len()
                )));
            }
        };
        routes.push(route);
        Ok(routes)
    }

    fn own(&self, view: &View<'_>, split: &Split) -> Result<Vec<(Target, Value)>, Error> {
        let (Some(percent), Some((first, _))) = (split.mirror, view.routes.first()) else {
            return Ok(Vec::new());
        };
        let mut roots: Vec<Value> = Vec::new();
        for (target, route) in &view.routes {
            let user = as_written(self, target, route, split)?;
            let rules =
                user["spec"]["routes"].as_array().into_iter().flatten().chain(user["spec"].get("weighted"));
            for mut entry in rules.flat_map(services).cloned() {
                if is_service(&entry, &target.namespace, &split.service, &split.namespace) {
                    for member in ["weight", "namespace", "kind"] {
                        entry.as_object_mut().map(|entry| entry.remove(member));
                    }
                    roots.push(entry);
                }
            }
        }
        roots.dedup();
        let [root] = roots.as_slice() else {
            return Err(Error::refused(format!(
                "a copy of the requests needs routes that name service/{} in one way: these do in {}",
                split.service,
                roots.len()
            )));
        };
        let shares = weighted(&|_| true).divided(std::slice::from_ref(root), split)?;
        let mut copy = root.clone();
        copy["name"] = split.name(Some(Role::Canary)).into();
        // Traefik takes no percentage for none, so it is always written.
        copy["percent"] = percent.into();
        let name = own_name(&split.service, "weighted");
        let mirroring = json!({"kind": "TraefikService", "name": name, "mirrors": [copy]});
        let object = |name: String, spec: Value| {
            let target = Target {
                kind: "TraefikService".into(),
                plural: "traefikservices".into(),
                namespace: split.namespace.clone(),
                name,
                ..(*first).clone()
            };
            let value = made(&target, spec);
            (target, value)
        };
        // In this order no object ever names one that is not there.
        Ok(vec![
            object(name, json!({"weighted": {"services": shares}})),
            object(mirror(split), json!({"mirroring": mirroring})),
        ])
    }

    fn settled(&self, _route: &Value, _service: &str) -> Settled {
        Settled::Silent
    }

    fn grace(&self) -> Duration {
        Duration::from_secs(3)
    }
}

/// Returns how entries are weighted: one without a weight has 1 (`buildServicesLB`).
fn weighted(is_root: &dyn Fn(&Value) -> bool) -> Weighted<'_> {
    Weighted { is_root, rename: &rename, weight: "weight", omitted: 1, most: MOST }
}

fn rename(entry: &mut Map<String, Value>, name: &str) {
    entry.insert("name".into(), name.into());
}

fn mirror(split: &Split) -> String {
    own_name(&split.service, "mirror")
}

fn services(element: &Value) -> &[Value] {
    element["services"].as_array().map_or(&[], Vec::as_slice)
}

fn is_service(entry: &Value, home: &str, service: &str, namespace: &str) -> bool {
    entry["name"] == service
        && entry["namespace"].as_str().unwrap_or(home) == namespace
        && matches!(text(entry, "/kind"), "" | "Service")
}

/// Returns a route for the requests that match besides. The longer rule goes first, unless the user numbered them.
fn narrowed(route: &Value, split: &Split, wanted: &Match) -> Result<Value, Error> {
    let Some(rule) = route["match"].as_str() else {
        return Err(Error::refused(format!(
            "a TraefikService cannot tell requests by a header or a cookie: let an IngressRoute name service/{}",
            split.service
        )));
    };
    let (Match::Header { name, value } | Match::Cookie { name, value }) = wanted;
    if name.contains('`') || value.contains('`') {
        return Err(Error::refused(format!("a rule of Traefik cannot hold a backtick: {name}={value}")));
    }
    let plural = if route["syntax"] == "v2" { "s" } else { "" };
    let condition = match wanted {
        Match::Header { name, value } => format!("Header{plural}(`{name}`,`{value}`)"),
        Match::Cookie { name, value } => {
            format!("Header{plural}Regexp(`Cookie`,`{}`)", Match::cookie_pattern(name, value))
        }
    };
    let mut added = route.clone();
    added["match"] = format!("({rule}) && {condition}").into();
    if let Some(priority) = route["priority"].as_i64().filter(|priority| *priority != 0) {
        added["priority"] = priority.saturating_add(1).into();
    }
    Ok(added)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::router::tests::{made, patch};
    use crate::router::weave;
    use crate::traffic::Traffic;

    fn target() -> Target {
        Target {
            api: "/apis/traefik.io/v1alpha1".into(),
            kind: "IngressRoute".into(),
            plural: "ingressroutes".into(),
            namespace: "shop".into(),
            name: "web".into(),
        }
    }

    fn own(routes: &[(&Target, &Value)], split: &Split) -> Result<Vec<(Target, Value)>, Error> {
        made(&TRAEFIK, &Traffic::direct("web"), routes, split)
    }

    fn object(spec: &Value) -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "t1", "annotations": {}}, "spec": spec})
    }

    fn route(services: &Value) -> Value {
        object(&json!({"entryPoints": ["web"], "routes": [{"match": "Host(`a`) || Host(`b`)", "kind": "Rule",
            "middlewares": [{"name": "m"}], "services": services}]}))
    }

    fn simple() -> Value {
        route(&json!([{"name": "web", "port": "http", "scheme": "h2c"}]))
    }

    fn written(route: &Value, split: &Split) -> Value {
        let mut written = route.clone();
        patch(&mut written, &weave(&TRAEFIK, &target(), route, split).unwrap().patch);
        assert_eq!(weave(&TRAEFIK, &target(), &written, split).unwrap().patch, Vec::<Value>::new());
        written
    }

    fn refusal(route: &Value, split: &Split) -> String {
        weave(&TRAEFIK, &target(), route, split).unwrap_err().message
    }

    fn undone() -> Split {
        Split::undone("web", "shop")
    }

    fn ten() -> Split {
        undone().with(Some(0), Some(90), Some(10))
    }

    fn weights(element: &Value) -> Vec<(&str, u64)> {
        services(element).iter().map(|one| (text(one, "/name"), one["weight"].as_u64().unwrap())).collect()
    }

    #[test]
    fn a_share_is_written_and_undone_beside_others_too() {
        let ours = [("web", 0), ("web-rp-stable", 90), ("web-rp-canary", 10)];
        let woven = written(&simple(), &ten());
        assert_eq!(weights(&woven["spec"]["routes"][0]), ours);
        assert_eq!(services(&woven["spec"]["routes"][0])[2]["scheme"], "h2c");
        assert_eq!(written(&woven, &undone()), simple());
        let entries = json!([{"name": "web", "namespace": "shop", "kind": "Service", "port": 80, "weight": 3},
            {"name": "old", "port": 80}, {"name": "web", "kind": "TraefikService", "weight": 2}]);
        let shared = [("web", 0), ("web-rp-stable", 270), ("web-rp-canary", 30), ("old", 100), ("web", 200)];
        let weighted =
            object(&json!({"weighted": {"services": entries, "sticky": {"cookie": {"name": "c"}}}}));
        for (place, route) in [("/spec/routes/0", route(&entries)), ("/spec/weighted", weighted)] {
            let woven = written(&route, &ten());
            assert_eq!(weights(woven.pointer(place).unwrap()), shared);
            assert_eq!(written(&woven, &undone()), route);
        }
    }

    #[test]
    fn a_header_and_a_cookie_are_routes_before_the_users() {
        let mut split = ten();
        split.matches = vec![
            Match::Header { name: "X-Beta".into(), value: "1".into() },
            Match::Cookie { name: "who".into(), value: "m.e".into() },
        ];
        let woven = written(&simple(), &split);
        let routes = woven["spec"]["routes"].as_array().unwrap();
        let rule = "(Host(`a`) || Host(`b`)) && ";
        assert_eq!(routes[0]["match"], format!("{rule}Header(`X-Beta`,`1`)"));
        assert_eq!(routes[1]["match"], format!(r"{rule}HeaderRegexp(`Cookie`,`^(.*; ?)?who=m\.e(;.*)?$`)"));
        assert_eq!(routes[0]["middlewares"], simple()["spec"]["routes"][0]["middlewares"]);
        assert_eq!(weights(&routes[1]), [("web-rp-canary", 1)]);
        assert!(routes[0]["priority"].is_null());
        assert_eq!(written(&woven, &ten())["spec"]["routes"].as_array().unwrap().len(), 1);
        assert_eq!(written(&woven, &undone()), simple());

        let mut numbered = simple();
        numbered["spec"]["routes"][0]["priority"] = json!(7);
        numbered["spec"]["routes"][0]["syntax"] = json!("v2");
        let woven = written(&numbered, &split);
        assert_eq!(woven["spec"]["routes"][0]["priority"], 8);
        assert!(text(&woven, "/spec/routes/1/match").contains("&& HeadersRegexp("));
    }

    #[test]
    fn a_mirror_has_objects_of_its_own() {
        let split = Split { mirror: Some(20), ..undone().with(Some(0), Some(100), Some(0)) };
        let woven = written(&written(&simple(), &ten()), &split);
        let wanted = json!([{"kind": "TraefikService", "name": "web-rp-mirror"}]);
        assert_eq!(woven["spec"]["routes"][0]["services"], wanted);
        let made = own(&[(&target(), &simple())], &split).unwrap();
        assert_eq!(made, own(&[(&target(), &woven), (&target(), &woven)], &split).unwrap());
        let names: Vec<String> = made.iter().map(|(target, _)| target.to_string()).collect();
        assert_eq!(
            names,
            ["weighted", "mirror"].map(|name| format!("traefikservice/web-rp-{name} in namespace shop"))
        );
        assert_eq!(
            weights(&made[0].1["spec"]["weighted"]),
            [("web", 0), ("web-rp-stable", 100), ("web-rp-canary", 0)]
        );
        let wanted = json!({"mirroring": {"kind": "TraefikService", "name": "web-rp-weighted",
            "mirrors": [{"name": "web-rp-canary", "port": "http", "scheme": "h2c", "percent": 20}]}});
        assert_eq!(made[1].1["spec"], wanted);
        assert_eq!(written(&woven, &undone()), simple());
        assert_eq!(own(&[(&target(), &simple())], &ten()).unwrap(), []);
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        let mirror = Split { mirror: Some(20), ..ten() };
        let header = |value: &str| Split {
            matches: vec![Match::Header { name: "a".into(), value: value.into() }],
            ..ten()
        };
        let two = route(&json!([{"name": "web", "port": 80}, {"name": "old", "port": 80}]));
        assert_snapshot!(refusal(&two, &mirror), @"ingressroute/web in namespace shop: a copy of the requests needs a route with service/web alone: this one names 2 Services");
        let weighted = object(&json!({"weighted": {"services": [{"name": "web", "port": 80}]}}));
        assert_snapshot!(refusal(&weighted, &header("b")), @"ingressroute/web in namespace shop: a TraefikService cannot tell requests by a header or a cookie: let an IngressRoute name service/web");
        assert_snapshot!(refusal(&simple(), &header("b`")), @"ingressroute/web in namespace shop: a rule of Traefik cannot hold a backtick: a=b`");
        let other = route(&json!([{"name": "web", "port": 9000}]));
        let error = own(&[(&target(), &simple()), (&target(), &other)], &mirror).unwrap_err();
        assert_snapshot!(error.message, @"a copy of the requests needs routes that name service/web in one way: these do in 2");
    }

    #[test]
    fn what_others_changed_meanwhile_is_kept() {
        let mut woven = written(&simple(), &ten());
        let other = json!({"match": "Path(`/x`)", "services": [{"name": "x", "port": 1}]});
        let routes = woven["spec"]["routes"].as_array_mut().unwrap();
        routes[0]["middlewares"] = json!([]);
        routes[0]["services"].as_array_mut().unwrap().push(json!({"name": "new", "port": 80, "weight": 7}));
        routes.insert(0, other.clone());
        let back = written(&woven, &undone());
        let wanted = json!([other, {"match": "Host(`a`) || Host(`b`)", "kind": "Rule", "middlewares": [], "services":
            [{"name": "web", "port": "http", "scheme": "h2c"}, {"name": "new", "port": 80, "weight": 7}]}]);
        assert_eq!(back["spec"]["routes"], wanted);
        assert!(!TRAEFIK.names(&other, &target(), "x", "other"));
    }
}

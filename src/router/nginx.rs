//! The canary annotations of ingress-nginx, which Traefik serves too (`internal/ingress/annotations/canary/main.go`
//! of kubernetes/ingress-nginx, `pkg/provider/kubernetes/ingress-nginx` of traefik/traefik).
//!
//! The canary is a second Ingress. The weights are between it and the backend of the first one, so that one moves to
//! the stable Service: the root has the canary's pods too, and would add to their share.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::router::{Abilities, RouteKind, Router, Settled, as_written};
use crate::traffic::{Match, Role, Split, Target, text};

/// The controller that an IngressClass names; Traefik answers to it as well.
const CONTROLLER: &str = "k8s.io/ingress-nginx";
/// How an Ingress named its class before `spec.ingressClassName`.
const CLASS: &str = "kubernetes.io/ingress.class";
/// The class of an Ingress that names none.
const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// Ingresses of ingress-nginx.
pub(super) struct Nginx {
    /// What its annotations begin with: `--annotations-prefix` of the controller.
    prefix: &'static str,
}

pub(super) const NGINX: Nginx = Nginx { prefix: "nginx.ingress.kubernetes.io" };

impl Router for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn kinds(&self) -> &'static [RouteKind] {
        &[RouteKind { group: "networking.k8s.io", versions: &["v1"], kind: "Ingress", plural: "ingresses" }]
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            weight: true,
            header: true,
            cookie: true,
            mirror: false,
            tested: "Traefik 3.7",
            limits: "one header and one cookie, and the cookie's value can only be `always`; Traefik serves no canary \
                     for a default backend",
        }
    }

    fn is_mine(&self, route: &Value, classes: &[Value]) -> bool {
        let legacy = route["metadata"]["annotations"][CLASS].as_str();
        let named = legacy.or_else(|| route["spec"]["ingressClassName"].as_str());
        if classes.is_empty() || legacy == Some("nginx") {
            return named == Some("nginx");
        }
        classes.iter().filter(|class| class["spec"]["controller"] == CONTROLLER).any(|class| match named {
            Some(name) => class["metadata"]["name"] == name,
            None => class["metadata"]["annotations"][DEFAULT] == "true",
        })
    }

    fn places(&self, route: &Value) -> Vec<String> {
        let rules = route["spec"]["rules"].as_array().map_or(0, Vec::len);
        let mut places: Vec<String> =
            (0..rules).map(|rule| format!("/spec/rules/{rule}/http/paths")).collect();
        places.push("/spec/defaultBackend".into());
        places
    }

    fn names(&self, element: &Value, home: &str, service: &str, namespace: &str) -> bool {
        backend(element)["service"]["name"] == service && home == namespace
    }

    fn weave(&self, element: &Value, _home: &str, split: &Split) -> Result<Vec<Value>, Error> {
        self.canary(split)?;
        let mut element = element.clone();
        if split.stable.is_some() && split.root.unwrap_or_default() == 0 {
            rename(&mut element, &split.name(Some(Role::Stable)));
        }
        Ok(vec![element])
    }

    fn own(&self, routes: &[(&Target, &Value)], split: &Split) -> Result<Vec<(Target, Value)>, Error> {
        let annotations = self.canary(split)?;
        let mut own = Vec::new();
        for (target, route) in routes.iter().filter(|_| split.canary.is_some()) {
            if route["metadata"]["annotations"][format!("{}/canary", self.prefix)] == "true" {
                return Err(Error::refused(format!(
                    "{target} is a canary itself, and a path can have one alone"
                )));
            }
            let spec = self.spec(&as_written(self, target, route, split)?, split);
            if spec["rules"].is_null() && spec["defaultBackend"].is_null() {
                continue;
            }
            let target = Target { name: format!("{}-rp-canary", target.name), ..(*target).clone() };
            let mut annotations = annotations.clone();
            if let Some(class) = route["metadata"]["annotations"].get(CLASS) {
                annotations.insert(CLASS.into(), class.clone());
            }
            let ingress = json!({
                "apiVersion": target.api_version(),
                "kind": target.kind,
                "metadata": {"name": target.name, "namespace": target.namespace, "annotations": annotations,
                    "labels": {"app.kubernetes.io/managed-by": "rollout-plus"}},
                "spec": spec,
            });
            own.push((target, ingress));
        }
        Ok(own)
    }

    fn settled(&self, _route: &Value) -> Settled {
        Settled::Silent
    }

    fn grace(&self) -> Duration {
        Duration::from_secs(3)
    }
}

impl Nginx {
    /// Returns the annotations of the canary Ingress.
    fn canary(&self, split: &Split) -> Result<Map<String, Value>, Error> {
        if split.root.is_some_and(|root| root > 0) && split.stable.is_some_and(|stable| stable > 0) {
            let (root, stable) = (split.name(None), split.name(Some(Role::Stable)));
            return Err(Error::refused(format!(
                "a path of an Ingress has one backend: service/{root} and service/{stable} cannot share it"
            )));
        }
        let mut annotations = Map::new();
        let mut add = |key: &str, value: &str| {
            annotations.insert(format!("{}/{key}", self.prefix), value.into()).is_none()
        };
        add("canary", "true");
        add("canary-weight", &split.canary.unwrap_or_default().to_string());
        for one in &split.matches {
            match one {
                Match::Header { name, value } => {
                    if !add("canary-by-header", name) {
                        return Err(Error::refused(
                            "ingress-nginx knows one header of a canary, not several",
                        ));
                    }
                    add("canary-by-header-value", value);
                }
                Match::Cookie { name, value } if value != "always" => {
                    return Err(Error::refused(format!(
                        "ingress-nginx looks for one value of a canary's cookie, `always`: {name}={value} is not \
                         possible"
                    )));
                }
                Match::Cookie { name, .. } => {
                    if !add("canary-by-cookie", name) {
                        return Err(Error::refused(
                            "ingress-nginx knows one cookie of a canary, not several",
                        ));
                    }
                }
            }
        }
        Ok(annotations)
    }

    /// Returns the canary's spec: of the user's just what names the root, for a path twice is a path too many.
    fn spec(&self, user: &Value, split: &Split) -> Value {
        let canary = |element: &Value| {
            let mut element = element.clone();
            rename(&mut element, &split.name(Some(Role::Canary)));
            element
        };
        let named = |element: &&Value| {
            self.names(element, text(user, "/metadata/namespace"), &split.service, &split.namespace)
        };
        let mut spec = Map::new();
        for member in ["ingressClassName", "tls"] {
            if let Some(value) = user["spec"].get(member) {
                spec.insert(member.into(), value.clone());
            }
        }
        if let Some(backend) = user["spec"].get("defaultBackend").filter(named) {
            spec.insert("defaultBackend".into(), canary(backend));
        }
        let mut rules = Vec::new();
        for rule in user["spec"]["rules"].as_array().into_iter().flatten() {
            let paths = rule["http"]["paths"].as_array().into_iter().flatten();
            let paths: Vec<Value> = paths.filter(named).map(canary).collect();
            if !paths.is_empty() {
                let mut rule = rule.clone();
                rule["http"]["paths"] = paths.into();
                rules.push(rule);
            }
        }
        if !rules.is_empty() {
            spec.insert("rules".into(), rules.into());
        }
        Value::Object(spec)
    }
}

/// Returns the backend of a path; the default backend is one itself.
fn backend(element: &Value) -> &Value {
    element.get("backend").unwrap_or(element)
}

fn rename(element: &mut Value, service: &str) {
    let pointer = if element.get("backend").is_some() { "/backend/service/name" } else { "/service/name" };
    if let Some(name) = element.pointer_mut(pointer) {
        *name = service.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::tests::patch;
    use crate::traffic::weave;

    fn target() -> Target {
        Target {
            api: "/apis/networking.k8s.io/v1".into(),
            kind: "Ingress".into(),
            plural: "ingresses".into(),
            namespace: "shop".into(),
            name: "web".into(),
        }
    }

    fn path(path: &str, service: &str) -> Value {
        json!({"path": path, "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}})
    }

    fn route() -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "i1", "annotations": {"mine": "1"}},
            "spec": {"ingressClassName": "nginx", "tls": [{"hosts": ["a.b"], "secretName": "s"}],
                "defaultBackend": {"service": {"name": "web", "port": {"name": "http"}}},
                "rules": [{"host": "x.y", "http": {"paths": [path("/", "x")]}}, {"host": "no.paths"},
                    {"host": "a.b", "http": {"paths": [path("/", "web"), path("/old", "old")]}}]}})
    }

    fn written(route: &Value, split: &Split) -> Value {
        let mut written = route.clone();
        patch(&mut written, &weave(&NGINX, &target(), route, split).unwrap().patch);
        written
    }

    fn own(route: &Value, split: &Split) -> Vec<(Target, Value)> {
        NGINX.own(&[(&target(), route)], split).unwrap()
    }

    fn undone() -> Split {
        Split::undone("web", "shop")
    }

    fn ten() -> Split {
        undone().with(Some(0), Some(90), Some(10))
    }

    fn refusal(split: &Split) -> String {
        let refused = weave(&NGINX, &target(), &route(), split).unwrap_err().message;
        let own = NGINX.own(&[(&target(), &route())], split).unwrap_err().message;
        assert_eq!(refused, format!("ingress/web in namespace shop: {own}"));
        own
    }

    #[test]
    fn the_main_ingress_moves_to_the_stable_service_and_back() {
        let route = route();
        let first = written(&route, &undone().with(Some(100), Some(0), None));
        assert_eq!(first["spec"], route["spec"], "the root has a share: it stays");
        let woven = written(&first, &ten());
        assert_eq!(
            woven["spec"]["rules"][2]["http"]["paths"],
            json!([path("/", "web-rp-stable"), path("/old", "old")])
        );
        assert_eq!(
            woven["spec"]["defaultBackend"]["service"],
            json!({"name": "web-rp-stable", "port": {"name": "http"}})
        );
        assert_eq!(weave(&NGINX, &target(), &woven, &ten()).unwrap().patch, Vec::<Value>::new());
        assert_eq!(written(&woven, &undone()), route);
        let mut lost = woven;
        lost["metadata"]["annotations"] = json!({});
        assert_eq!(written(&lost, &undone())["spec"], route["spec"]);
    }

    #[test]
    fn the_canary_ingress_is_of_the_roots_paths_alone_whatever_the_main_one_names_now() {
        let route = route();
        assert_eq!(own(&route, &undone().with(Some(0), Some(100), None)), []);
        let made = own(&route, &ten());
        assert_eq!(made, own(&written(&route, &ten()), &ten()));
        let (target, ingress) = &made[0];
        assert_eq!((target.name.as_str(), made.len()), ("web-rp-canary", 1));
        assert_eq!(ingress["apiVersion"], "networking.k8s.io/v1");
        assert_eq!(
            ingress["spec"],
            json!({"ingressClassName": "nginx", "tls": [{"hosts": ["a.b"], "secretName": "s"}],
                "defaultBackend": {"service": {"name": "web-rp-canary", "port": {"name": "http"}}},
                "rules": [{"host": "a.b", "http": {"paths": [path("/", "web-rp-canary")]}}]})
        );
        let wanted = json!({"nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "10"});
        assert_eq!(ingress["metadata"]["annotations"], wanted);
        let other = Split { service: "nobody".into(), ..ten() };
        assert_eq!(own(&route, &other), []);
    }

    #[test]
    fn a_header_and_a_cookie_are_annotations() {
        let mut split = undone().with(Some(0), Some(100), Some(0));
        split.matches = vec![
            Match::Header { name: "X-Beta".into(), value: "1".into() },
            Match::Cookie { name: "who".into(), value: "always".into() },
        ];
        let mut route = route();
        route["metadata"]["annotations"][CLASS] = json!("nginx");
        let annotations = own(&route, &split)[0].1["metadata"]["annotations"].clone();
        let wanted = [
            ("", "true"),
            ("-weight", "0"),
            ("-by-header", "X-Beta"),
            ("-by-header-value", "1"),
            ("-by-cookie", "who"),
        ];
        for (key, value) in wanted {
            assert_eq!(annotations[format!("nginx.ingress.kubernetes.io/canary{key}")], value);
        }
        assert_eq!(annotations[CLASS], "nginx");
        assert_eq!(annotations.as_object().unwrap().len(), 6);
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        let with = |matches: &[Match]| Split { matches: matches.to_vec(), ..ten() };
        let header = Match::Header { name: "a".into(), value: "b".into() };
        let cookie = |value: &str| Match::Cookie { name: "c".into(), value: value.into() };
        assert!(refusal(&with(&[cookie("me")])).contains("`always`: c=me is not possible"));
        assert!(refusal(&with(&[header.clone(), header])).contains("one header"));
        assert!(refusal(&with(&[cookie("always"), cookie("always")])).contains("one cookie"));
        let mirror = weave(&NGINX, &target(), &route(), &Split { mirror: Some(5), ..ten() });
        assert!(mirror.unwrap_err().message.contains("cannot give the canary a copy"));
        assert!(refusal(&undone().with(Some(50), Some(40), Some(10))).contains("cannot share it"));
        let mut canary = route();
        canary["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary"] = json!("true");
        let error = NGINX.own(&[(&target(), &canary)], &ten()).unwrap_err();
        assert!(
            error.message.starts_with("ingress/web in namespace shop is a canary itself"),
            "{}",
            error.message
        );
    }

    #[test]
    fn what_others_changed_meanwhile_is_kept() {
        let mut woven = written(&route(), &ten());
        let rules = woven["spec"]["rules"].as_array_mut().unwrap();
        rules[2]["http"]["paths"].as_array_mut().unwrap().insert(0, path("/new", "new"));
        rules.remove(0);
        let back = written(&woven, &undone());
        let wanted = json!([path("/new", "new"), path("/", "web"), path("/old", "old")]);
        assert_eq!(back["spec"]["rules"][1]["http"]["paths"], wanted);
    }

    #[test]
    fn an_ingress_is_ours_by_its_class() {
        let class = |name: &str, controller: &str, default: &str| json!({"metadata": {"name": name, "annotations": {DEFAULT: default}}, "spec": {"controller": controller}});
        let classes = [
            class("inner", CONTROLLER, "true"),
            class("other", "x/y", "true"),
            class("outer", CONTROLLER, "false"),
        ];
        let named = |name: &str| json!({"spec": {"ingressClassName": name}});
        let legacy = |name: &str| json!({"metadata": {"annotations": {CLASS: name}}});
        assert!(NGINX.is_mine(&named("outer"), &classes) && NGINX.is_mine(&legacy("outer"), &classes));
        assert!(NGINX.is_mine(&legacy("nginx"), &classes) && !NGINX.is_mine(&named("nginx"), &classes));
        assert!(!NGINX.is_mine(&named("other"), &classes) && !NGINX.is_mine(&legacy("other"), &classes));
        assert!(NGINX.is_mine(&json!({}), &classes) && !NGINX.is_mine(&json!({}), &classes[1..]));
        assert!(NGINX.is_mine(&named("nginx"), &[]) && NGINX.is_mine(&legacy("nginx"), &[]));
        assert!(!NGINX.is_mine(&json!({}), &[]) && !NGINX.is_mine(&named("inner"), &[]));
        assert!(!NGINX.names(&path("/", "web"), "shop", "web", "other"));
    }
}

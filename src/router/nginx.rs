//! The canary annotations of ingress-nginx, which Traefik serves too (`internal/ingress/annotations/canary/main.go`
//! of kubernetes/ingress-nginx, `pkg/provider/kubernetes/ingress-nginx` of traefik/traefik).
//!
//! The canary is a second Ingress. The weights are between it and the backend of the first one, so that one moves to
//! the stable Service: the root has the canary's pods too, and would add to their share.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::router::{Abilities, RouteKind, Router, Settled, as_written};
use crate::traffic::{Match, Role, Split, Target, Traffic, text};

/// The controller that an IngressClass names; Traefik answers to it as well.
const CONTROLLER: &str = "k8s.io/ingress-nginx";
/// How an Ingress named its class before `spec.ingressClassName`.
const CLASS: &str = "kubernetes.io/ingress.class";
/// The class of an Ingress that names none.
const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// What its annotations begin with, unless `--annotations-prefix` of the controller says otherwise.
const PREFIX: &str = "nginx.ingress.kubernetes.io";

/// Ingresses of ingress-nginx.
pub(super) struct Nginx;

pub(super) const NGINX: Nginx = Nginx;

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
        canary(PREFIX, split)?;
        let mut element = element.clone();
        if split.stable.is_some() && split.root.unwrap_or_default() == 0 {
            rename(&mut element, &split.name(Some(Role::Stable)));
        }
        Ok(vec![element])
    }

    fn own(
        &self,
        traffic: &Traffic,
        routes: &[(&Target, &Value)],
        split: &Split,
    ) -> Result<Vec<(Target, Value)>, Error> {
        let prefix = traffic.annotation_prefix.as_deref().unwrap_or(PREFIX);
        let annotations = canary(prefix, split)?;
        let mut own = Vec::new();
        for (target, route) in routes.iter().filter(|_| split.canary.is_some()) {
            if route["metadata"]["annotations"][format!("{prefix}/canary")] == "true" {
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

    /// An upstream is kept by its Service: one that an ordinary Ingress names is no alternative any more
    /// (kubernetes/ingress-nginx#9458).
    fn wants_canary_alone(&self) -> bool {
        true
    }

    fn annotation_prefix(&self) -> Option<&'static str> {
        Some(PREFIX)
    }

    fn settled(&self, _route: &Value) -> Settled {
        Settled::Silent
    }

    fn grace(&self) -> Duration {
        Duration::from_secs(3)
    }
}

impl Nginx {
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

/// Returns the annotations of the canary Ingress.
fn canary(prefix: &str, split: &Split) -> Result<Map<String, Value>, Error> {
    if split.root.is_some_and(|root| root > 0) && split.stable.is_some_and(|stable| stable > 0) {
        let (root, stable) = (split.name(None), split.name(Some(Role::Stable)));
        return Err(Error::refused(format!(
            "a path of an Ingress has one backend: service/{root} and service/{stable} cannot share it"
        )));
    }
    let mut annotations = Map::new();
    let mut add =
        |key: &str, value: &str| annotations.insert(format!("{prefix}/{key}"), value.into()).is_none();
    add("canary", "true");
    add("canary-weight", &split.canary.unwrap_or_default().to_string());
    for one in &split.matches {
        match one {
            Match::Header { name, value } => {
                if !add("canary-by-header", name) {
                    return Err(Error::refused("ingress-nginx knows one header of a canary, not several"));
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
                    return Err(Error::refused("ingress-nginx knows one cookie of a canary, not several"));
                }
            }
        }
    }
    Ok(annotations)
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
mod tests;

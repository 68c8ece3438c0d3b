//! The canary annotations of ingress-nginx, which Traefik serves too (`internal/ingress/annotations/canary/main.go`
//! of kubernetes/ingress-nginx, `pkg/provider/kubernetes/ingress-nginx` of traefik/traefik).
//!
//! The canary is a second Ingress. The weights are between it and the backend of the first one, so that one moves to
//! the stable Service: the root has the canary's pods too, and would add to their share.

use std::time::Duration;

use serde_json::{Map, Value};

use super::ingress::{self, CLASS, KINDS, rename};
use crate::error::Error;
use crate::router::{Abilities, Claim, RouteKind, Router, Settled, as_written};
use crate::traffic::{Match, Role, Split, Target, View, made, text};

/// The controller that an IngressClass names; Traefik answers to it as well.
const CONTROLLER: &str = "k8s.io/ingress-nginx";
const OWNER: ingress::Controller =
    ingress::Controller { name: CONTROLLER, product: "ingress-nginx", class: "nginx" };

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
        &KINDS
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
        canary(PREFIX, split)?;
        let mut element = element.clone();
        if split.stable.is_some() && split.root.unwrap_or_default() == 0 {
            rename(&mut element, &split.name(Some(Role::Stable)));
        }
        Ok(vec![element])
    }

    fn own(&self, view: &View<'_>, split: &Split) -> Result<Vec<(Target, Value)>, Error> {
        let prefix = view.traffic.annotation_prefix.as_deref().unwrap_or(PREFIX);
        let annotations = canary(prefix, split)?;
        let mut own = Vec::new();
        for (target, route) in view.routes.iter().filter(|_| split.canary.is_some()) {
            if route["metadata"]["annotations"][format!("{prefix}/canary")] == "true" {
                return Err(Error::refused(format!(
                    "{target} is a canary itself, and a path can have one alone"
                )));
            }
            let spec = Self::spec(&as_written(self, target, route, split)?, split);
            if spec["rules"].is_null() && spec["defaultBackend"].is_null() {
                continue;
            }
            let target = Target { name: format!("{}-rp-canary", target.name), ..(*target).clone() };
            let mut annotations = annotations.clone();
            if let Some(class) = route["metadata"]["annotations"].get(CLASS) {
                annotations.insert(CLASS.into(), class.clone());
            }
            let mut ingress = made(&target, spec);
            ingress["metadata"]["annotations"] = Value::Object(annotations);
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

    fn settled(&self, _route: &Value, _service: &str) -> Settled {
        Settled::Silent
    }

    fn grace(&self) -> Duration {
        Duration::from_secs(3)
    }
}

impl Nginx {
    /// Returns the canary's spec: of the user's just what names the root, for a path twice is a path too many.
    fn spec(user: &Value, split: &Split) -> Value {
        let canary = |element: &Value| {
            let mut element = element.clone();
            rename(&mut element, &split.name(Some(Role::Canary)));
            element
        };
        let named = |element: &&Value| {
            ingress::names(element, text(user, "/metadata/namespace"), &split.service, &split.namespace)
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

#[cfg(test)]
mod tests;

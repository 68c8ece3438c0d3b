//! What the routers that go by an `Ingress` have in common (`networking/v1` of kubernetes/api).

use serde_json::Value;

use crate::router::RouteKind;

/// How an Ingress named its class before `spec.ingressClassName`.
pub(super) const CLASS: &str = "kubernetes.io/ingress.class";
/// The class of an Ingress that names none.
const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

pub(super) const KINDS: [RouteKind; 1] =
    [RouteKind { group: "networking.k8s.io", versions: &["v1"], kind: "Ingress", plural: "ingresses" }];

/// Whether an Ingress is for a controller. `class` is the class that it takes for its own where no IngressClass tells,
/// or may be read.
pub(super) fn is_of(route: &Value, classes: &[Value], controller: &str, class: &str) -> bool {
    let legacy = route["metadata"]["annotations"][CLASS].as_str();
    let named = legacy.or_else(|| route["spec"]["ingressClassName"].as_str());
    if classes.is_empty() || legacy == Some(class) {
        return named == Some(class);
    }
    classes.iter().filter(|class| is_controller(class, controller)).any(|class| match named {
        Some(name) => class["metadata"]["name"] == name,
        None => class["metadata"]["annotations"][DEFAULT] == "true",
    })
}

/// One of several controllers in a cluster has a path of its own after the name.
fn is_controller(class: &Value, controller: &str) -> bool {
    let rest = class["spec"]["controller"].as_str().and_then(|name| name.strip_prefix(controller));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns the places of paths, and of the default backend.
pub(super) fn places(route: &Value) -> Vec<String> {
    let rules = route["spec"]["rules"].as_array().map_or(0, Vec::len);
    let paths = (0..rules).map(|rule| format!("/spec/rules/{rule}/http/paths"));
    paths.chain(["/spec/defaultBackend".into()]).collect()
}

/// Whether a path, or the default backend, sends requests to a Service.
pub(super) fn names(element: &Value, home: &str, service: &str, namespace: &str) -> bool {
    // The default backend is one itself.
    let backend = element.get("backend").unwrap_or(element);
    backend["service"]["name"] == service && home == namespace
}

/// Gives a path, or the default backend, another Service.
pub(super) fn rename(element: &mut Value, service: &str) {
    let pointer = if element.get("backend").is_some() { "/backend/service/name" } else { "/service/name" };
    if let Some(name) = element.pointer_mut(pointer) {
        *name = service.into();
    }
}

//! What the routers that go by an `Ingress` have in common (`networking/v1` of kubernetes/api).

use serde_json::Value;

use crate::router::{Claim, RouteKind};
use crate::traffic::text;

/// How an Ingress named its class before `spec.ingressClassName`.
pub(super) const CLASS: &str = "kubernetes.io/ingress.class";
/// The class of an Ingress that names none.
const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

pub(super) const KINDS: [RouteKind; 1] =
    [RouteKind { group: "networking.k8s.io", versions: &["v1"], kind: "Ingress", plural: "ingresses" }];

/// A controller of Ingresses.
pub(super) struct Controller {
    /// Its name in an IngressClass.
    pub(super) name: &'static str,
    /// What the name of a second one in a cluster has in it: `k8s.io/internal-ingress-nginx`
    /// (docs/user-guide/multiple-ingress.md of kubernetes/ingress-nginx).
    pub(super) product: &'static str,
    /// The class that it takes for its own where no IngressClass tells, or may be read.
    pub(super) class: &'static str,
}

impl Controller {
    /// Whether an Ingress is for this controller.
    pub(super) fn claim(&self, route: &Value, classes: &[Value]) -> Claim {
        let legacy = route["metadata"]["annotations"][CLASS].as_str();
        let named = legacy.or_else(|| route["spec"]["ingressClassName"].as_str());
        let of: Vec<&Value> = classes
            .iter()
            .filter(|one| match named {
                Some(name) => one["metadata"]["name"] == name,
                None => one["metadata"]["annotations"][DEFAULT] == "true",
            })
            .collect();
        if legacy == Some(self.class)
            || classes.is_empty() && named == Some(self.class)
            || of.iter().any(|class| self.has(class))
        {
            return Claim::Mine;
        }
        let Some(name) = named else { return Claim::Strange("it names no class".into()) };
        let (is_alike, why) = match of.first().map(|class| text(class, "/spec/controller")) {
            Some(other) => {
                (other.contains(self.product), format!("its class {name} is that of the controller {other}"))
            }
            None => (
                name.split('-').any(|part| part == self.class),
                format!("no IngressClass tells the controller of its class {name}"),
            ),
        };
        if is_alike { Claim::Alike(why) } else { Claim::Strange(why) }
    }

    /// Whether a class is of this controller. One of several in a cluster may have a path of its own after the name.
    fn has(&self, class: &Value) -> bool {
        let rest = text(class, "/spec/controller").strip_prefix(self.name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
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

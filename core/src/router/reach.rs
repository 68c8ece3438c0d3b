//! To which Services of a namespace a route sends requests.

use serde_json::Value;

use super::Router;
use crate::keys::ROUTE_ANNOTATION;
use crate::traffic::{Role, Target, own_name, text};

/// Names those of the Services of a namespace to which a route sends requests.
///
/// One that names Services of ours alone is still the user's: a run may have been killed half way.
pub fn reached(
    router: &dyn Router,
    target: &Target,
    route: &Value,
    services: &[Value],
    namespace: &str,
) -> Vec<String> {
    let woven = is_woven(route);
    let names = services.iter().map(|service| text(service, "/metadata/name"));
    let reached = names.filter(|name| {
        let reaches = |element: &Value| {
            let names = |service: &str| router.names(element, target, service, namespace);
            // Elsewhere the same name may be that of a canary there.
            let ours = if target.namespace == namespace {
                mentions(element, &Role::Stable.service(name))
                    || woven && mentions(element, &own_name(name, ""))
            } else {
                let roles = if woven { &Role::ALL[..] } else { &[Role::Stable] };
                roles.iter().any(|role| names(&role.service(name)))
            };
            ours || names(name)
        };
        router.places(route).iter().any(|place| match route.pointer(place) {
            Some(Value::Array(list)) => list.iter().any(reaches),
            Some(one) => reaches(one),
            None => false,
        })
    });
    reached.map(str::to_owned).collect()
}

/// Whether a run of ours has written to a route.
pub fn is_woven(route: &Value) -> bool {
    !route["metadata"]["annotations"][ROUTE_ANNOTATION].is_null()
}

/// Whether somebody else's route names the Service that a canary of this one has: it is theirs, as it is.
pub fn is_stranger(route: &Value, service: &Value) -> bool {
    mentions(&route["spec"], &Role::Canary.service(text(service, "/metadata/name")))
}

fn mentions(element: &Value, service: &str) -> bool {
    element.to_string().contains(&format!("\"{service}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::router::router;

    fn route(namespace: &str, hosts: [&str; 2], woven: bool) -> (Target, Value) {
        let entry = |host: &str| json!({"destination": {"host": host}});
        let annotations = if woven { json!({ROUTE_ANNOTATION: "{}"}) } else { json!({}) };
        let route = json!({"metadata": {"name": "web", "namespace": namespace, "annotations": annotations},
            "spec": {"http": [{"route": hosts.map(entry)}]}});
        let target = Target {
            api: "/apis/networking.istio.io/v1".into(),
            kind: "VirtualService".into(),
            plural: "virtualservices".into(),
            namespace: namespace.into(),
            name: "web".into(),
        };
        (target, route)
    }

    #[test]
    fn a_canary_of_another_namespace_is_none_of_ours_though_all_has_the_same_names() {
        let services = [json!({"metadata": {"name": "web"}})];
        let istio = router("istio").unwrap();
        for (namespace, hosts, woven, expected) in [
            ("shop", ["web-rp-stable", "web-rp-canary"], true, true),
            ("shop", ["web", "api"], false, true),
            ("other", ["web-rp-stable", "web-rp-canary"], true, false),
            ("other", ["web-rp-stable", "web-rp-canary"], false, false),
            ("other", ["web", "web"], false, false),
            ("other", ["web.shop", "api"], false, true),
            ("other", ["web-rp-stable.shop.svc.cluster.local", "api"], true, true),
            ("other", ["api", "web-rp-canary.shop"], true, true),
            ("other", ["api", "web-rp-canary.shop"], false, false),
        ] {
            let (target, route) = route(namespace, hosts, woven);
            let found = reached(istio, &target, &route, &services, "shop");
            assert_eq!(!found.is_empty(), expected, "{namespace} {hosts:?} {woven}");
        }
    }
}

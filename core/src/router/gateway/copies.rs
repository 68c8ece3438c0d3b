//! Who copies requests. A route says who serves it, and reports of conformance say what they can
//! (`conformance/reports` of kubernetes-sigs/gateway-api, v1.3 to v1.6).

use serde_json::Value;

use super::parents::answers;
use crate::error::Error;
use crate::traffic::text;

/// Controllers, or the beginning of their names, without `RequestMirror`. Linkerd then refuses the whole route, and
/// goes on with the weights that it had.
const NONE: [&str; 8] = [
    "traefik.io/",
    "konghq.com/",
    "haproxy-ingress.github.io/",
    "microgateway.airlock.com/",
    "gateway.k8s.aws/",
    "application-networking.k8s.aws/",
    "alb.networking.azure.io/",
    "linkerd.io/",
];

/// Those with `RequestPercentageMirror`. Any other would copy all requests where a share was asked.
const SHARES: [&str; 7] = [
    "istio.io/",
    "gateway.envoyproxy.io/",
    "io.cilium/",
    "kgateway.dev/",
    "agentgateway.dev/",
    "gateway.nginx.org/",
    "networking.gke.io/",
];

/// Why a route's controllers cannot copy this share of its requests, if so.
pub(super) fn refused(route: &Value, percent: u8) -> Option<Error> {
    answers(route).find_map(|parent| {
        let controller = text(parent, "/controllerName");
        let one_of = |list: &[&str]| list.iter().any(|one| controller.starts_with(one));
        if one_of(&NONE) {
            return Some(Error::refused(format!(
                "{controller}, which serves it, cannot copy requests (RequestMirror)"
            )));
        }
        (percent < 100 && !one_of(&SHARES)).then(|| {
            Error::refused(format!(
                "{controller}, which serves it, copies all requests or none (RequestPercentageMirror): ask for 100 %"
            ))
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::HTTP;
    use super::*;
    use crate::router::tests::{ten, woven};

    #[test]
    fn a_copy_is_refused_where_it_would_be_lost_or_too_large() {
        let told = |controllers: &[&str], mirror| {
            let mut parents: Vec<Value> = controllers
                .iter()
                .map(|name| json!({"controllerName": name, "parentRef": {"name": "edge"}}))
                .collect();
            // Left over from where the route was before.
            parents.push(
                json!({"controllerName": "linkerd.io/policy-controller", "parentRef": {"name": "former"}}),
            );
            let route = json!({"metadata": {"name": "web", "namespace": "shop"}, "status": {"parents": parents},
                "spec": {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}});
            let split = crate::traffic::Split { mirror, ..ten() };
            woven(&HTTP, &route, &split).err().map(|error| error.message)
        };
        let istio = "istio.io/gateway-controller";
        let contour = "projectcontour.io/gateway-controller";
        for controller in ["traefik.io/gateway-controller", "linkerd.io/policy-controller"] {
            let wanted = format!(
                "httproute/web in namespace shop: {controller}, which serves it, cannot copy requests (RequestMirror)"
            );
            assert_eq!(told(&[controller], Some(100)).as_deref(), Some(wanted.as_str()));
            assert_eq!(told(&[istio, controller], Some(10)), Some(wanted));
            assert_eq!(told(&[controller], None), None);
        }
        assert_eq!(told(&[contour], Some(100)), None);
        insta::assert_snapshot!(told(&[contour], Some(99)).unwrap(), @"httproute/web in namespace shop: projectcontour.io/gateway-controller, which serves it, copies all requests or none (RequestPercentageMirror): ask for 100 %");
        assert_eq!(told(&[istio], Some(99)), None);
        assert_eq!(told(&[], Some(99)), None, "nobody serves it yet");
    }
}

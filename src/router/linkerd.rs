//! Linkerd's own kind of `HTTPRoute` (`charts/linkerd-crds/templates/policy/httproute.yaml` of linkerd/linkerd2): the
//! same as the Gateway API's, but for what its filters can do.

use crate::router::gateway::Gateway;
use crate::router::{Abilities, RouteKind};

pub(super) const LINKERD: Gateway = Gateway {
    name: "linkerd",
    // Older versions have no backends.
    kinds: &[RouteKind {
        group: "policy.linkerd.io",
        versions: &["v1beta3", "v1beta2"],
        kind: "HTTPRoute",
        plural: "httproutes",
    }],
    abilities: Abilities {
        weight: true,
        header: true,
        cookie: true,
        mirror: false,
        tested: "object level",
        limits: "only clients of the mesh, by the Service's own name; a ServiceProfile with routes takes precedence",
    },
};

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::router::tests::{refusal, ten, there_and_back};
    use crate::router::{Router, Settled};
    use crate::traffic::Match;

    fn route() -> Value {
        let service = json!({"group": "core", "kind": "Service", "name": "web", "port": 80});
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "r1", "generation": 2},
            "spec": {"parentRefs": [service], "rules": [{"backendRefs": [service]}]}})
    }

    #[test]
    fn a_route_of_a_service_to_itself_is_split() {
        let mut split = ten();
        split.matches = vec![Match::Header { name: "X-Beta".into(), value: "1".into() }];
        let woven = there_and_back(&LINKERD, &route(), &split);
        assert_eq!(woven["spec"]["parentRefs"], route()["spec"]["parentRefs"]);
        let backend = |name: &str, weight: u8| json!({"group": "core", "kind": "Service", "name": name, "port": 80, "weight": weight});
        let all = [("web", 0), ("web-rp-stable", 90), ("web-rp-canary", 10)];
        let rules = &woven["spec"]["rules"];
        assert_eq!(rules[0]["backendRefs"], json!([backend("web-rp-canary", 1)]));
        assert_eq!(rules[1]["backendRefs"], json!(all.map(|(name, weight)| backend(name, weight))));
    }

    #[test]
    fn a_copy_is_refused() {
        let mut split = ten();
        split.mirror = Some(100);
        let message = refusal(&LINKERD, &route(), &split);
        assert!(
            message.ends_with("the router linkerd cannot give the canary a copy of requests"),
            "{message}"
        );
    }

    #[test]
    fn its_status_has_no_generation() {
        let mut route = route();
        assert!(matches!(LINKERD.settled(&route), Settled::No(_)));
        let condition = |kind: &str| json!({"type": kind, "status": "True"});
        let conditions = json!([condition("Accepted"), condition("ResolvedRefs")]);
        route["status"] = json!({"parents": [{"controllerName": "linkerd.io/policy-controller", "conditions": conditions}]});
        assert_eq!(LINKERD.settled(&route), Settled::Yes);
    }
}

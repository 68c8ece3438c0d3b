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
        tested: "the rules of its CRD 2.20 on a real API server",
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

    /// What the controller cannot convert it drops, with the route or with the backend's share
    /// (`policy-controller/k8s/index/src/outbound/index/http.rs` of linkerd/linkerd2).
    fn convert(route: &Value) -> Result<(), String> {
        for rule in route["spec"]["rules"].as_array().unwrap() {
            for filter in rule["filters"].as_array().into_iter().flatten() {
                let known = ["RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect"];
                if !known.iter().any(|known| filter["type"] == *known) {
                    return Err(format!("{} filter is not supported", filter["type"]));
                }
            }
            for backend in rule["backendRefs"].as_array().unwrap() {
                if backend["kind"] != "Service"
                    || !["", "core"].iter().any(|group| backend["group"] == *group)
                {
                    return Err("unsupported backend type".into());
                }
                if backend["port"].is_null() {
                    return Err(format!("missing port for backend Service {}", backend["name"]));
                }
            }
            let matches = rule["matches"].as_array().into_iter().flatten();
            for header in matches.flat_map(|one| one["headers"].as_array().into_iter().flatten()) {
                let value = header["value"].as_str().unwrap();
                if header["type"] == "RegularExpression" && regex_lite::Regex::new(value).is_err() {
                    return Err(format!("invalid regex {value}"));
                }
            }
        }
        Ok(())
    }

    #[test]
    fn whatever_is_asked_can_be_converted() {
        let mut split = ten();
        split.matches = vec![
            Match::Header { name: "X-Beta".into(), value: "1".into() },
            Match::Cookie { name: "who".into(), value: "a.b+(c)[d]".into() },
        ];
        let woven = there_and_back(&LINKERD, &route(), &split);
        assert_eq!(convert(&woven), Ok(()));
        let pattern = woven["spec"]["rules"][1]["matches"][0]["headers"][0]["value"].as_str().unwrap();
        let cookies = |text: &str| regex_lite::Regex::new(pattern).unwrap().is_match(text);
        assert!(cookies("x=y; who=a.b+(c)[d]") && !cookies("who=aXb+(c)[d]"));
        let mut lost = woven;
        lost["spec"]["rules"][0]["backendRefs"][0].as_object_mut().unwrap().remove("port");
        insta::assert_snapshot!(convert(&lost).unwrap_err(), @r#"missing port for backend Service "web-rp-canary""#);
    }

    #[test]
    fn a_copy_is_refused() {
        let mut split = ten();
        split.mirror = Some(100);
        insta::assert_snapshot!(refusal(&LINKERD, &route(), &split), @"httproute/web in namespace shop: the router linkerd cannot give the canary a copy of requests");
    }

    #[test]
    fn its_status_has_no_generation() {
        let mut route = route();
        assert!(matches!(LINKERD.settled(&route, "web"), Settled::No(_)));
        let condition = |kind: &str| json!({"type": kind, "status": "True"});
        let conditions = json!([condition("Accepted"), condition("ResolvedRefs")]);
        route["status"] = json!({"parents": [{"controllerName": "linkerd.io/policy-controller",
            "parentRef": {"group": "core", "kind": "Service", "namespace": "shop", "name": "web"}, "conditions": conditions}]});
        assert_eq!(LINKERD.settled(&route, "web"), Settled::Yes);
    }
}

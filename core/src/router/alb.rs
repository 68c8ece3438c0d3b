//! AWS Load Balancer Controller: actions of an `Ingress` (`docs/guide/ingress/annotations.md`,
//! `pkg/ingress/config_types.go` of kubernetes-sigs/aws-load-balancer-controller).

use std::time::Duration;

use serde_json::{Map, Value};

use super::ingress::{self, KINDS};
use crate::error::Error;
use crate::router::{Abilities, Claim, RouteKind, Router, Settled, Weighted, unable};
use crate::traffic::{Split, Target, embedded, text};

const CONTROLLER: &str = "ingress.k8s.aws/alb";
const OWNER: ingress::Controller =
    ingress::Controller { name: CONTROLLER, product: "ingress.k8s.aws", class: "alb" };
const ACTIONS: &str = "alb.ingress.kubernetes.io/actions.";
const TARGETS: &str = "alb.ingress.kubernetes.io/target-type";

/// Who may come in. On a Service it counts only while an action forwards to that one alone.
const AUTHENTICATION: &str = "alb.ingress.kubernetes.io/auth-type";

/// The largest weight of a target group.
const MOST: u64 = 999;
/// Target groups of an action ("Quotas for your Application Load Balancers" of AWS).
const MOST_GROUPS: usize = 5;

/// Actions that forward to weighted target groups.
pub(super) struct Alb;

pub(super) const ALB: Alb = Alb;

impl Router for Alb {
    fn name(&self) -> &'static str {
        "alb"
    }

    fn kinds(&self) -> &'static [RouteKind] {
        &KINDS
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            weight: true,
            header: false,
            cookie: false,
            mirror: false,
            tested: "the rules of its controller 3.5, and a real API server",
            limits: "the path has to name an action that forwards to the Service, with target-type ip; sticky users \
                     stay after weight 0; an action is given back whole, without what others wrote into it meanwhile",
        }
    }

    fn claim(&self, route: &Value, classes: &[Value]) -> Claim {
        OWNER.claim(route, classes)
    }

    fn places(&self, route: &Value) -> Vec<String> {
        let annotations = route["metadata"]["annotations"].as_object();
        let actions = annotations.into_iter().flatten().map(|(key, _)| key);
        let actions = actions.filter(|key| key.starts_with(ACTIONS));
        actions.map(|key| format!("/metadata/annotations/{}", key.replace('/', "~1"))).collect()
    }

    fn names(&self, element: &Value, home: &Target, service: &str, namespace: &str) -> bool {
        let action = action(element);
        home.namespace == namespace && groups(&action).iter().any(|group| group["serviceName"] == service)
    }

    fn weave(&self, element: &Value, _home: &Target, split: &Split) -> Result<Vec<Value>, Error> {
        let mut action = action(element);
        let is_root = |group: &Value| group["serviceName"] == split.service.as_str();
        let rename = |group: &mut Map<String, Value>, name: &str| {
            group.insert("serviceName".into(), name.into());
        };
        let weighted =
            Weighted { is_root: &is_root, rename: &rename, weight: "weight", omitted: 0, most: MOST };
        let divided = weighted.divided(groups(&action), split)?;
        if divided.len() > MOST_GROUPS {
            return Err(Error::refused(format!(
                "an action would forward to {} target groups: AWS allows {MOST_GROUPS}",
                divided.len()
            )));
        }
        action["forwardConfig"]["targetGroups"] = Value::Array(divided);
        Ok(vec![Value::String(action.to_string())])
    }

    /// Targets of type instance need ports of nodes, which Services of ours have not: the controller would leave the
    /// load balancer as it is.
    fn refuses(&self, route: &Value, split: &Split) -> Option<Error> {
        let ip = route["metadata"]["annotations"][TARGETS] == "ip";
        unable(self, split).or_else(|| {
            (!ip).then(|| {
                Error::refused(format!("Services of ours have no ports of nodes: it needs {TARGETS}: ip"))
            })
        })
    }

    /// With several target groups the controller does not read this of their Services (`buildAuthConfig` in
    /// `pkg/ingress/enhanced_backend_builder.go`): whoever comes would get in.
    fn refuses_service(&self, service: &Value) -> Option<Error> {
        let kind =
            service["metadata"]["annotations"][AUTHENTICATION].as_str().filter(|kind| *kind != "none")?;
        let name = text(service, "/metadata/name");
        let error = Error::refused(format!(
            "service/{name} asks for authentication by its own annotation ({AUTHENTICATION}: {kind}), which counts for \
             one target group alone: with several anybody would get in"
        ));
        Some(
            error.next(
                "move the annotations alb.ingress.kubernetes.io/auth-* from the Service to the Ingress",
            ),
        )
    }

    fn settled(&self, _route: &Value, _service: &str) -> Settled {
        Settled::Silent
    }

    /// AWS makes target groups, and looks at their targets' health first.
    fn grace(&self) -> Duration {
        Duration::from_secs(60)
    }
}

/// Returns an action as the documentation spells it: its reader takes `TargetGroups` for `targetGroups`.
fn action(element: &Value) -> Value {
    element.as_str().and_then(embedded).map(spelt).unwrap_or_default()
}

fn spelt(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let lower = |mut key: String| {
                if let Some(first) = key.get_mut(..1) {
                    first.make_ascii_lowercase();
                }
                key
            };
            members.into_iter().map(|(key, value)| (lower(key), spelt(value))).collect()
        }
        Value::Array(list) => list.into_iter().map(spelt).collect(),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => scalar,
    }
}

fn groups(action: &Value) -> &[Value] {
    action["forwardConfig"]["targetGroups"].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use insta::assert_snapshot;

    use super::*;
    use crate::router::tests::{is_mine, refusal, ten, there_and_back, written};
    use crate::traffic::Match;

    const KEY: &str = "alb.ingress.kubernetes.io/actions.main";

    fn route(action: &str) -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "r1",
            "annotations": {KEY: action, TARGETS: "ip", "alb.ingress.kubernetes.io/scheme": "{}"}},
            "spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "main"}}}]}}]}})
    }

    const SIMPLE: &str = r#"{"type": "forward", "forwardConfig":
        {"targetGroupStickinessConfig": {"enabled": false}, "targetGroups": [{"serviceName": "web", "servicePort": 80}]}}"#;

    fn action_of(route: &Value) -> Value {
        action(&route["metadata"]["annotations"][KEY])
    }

    fn weights(route: &Value) -> Vec<(String, u64)> {
        let action = action_of(route);
        let one = |group: &Value| {
            (group["serviceName"].as_str().unwrap().to_owned(), group["weight"].as_u64().unwrap())
        };
        groups(&action).iter().map(one).collect()
    }

    fn list(weights: &[(&str, u64)]) -> Vec<(String, u64)> {
        weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
    }

    #[test]
    fn a_share_is_written_and_the_way_back_with_it() {
        let woven = there_and_back(&ALB, &route(SIMPLE), &ten());
        assert_eq!(weights(&woven), list(&[("web", 0), ("web-rp-stable", 90), ("web-rp-canary", 10)]));
        let action = action(&woven["metadata"]["annotations"][KEY]);
        assert_eq!(action["forwardConfig"]["targetGroupStickinessConfig"]["enabled"], false);
        assert_eq!(action["forwardConfig"]["targetGroups"][2]["servicePort"], 80);
        let shifted = written(&ALB, &woven, &ten().with(Some(0), Some(50), Some(50))).0;
        assert_eq!(weights(&shifted)[2].1, 50);
        assert_eq!(
            written(&ALB, &shifted, &Split::undone("web", "shop")).0,
            route(SIMPLE),
            "to the letter, spaces too"
        );
    }

    #[test]
    fn the_shares_of_other_groups_stay_in_numbers_that_fit() {
        let both = |web: u64| {
            route(&format!(
                r#"{{"Type":"forward","ForwardConfig":{{"TargetGroups":[{{"ServiceName":"web","ServicePort":"80","Weight":{web}}},
                {{"TargetGroupARN":"arn:old","Weight":100}}]}}}}"#
            ))
        };
        let woven = there_and_back(&ALB, &both(300), &ten());
        let text = woven["metadata"]["annotations"][KEY].as_str().unwrap();
        let weights: Vec<u64> =
            groups(&action(&json!(text))).iter().map(|group| group["weight"].as_u64().unwrap()).collect();
        assert_eq!(weights, [0, 27, 3, 10]);
        assert_snapshot!(refusal(&ALB, &both(301), &ten()), @"ingress/web in namespace shop: a weight of 2709 is too large: the most is 999");
    }

    #[test]
    fn without_a_record_the_root_takes_our_place() {
        let (mut woven, _) = written(&ALB, &route(SIMPLE), &ten().with(None, Some(90), Some(10)));
        woven["metadata"]["annotations"].as_object_mut().unwrap().remove(crate::keys::ROUTE_ANNOTATION);
        let (back, _) = written(&ALB, &woven, &Split::undone("web", "shop"));
        let back = action(&back["metadata"]["annotations"][KEY]);
        assert_eq!(back, serde_json::from_str::<Value>(SIMPLE).unwrap());
    }

    #[test]
    fn what_is_not_ours_to_change_stays() {
        let other = route(&SIMPLE.replace("\"web\"", "\"api\""));
        assert_eq!(written(&ALB, &other, &ten()).0, other);
        for odd in ["{", "", "null", r#"{"type": "redirect"}"#, r#"{"": 1, "ä": 1, "forwardConfig": 2}"#] {
            assert_eq!(written(&ALB, &route(odd), &ten()).0, route(odd), "{odd}");
        }
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        let header = Match::Header { name: "X-Beta".into(), value: "1".into() };
        let split = Split { matches: vec![header], ..ten() };
        assert_snapshot!(refusal(&ALB, &route(SIMPLE), &split), @"ingress/web in namespace shop: the router alb cannot tell requests by a header");
        let split = Split { mirror: Some(100), ..ten() };
        assert_snapshot!(refusal(&ALB, &route(SIMPLE), &split), @"ingress/web in namespace shop: the router alb cannot give the canary a copy of requests");
        let mut nodes = route(SIMPLE);
        nodes["metadata"]["annotations"][TARGETS] = json!("instance");
        assert_snapshot!(refusal(&ALB, &nodes, &ten()), @"ingress/web in namespace shop: Services of ours have no ports of nodes: it needs alb.ingress.kubernetes.io/target-type: ip");
    }

    /// `validate` of an action in `pkg/ingress/config_types.go`, and AWS's own range of weights.
    fn validate(action: &Value) -> Result<(), String> {
        if action["type"] != "forward" || !action["forwardConfig"].is_object() {
            return Err("missing ForwardConfig or TargetGroupARN/TargetGroupName".into());
        }
        for group in groups(action) {
            let name = group["serviceName"].is_string();
            let foreign = group["targetGroupARN"].is_string() || group["targetGroupName"].is_string();
            match (name, foreign) {
                (false, false) => return Err("missing serviceName or targetGroupARN/targetGroupName".into()),
                (true, true) => {
                    return Err(
                        "either serviceName or targetGroupARN/targetGroupName can be specified".into()
                    );
                }
                _ => {}
            }
            if name && group["servicePort"].is_null() {
                return Err("missing servicePort".into());
            }
            if groups(action).len() > 1 && group["weight"].is_null() {
                return Err("weight must be set when route to multiple target groups".into());
            }
            if !group["weight"].is_null() && group["weight"].as_u64().is_none_or(|weight| weight > MOST) {
                return Err(format!("weight {}", group["weight"]));
            }
        }
        Ok(())
    }

    #[test]
    fn whatever_is_asked_passes_the_controllers_rules() {
        let foreign = r#"{"targetGroupARN": "arn:old", "weight": 7}"#;
        let ours = r#"{"serviceName": "web", "servicePort": "http", "weight": 3}"#;
        let action = |groups: &str| {
            route(&format!(r#"{{"type": "forward", "forwardConfig": {{"targetGroups": [{groups}]}}}}"#))
        };
        for route in [route(SIMPLE), action(ours), action(&format!("{foreign}, {ours}"))] {
            for root in [None, Some(0), Some(100)] {
                for stable in [None, Some(0), Some(1), Some(99), Some(100)] {
                    for canary in [None, Some(0), Some(1), Some(100)] {
                        let split = Split::undone("web", "shop").with(root, stable, canary);
                        let woven = written(&ALB, &route, &split).0;
                        let action = action_of(&woven);
                        assert_eq!(validate(&action), Ok(()), "{split:?}: {action}");
                    }
                }
            }
        }
        let mut lost = action_of(&written(&ALB, &route(SIMPLE), &ten()).0);
        lost["forwardConfig"]["targetGroups"][1].as_object_mut().unwrap().remove("weight");
        insta::assert_snapshot!(validate(&lost).unwrap_err(), @"weight must be set when route to multiple target groups");
    }

    #[test]
    fn more_target_groups_than_aws_takes_are_refused() {
        let foreign = |count| vec![r#"{"targetGroupARN": "arn:old", "weight": 1}"#; count].join(",");
        let with = |count| {
            let groups =
                format!(r#"{{"serviceName": "web", "servicePort": 80, "weight": 1}},{}"#, foreign(count));
            route(&format!(r#"{{"type": "forward", "forwardConfig": {{"targetGroups": [{groups}]}}}}"#))
        };
        there_and_back(&ALB, &with(2), &ten());
        assert_snapshot!(refusal(&ALB, &with(3), &ten()), @"ingress/web in namespace shop: an action would forward to 6 target groups: AWS allows 5");
    }

    #[test]
    fn a_service_that_asks_who_comes_is_refused() {
        let service = |annotations: Value| json!({"metadata": {"name": "web", "annotations": annotations}});
        let error = ALB.refuses_service(&service(json!({AUTHENTICATION: "oidc"}))).unwrap();
        insta::assert_snapshot!(error.message, @"service/web asks for authentication by its own annotation (alb.ingress.kubernetes.io/auth-type: oidc), which counts for one target group alone: with several anybody would get in");
        assert_eq!(
            ALB.refuses_service(&service(json!({AUTHENTICATION: "none"}))).map(|error| error.message),
            None
        );
        assert_eq!(ALB.refuses_service(&service(Value::Null)).map(|error| error.message), None);
    }

    #[test]
    fn an_ingress_is_told_by_its_class() {
        let class = |name: &str, controller: &str| json!({"metadata": {"name": name}, "spec": {"controller": controller}});
        let mut classes = [class("public", CONTROLLER), class("nginx", "k8s.io/ingress-nginx")];
        let named = |name: &str| json!({"spec": {"ingressClassName": name}});
        assert!(is_mine(&ALB, &named("public"), &classes) && !is_mine(&ALB, &named("nginx"), &classes));
        assert!(!is_mine(&ALB, &json!({}), &classes));
        classes[0]["metadata"]["annotations"] =
            json!({"ingressclass.kubernetes.io/is-default-class": "true"});
        assert!(is_mine(&ALB, &json!({}), &classes));
        let legacy = json!({"metadata": {"annotations": {ingress::CLASS: "alb"}}});
        assert!(
            is_mine(&ALB, &legacy, &classes)
                && is_mine(&ALB, &legacy, &[])
                && !is_mine(&ALB, &json!({}), &[])
        );
    }
}

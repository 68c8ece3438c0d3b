//! AWS Load Balancer Controller: actions of an `Ingress` (`docs/guide/ingress/annotations.md`,
//! `pkg/ingress/config_types.go` of kubernetes-sigs/aws-load-balancer-controller).

use std::time::Duration;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::router::{Abilities, RouteKind, Router, Settled, Weighted, unable};
use crate::traffic::{Split, embedded};

const CONTROLLER: &str = "ingress.k8s.aws/alb";
const CLASS: &str = "kubernetes.io/ingress.class";
const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";
const ACTIONS: &str = "alb.ingress.kubernetes.io/actions.";
const TARGETS: &str = "alb.ingress.kubernetes.io/target-type";

/// The largest weight of a target group.
const MOST: u64 = 999;

/// Actions that forward to weighted target groups.
pub(super) struct Alb;

pub(super) const ALB: Alb = Alb;

impl Router for Alb {
    fn name(&self) -> &'static str {
        "alb"
    }

    fn kinds(&self) -> &'static [RouteKind] {
        &[RouteKind { group: "networking.k8s.io", versions: &["v1"], kind: "Ingress", plural: "ingresses" }]
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            weight: true,
            header: false,
            cookie: false,
            mirror: false,
            tested: "object level",
            limits: "the path has to name an action that forwards to the Service, with target-type ip; sticky users \
                     stay after weight 0; an action is given back whole, without what others wrote into it meanwhile",
        }
    }

    fn is_mine(&self, route: &Value, classes: &[Value]) -> bool {
        let legacy = route["metadata"]["annotations"][CLASS].as_str();
        let named = legacy.or_else(|| route["spec"]["ingressClassName"].as_str());
        if classes.is_empty() || legacy == Some("alb") {
            return named == Some("alb");
        }
        classes.iter().filter(|class| class["spec"]["controller"] == CONTROLLER).any(|class| match named {
            Some(name) => class["metadata"]["name"] == name,
            None => class["metadata"]["annotations"][DEFAULT] == "true",
        })
    }

    fn places(&self, route: &Value) -> Vec<String> {
        let annotations = route["metadata"]["annotations"].as_object();
        let actions = annotations.into_iter().flatten().map(|(key, _)| key);
        let actions = actions.filter(|key| key.starts_with(ACTIONS));
        actions.map(|key| format!("/metadata/annotations/{}", key.replace('/', "~1"))).collect()
    }

    fn names(&self, element: &Value, home: &str, service: &str, namespace: &str) -> bool {
        let action = action(element);
        home == namespace && groups(&action).iter().any(|group| group["serviceName"] == service)
    }

    fn weave(&self, element: &Value, _home: &str, split: &Split) -> Result<Vec<Value>, Error> {
        let mut action = action(element);
        let is_root = |group: &Value| group["serviceName"] == split.service.as_str();
        let rename = |group: &mut Map<String, Value>, name: &str| {
            group.insert("serviceName".into(), name.into());
        };
        let weighted =
            Weighted { is_root: &is_root, rename: &rename, weight: "weight", omitted: 0, most: MOST };
        action["forwardConfig"]["targetGroups"] = Value::Array(weighted.divided(groups(&action), split)?);
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

    fn settled(&self, _route: &Value) -> Settled {
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
        other => other,
    }
}

fn groups(action: &Value) -> &[Value] {
    action["forwardConfig"]["targetGroups"].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::router::tests::{refusal, ten, there_and_back, written};
    use crate::traffic::Match;

    const KEY: &str = "alb.ingress.kubernetes.io/actions.main";

    fn route(action: &str) -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "r1",
            "annotations": {KEY: action, TARGETS: "ip", "alb.ingress.kubernetes.io/scheme": "{}"}},
            "spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "main"}}}]}}]}})
    }

    const SIMPLE: &str = r#"{"type": "forward", "forwardConfig":
        {"targetGroupStickinessConfig": {"enabled": false}, "targetGroups": [{"serviceName": "web", "servicePort": 80}]}}"#;

    fn weights(route: &Value) -> Vec<(String, u64)> {
        let action = action(&route["metadata"]["annotations"][KEY]);
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
        let message = refusal(&ALB, &both(301), &ten());
        assert!(message.contains("the most is 999"), "{message}");
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
        assert!(refusal(&ALB, &route(SIMPLE), &split).contains("alb cannot tell requests by a header"));
        let split = Split { mirror: Some(100), ..ten() };
        assert!(refusal(&ALB, &route(SIMPLE), &split).contains("alb cannot give the canary a copy"));
        let mut nodes = route(SIMPLE);
        nodes["metadata"]["annotations"][TARGETS] = json!("instance");
        let wanted = "it needs alb.ingress.kubernetes.io/target-type: ip";
        assert!(refusal(&ALB, &nodes, &ten()).ends_with(wanted));
    }

    #[test]
    fn an_ingress_is_told_by_its_class() {
        let class = |name: &str, controller: &str| json!({"metadata": {"name": name}, "spec": {"controller": controller}});
        let mut classes = [class("public", CONTROLLER), class("nginx", "k8s.io/ingress-nginx")];
        let named = |name: &str| json!({"spec": {"ingressClassName": name}});
        assert!(ALB.is_mine(&named("public"), &classes) && !ALB.is_mine(&named("nginx"), &classes));
        assert!(!ALB.is_mine(&json!({}), &classes));
        classes[0]["metadata"]["annotations"] = json!({DEFAULT: "true"});
        assert!(ALB.is_mine(&json!({}), &classes));
        let legacy = json!({"metadata": {"annotations": {CLASS: "alb"}}});
        assert!(ALB.is_mine(&legacy, &classes) && ALB.is_mine(&legacy, &[]) && !ALB.is_mine(&json!({}), &[]));
    }
}

//! Routers that divide the pods of one Service.

use serde_json::{Value, json};

use super::{V1, V2, words};
use crate::shop::Shop;

/// The hash that a Service of ours is pinned to.
fn hash(shop: &Shop, role: &str) -> String {
    let service = shop.get(&format!("service/frontend-rp-{role}"));
    service["spec"]["selector"]["pod-template-hash"].as_str().unwrap().to_owned()
}

fn canary(shop: &Shop, router: &str, args: &[&str]) {
    let router = ["--router", router, "--router-grace", "0s", "--timeout", "2m"];
    shop.tool(&[&["canary", "frontend"], args, &router].concat()).expect(0);
}

fn end(shop: &Shop, verb: &str) {
    shop.tool(&[verb, "frontend", "--timeout", "2m"]).expect(0);
    shop.expect_own_fields(if verb == "abort" { V1 } else { V2 });
    let left = shop.kubectl(&["get", "services,serviceresolvers", "-o", "name"]);
    assert!(!left.contains("-rp-"), "left over: {left}");
}

const SPLITTER: &str = "servicesplitters/frontend";
const RESOLVER: &str = "serviceresolvers/frontend";

fn of_consul(kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": "consul.hashicorp.com/v1alpha1", "kind": kind, "metadata": {"name": "frontend"}, "spec": spec})
}

fn splits(shop: &Shop) -> Value {
    shop.get(SPLITTER)["spec"]["splits"].clone()
}

fn filter(hash: &str) -> Value {
    json!({"filter": format!("Service.Meta[\"pod-name\"] matches \"^frontend-{hash}-\"")})
}

#[test]
fn consul_with_a_resolver_of_the_users() {
    let shop = Shop::new(3);
    let v1 = json!({"filter": "Service.Meta.version == v1", "onlyPassing": true});
    shop.apply(&of_consul(
        "ServiceResolver",
        &json!({"connectTimeout": "5s", "defaultSubset": "v1", "subsets": {"v1": v1}}),
    ));
    shop.apply(&of_consul(
        "ServiceSplitter",
        &json!({"splits": [{"weight": 75, "serviceSubset": "v1"}, {"weight": 25, "service": "old"}]}),
    ));
    let before = [SPLITTER, RESOLVER].map(|object| words(&shop.get(object)));
    for verb in ["abort", "promote"] {
        canary(&shop, "consul", &["--image", V2, "--weight", "10"]);
        let wanted = json!([{"weight": 0, "serviceSubset": "v1"},
            {"weight": 67.5, "serviceSubset": "frontend-rp-stable"},
            {"weight": 7.5, "serviceSubset": "frontend-rp-canary"}, {"weight": 25, "service": "old"}]);
        assert_eq!(splits(&shop), wanted);
        let ours = ["stable", "canary"].map(|role| filter(&hash(&shop, role)));
        let wanted = json!({"v1": v1, "frontend-rp-stable": ours[0], "frontend-rp-canary": ours[1]});
        assert_eq!(shop.get(RESOLVER)["spec"]["subsets"], wanted);
        // The names of the pods are what the filters go by.
        let pods = shop.kubectl(&["get", "pods", "-o", "name"]);
        let of = |role| {
            let name = format!("pod/frontend-{}-", hash(&shop, role));
            pods.lines().filter(|pod| pod.starts_with(&name)).count()
        };
        assert_eq!((of("stable"), of("canary")), (3, 1), "{pods}");
        end(&shop, verb);
        assert_eq!([SPLITTER, RESOLVER].map(|object| words(&shop.get(object))), before, "{verb}");
    }
}

#[test]
fn consul_with_a_resolver_of_ours() {
    let shop = Shop::new(3);
    shop.apply(&of_consul("ServiceSplitter", &json!({"splits": [{"weight": 100}]})));
    let before = words(&shop.get(SPLITTER));
    for verb in ["abort", "promote"] {
        canary(&shop, "consul", &["--image", V2, "--weight", "10"]);
        canary(&shop, "consul", &["--weight", "50"]);
        let wanted = json!([{"weight": 0}, {"weight": 50, "serviceSubset": "frontend-rp-stable"},
            {"weight": 50, "serviceSubset": "frontend-rp-canary"}]);
        assert_eq!(splits(&shop), wanted);
        assert_eq!(shop.status()["weight"]["actual"], 50.0);
        let ours = ["stable", "canary"].map(|role| filter(&hash(&shop, role)));
        let wanted = json!({"frontend-rp-stable": ours[0], "frontend-rp-canary": ours[1]});
        assert_eq!(shop.get(RESOLVER)["spec"], json!({"subsets": wanted}));
        end(&shop, verb);
        assert_eq!(words(&shop.get(SPLITTER)), before, "{verb}");
        assert_eq!(shop.get(RESOLVER), Value::Null, "{verb}");
    }
}

#[test]
fn haproxy() {
    let shop = Shop::new(3);
    let path = json!({"path": "/", "pathType": "Prefix",
        "backend": {"service": {"name": "frontend", "port": {"number": 80}}}});
    shop.apply(&json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"},
        "spec": {"ingressClassName": "haproxy", "rules": [{"host": "shop.test", "http": {"paths": [path]}}]}}));
    let before = words(&shop.get("ingress/web"));
    for verb in ["abort", "promote"] {
        for (weight, stable) in [("10", "90"), ("50", "50")] {
            let new: &[&str] = if weight == "10" { &["--image", V2] } else { &[] };
            canary(&shop, "haproxy", &[new, &["--weight", weight]].concat());
            let service = shop.get("service/frontend-rp-split");
            let groups = [("stable", stable), ("canary", weight)]
                .map(|(role, weight)| format!("pod-template-hash={}={weight}", hash(&shop, role)));
            let annotations = &service["metadata"]["annotations"];
            assert_eq!(annotations["haproxy-ingress.github.io/blue-green-balance"], groups.join(","));
            assert_eq!(service["spec"]["selector"], shop.get("service/frontend")["spec"]["selector"]);
            let named =
                &shop.get("ingress/web")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
            assert_eq!(named["name"], "frontend-rp-split");
            assert_eq!(shop.status()["weight"]["actual"], weight.parse::<f64>().unwrap());
        }
        end(&shop, verb);
        assert_eq!(words(&shop.get("ingress/web")), before, "{verb}");
    }
}

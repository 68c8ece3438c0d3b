//! Others write to routes too: what they want stays, and what they undo is told.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::row::{CONTOUR_HTTP_PROXY, CONTOUR_HTTP_ROUTE, Routed, Row, TRAEFIK_INGRESS, V1, V2, get};
use crate::jobs::{alone, each};
use crate::shop::{Ended, finish, run};

const START: [&str; 6] = ["canary", "frontend", "--image", V2, "--weight", "10"];

/// What happens, where, and the test of what comes of it.
type Edit = (&'static str, &'static Row, fn(&Routed));

const EDITS: [Edit; 10] = [
    ("somebody adds a rule", &CONTOUR_HTTP_ROUTE, another_rule),
    ("somebody sets a weight by hand", &CONTOUR_HTTP_ROUTE, another_weight),
    ("somebody deletes the route", &CONTOUR_HTTP_ROUTE, deleted_route),
    ("somebody deletes the Service", &CONTOUR_HTTP_ROUTE, deleted_service),
    ("somebody shows the canary on another host", &CONTOUR_HTTP_ROUTE, another_host),
    ("an Ingress names the canary's Service", &TRAEFIK_INGRESS, another_ingress),
    ("a GitOps tool reverts the weights", &CONTOUR_HTTP_ROUTE, reverted_weights),
    ("the route names another Service", &CONTOUR_HTTP_ROUTE, another_service),
    ("two routers name the Service", &CONTOUR_HTTP_ROUTE, two_routers),
    ("there is no right to patch routes", &CONTOUR_HTTP_ROUTE, no_right),
];

#[test]
fn routes_that_others_change_too() {
    let _alone = alone();
    let failed = each((0..EDITS.len()).collect(), 3, |&index| {
        let (what, row, edit) = EDITS[index];
        let begin = Instant::now();
        edit(&row.deploy());
        println!("{what}: as it should be ({:.0} s)", begin.elapsed().as_secs_f64());
    });
    let failed: Vec<&str> = failed.iter().map(|index| EDITS[index.parse::<usize>().unwrap()].0).collect();
    assert!(failed.is_empty(), "{failed:?}");
}

fn patch(routed: &Routed, operations: &Value) {
    routed.shop.kubectl(&["patch", routed.row.route, "--type=json", "-p", &operations.to_string()]);
}

fn rules(routed: &Routed) -> Vec<Value> {
    routed.shop.get(routed.row.route)["spec"]["rules"].as_array().unwrap().clone()
}

fn weights(routed: &Routed) -> Vec<u64> {
    let rules = rules(routed);
    rules[0]["backendRefs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["weight"].as_u64().unwrap())
        .collect()
}

#[track_caller]
fn says(ended: &Ended, words: &[&str]) {
    for word in words {
        assert!(ended.stderr.contains(word), "{word:?} is not in:\n{}", ended.stderr);
    }
}

fn another_rule(routed: &Routed) {
    routed.shop.tool(&START).expect(0);
    let rule = json!({"matches": [{"path": {"type": "PathPrefix", "value": "/old"}}],
        "filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": "new.test"}}]});
    patch(routed, &json!([{"op": "add", "path": "/spec/rules/0", "value": rule}]));
    let theirs = rules(routed)[0].clone();
    routed.shop.tool(&["canary", "frontend", "--weight", "30"]).expect(0);
    routed.shop.tool(&["abort", "frontend"]).expect(0);
    let before = routed.before["spec"]["rules"][0].clone();
    assert_eq!(rules(routed), [theirs, before]);
    routed.expect_nothing_of_ours();
}

fn another_weight(routed: &Routed) {
    routed.shop.tool(&START).expect(0);
    assert_eq!(weights(routed), [0, 90, 10]);
    patch(routed, &json!([{"op": "replace", "path": "/spec/rules/0/backendRefs/2/weight", "value": 55}]));
    routed.shop.tool(&["canary", "frontend", "--weight", "10"]).expect(0);
    assert_eq!(weights(routed), [0, 90, 10]);
    patch(routed, &json!([{"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 7}]));
    routed.shop.tool(&["abort", "frontend"]).expect(0);
    routed.expect_as_before(V1);
}

fn deleted_route(routed: &Routed) {
    routed.shop.tool(&START).expect(0);
    routed.shop.kubectl(&["delete", routed.row.route]);
    let ended = routed.shop.tool(&["abort", "frontend"]).expect(0);
    says(&ended, &["httproute/web in namespace", "is gone"]);
    routed.shop.expect_own_fields(V1);
    routed.expect_nothing_of_ours();
}

/// The canary loses its share and its pods all the same; the rest of the way back needs the Service.
fn deleted_service(routed: &Routed) {
    routed.shop.tool(&START).expect(0);
    routed.shop.kubectl(&["delete", "service/frontend"]);
    let ended = routed.shop.tool(&["abort", "frontend"]).expect(3);
    says(&ended, &["service/frontend", "is gone: no route can go back to it", "rollout-plus abort frontend"]);
    assert_eq!(weights(routed), [0, 100]);
    assert_eq!(routed.shop.pods_of(V2).0, 0);
    assert_eq!(routed.get("/").map(|(version, _)| version), Ok("v1".into()));
    routed.shop.apply(&json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "frontend"},
        "spec": {"selector": {"app": "frontend"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}}));
    routed.shop.tool(&["abort", "frontend"]).expect(0);
    routed.expect_as_before(V1);
}

/// Nothing is ever written to a route that is none of this canary, whatever it names.
fn another_host(routed: &Routed) {
    routed.shop.tool(&START).expect(0);
    let host = format!("preview.{}", routed.host);
    let mut preview = routed.written();
    preview["metadata"]["name"] = json!("preview");
    preview["spec"]["hostnames"] = json!([host]);
    preview["spec"]["rules"][0]["backendRefs"][0]["name"] = json!("frontend-rp-canary");
    routed.shop.apply(&preview);
    let shown = |shop: &crate::shop::Shop| {
        let route = shop.get("httproute/preview");
        (route["metadata"]["generation"].clone(), route["spec"].clone())
    };
    let before = shown(&routed.shop);
    routed.shop.until("the canary is on its host", |_| {
        get(routed.address(), &host, "/").is_ok_and(|(version, _)| version == "v2")
    });
    routed.shop.tool(&["canary", "frontend", "--weight", "30"]).expect(0);
    routed.shop.tool(&["abort", "frontend"]).expect(0);
    routed.expect_as_before(V1);
    let ended = routed.shop.tool(&START).expect(0);
    says(&ended, &["httproute/preview", "names the canary's Service"]);
    assert_eq!(weights(routed), [0, 90, 10]);
    routed.shop.tool(&["abort", "frontend"]).expect(0);
    routed.expect_as_before(V1);
    assert_eq!(shown(&routed.shop), before);
}

/// Controllers of these Ingresses keep an upstream by its Service: the split would silently not be there.
fn another_ingress(routed: &Routed) {
    let mut preview = routed.written();
    preview["metadata"]["name"] = json!("preview");
    preview["spec"]["rules"][0]["host"] = json!(format!("preview.{}", routed.host));
    preview["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] =
        json!("frontend-rp-canary");
    routed.shop.apply(&preview);
    let ended = routed.shop.tool(&START).expect(8);
    says(&ended, &["ingress/preview", "would not split the traffic", "kubectl delete ingresses preview"]);
    expect_no_write(routed);
    routed.shop.kubectl(&["delete", "ingress/preview"]);
    routed.shop.tool(&START).expect(0);
    // Whoever comes later does not keep anybody from the way back.
    routed.shop.apply(&preview);
    routed.shop.tool(&["abort", "frontend"]).expect(0);
    let left = routed.shop.get("ingress/preview");
    assert_eq!(left["metadata"]["generation"], 1, "{left}");
    routed.shop.kubectl(&["delete", "ingress/preview"]);
    routed.expect_as_before(V1);
}

fn reverted_weights(routed: &Routed) {
    let mut args = START[..4].to_vec();
    args.extend(["--steps", "10,50", "--step-wait", "60s"]);
    let child = routed.shop.start(&routed.shop.kubeconfig, &args);
    routed.shop.until("the canary has its first share", |_| {
        let rules = rules(routed);
        rules[0]["backendRefs"].as_array().unwrap().iter().any(|entry| entry["weight"] == 10)
    });
    // Past the grace of the data plane, into the wait between the steps.
    std::thread::sleep(Duration::from_secs(4));
    let begin = Instant::now();
    routed.shop.apply(&routed.written());
    let ended = finish(child).expect(1);
    assert!(begin.elapsed() < Duration::from_secs(20), "it has to be told at once");
    says(
        &ended,
        &["somebody (kubectl-client-side-apply) changed httproute/web", "rollout-plus abort frontend"],
    );
    routed.shop.tool(&["abort", "frontend"]).expect(0);
    routed.expect_as_before(V1);
}

/// A route to another Service is none of this workload.
fn another_service(routed: &Routed) {
    let mut other = routed.written();
    other["spec"]["rules"][0]["backendRefs"][0]["name"] = json!("other");
    routed.shop.apply(&other);
    let before = routed.shop.get(routed.row.route)["spec"].clone();
    let ended = routed.shop.tool(&[&START[..], &["--router", "httproute"]].concat()).expect(8);
    says(
        &ended,
        &["--router httproute: no route of it in namespace", "names a Service of deployment/frontend"],
    );
    assert_eq!(routed.shop.get(routed.row.route)["spec"], before);
    expect_no_write(routed);
}

fn two_routers(routed: &Routed) {
    let proxy = json!({"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "metadata": {"name": "web"},
        "spec": {"virtualhost": {"fqdn": format!("proxy.{}", routed.host)},
            "routes": [{"services": [{"name": "frontend", "port": 80}]}]}});
    routed.shop.apply(&proxy);
    let ended = routed.shop.tool(&START).expect(8);
    let candidate = |router: &str| format!("--router {router}");
    says(&ended, &[&candidate(routed.row.router), &candidate(CONTOUR_HTTP_PROXY.router)]);
    routed.expect_untouched();
}

fn no_right(routed: &Routed) {
    let all = ["get", "list", "watch", "create", "update", "patch", "delete"];
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let role = |rules: &Value| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "deployer"}, "rules": rules});
    let mut rules = vec![
        rule("", &["services", "pods", "pods/log", "events"], &all),
        rule("apps", &["deployments", "replicasets", "replicasets/scale"], &all),
        rule("coordination.k8s.io", &["leases"], &all),
        rule("discovery.k8s.io", &["endpointslices"], &all),
        rule("gateway.networking.k8s.io", &["httproutes"], &["get", "list", "watch"]),
    ];
    routed.shop.apply(&role(&json!(rules)));
    routed.shop.apply(&json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "deployer"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"},
        "subjects": [{"kind": "User", "name": "deployer", "apiGroup": "rbac.authorization.k8s.io"}]}));
    let as_deployer = [&START[..], &["--as", "deployer"]].concat();
    routed.shop.until("the rights are known", |shop| {
        let mut ask = Command::new("kubectl");
        run(ask.args(["-n", &shop.namespace, "auth", "can-i", "patch", "deployments", "--as", "deployer"]))
            .code
            == Some(0)
    });
    let ended = routed.shop.tool(&as_deployer).expect(8);
    says(&ended, &["RP030", "no right to patch httproutes (group gateway.networking.k8s.io)"]);
    routed.expect_untouched();
    // With that right nothing else is missing.
    rules[4] = rule("gateway.networking.k8s.io", &["httproutes"], &["get", "list", "watch", "patch"]);
    routed.shop.apply(&role(&json!(rules)));
    routed.shop.until("the right is known", |shop| {
        let mut ask = Command::new("kubectl");
        run(ask.args(["-n", &shop.namespace, "auth", "can-i", "patch", "httproutes", "--as", "deployer"]))
            .code
            == Some(0)
    });
    routed.shop.tool(&as_deployer).expect(0);
    routed.shop.tool(&["abort", "frontend", "--as", "deployer"]).expect(0);
    routed.expect_as_before(V1);
}

#[track_caller]
fn expect_no_write(routed: &Routed) {
    assert_eq!(routed.shop.deployment()["metadata"]["generation"], 1);
    assert_eq!(routed.shop.kubectl(&["get", "leases", "-o", "name"]), "");
    routed.expect_nothing_of_ours();
}

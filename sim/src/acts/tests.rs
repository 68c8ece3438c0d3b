use std::collections::BTreeSet;

use super::*;
use crate::server::Server;
use serde_json::json;

fn server() -> (Server, Value) {
    let mut server = Server::new();
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "shop:v1"}]}});
    let manifest = json!({"metadata": {"name": "web"}, "spec": {
        "replicas": 2, "minReadySeconds": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template,
    }});
    send(
        &mut server,
        &Request::new("user", "POST", "/apis/apps/v1/namespaces/shop/deployments", "", manifest.clone()),
    );
    for (name, image, revision) in [("web-1", "shop:v1", "1"), ("web-2", "shop:v2", "2")] {
        let uid = one(&server, "deployments", "web")["metadata"]["uid"].clone();
        let mut template = template.clone();
        template["spec"]["containers"][0]["image"] = json!(image);
        template["metadata"]["labels"]["pod-template-hash"] = json!(revision);
        let set = json!({
            "metadata": {
                "name": name, "annotations": {"deployment.kubernetes.io/revision": revision},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": uid}],
            },
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template},
        });
        send(
            &mut server,
            &Request::new("user", "POST", "/apis/apps/v1/namespaces/shop/replicasets", "", set),
        );
        let pod = json!({
            "metadata": {"name": name, "labels": {"app": "web"}},
            "spec": {"nodeName": "node-0", "containers": [{"name": "web", "image": image}]},
        });
        send(&mut server, &Request::new("user", "POST", "/api/v1/namespaces/shop/pods", "", pod));
    }
    (server, manifest)
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn send(server: &mut Server, request: &Request) {
    let newest = server.store.version();
    let answer = server.answer(request.clone(), now(), newest, &mut Draw::new(1));
    assert!(answer.is_ok(), "{request:?}: {answer:?}");
}

fn one(server: &Server, plural: &str, name: &str) -> Value {
    let group = if matches!(plural, "pods" | "nodes" | "resourcequotas") { "" } else { "apps" };
    let resource = crate::server::resources::find(group, "v1", plural).unwrap();
    let namespace = if plural == "nodes" { "" } else { "shop" };
    server
        .store
        .get(resource, &Key::new(namespace, name))
        .map_or(Value::Null, |object| object.as_ref().clone())
}

fn done(act: &Act) -> Server {
    let (mut server, manifest) = server();
    let target = Key::new("shop", "web");
    let sight = Sight { store: &server.store, target: &target, manifest: &manifest, now: now() };
    for request in act.requests(&sight, &mut Draw::new(1)) {
        send(&mut server, &request);
    }
    server
}

#[test]
fn acts_do_what_they_are_called() {
    let spec = |act: &Act| one(&done(act), "deployments", "web")["spec"].clone();
    let image = |act: &Act| spec(act)["template"]["spec"]["containers"][0]["image"].clone();
    assert_eq!(spec(&Act::Scale(7))["replicas"], 7);
    assert_eq!(image(&Act::ThirdVersion(Behaviour::Crash)), "shop:v3-crash");
    assert_eq!(image(&Act::Undo), "shop:v1");
    assert!(spec(&Act::Undo)["template"]["metadata"]["labels"]["pod-template-hash"].is_null());
    let annotations = one(&done(&Act::Undo), "deployments", "web")["metadata"]["annotations"].clone();
    assert!(annotations.is_null(), "a record of ours goes with its version: {annotations}");
    assert!(spec(&Act::Restart)["template"]["metadata"]["annotations"].is_object());
    assert_eq!(spec(&Act::Pause)["paused"], true);
    assert_eq!(spec(&Act::Edit(Field::MinReadySeconds(9)))["minReadySeconds"], 9);
    assert_eq!(spec(&Act::Edit(Field::Surge(10)))["strategy"]["rollingUpdate"]["maxSurge"], "10%");
    assert!(one(&done(&Act::Delete), "deployments", "web").is_null());
    assert_eq!(one(&done(&Act::Quota(3)), "resourcequotas", "few")["spec"]["hard"]["pods"], "3");
    let ended = done(&Act::EndPods(1));
    let gone =
        ["web-1", "web-2"].map(|name| one(&ended, "pods", name)["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(gone.iter().filter(|gone| **gone).count(), 1);
    let evicted = one(&done(&Act::Evict(9)), "pods", "web-1");
    assert_eq!(evicted["status"]["conditions"][0]["reason"], "EvictionByEvictionAPI");
    assert!(
        one(&done(&Act::NodeLost(1)), "nodes", "node-1")["metadata"]["annotations"]
            [crate::controllers::nodes::LOST]
            .is_string()
    );
    assert_eq!(one(&done(&Act::NodeLost(1)), "nodes", "node-2")["status"]["conditions"], Value::Null);
}

#[test]
fn who_applies_its_manifest_sets_what_it_names() {
    let (mut server, manifest) = server();
    let target = Key::new("shop", "web");
    for act in
        [Act::ThirdVersion(Behaviour::Good), Act::Edit(Field::MinReadySeconds(9)), Act::Scale(7), Act::Revert]
    {
        let sight = Sight { store: &server.store, target: &target, manifest: &manifest, now: now() };
        for request in act.requests(&sight, &mut Draw::new(1)) {
            send(&mut server, &request);
        }
    }
    let spec = one(&server, "deployments", "web")["spec"].clone();
    assert_eq!(spec["template"]["spec"]["containers"][0]["image"], "shop:v1");
    assert_eq!((spec["minReadySeconds"].clone(), spec["replicas"].clone()), (json!(3), json!(7)));
}

#[test]
fn every_act_is_drawn_and_what_holds_the_cluster_up_ends() {
    let mut draw = Draw::new(1);
    let all: Vec<Due> = (0..500).flat_map(|_| Act::some(&mut draw, 3, Duration::from_secs(600), 5)).collect();
    let names: BTreeSet<&str> = all.iter().map(|due| due.act.name()).collect();
    assert_eq!(names.len(), 16, "{names:?}");
    let count = |name: &str| all.iter().filter(|due| due.act.name() == name).count();
    assert_eq!(count("quota"), count("no quota"));
    assert_eq!(count("node lost"), count("node back"));
}

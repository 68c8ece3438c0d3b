//! What a run that did not get to its end brought: the next manifest takes it away if it has it no longer.

use std::io::Write as _;
use std::process::Stdio;

use crate::shop::{Ended, Shop};
use serde_json::{Value, json};

const V1: &str = "shop/web:v1";
const V2: &str = "shop/web:v2";

fn deployment(image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": image}]}}}})
}

/// With fields that the version before had not.
fn extended(image: &str) -> Value {
    let mut object = deployment(image);
    let pod = &mut object["spec"]["template"]["spec"];
    pod["terminationGracePeriodSeconds"] = json!(7);
    pod["containers"][0]["env"] = json!([{"name": "MODE", "value": "fast"}]);
    pod["containers"][0]["ports"] = json!([{"containerPort": 80}]);
    object
}

/// One that no node takes.
fn homeless(image: &str) -> Value {
    let mut object = extended(image);
    object["spec"]["template"]["spec"]["nodeSelector"] = json!({"no-such": "node"});
    object
}

fn apply(shop: &Shop, object: &Value, more: &[&str]) -> Ended {
    let mut command = shop.command(&shop.kubeconfig, &[&["apply", "-f", "-"], more].concat());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(object.to_string().as_bytes()).unwrap();
    crate::shop::finish(child)
}

fn spec(shop: &Shop) -> Value {
    shop.get("deployment/web")["spec"]["template"]["spec"].clone()
}

/// Nothing is left of what the manifest has no longer.
fn is_plain(shop: &Shop, image: &str) {
    let spec = spec(shop);
    let container = &spec["containers"][0];
    assert_eq!(container["image"], image);
    for (field, value) in
        [("nodeSelector", &spec["nodeSelector"]), ("env", &container["env"]), ("ports", &container["ports"])]
    {
        assert_eq!(*value, Value::Null, "{field} is kept");
    }
    assert_eq!(spec["terminationGracePeriodSeconds"], 30);
}

#[test]
fn a_deadline_leaves_nothing_that_the_next_manifest_has_not() {
    for client_side in [false, true] {
        let shop = Shop::empty();
        if client_side {
            shop.apply(&deployment(V1));
        } else {
            apply(&shop, &deployment(V1), &[]).expect(0);
        }
        let ended = apply(&shop, &homeless(V2), &["--timeout", "2s", "--tolerate", "Unschedulable=60s"]);
        assert_eq!(ended.code, Some(4), "{}", ended.stderr);
        assert_eq!(spec(&shop)["nodeSelector"]["no-such"], "node", "it stays as it is");
        apply(&shop, &deployment(V1), &[]).expect(0);
        is_plain(&shop, V1);
    }
}

#[test]
fn what_a_held_canary_brought_goes_with_the_next_one() {
    let shop = Shop::empty();
    apply(&shop, &deployment(V1), &[]).expect(0);
    let canary = ["--strategy", "canary", "--weight", "50"];
    apply(&shop, &extended(V2), &canary).expect(0);
    apply(&shop, &deployment("shop/web:v3"), &[&canary[..], &["--promote"]].concat()).expect(0);
    is_plain(&shop, "shop/web:v3");
}

#[test]
fn what_a_canary_of_a_manifest_brought_goes_with_the_next_apply_and_a_restart_stays() {
    let shop = Shop::empty();
    apply(&shop, &deployment(V1), &[]).expect(0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.json");
    std::fs::write(&path, extended(V2).to_string()).unwrap();
    shop.tool(&["canary", "web", "-f", path.to_str().unwrap(), "--weight", "50", "--promote"]).expect(0);
    shop.tool(&["restart", "web"]).expect(0);
    apply(&shop, &deployment(V2), &[]).expect(0);
    is_plain(&shop, V2);
    let template = &shop.get("deployment/web")["spec"]["template"];
    assert!(template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"].is_string());
}

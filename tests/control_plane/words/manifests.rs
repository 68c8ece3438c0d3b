//! `apply`, `get`, `wait`, `delete`, and canaries of several workloads.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::Stage;
use crate::shop::Shop;

fn deployment(name: &str, image: &str) -> Value {
    let labels = json!({"app": name, "part-of": "shop"});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "web", "image": image}]}}}})
}

fn config(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "labels": {"part-of": "shop"}},
        "data": {"key": value}})
}

fn secret(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "labels": {"part-of": "shop"}},
        "stringData": {"password": value}})
}

fn stage() -> Stage {
    let stage = Stage::new(Shop::empty());
    stage.file("shop.yaml", &[config("a"), secret("first-secret"), deployment("web", "shop/web:v1")]);
    stage.file("next.yaml", &[config("b"), secret("second-secret"), deployment("web", "shop/web:v2")]);
    let two = |image: &str| [deployment("web", image), deployment("worker", image)];
    stage.file("two.yaml", &two("shop/web:v1"));
    stage.file("both.yaml", &two("shop/web:v2"));
    stage
}

#[test]
fn apply() {
    let mut stage = stage();
    stage.types("apply -f shop.yaml --dry-run");
    stage.types("apply -f shop.yaml");
    stage.types("apply -f shop.yaml");
    stage.types("apply -f next.yaml --diff");
    stage.types("apply -f next.yaml");
    stage.file("less.yaml", &[deployment("web", "shop/web:v2")]);
    stage.types("apply -f less.yaml --prune -l part-of=shop");
    assert!(!stage.told.contains("-secret"), "a secret is shown");
    assert_snapshot!(stage.told());
}

#[test]
fn apply_of_several() {
    let mut stage = stage();
    stage.types("apply -f two.yaml");
    stage.types("apply -f both.yaml --strategy canary --weight 25");
    stage.types("status");
    stage.types("apply -f both.yaml --strategy canary --weight 25 --promote");
    assert_snapshot!(stage.told());
}

#[test]
fn apply_that_is_refused() {
    let mut stage = stage();
    stage.types("apply");
    stage.types("apply -f no-such-folder/");
    std::fs::write(stage.path("broken.yaml"), "kind: ConfigMap\n  metadata: [").unwrap();
    stage.types("apply -f broken.yaml");
    stage.file("nameless.yaml", &[json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}})]);
    stage.types("apply -f nameless.yaml");
    stage.file(
        "unknown.yaml",
        &[json!({"apiVersion": "example.com/v1", "kind": "Shop", "metadata": {"name": "x"}})],
    );
    stage.types("apply -f unknown.yaml");
    stage.file("twice.yaml", &[config("a"), config("b")]);
    stage.types("apply -f twice.yaml");
    let mut elsewhere = config("a");
    elsewhere["metadata"]["namespace"] = "elsewhere".into();
    stage.file("elsewhere.yaml", &[elsewhere]);
    stage.types("apply -f elsewhere.yaml");
    let mut wrong = deployment("web", "shop/web:v1");
    wrong["spec"]["replicas"] = "three".into();
    stage.file("wrong.yaml", &[wrong]);
    stage.types("apply -f wrong.yaml");
    stage.types("apply -f shop.yaml");
    stage.shop.kubectl(&[
        "label",
        "configmap/settings",
        "part-of=other",
        "--overwrite",
        "--field-manager=other",
    ]);
    stage.types("apply -f next.yaml");
    stage.types("apply -f next.yaml --force-conflicts");
    stage.types("apply -f next.yaml --prune");
    assert_snapshot!(stage.told());
}

#[test]
fn what_kubectl_does_too() {
    let mut stage = stage();
    stage.types("apply -f two.yaml");
    stage.types("get deployments");
    stage.types("get deployments --names");
    stage.types("get deployment web missing");
    stage.types("get shops");
    stage.types("wait deployment/web --for condition=Available");
    stage.types("wait deployment/web --for condition=Shining --within 1s");
    stage.types("wait deployment/missing --for condition=Available --within 1s");
    stage.types("scale web --replicas 2");
    stage.types("delete deployment worker");
    stage.types("delete deployment worker");
    stage.types("delete deployment worker --ignore-not-found");
    stage.types("delete -f two.yaml --ignore-not-found");
    assert_snapshot!(stage.told());
}

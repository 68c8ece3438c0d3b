//! One Deployment beside the manifests of all.

use serde_json::{Value, json};

use super::pipeline::Pipeline;
use super::{deployment, image};
use crate::shop::Shop;

#[test]
fn manifests_are_applied_and_their_deployment_rolled_out_to_the_new_image() {
    let pipeline = Pipeline::new(Shop::empty());
    pipeline.allow("", "configmaps", &["get", "create", "patch"]);
    let config = |text: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config"}, "data": {"text": text}});
    pipeline.write("deploy/config.yaml", &config("one"));
    // Nobody runs what stands there.
    pipeline.write("deploy/web.yaml", &deployment("placeholder"));
    let settings = |image: &'static str| {
        vec![("deployment", "frontend"), ("manifests", "deploy/*.yaml"), ("image", image)]
    };
    let canary = [("strategy", "canary"), ("weight", "50"), ("steps", "50"), ("promote", "true")];
    // It is not there yet, so there is nothing to compare it with.
    let first = pipeline.step(&[&settings("shop/web:v1")[..], &canary[..3]].concat()).expect(0);
    assert!(!first.stderr.contains("held"), "{}", first.stderr);
    assert_eq!(image(&pipeline.shop), "shop/web:v1");
    assert_eq!(pipeline.shop.get("configmap/config")["data"]["text"], "one");

    pipeline.write("deploy/config.yaml", &config("two"));
    let canary = [&settings("shop/web:v2")[..], &canary].concat();
    let ended = pipeline.step(&canary).expect(0);
    assert!(ended.stderr.contains("left to the command that rolls it out"), "{}", ended.stderr);
    assert!(ended.stderr.contains("kubectl rollout-plus canary frontend"), "{}", ended.stderr);
    assert_eq!(image(&pipeline.shop), "shop/web:v2");
    assert_eq!(pipeline.shop.pods_of("shop/web:v1").0, 0);
    assert_eq!(pipeline.shop.get("configmap/config")["data"]["text"], "two");
    // Whoever deploys twice is told twice.
    let generation = |shop: &Shop| shop.deployment()["metadata"]["generation"].clone();
    let before = generation(&pipeline.shop);
    pipeline.step(&canary).expect(0);
    assert_eq!(generation(&pipeline.shop), before);

    let nothing = pipeline.step(&[("manifests", "deploy/*.json")]).expect(2);
    assert!(nothing.stderr.contains("no file matches the pattern deploy/*.json"), "{}", nothing.stderr);
}

#[test]
fn a_namespace_is_made_by_whoever_may() {
    let pipeline = Pipeline::new(Shop::empty());
    pipeline.allow("", "configmaps", &["get", "create", "patch"]);
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config"}, "data": {}});
    pipeline.write("config.yaml", &config);
    let other = format!("{}-made", pipeline.shop.namespace);
    let settings =
        [("manifests", "config.yaml"), ("create_namespace", "true"), ("namespace", other.as_str())];
    let refused = pipeline.step(&settings);
    assert!(refused.code.is_some_and(|code| code != 0), "{}", refused.stderr);
    assert!(refused.stderr.contains("namespaces") && refused.stderr.contains(&other), "{}", refused.stderr);
    let kubeconfig = std::fs::read_to_string(&pipeline.shop.kubeconfig).unwrap();
    let admin = [&settings[..], &[("kubeconfig", kubeconfig.as_str())]].concat();
    pipeline.step_in("push", &[], &admin).expect(0);
    let made = pipeline.shop.get(&format!("namespace/{other}"));
    assert_ne!(made, Value::Null);
    pipeline.shop.kubectl(&["delete", "namespace", &other, "--wait=false"]);
}

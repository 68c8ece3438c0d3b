//! Lines of kubectl that change, delete and wait, without kubectl.

use std::time::Instant;

use super::deployment;
use super::pipeline::Pipeline;
use crate::shop::Shop;

#[test]
fn a_deployment_is_scaled_paused_waited_for_and_deleted() {
    let pipeline = Pipeline::new(Shop::new(1));
    pipeline.allow("apps", "deployments", &["delete"]);
    let kubectl = |line: &str| pipeline.step(&[("kubectl", line)]);
    let spec = || pipeline.shop.deployment()["spec"].clone();

    kubectl("scale deployment/frontend --replicas 2").expect(0);
    assert_eq!(spec()["replicas"], 2);
    kubectl("wait --for=condition=Available deployment/frontend --timeout=60s").expect(0);
    kubectl("wait --for=condition=Ready pod -l app=frontend --timeout=60s").expect(0);
    kubectl("rollout pause deployment/frontend").expect(0);
    assert_eq!(spec()["paused"], true);
    kubectl("rollout resume deployment/frontend").expect(0);
    assert!(spec()["paused"].is_null());

    let begun = Instant::now();
    let late = kubectl("wait --for=condition=Nope deployment/frontend --timeout=2s").expect(4);
    assert!(late.stderr.contains("is not Nope within the time") && begun.elapsed().as_secs() < 30);
    let absent = kubectl("wait --for=condition=Available deployment/no-such").expect(3);
    assert!(absent.stderr.contains("there is no deployment.apps/no-such"), "{}", absent.stderr);

    // Pull requests look, and change nothing.
    let proposed = |line: &str| pipeline.step_in("pull_request", &pipeline.secrets, &[("kubectl", line)]);
    for line in [
        "scale deployment/frontend --replicas 0",
        "delete deployment frontend",
        "rollout pause deploy/frontend",
    ] {
        let ended = proposed(line).expect(8);
        assert!(ended.stderr.contains("a pull request must not change the cluster"), "{}", ended.stderr);
    }
    proposed("wait --for=condition=Available deployment/frontend").expect(0);
    proposed("scale deployment/frontend --replicas 0 --dry-run=server").expect(0);
    assert_eq!((&spec()["replicas"], &spec()["paused"]), (&2.into(), &serde_json::Value::Null));

    pipeline.write("frontend.yaml", &deployment("shop/web:v1"));
    kubectl("delete -f frontend.yaml --dry-run=server").expect(0);
    let mut other = deployment("shop/web:v1");
    other["metadata"]["name"] = "other".into();
    pipeline.write("other.yaml", &other);
    // What was never there is an error, and the rest goes all the same.
    let partly = kubectl("delete -f frontend.yaml,other.yaml").expect(3);
    assert!(partly.stderr.contains("there is no deployment/other"), "{}", partly.stderr);
    assert!(pipeline.shop.deployment().is_null());
    kubectl("wait --for=delete pod -l app=frontend --timeout=60s").expect(0);
    let absent = kubectl("delete deployment frontend").expect(3);
    assert!(absent.stderr.contains("next: --ignore-not-found"), "{}", absent.stderr);
    kubectl("delete deployment frontend --ignore-not-found").expect(0);
}

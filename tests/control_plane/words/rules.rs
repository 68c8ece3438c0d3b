//! Findings of `check`.

use insta::assert_snapshot;
use serde_json::json;

use super::Stage;
use crate::shop::Shop;

#[test]
fn of_manifests_with_much_that_is_wrong() {
    let mut stage = Stage::new(Shop::empty());
    let labels = json!({"app": "web"});
    let template = json!({"metadata": {"labels": labels}, "spec": {
        "containers": [{"name": "web", "image": "shop/web", "ports": [{"containerPort": 80, "hostPort": 80}],
            "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
            "envFrom": [{"configMapRef": {"name": "missing"}}, {"secretRef": {"name": "missing"}}]}],
        "serviceAccountName": "missing", "imagePullSecrets": [{"name": "missing"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "missing"}}]}});
    stage.file(
        "wrong.yaml",
        &[
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": labels},
                "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "strategy": {"type": "Recreate"},
                    "template": template}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": "http"}]}}),
            json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
                "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}}}),
        ],
    );
    for strategy in ["rolling", "canary", "blue-green"] {
        stage.types(&format!("check -f wrong.yaml --strategy {strategy}"));
    }
    stage.types("check -f wrong.yaml -o json");
    stage.types("check -f wrong.yaml -o sarif");
    assert_snapshot!(stage.told());
}

#[test]
fn of_manifests_for_what_is_there() {
    let mut stage = Stage::new(Shop::new(3));
    stage
        .shop
        .apply(&json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOncePod"], "resources": {"requests": {"storage": "1Gi"}}}}));
    let labels = json!({"app": "other"});
    let probe = json!({"tcpSocket": {"port": 80}, "periodSeconds": 60, "failureThreshold": 60});
    let template = json!({"metadata": {"labels": labels}, "spec": {
        "containers": [{"name": "web", "image": "shop/web:v2", "startupProbe": probe}], "terminationGracePeriodSeconds": 0,
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}});
    let limits = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "100%"}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "frontend"},
        "spec": {"replicas": 5, "selector": {"matchLabels": labels}, "strategy": limits, "template": template}});
    stage.file("frontend.yaml", &[deployment]);
    for strategy in ["rolling", "canary", "blue-green"] {
        stage.types(&format!("check -f frontend.yaml --strategy {strategy}"));
    }
    stage.types("apply -f frontend.yaml");
    stage.types("canary frontend -f frontend.yaml --weight 10");
    assert_snapshot!(stage.told());
}

#[test]
fn of_workloads_that_are_there() {
    let mut stage = Stage::new(Shop::new(3));
    stage.types("check frontend");
    stage.types("check frontend --strategy canary");
    stage.types("check");
    stage.types("check missing");
    stage.shop.kubectl(&["create", "quota", "small", "--hard=pods=3"]);
    stage.types("check frontend --strategy canary");
    stage.types("canary frontend --image shop/web:v2 --weight 25");
    stage.shop.kubectl(&["rollout", "pause", "deployment/frontend"]);
    stage.types("check frontend --strategy canary");
    stage.types("rolling frontend --image shop/web:v2");
    assert_snapshot!(stage.told());
}

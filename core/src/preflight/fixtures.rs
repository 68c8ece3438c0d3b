//! A subject and facts for value tests: nothing is wrong with them.

use serde_json::{Value, json};

use crate::model::{Strategy, Workload};
use crate::preflight::{Facts, Subject};

pub(super) fn deployment(image: &str) -> Workload {
    serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "generation": 4},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{
                    "name": "web",
                    "image": image,
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
                    "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
                    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                }]},
            },
        },
        "status": {"observedGeneration": 4, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3},
    }))
    .unwrap()
}

/// A canary of `web:2` beside three pods of `web:1`.
pub(super) fn subject() -> Subject {
    Subject {
        deployment: deployment("web:2"),
        live: Some(deployment("web:1")),
        strategy: Strategy::Canary,
        surge_pods: 1,
        ..Subject::default()
    }
}

/// The subject with a value put at a JSON pointer of its pod spec; parents are made.
pub(super) fn with(path: &str, value: Value) -> Subject {
    let mut subject = subject();
    let mut place = &mut subject.deployment.spec.template["spec"];
    for part in path.split('/') {
        place = match part.parse::<usize>() {
            Ok(index) => &mut place[index],
            Err(_) => &mut place[part],
        };
    }
    *place = value;
    subject
}

pub(super) fn service() -> Value {
    json!({"metadata": {"name": "web", "uid": "s1"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}})
}

pub(super) fn slice(ready: bool) -> Value {
    json!({"metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}]})
}

/// Everything was read and all is well.
pub(super) fn facts() -> Facts {
    Facts {
        services: Ok(vec![service()]),
        endpoint_slices: Ok(vec![slice(true)]),
        quotas: Ok(vec![]),
        limit_ranges: Ok(vec![]),
        budgets: Ok(vec![
            json!({"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"app": "web"}}},
            "status": {"disruptionsAllowed": 1, "expectedPods": 3}}),
        ]),
        nodes: Ok(vec![]),
        named: std::collections::BTreeMap::new(),
        pod_dry_run: Ok(Ok(json!({"spec": subject().pod()}))),
        live_dry_run: Err("not needed".into()),
        missing_rights: Ok(vec![]),
        metrics: Err("not needed".into()),
    }
}

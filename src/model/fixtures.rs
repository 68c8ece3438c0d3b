//! Workloads for value tests.

use serde_json::{Value, json};

use crate::keys;
use crate::model::{Deployment, HeldRecord, Observed, Originals, ReplicaSet, RunRef, fingerprint};
use crate::share::{Bounds, Unavailable};

pub(crate) fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

pub(crate) fn replica_set(image: &str, replicas: u32) -> ReplicaSet {
    let hash = image.replace(':', "-");
    let mut labelled = template(image);
    labelled["metadata"]["labels"][keys::POD_TEMPLATE_HASH] = json!(hash);
    serde_json::from_value(json!({
        "metadata": {
            "name": format!("web-{hash}"),
            "uid": hash,
            "resourceVersion": "7",
            "labels": {"pod-template-hash": hash},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u1", "controller": true}],
        },
        "spec": {"replicas": replicas, "template": labelled},
        "status": {"replicas": replicas, "readyReplicas": replicas},
    }))
    .unwrap()
}

/// Three replicas of `web:1`, at rest.
pub(crate) fn idle() -> Observed {
    let deployment: Deployment = serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "generation": 4, "annotations": {}},
        "spec": {
            "replicas": 3,
            "template": template("web:1"),
            "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        },
        "status": {"observedGeneration": 4, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3},
    }))
    .unwrap();
    Observed { deployment, replica_sets: vec![replica_set("web:1", 3)], ..Observed::default() }
}

/// The same with one pod of `web:2` held beside it.
pub(crate) fn held() -> Observed {
    let mut observed = idle();
    let bounds = Bounds { surge: 1, unavailable: Unavailable::Pods(0) };
    let record = HeldRecord {
        traffic: None,
        v: HeldRecord::SCHEMA,
        run: RunRef { id: "r1".into(), holder: "me@here".into(), ..RunRef::default() },
        epoch: 1,
        asked: Some(10),
        bounds,
        stable: "web-1".into(),
        canary: fingerprint(&template("web:2")),
        original: Originals::of(&observed.deployment),
    };
    let deployment = &mut observed.deployment;
    deployment.spec.template = template("web:2");
    deployment.spec.min_ready_seconds = Some(keys::HELD);
    deployment.spec.progress_deadline_seconds = Some(keys::NO_DEADLINE);
    deployment.spec.strategy = Some(crate::hold::strategy(bounds));
    let text = serde_json::to_string(&record).unwrap();
    deployment.metadata.annotations = Some([(keys::HELD_ANNOTATION.to_owned(), text)].into());
    observed.replica_sets.push(replica_set("web:2", 1));
    observed
}

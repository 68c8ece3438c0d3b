//! Workloads and journals for value tests.

#![allow(clippy::missing_panics_doc, clippy::unwrap_used, reason = "only tests have it")]

pub mod stateful;

use serde_json::{Value, json};

use crate::journal::{HeldRecord, Journal, Originals, RunRef, State, Verb};
use crate::keys;
use crate::model::{Revision, Workload, fingerprint};
use crate::plan::{Analyze, OnInconclusive, Plan};
use crate::reading::MetricSource;
use crate::share::{Bounds, Unavailable};
use crate::situation::Observed;
use crate::traffic::{Target, Traffic};

/// The pod template of an image.
pub fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

/// The ReplicaSet of an image, with so many pods that are Ready.
pub fn replica_set(image: &str, replicas: u32) -> Revision {
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
pub fn idle() -> Observed {
    let workload: Workload = serde_json::from_value(json!({
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
    Observed { workload, revisions: vec![replica_set("web:1", 3)], ..Observed::default() }
}

/// The same with one pod of `web:2` held beside it.
pub fn held() -> Observed {
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
        original: Originals::of(&observed.workload),
    };
    let workload = &mut observed.workload;
    workload.spec.template = template("web:2");
    workload.spec.min_ready_seconds = Some(keys::HELD);
    workload.spec.progress_deadline_seconds = Some(keys::NO_DEADLINE);
    workload.spec.strategy = Some(bounds.strategy());
    let text = serde_json::to_string(&record).unwrap();
    workload.metadata.annotations = Some([(keys::HELD_ANNOTATION.to_owned(), text)].into());
    observed.revisions.push(replica_set("web:2", 1));
    observed
}

/// The same behind a router, by the Service `web` on port 80.
pub fn routed_by(router: &str, observed: &mut Observed) {
    let service =
        json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": {"ports": [{"port": 80}]}});
    observed.traffic = Some(Traffic { router: router.into(), ..Traffic::direct("web") });
    observed.traffic_objects.objects.insert(Target::service("shop", "web"), service);
}

/// A journal of a run that has begun.
pub fn journal(verb: Verb, plan: Plan) -> Journal {
    Journal {
        schema: Journal::SCHEMA,
        run: RunRef::default(),
        epoch: 1,
        verb,
        plan,
        cursor: 0,
        state: State::Open,
        snapshot: None,
        loan: None,
        failure: None,
        traffic: None,
        compared: None,
    }
}

/// What `--analyze` alone asks.
pub fn analyze() -> Analyze {
    Analyze {
        from: MetricSource::Pods { port: None, path: None },
        slower_than: None,
        margin: 1.25,
        max_error_rate: None,
        warm_up: 60,
        limit: 600,
        early_pass: false,
        on_inconclusive: OnInconclusive::Abort,
        file: None,
        usual: false,
        alone: false,
        probe: None,
    }
}

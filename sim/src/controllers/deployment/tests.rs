//! Upstream's own tables, and looks that run to their end.

mod looks;
mod sizes;
mod states;

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use serde_json::{Value, from_value, json};

use super::look::Look;
use super::sets::Set;
use crate::controllers::talk::Server;

/// A rolling Deployment of so many replicas, its strategy's limits given.
fn rolling(replicas: i32, surge: &Value, unavailable: &Value) -> Deployment {
    deployment(&json!({
        "replicas": replicas,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}},
    }))
}

fn deployment(spec: &Value) -> Deployment {
    let mut object = json!({
        "metadata": {"name": "web", "namespace": "shop", "uid": "d", "generation": 1},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "v1"}]}},
        },
    });
    for (key, value) in spec.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    from_value(object).unwrap()
}

/// A set of so many replicas, so many of them Available; the older the smaller `age`.
fn set(name: &str, replicas: i32, available: i32, age: i64) -> ReplicaSet {
    from_value(json!({
        "metadata": {
            "name": name, "namespace": "shop", "uid": name,
            "creationTimestamp": format!("2016-05-20T0{age}:00:00Z"),
        },
        "spec": {"replicas": replicas, "selector": {}},
        "status": {"replicas": replicas, "availableReplicas": available},
    }))
    .unwrap()
}

fn noted(name: &str, replicas: i32, age: i64, of: &Deployment) -> ReplicaSet {
    let mut set = set(name, replicas, 0, age);
    super::annotations::note_replicas(&mut set, of);
    set
}

fn look(server: Server, deployment: Deployment, all: Vec<Set>) -> Look {
    let now = "2017-02-15T18:49:30Z".parse().unwrap();
    Look { server, now, deployment, all, sets: Vec::new(), running: Vec::new() }
}

fn arcs(sets: &[ReplicaSet]) -> Vec<Set> {
    sets.iter().cloned().map(Arc::new).collect()
}

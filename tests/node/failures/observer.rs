//! What the API server says while a rollout runs: the first object that proves the failure, and the fewest pods of
//! the former version that were Ready.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures::StreamExt as _;
use kube::api::{Api, ApiResource, DynamicObject, WatchEvent, WatchParams};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::place::{Place, REPLICAS, hash, is_ready};
use crate::api::direct;

/// Says of a pod or a ReplicaSet whether it proves the failure.
pub type Proof = fn(&Value) -> bool;

pub struct Observer {
    seen: Arc<Mutex<Seen>>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// When the first object that proves the failure arrived.
    pub proof: Option<Instant>,
    /// The fewest, once all were Ready.
    pub least_stable: Option<usize>,
    /// Whether each pod of the former version is Ready.
    stable: HashMap<String, bool>,
}

impl Observer {
    pub fn start(place: &Place, proof: Proof) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let follow = |group: &str, kind: &str, plural: &str| {
            let resource = ApiResource {
                group: group.to_owned(),
                version: "v1".to_owned(),
                api_version: format!("{group}/v1").trim_start_matches('/').to_owned(),
                kind: kind.to_owned(),
                plural: plural.to_owned(),
            };
            let client = direct().client.clone();
            let api: Api<DynamicObject> = Api::namespaced_with(client, &place.shop.namespace, &resource);
            let (seen, stable) = (Arc::clone(&seen), place.stable.clone());
            direct().runtime.spawn(async move {
                // A watch ends after some minutes, longer than any of the rollouts here.
                let params = WatchParams::default().timeout(290);
                let mut stream = api.watch(&params, "0").await.unwrap().boxed();
                while let Some(event) = stream.next().await {
                    let (object, deleted) = match event.unwrap() {
                        WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, false),
                        WatchEvent::Deleted(object) => (object, true),
                        _ => continue,
                    };
                    let object = serde_json::to_value(object).unwrap();
                    seen.lock().unwrap().add(&object, deleted, &stable, proof);
                }
            })
        };
        let tasks = vec![follow("", "Pod", "pods"), follow("apps", "ReplicaSet", "replicasets")];
        let observer = Self { seen, tasks };
        let begun = || observer.seen().least_stable.is_some();
        assert!(crate::api::within(20, begun), "the stable pods are not there");
        observer
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

impl Seen {
    fn add(&mut self, object: &Value, deleted: bool, stable: &str, proof: Proof) {
        if hash(object) != stable {
            if self.proof.is_none() && !deleted && proof(object) {
                self.proof = Some(Instant::now());
            }
        } else if object["kind"] == "Pod" {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            self.stable.insert(name.to_owned(), !deleted && is_ready(object));
            let count = self.stable.values().filter(|ready| **ready).count();
            // The first picture comes in pieces.
            if self.least_stable.is_some() || count as u64 == REPLICAS {
                self.least_stable = Some(self.least_stable.unwrap_or(count).min(count));
            }
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

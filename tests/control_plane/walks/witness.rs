//! Sees every change of a namespace's ReplicaSets, and remembers the worst.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::api::{Api, WatchEvent, WatchParams};

use crate::api::direct;

pub struct Witness {
    seen: Arc<Mutex<Worst>>,
    task: tokio::task::JoinHandle<()>,
}

/// What was worst since the stable pods were first seen whole.
#[derive(Clone, Debug)]
pub struct Worst {
    /// Fewest ready pods of the stable ReplicaSet.
    pub stable: i32,
    /// Fewest ready pods of all.
    pub total: i32,
    /// Most ReplicaSets.
    pub sets: usize,
    /// The watch's events; none means that nothing was seen.
    pub events: usize,
}

impl Witness {
    pub fn start(namespace: &str) -> Self {
        let api: Api<ReplicaSet> = Api::namespaced(direct().client.clone(), namespace);
        let seen = Arc::new(Mutex::new(Worst { stable: i32::MAX, total: i32::MAX, sets: 0, events: 0 }));
        let write = Arc::clone(&seen);
        let task = direct().runtime.spawn(async move {
            let mut ready: BTreeMap<String, (bool, i32)> = BTreeMap::new();
            loop {
                let Ok(stream) = api.watch(&WatchParams::default(), "0").await else { continue };
                let mut stream = stream.boxed();
                while let Some(Ok(event)) = stream.next().await {
                    match event {
                        WatchEvent::Added(rs) | WatchEvent::Modified(rs) => {
                            let image =
                                rs.spec.and_then(|spec| spec.template?.spec?.containers[0].image.clone());
                            let count = rs.status.and_then(|status| status.ready_replicas).unwrap_or(0);
                            let name = rs.metadata.name.unwrap_or_default();
                            ready.insert(name, (image.as_deref() == Some("shop/web:v1"), count));
                        }
                        _ => continue,
                    }
                    let stable: i32 =
                        ready.values().filter(|(stable, _)| *stable).map(|(_, count)| count).sum();
                    let total: i32 = ready.values().map(|(_, count)| count).sum();
                    let mut worst = write.lock().unwrap();
                    // The first picture comes in pieces.
                    if worst.events > 0 || stable >= 3 {
                        worst.events += 1;
                        worst.stable = worst.stable.min(stable);
                        worst.total = worst.total.min(total);
                    }
                    worst.sets = worst.sets.max(ready.len());
                }
            }
        });
        let witness = Self { seen, task };
        assert!(crate::api::within(20, || witness.worst().events > 0), "the stable pods are not there");
        witness
    }

    pub fn worst(&self) -> Worst {
        self.seen.lock().unwrap().clone()
    }

    /// Fails the test if users lost a pod that their own settings would have kept.
    #[track_caller]
    pub fn expect_whole(&self, stable_too: bool) {
        let worst = self.worst();
        assert!(worst.total >= 3 && worst.sets <= 2 && (worst.stable >= 3 || !stable_too), "{worst:?}");
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

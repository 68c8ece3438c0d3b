//! Sees every change of a Service's EndpointSlices, and remembers the worst.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, WatchEvent, WatchParams};

use crate::api::{direct, within};

pub struct Endpoints {
    seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

/// What was seen since all pods were first known.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Fewest ready endpoints over all slices.
    pub fewest: usize,
    /// The same of now.
    pub ready: usize,
    /// Most ready endpoints that are not of the first version.
    pub others: usize,
    /// Most slices.
    pub slices: usize,
    /// The watch's events.
    pub events: usize,
}

/// The ready pods of a slice.
fn ready(slice: EndpointSlice) -> BTreeSet<String> {
    let is_ready = |endpoint: &k8s_openapi::api::discovery::v1::Endpoint| {
        endpoint.conditions.as_ref().and_then(|conditions| conditions.ready) != Some(false)
    };
    let name = |endpoint: k8s_openapi::api::discovery::v1::Endpoint| endpoint.target_ref?.name;
    slice.endpoints.into_iter().filter(is_ready).filter_map(name).collect()
}

impl Endpoints {
    /// Waits until so many pods are known.
    pub fn start(namespace: &str, pods: usize) -> Self {
        let api: Api<EndpointSlice> = Api::namespaced(direct().client.clone(), namespace);
        let first = Seen { fewest: usize::MAX, ready: 0, others: 0, slices: 0, events: 0 };
        let seen = Arc::new(Mutex::new(first));
        let write = Arc::clone(&seen);
        let task = direct().runtime.spawn(async move {
            let mut slices: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            let mut stable = String::new();
            let only = WatchParams::default().labels("kubernetes.io/service-name=frontend");
            let mut version = "0".to_owned();
            let mut stream = api.watch(&only, &version).await.expect("a watch").boxed();
            loop {
                // The server ends a watch after some minutes; the next goes on where it ended.
                let Some(event) = stream.next().await else {
                    stream = api.watch(&only, &version).await.expect("a watch").boxed();
                    continue;
                };
                let event = event.expect("a watch that lasts");
                if let WatchEvent::Added(slice) | WatchEvent::Modified(slice) | WatchEvent::Deleted(slice) =
                    &event
                {
                    version = slice.metadata.resource_version.clone().unwrap_or(version);
                }
                match event {
                    WatchEvent::Added(slice) | WatchEvent::Modified(slice) => {
                        slices.insert(slice.metadata.name.clone().unwrap_or_default(), ready(slice));
                    }
                    WatchEvent::Deleted(slice) => {
                        slices.remove(&slice.metadata.name.unwrap_or_default());
                    }
                    WatchEvent::Bookmark(_) => continue,
                    WatchEvent::Error(error) => panic!("{error}"),
                }
                let known: BTreeSet<&String> = slices.values().flatten().collect();
                let mut seen = write.lock().unwrap();
                seen.ready = known.len();
                // The first picture comes in pieces.
                if seen.events == 0 && known.len() < pods {
                    continue;
                }
                if stable.is_empty() {
                    let pod = known.iter().next().and_then(|pod| pod.rsplit_once('-'));
                    stable = pod.map(|(set, _)| format!("{set}-")).unwrap_or_default();
                }
                seen.events += 1;
                seen.fewest = seen.fewest.min(known.len());
                seen.others = seen.others.max(known.iter().filter(|pod| !pod.starts_with(&stable)).count());
                seen.slices = seen.slices.max(slices.values().filter(|pods| !pods.is_empty()).count());
            }
        });
        let endpoints = Self { seen, task };
        assert!(within(60, || endpoints.seen().events > 0), "not {pods} endpoints: {:?}", endpoints.seen());
        endpoints
    }

    pub fn seen(&self) -> Seen {
        assert!(!self.task.is_finished(), "the watch ended");
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Endpoints {
    fn drop(&mut self) {
        self.task.abort();
    }
}

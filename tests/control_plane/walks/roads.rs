//! Sees every state that routes, Services and EndpointSlices ever had, in the order in which they had it.
//!
//! Resource versions are revisions of the one etcd behind all kinds, so the events of several watches have an order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, Once};
use std::time::Duration;

use futures::StreamExt as _;
use kube::api::{Api, DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::api::{call, direct, get, within, write};

/// What became of an object: its kind, its name, and all of it unless it was deleted.
type Change = (String, String, Option<Value>);

/// By namespace and revision.
static SEEN: Mutex<BTreeMap<String, BTreeMap<u64, Change>>> = Mutex::new(BTreeMap::new());

fn kinds() -> [ApiResource; 3] {
    let of = |group, kind, plural| {
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", kind), plural)
    };
    [
        super::gateway::resource(),
        of("", "Service", "services"),
        of("discovery.k8s.io", "EndpointSlice", "endpointslices"),
    ]
}

/// Starts the watches of this process; returns when they see.
pub fn start() {
    static START: Once = Once::new();
    START.call_once(|| {
        for resource in kinds() {
            let api: Api<DynamicObject> = Api::all_with(direct().client.clone(), &resource);
            let list = direct().runtime.block_on(api.list(&ListParams::default().limit(1))).unwrap();
            direct().runtime.spawn(see(api, resource.kind, list.metadata.resource_version.unwrap()));
        }
    });
}

async fn see(api: Api<DynamicObject>, kind: String, mut version: String) {
    loop {
        let Ok(stream) = api.watch(&WatchParams::default(), &version).await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let mut stream = stream.boxed();
        while let Some(Ok(event)) = stream.next().await {
            let (object, is_there) = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, true),
                WatchEvent::Deleted(object) => (object, false),
                WatchEvent::Bookmark(bookmark) => {
                    version = bookmark.metadata.resource_version;
                    continue;
                }
                // The end of what is kept: its last words would be missing.
                WatchEvent::Error(error) => panic!("the witness went blind: {error:?}"),
            };
            version = object.metadata.resource_version.clone().unwrap();
            let (namespace, name) =
                (object.metadata.namespace.clone().unwrap(), object.metadata.name.clone().unwrap());
            let value = is_there.then(|| serde_json::to_value(object).unwrap());
            let mut seen = SEEN.lock().unwrap();
            seen.entry(namespace).or_default().insert(version.parse().unwrap(), (kind.clone(), name, value));
        }
    }
}

/// Whose pods the user's own Service may have while it has a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    Stable,
    New,
    Any,
}

/// What must be so at every instant, from a revision on.
#[derive(Clone, Copy, Debug)]
pub struct Law {
    /// The most percent that the canary's Service may have.
    pub most: u64,
    pub root: Root,
}

/// Watches over one namespace.
#[derive(Debug)]
pub struct Watchman {
    namespace: String,
    /// The pod-template-hash of the stable version.
    stable: String,
    laws: Mutex<Vec<(u64, Law)>>,
}

impl Watchman {
    pub fn new(namespace: &str, stable: &str, law: Law) -> Self {
        let laws = Mutex::new(vec![(revision(namespace), law)]);
        Self { namespace: namespace.to_owned(), stable: stable.to_owned(), laws }
    }

    /// From now on another law holds.
    pub fn change(&self, law: Law) {
        self.laws.lock().unwrap().push((revision(&self.namespace), law));
    }

    /// Fails the test if something was wrong at any instant.
    #[track_caller]
    pub fn expect_lawful(&self) {
        self.catch_up();
        let seen = SEEN.lock().unwrap().get(&self.namespace).cloned().unwrap_or_default();
        let laws = self.laws.lock().unwrap().clone();
        let mut now = Now::default();
        let mut story = Vec::new();
        for (revision, (kind, name, value)) in seen {
            if name.starts_with("marker-") {
                continue;
            }
            now.take(&kind, &name, value.as_ref());
            story.push(format!("  {revision} {kind}/{name}: {}", now.sentence()));
            let Some((_, law)) = laws.iter().rev().find(|(from, _)| *from < revision) else { continue };
            if let Err(what) = now.judge(law, &self.stable) {
                panic!(
                    "{}: {what} ({law:?}, stable is {})\n{}",
                    self.namespace,
                    self.stable,
                    story.join("\n")
                );
            }
        }
        assert!(story.len() > 2, "the witness saw nothing: {story:?}");
    }

    /// Waits until every watch has seen something that came after all else.
    fn catch_up(&self) {
        let name = format!("marker-{}", revision(&self.namespace));
        let metadata = json!({"name": name, "namespace": self.namespace});
        let bodies = [
            json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata,
                "spec": {"parentRefs": [{"name": "gate"}]}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata,
                "spec": {"ports": [{"port": 80}]}}),
            json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata,
                "addressType": "IPv4", "endpoints": []}),
        ];
        for (resource, body) in kinds().iter().zip(&bodies) {
            let api = if resource.group.is_empty() {
                "/api/v1".into()
            } else {
                format!("/apis/{}/v1", resource.group)
            };
            write("POST", &format!("{api}/namespaces/{}/{}", self.namespace, resource.plural), body);
        }
        let arrived = || {
            let seen = SEEN.lock().unwrap();
            let here = seen.get(&self.namespace).into_iter().flat_map(BTreeMap::values);
            let kinds: BTreeSet<&String> =
                here.filter(|(_, one, _)| *one == name).map(|(kind, ..)| kind).collect();
            kinds.len() == bodies.len()
        };
        assert!(within(30, arrived), "the watches are behind");
    }

    pub fn forget(&self) {
        SEEN.lock().unwrap().remove(&self.namespace);
    }
}

/// The revision of all that there is.
fn revision(namespace: &str) -> u64 {
    let (_, list) = call("GET", &format!("/api/v1/namespaces/{namespace}/services"), None);
    list["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

/// How things were at an instant.
#[derive(Default)]
struct Now {
    /// Backends of each rule, with their weights.
    rules: Vec<Vec<(String, u64)>>,
    services: BTreeSet<String>,
    /// By EndpointSlice: its Service, and the pods that are ready.
    slices: BTreeMap<String, (String, BTreeSet<String>)>,
}

impl Now {
    fn take(&mut self, kind: &str, name: &str, value: Option<&Value>) {
        match (kind, value) {
            ("HTTPRoute", value) => {
                let rules = value.and_then(|value| value["spec"]["rules"].as_array());
                self.rules = rules.into_iter().flatten().map(backends).collect();
            }
            ("Service", Some(_)) => drop(self.services.insert(name.to_owned())),
            ("Service", None) => drop(self.services.remove(name)),
            (_, None) => drop(self.slices.remove(name)),
            (_, Some(value)) => {
                let service = &value["metadata"]["labels"]["kubernetes.io/service-name"];
                let endpoints = value["endpoints"].as_array().into_iter().flatten();
                let ready = endpoints
                    .filter(|endpoint| endpoint["conditions"]["ready"] != false)
                    .map(|endpoint| endpoint["targetRef"]["name"].as_str().unwrap().to_owned())
                    .collect();
                self.slices.insert(name.to_owned(), (service.as_str().unwrap().to_owned(), ready));
            }
        }
    }

    fn ready(&self, service: &str) -> Vec<&String> {
        self.slices.values().filter(|(of, _)| of == service).flat_map(|(_, ready)| ready).collect()
    }

    fn sentence(&self) -> String {
        let ready = |name: &String| format!("{name} {:?}", self.ready(name));
        let services: Vec<String> = self.services.iter().map(ready).collect();
        format!("{:?}; {}", self.rules, services.join(", "))
    }

    fn judge(&self, law: &Law, stable: &str) -> Result<(), String> {
        for backends in &self.rules {
            let all: u64 = backends.iter().map(|(_, weight)| weight).sum();
            if all == 0 {
                return Err("a rule has no share for anybody".into());
            }
            for (name, weight) in backends.iter().filter(|(_, weight)| *weight > 0) {
                let ready = self.ready(name);
                if !self.services.contains(name) || ready.is_empty() {
                    return Err(format!("{name} has a share and no pods"));
                }
                if name.ends_with("-rp-canary") && weight * 100 > law.most * all {
                    return Err(format!("the canary has {weight} of {all}"));
                }
                let is_stable = |pod: &&&String| pod.contains(&format!("-{stable}-"));
                let others = match law.root {
                    Root::Stable => ready.iter().filter(|pod| !is_stable(pod)).count(),
                    Root::New => ready.iter().filter(is_stable).count(),
                    Root::Any => 0,
                };
                if !name.contains("-rp-") && others > 0 {
                    return Err(format!("{name} has a share and {others} pods of the wrong version"));
                }
            }
        }
        Ok(())
    }
}

fn backends(rule: &Value) -> Vec<(String, u64)> {
    let one = |backend: &Value| {
        (backend["name"].as_str().unwrap().to_owned(), backend["weight"].as_u64().unwrap_or(1))
    };
    rule["backendRefs"].as_array().into_iter().flatten().map(one).collect()
}

/// Returns the names of the namespace's own Services.
pub fn services(namespace: &str) -> Vec<String> {
    let list = get(&format!("/api/v1/namespaces/{namespace}/services"));
    let names = list["items"].as_array().unwrap().iter().map(|one| one["metadata"]["name"].as_str().unwrap());
    names.filter(|name| !name.starts_with("marker-")).map(str::to_owned).collect()
}

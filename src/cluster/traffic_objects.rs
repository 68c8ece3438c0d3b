//! The objects that traffic goes by: watched, read, written.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::BoxStream;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::cluster::watches::{Change, watch_api};
use crate::cluster::{Call, Cluster, Failure};
use crate::error::{Error, Kind};
use crate::keys::FIELD_MANAGER;
use crate::traffic::{Role, Target, Traffic, TrafficObjects, text};

const SLICES: &str = "EndpointSlice";

/// Live copies of objects of several kinds.
#[derive(Default)]
pub(super) struct TrafficStore {
    kinds: Vec<Target>,
    complete: Vec<bool>,
    incoming: Vec<Vec<(Target, Value)>>,
    objects: BTreeMap<Target, Arc<Value>>,
}

impl TrafficStore {
    /// Starts the watches on all that a workload's traffic goes by.
    pub(super) fn start(&mut self, cluster: &Cluster, traffic: &Traffic) -> Vec<BoxStream<'static, Change>> {
        let names =
            |role: Option<Role>| role.map_or(traffic.service.clone(), |role| role.service(&traffic.service));
        let services: Vec<String> =
            [None, Some(Role::Stable), Some(Role::Canary), Some(Role::Preview)].map(names).to_vec();
        let slices = Target {
            api: "/apis/discovery.k8s.io/v1".into(),
            kind: SLICES.into(),
            plural: "endpointslices".into(),
            namespace: cluster.namespace.clone(),
            name: String::new(),
        };
        let of = format!("kubernetes.io/service-name in ({})", services.join(","));
        let mut streams = vec![
            self.watch(cluster, &Target::service(&cluster.namespace, ""), super::watches::config()),
            self.watch(cluster, &slices, super::watches::config().labels(&of)),
        ];
        for target in traffic.routes.iter().chain(&traffic.own).chain(&traffic.beside) {
            let only = super::watches::config().fields(&format!("metadata.name={}", target.name));
            streams.push(self.watch(cluster, target, only));
        }
        streams
    }

    fn watch(
        &mut self,
        cluster: &Cluster,
        kind: &Target,
        config: watcher::Config,
    ) -> BoxStream<'static, Change> {
        let index = self.kinds.len();
        self.kinds.push(kind.clone());
        self.complete.push(false);
        self.incoming.push(Vec::new());
        let (group, version) = (kind.group(), kind.api_version().rsplit('/').next().unwrap_or_default());
        let resource = ApiResource::from_gvk_with_plural(
            &GroupVersionKind::gvk(group, version, &kind.kind),
            &kind.plural,
        );
        let api: Api<DynamicObject> =
            Api::namespaced_with(cluster.client.clone(), &kind.namespace, &resource);
        let place = format!("namespace {}", kind.namespace);
        watch_api(api, config, &kind.plural, &place, move |event| Change::TrafficObject(index, event))
    }

    /// Whether all first pictures are there.
    pub(super) fn is_complete(&self) -> bool {
        self.complete.iter().all(|complete| *complete)
    }

    /// Takes an event in.
    pub(super) fn apply(&mut self, index: usize, event: Event<DynamicObject>) {
        match event {
            Event::Init => self.incoming[index].clear(),
            Event::InitApply(object) => {
                let one = self.read(index, object);
                self.incoming[index].push(one);
            }
            Event::InitDone => {
                let incoming = std::mem::take(&mut self.incoming[index]);
                let kind = self.kinds[index].clone();
                let is_kept = |target: &Target| {
                    !(target.kind == kind.kind
                        && target.namespace == kind.namespace
                        && (kind.name.is_empty() || kind.name == target.name))
                        || incoming.iter().any(|(one, _)| one == target)
                };
                self.objects.retain(|target, _| is_kept(target));
                for (target, value) in incoming {
                    self.learn(target, value);
                }
                self.complete[index] = true;
            }
            Event::Apply(object) => {
                let (target, value) = self.read(index, object);
                self.learn(target, value);
            }
            Event::Delete(object) => {
                let (target, gone) = self.read(index, object);
                if self
                    .objects
                    .get(&target)
                    .is_some_and(|live| live["metadata"]["uid"] == gone["metadata"]["uid"])
                {
                    self.objects.remove(&target);
                }
            }
        }
    }

    fn read(&self, index: usize, object: DynamicObject) -> (Target, Value) {
        let target = Target { name: object.name_any(), ..self.kinds[index].clone() };
        (target, serde_json::to_value(object).unwrap_or_default())
    }

    /// Takes an object in, unless a newer state of it is known: an event from before a write of ours may come late.
    pub(super) fn learn(&mut self, target: Target, value: Value) {
        let version =
            |value: &Value| text(value, "/metadata/resourceVersion").parse::<u64>().unwrap_or_default();
        let known = self.objects.get(&target);
        let same = |known: &Arc<Value>| known["metadata"]["uid"] == value["metadata"]["uid"];
        if known.is_some_and(|known| same(known) && version(known) > version(&value)) {
            return;
        }
        self.objects.insert(target, Arc::new(value));
    }

    /// Takes what was read at once; what it has not is gone. Slices are not read so.
    pub(super) fn renew(&mut self, traffic_objects: TrafficObjects) {
        self.objects
            .retain(|target, _| target.kind == SLICES || traffic_objects.objects.contains_key(target));
        for (target, value) in traffic_objects.objects {
            self.learn(target, value);
        }
    }

    pub(super) fn forget(&mut self, target: &Target) {
        self.objects.remove(target);
    }

    /// Returns the picture.
    pub(super) fn traffic_objects(&self) -> TrafficObjects {
        let is_slice = |target: &Target| target.kind == SLICES;
        let objects = self.objects.iter().filter(|(target, _)| !is_slice(target));
        let slices = self.objects.iter().filter(|(target, _)| is_slice(target));
        TrafficObjects {
            objects: objects.map(|(target, value)| (target.clone(), Value::clone(value))).collect(),
            slices: slices.map(|(_, value)| Arc::clone(value)).collect(),
        }
    }
}

impl Cluster {
    /// Reads a route or Service; `None` if it is not there.
    pub(crate) async fn read_target(&self, target: &Target) -> Result<Option<Value>, Error> {
        self.optional(format!("read {target}"), target.path()).await
    }

    pub(super) async fn get(&self, doing: &str, path: String) -> Result<Value, Failure> {
        let body = self.read(&Call { doing: doing.into(), method: "GET", path, body: None }).await?;
        serde_json::from_slice(&body)
            .map_err(|error| Failure::Unknown(Error::new(Kind::Cluster, format!("{doing}: {error}"))))
    }

    /// Reads all that the traffic of a namespace's workload goes by, once.
    pub(crate) async fn traffic_objects(
        &self,
        namespace: &str,
        traffic: &Traffic,
    ) -> Result<TrafficObjects, Error> {
        let mut traffic_objects = TrafficObjects::default();
        let names = Role::ALL.map(|role| role.service(&traffic.service));
        let services = names.iter().chain([&traffic.service]).map(|name| Target::service(namespace, name));
        let others = traffic.routes.iter().chain(&traffic.own).chain(&traffic.beside).cloned();
        for target in services.chain(others) {
            if let Some(value) = self.read_target(&target).await? {
                traffic_objects.objects.insert(target, value);
            }
        }
        Ok(traffic_objects)
    }

    /// Makes an object.
    pub(crate) async fn create(
        &self,
        target: &Target,
        object: &Value,
        dry_run: bool,
    ) -> Result<Value, Failure> {
        let dry_run = if dry_run { "&dryRun=All" } else { "" };
        let path = format!("{}?fieldManager={FIELD_MANAGER}{dry_run}", target.collection());
        let body = Some(("application/json", object.clone()));
        self.write(&Call { doing: format!("make {target}"), method: "POST", path, body }).await
    }

    /// Deletes just this object; one that is gone is fine.
    pub(crate) async fn remove(&self, target: &Target, uid: &str) -> Result<(), Failure> {
        let body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}});
        let call = Call {
            doing: format!("delete {target}"),
            method: "DELETE",
            path: target.path(),
            body: Some(("application/json", body)),
        };
        match self.write(&call).await {
            Err(failure) if failure.code() != 404 => Err(failure),
            _ => Ok(()),
        }
    }
}

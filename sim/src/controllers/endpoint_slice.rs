//! The EndpointSlice controller, after `kubernetes/pkg/controller/endpointslice` and `k8s.io/endpointslice`. A Service has one
//! slice: what is more than 100 endpoints is left out (upstream makes more slices), and so are IPv6 and topology.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ObjectReference, Pod, Service, ServicePort};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::cache::{Cache, Change};
use crate::controllers::owners::reference;
use crate::controllers::pods::{is_over, is_ready, node};
use crate::controllers::{Controller, Next, Refusal, Sync, Write, in_namespace};
use crate::draw::Draw;
use crate::object::{Key, Kind, Object};

/// `controllerName`, `pkg/controller/endpointslice/endpointslice_controller.go`.
const MANAGER: &str = "endpointslice-controller.k8s.io";
const SERVICE: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
/// `--max-endpoints-per-slice`, `cmd/kube-controller-manager/app/options/endpointslicecontroller.go`.
const MOST: usize = 100;
/// How long a slice that was written is waited for; upstream waits without end.
const BEHIND: Duration = Duration::from_secs(30);

/// The controller. It does not look at a Service while its cache lacks a slice that it wrote (`EndpointSliceTracker`,
/// `k8s.io/endpointslice/util/endpointslice_tracker.go`).
#[derive(Debug, Default)]
pub(crate) struct EndpointSlices {
    wrote: BTreeMap<Key, (Key, i64, Timestamp)>,
    now: Option<Timestamp>,
}

impl Controller for EndpointSlices {
    fn name(&self) -> &'static str {
        "endpointslice-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Service, Kind::Pod, Kind::EndpointSlice]
    }

    fn keys(&mut self, change: &Change, cache: &Cache) -> Vec<Key> {
        match change.object() {
            Some(object @ Object::Service(_)) => vec![object.key()],
            Some(Object::Pod(_)) => {
                let states = [&change.before, &change.after];
                let pods: Vec<&ObjectMeta> = states.into_iter().flatten().map(Object::metadata).collect();
                let namespace = pods.first().and_then(|pod| pod.namespace.clone()).unwrap_or_default();
                let services = in_namespace(&cache.services, &namespace);
                let selecting = services.filter(|service| pods.iter().any(|pod| selects(service, pod)));
                selecting.map(|service| Object::Service(service.clone()).key()).collect()
            }
            Some(Object::EndpointSlice(slice)) => service_of(slice).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn sync(&mut self, key: &Key, cache: &Cache, now: Timestamp, _draw: &mut Draw) -> Sync {
        self.now = Some(now);
        let Some(service) = cache.services.get(key) else {
            self.wrote.remove(key);
            return Sync::default();
        };
        let spec = service.spec.clone().unwrap_or_default();
        if spec.type_.as_deref() == Some("ExternalName") || spec.selector.is_none() {
            return Sync::default();
        }
        if let Some((slice, generation, since)) = self.wrote.get(key) {
            let seen = cache.slices.get(slice).and_then(|slice| slice.metadata.generation);
            let late = Duration::try_from(now.duration_since(*since)).unwrap_or_default() > BEHIND;
            if seen.is_none_or(|seen| seen < *generation) && !late {
                return Sync { writes: Vec::new(), again_after: Some(Duration::from_millis(50)) };
            }
        }
        let writes = reconcile(service, cache, key);
        Sync { writes, again_after: None }
    }

    fn answered(&mut self, key: &Key, _write: &Write, answer: Result<Option<&Object>, &Refusal>) -> Next {
        match answer {
            Ok(Some(object @ Object::EndpointSlice(slice))) => {
                let generation = slice.metadata.generation.unwrap_or(0);
                if let Some(now) = self.now {
                    self.wrote.insert(key.clone(), (object.key(), generation, now));
                }
                Next::Continue
            }
            Ok(_) => Next::Continue,
            Err(_) => Next::Again,
        }
    }

    fn restarted(&mut self) {
        self.wrote.clear();
    }
}

fn service_of(slice: &EndpointSlice) -> Option<Key> {
    let labels = slice.metadata.labels.as_ref()?;
    let own = labels.get(MANAGED_BY).is_some_and(|manager| manager == MANAGER);
    let name = labels.get(SERVICE).filter(|_| own)?;
    Some(Key::new(slice.metadata.namespace.as_deref().unwrap_or_default(), name))
}

/// Whether the Service's selector, which is never empty where there is one, matches.
fn selects(service: &Service, pod: &ObjectMeta) -> bool {
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let label = |key: &String| pod.labels.as_ref().and_then(|labels| labels.get(key));
    selector.is_some_and(|selector| selector.iter().all(|(key, value)| label(key) == Some(value)))
}

/// `Reconcile`, `k8s.io/endpointslice/reconciler.go`, for one slice.
fn reconcile(service: &Service, cache: &Cache, key: &Key) -> Vec<Write> {
    let pods = in_namespace(&cache.pods, &key.namespace).filter(|pod| selects(service, &pod.metadata));
    let pods: Vec<&Arc<Pod>> = pods.filter(|pod| belongs(pod)).take(MOST).collect();
    let endpoints: Vec<Endpoint> = pods.iter().map(|pod| endpoint(pod, service)).collect();
    let ports = pods.first().map(|pod| ports(service, pod)).filter(|ports| !ports.is_empty());
    let mut present = in_namespace(&cache.slices, &key.namespace)
        .filter(|slice| service_of(slice).as_ref() == Some(key))
        .filter(|slice| slice.metadata.deletion_timestamp.is_none());
    let Some(first) = present.next() else {
        let labels = [(SERVICE, key.name.as_str()), (MANAGED_BY, MANAGER)];
        let slice = EndpointSlice {
            metadata: ObjectMeta {
                namespace: service.metadata.namespace.clone(),
                generate_name: Some(format!("{}-", key.name)),
                owner_references: Some(vec![reference::<Service>(&service.metadata)]),
                labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
                ..ObjectMeta::default()
            },
            address_type: "IPv4".to_owned(),
            endpoints,
            ports,
        };
        return vec![Write::Create(slice.into())];
    };
    let more = present.map(|slice| {
        let key = Object::EndpointSlice(slice.clone()).key();
        Write::Delete { kind: Kind::EndpointSlice, key, uid: slice.metadata.uid.clone(), grace: None }
    });
    let mut writes: Vec<Write> = more.collect();
    if first.endpoints != endpoints || first.ports != ports {
        let slice = EndpointSlice { endpoints, ports, ..EndpointSlice::clone(first) };
        writes.push(Write::Update(slice.into()));
    }
    writes
}

/// `ShouldPodBeInEndpoints`, `k8s.io/endpointslice/util/controller_utils.go`; those that end are in it.
fn belongs(pod: &Pod) -> bool {
    !is_over(pod) && pod.status.as_ref().is_some_and(|status| status.pod_ip.is_some())
}

/// `podToEndpoint`, `k8s.io/endpointslice/utils.go`.
fn endpoint(pod: &Pod, service: &Service) -> Endpoint {
    let serving = is_ready(pod);
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let always = service.spec.as_ref().and_then(|spec| spec.publish_not_ready_addresses).unwrap_or(false);
    Endpoint {
        addresses: pod.status.iter().filter_map(|status| status.pod_ip.clone()).collect(),
        conditions: Some(EndpointConditions {
            ready: Some(always || (serving && !terminating)),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        node_name: node(pod).map(str::to_owned),
        target_ref: Some(ObjectReference {
            kind: Some("Pod".to_owned()),
            namespace: pod.metadata.namespace.clone(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            ..ObjectReference::default()
        }),
        ..Endpoint::default()
    }
}

/// `getEndpointPorts`, `k8s.io/endpointslice/utils.go`.
fn ports(service: &Service, pod: &Pod) -> Vec<EndpointPort> {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref());
    let found = ports.into_iter().flatten().filter_map(|port| {
        Some(EndpointPort {
            // Go writes the empty name.
            name: Some(port.name.clone().unwrap_or_default()),
            port: Some(number(port, pod)?),
            protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".to_owned())),
            app_protocol: port.app_protocol.clone(),
        })
    });
    found.collect()
}

/// `FindPort`, `k8s.io/endpointslice/utils.go`.
fn number(port: &ServicePort, pod: &Pod) -> Option<i32> {
    match &port.target_port {
        None => Some(port.port),
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(name)) => {
            let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
            let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
            ports.find(|own| own.name.as_ref() == Some(name)).map(|own| own.container_port)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn look(controller: &mut EndpointSlices, cache: &Cache, second: i64) -> Sync {
        let now = Timestamp::from_second(second).unwrap();
        controller.sync(&Key::new("shop", "web"), cache, now, &mut Draw::new(1))
    }

    fn add(cache: &mut Cache, object: Object) {
        cache.take(&Change { before: None, after: Some(object) });
    }

    fn pod(name: &str, ready: bool, more: &Value) -> Pod {
        let mut pod = json!({
            "metadata": {"name": name, "namespace": "shop", "uid": name, "labels": {"app": "web"}},
            "spec": {"nodeName": "node-1", "containers": [
                {"name": "web", "ports": [{"name": "http", "containerPort": 8080}]},
            ]},
            "status": {"podIP": "10.0.0.1", "phase": "Running", "conditions": [
                {"type": "Ready", "status": if ready { "True" } else { "False" }},
            ]},
        });
        for (key, value) in more.as_object().unwrap() {
            *pod.pointer_mut(key.rsplit_once('/').unwrap().0).unwrap() = value.clone();
        }
        from_value(pod).unwrap()
    }

    fn service() -> Service {
        from_value(json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "s"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
        }))
        .unwrap()
    }

    /// `TestSyncServicePodSelection` and `TestSyncService`, `pkg/controller/endpointslice/endpointslice_controller_test.go`.
    #[test]
    fn a_slice_holds_the_pods_of_its_service() {
        let mut cache = Cache::default();
        add(&mut cache, service().into());
        add(&mut cache, pod("a", true, &json!({})).into());
        add(&mut cache, pod("b", false, &json!({})).into());
        let mut ending = pod("c", true, &json!({}));
        ending.metadata.deletion_timestamp = Some(from_value(json!("2026-01-01T00:00:00Z")).unwrap());
        add(&mut cache, ending.into());
        add(&mut cache, pod("other", true, &json!({"/metadata/labels/": {"app": "other"}})).into());
        add(
            &mut cache,
            pod("over", true, &json!({"/status/": {"podIP": "10.0.0.2", "phase": "Failed"}})).into(),
        );
        add(&mut cache, pod("new", true, &json!({"/status/": {"phase": "Pending"}})).into());
        let mut controller = EndpointSlices::default();
        let sync = look(&mut controller, &cache, 0);
        let [Write::Create(Object::EndpointSlice(slice))] = sync.writes.as_slice() else {
            panic!("{sync:?}")
        };
        let told: Vec<_> = slice
            .endpoints
            .iter()
            .map(|endpoint| {
                let conditions = endpoint.conditions.clone().unwrap();
                let name = endpoint.target_ref.as_ref().unwrap().name.clone().unwrap();
                (name, [conditions.ready, conditions.serving, conditions.terminating].map(Option::unwrap))
            })
            .collect();
        let expected = [
            ("a".to_owned(), [true, true, false]),
            ("b".to_owned(), [false, false, false]),
            ("c".to_owned(), [false, true, true]),
        ];
        assert_eq!(told, expected);
        assert_eq!(slice.ports.as_ref().unwrap()[0].port, Some(8080));

        // What it wrote it wants to see before it writes again.
        let mut made = EndpointSlice::clone(slice);
        made.metadata.name = Some("web-abc".into());
        made.metadata.generation = Some(1);
        let made = Object::from(made);
        let write = sync.writes[0].clone();
        controller.answered(&Key::new("shop", "web"), &write, Ok(Some(&made)));
        let waits = look(&mut controller, &cache, 1);
        assert!(waits.writes.is_empty() && waits.again_after.is_some());
        add(&mut cache, made);
        assert!(look(&mut controller, &cache, 2).writes.is_empty());
        add(&mut cache, pod("b", true, &json!({})).into());
        let sync = look(&mut controller, &cache, 3);
        assert!(matches!(sync.writes.as_slice(), [Write::Update(_)]), "{sync:?}");
    }

    #[test]
    fn a_service_without_selector_is_left_alone() {
        for spec in [json!({}), json!({"type": "ExternalName", "selector": {"app": "web"}})] {
            let mut cache = Cache::default();
            let mut service = service();
            service.spec = Some(from_value(spec).unwrap());
            add(&mut cache, service.into());
            assert!(look(&mut EndpointSlices::default(), &cache, 0).writes.is_empty());
        }
    }

    #[test]
    fn a_pod_that_lost_its_label_is_told_of() {
        let mut cache = Cache::default();
        add(&mut cache, service().into());
        let after = pod("a", true, &json!({"/metadata/labels/": {"app": "debug"}}));
        let change = Change { before: Some(pod("a", true, &json!({})).into()), after: Some(after.into()) };
        assert_eq!(EndpointSlices::default().keys(&change, &cache), [Key::new("shop", "web")]);
    }
}

//! A stand-in for a gateway's controller: it writes the status of every `HTTPRoute` and routes nothing.
//!
//! Like a real one it calls a reference to a Service that is not there unresolved.

use std::sync::Once;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, DynamicObject, Patch, PatchParams, WatchEvent, WatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::api::direct;

pub fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute");
    ApiResource::from_gvk_with_plural(&kind, "httproutes")
}

/// Starts the one of this process.
pub fn start() {
    static START: Once = Once::new();
    START.call_once(|| {
        direct().runtime.spawn(async {
            let api: Api<DynamicObject> = Api::all_with(direct().client.clone(), &resource());
            loop {
                let Ok(stream) = api.watch(&WatchParams::default(), "0").await else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let mut stream = stream.boxed();
                while let Some(Ok(event)) = stream.next().await {
                    if let WatchEvent::Added(route) | WatchEvent::Modified(route) = event {
                        tokio::spawn(settle(route));
                    }
                }
            }
        });
    });
}

/// Writes the status of this generation, until all Services are there or another generation is.
async fn settle(mut route: DynamicObject) {
    let (name, generation) = (route.metadata.name.clone().unwrap(), route.metadata.generation);
    let namespace = route.metadata.namespace.clone().unwrap();
    let api: Api<DynamicObject> = Api::namespaced_with(direct().client.clone(), &namespace, &resource());
    while route.metadata.generation == generation {
        let resolved = if missing(&namespace, &route.data["spec"]).await { "False" } else { "True" };
        let condition = |kind: &str, status: &str| {
            json!({"type": kind, "status": status, "reason": "Test", "message": "made up by the test",
                "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z"})
        };
        let conditions = json!([condition("Accepted", "True"), condition("ResolvedRefs", resolved)]);
        if route.data["status"]["parents"][0]["conditions"] != conditions {
            let parent = json!({"parentRef": route.data["spec"]["parentRefs"][0],
                "controllerName": "rollout-plus.test/gateway", "conditions": conditions});
            let patch = Patch::Merge(json!({"status": {"parents": [parent]}}));
            // The next round, or the next event, tries again.
            drop(api.patch_status(&name, &PatchParams::default(), &patch).await);
        } else if resolved == "True" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        match api.get(&name).await {
            Ok(now) => route = now,
            Err(_) => return,
        }
    }
}

/// Whether a Service that the route names is not there.
async fn missing(namespace: &str, spec: &Value) -> bool {
    let api: Api<Service> = Api::namespaced(direct().client.clone(), namespace);
    for rule in spec["rules"].as_array().into_iter().flatten() {
        for backend in rule["backendRefs"].as_array().into_iter().flatten() {
            let name = backend["name"].as_str().unwrap();
            if api.get_opt(name).await.is_ok_and(|service| service.is_none()) {
                return true;
            }
        }
    }
    false
}

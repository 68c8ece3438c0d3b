use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::cache::Change;
use crate::object::{Kind, Object};
use crate::server::resources::{Resource, of_kind};

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn entry(kind: Kind, name: &str, object: Value) -> Entry {
    let resource: &'static Resource = of_kind(kind).unwrap();
    let key = Key::new(NAMESPACE, name);
    Entry {
        version: 1,
        resource,
        key,
        before: None,
        after: Some(Arc::new(object)),
        typed: None,
        by: String::new(),
    }
}

fn pod(name: &str, image: &str, ready: &str) -> Entry {
    let conditions = json!([{"type": "Ready", "status": ready}]);
    entry(
        Kind::Pod,
        name,
        json!({"spec": {"containers": [{"image": image}]}, "status": {"conditions": conditions}}),
    )
}

/// A route to the two versions, each with a pod unless its Service has none.
fn cache(weights: [u32; 2], pods: [&[&str]; 2]) -> Cache {
    let mut cache = Cache::default();
    let mut add = |kind: Kind, object: Value| {
        let after = Some(Object::from_json(kind, &object).unwrap());
        cache.take(&Change { before: None, after });
    };
    let names = [Role::Stable.service(NAME), Role::Canary.service(NAME)];
    let backends: Vec<Value> =
        names.iter().zip(weights).map(|(name, weight)| json!({"name": name, "weight": weight})).collect();
    add(
        Kind::Route,
        json!({"apiVersion": "v1", "kind": "HTTPRoute", "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"rules": [{"backendRefs": backends}]}}),
    );
    for (name, pods) in names.iter().zip(pods) {
        add(Kind::Service, json!({"metadata": {"name": name, "namespace": NAMESPACE}}));
        let endpoints: Vec<Value> =
            pods.iter().map(|pod| json!({"addresses": [], "targetRef": {"name": pod}})).collect();
        let labels = json!({"kubernetes.io/service-name": name});
        add(
            Kind::EndpointSlice,
            json!({"metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
            "addressType": "IPv4", "endpoints": endpoints}),
        );
    }
    cache
}

fn plane() -> Plane {
    let asked = Asked { share: true, whole: true, ..Asked::default() };
    let mut plane = Plane { asked, most: 10, ..Plane::default() };
    plane.see(&pod("a", FORMER, "True"), second(0));
    plane.see(&pod("b", "shop:v2-good", "True"), second(0));
    plane
}

fn learn(plane: &mut Plane, cache: &Cache, at: i64) {
    plane.serve(cache);
    plane.learn(Way::Endpoints, cache, second(at));
    plane.learn(Way::Routes, cache, second(at));
}

fn broken(plane: &mut Plane) -> Vec<&'static str> {
    let rules = ["share of requests", "requests", "dead pods"];
    rules.into_iter().filter(|rule| plane.take(rule).is_some()).collect()
}

#[test]
fn the_new_version_gets_what_was_asked_until_the_end_begins() {
    let mut plane = plane();
    learn(&mut plane, &cache([90, 10], [&["a"], &["b"]]), 1);
    assert_eq!((broken(&mut plane), plane.routed()), (vec![], vec![10.0]));
    let more = cache([80, 20], [&["a"], &["b"]]);
    learn(&mut plane, &more, 2);
    assert_eq!(broken(&mut plane), ["share of requests"]);
    let mut open = self::plane();
    open.open = true;
    learn(&mut open, &more, 2);
    assert_eq!(broken(&mut open), [""; 0]);
}

#[test]
fn no_request_may_go_to_a_service_without_pods_or_to_a_pod_that_died_long_ago() {
    let mut plane = plane();
    learn(&mut plane, &cache([100, 0], [&["a"], &[]]), 1);
    assert_eq!(broken(&mut plane), [""; 0]);
    learn(&mut plane, &cache([95, 5], [&["a"], &[]]), 2);
    assert_eq!(broken(&mut plane), ["requests"]);
    let mut plane = self::plane();
    learn(&mut plane, &cache([95, 5], [&["a"], &["b"]]), 1);
    plane.see(&pod("b", "shop:v2-good", "False"), second(10));
    plane.see(&pod("a", FORMER, "True"), second(60));
    assert_eq!(broken(&mut plane), [""; 0]);
    plane.see(&pod("a", FORMER, "True"), second(71));
    assert_eq!(broken(&mut plane), ["dead pods"]);
}

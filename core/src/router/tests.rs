//! What all routers are tested with.

use super::*;
use crate::router::{Woven, weave};
use crate::traffic::Traffic;

/// Applies the operations that we send; a failed test fails the test.
pub(crate) fn patch(object: &mut Value, operations: &[Value]) {
    for operation in operations {
        let path = operation["path"].as_str().unwrap();
        if operation["op"] == "test" {
            assert_eq!(object.pointer(path), Some(&operation["value"]), "{path}");
            continue;
        }
        let (parent, key) = path.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/");
        let value = operation["value"].clone();
        match object.pointer_mut(parent).unwrap() {
            Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
            Value::Object(members) if operation["op"] == "remove" => drop(members.remove(&key).unwrap()),
            Value::Object(members) => drop(members.insert(key, value)),
            other => panic!("{parent} is {other}"),
        }
    }
}

/// Nothing to the root, 90 % stable, 10 % canary.
pub(crate) fn ten() -> Split {
    Split::undone("web", "shop").with(Some(0), Some(90), Some(10))
}

pub(crate) fn woven(router: &dyn Router, route: &Value, split: &Split) -> Result<Woven, Error> {
    let kind = router.kinds()[0];
    let target = Target {
        api: format!("/apis/{}/{}", kind.group, kind.versions[0]),
        kind: kind.kind.into(),
        plural: kind.plural.into(),
        namespace: route["metadata"]["namespace"].as_str().unwrap().into(),
        name: route["metadata"]["name"].as_str().unwrap().into(),
    };
    weave(router, &target, route, split)
}

/// The objects of a router's own for these routes.
pub(crate) fn made(
    router: &dyn Router,
    traffic: &Traffic,
    routes: &[(&Target, &Value)],
    split: &Split,
) -> Result<Vec<(Target, Value)>, Error> {
    let traffic_objects = crate::traffic::TrafficObjects::default();
    let view = View {
        traffic,
        routes: routes.to_vec(),
        beside: Vec::new(),
        traffic_objects: &traffic_objects,
        pods: Vec::new(),
    };
    router.own(&view, split)
}

/// What the API server has after our patch, and what we noted.
pub(crate) fn written(router: &dyn Router, route: &Value, split: &Split) -> (Value, Vec<String>) {
    let woven = woven(router, route, split).unwrap();
    let mut written = route.clone();
    patch(&mut written, &woven.patch);
    (written, woven.notes)
}

/// What is written; once only, and the way back leads to the very same route.
pub(crate) fn there_and_back(router: &dyn Router, route: &Value, split: &Split) -> Value {
    let (there, _) = written(router, route, split);
    assert_eq!(woven(router, &there, split).unwrap().patch, Vec::<Value>::new(), "it is there");
    let (mut back, notes) = written(router, &there, &Split::undone(&split.service, &split.namespace));
    assert_eq!(notes, Vec::<String>::new());
    if route["metadata"]["annotations"].is_null() {
        assert_eq!(back["metadata"].as_object_mut().unwrap().remove("annotations"), Some(json!({})));
    }
    assert_eq!(back.to_string(), route.to_string());
    there
}

/// Whether an object is for a router by what it says.
pub(crate) fn is_mine(router: &dyn Router, route: &Value, classes: &[Value]) -> bool {
    router.claim(route, classes) == Claim::Mine
}

pub(crate) fn refusal(router: &dyn Router, route: &Value, split: &Split) -> String {
    woven(router, route, split).unwrap_err().message
}

/// An error as a person reads it: what is wrong, then what to type.
pub(crate) fn told(error: &Error) -> String {
    [std::slice::from_ref(&error.message), error.next.as_slice()].concat().join("\nnext: ")
}

#[test]
fn the_documentation_has_the_same_table() {
    let doc = include_str!("../../../docs/routers.md");
    for router in ROUTERS {
        let able = router.abilities();
        let word = |able: bool| if able { "yes" } else { "no" };
        let kind = |kind: &RouteKind| format!("{}/{}", kind.kind, kind.versions.join(", "));
        let kinds: Vec<String> = router.kinds().iter().map(kind).collect();
        let line = format!(
            "| `{}` | {} | {} | {} | {} | {} s | {} | {} |",
            router.name(),
            kinds.join("; "),
            word(able.header),
            word(able.cookie),
            word(able.mirror),
            router.grace().as_secs(),
            able.tested,
            able.limits
        );
        assert!(doc.contains(&line), "docs/routers.md lacks\n{line}");
    }
}

#[test]
fn names_are_unique() {
    for (index, one) in ROUTERS.iter().enumerate() {
        assert!(ROUTERS[index + 1..].iter().all(|other| other.name() != one.name()), "{}", one.name());
        assert!(router(one.name()).is_some());
    }
}

//! Who serves a route, and whether they follow it: `RouteParentStatus` in `apis/v1/shared_types.go` of
//! kubernetes-sigs/gateway-api.

use serde_json::Value;

use crate::router::Settled;
use crate::traffic::{is_ours, text};

/// Reasons why a parent takes no route at all, whatever its rules say: it serves nothing of it.
const DETACHED: [&str; 3] = ["NotAllowedByListeners", "NoMatchingListenerHostname", "NoMatchingParent"];

/// What a parent says of a route.
enum Answer {
    Follows,
    /// It does not serve the route.
    Detached(String),
    NotYet(String),
}

/// Returns what the parents that a route names say of it. Others are left over: a controller that is gone takes its
/// entry from nowhere, and a route that moved keeps those of its former parents (envoyproxy/gateway#9023).
pub(super) fn answers(route: &Value) -> impl Iterator<Item = &Value> {
    let entries = route["status"]["parents"].as_array().into_iter().flatten();
    entries.filter(|entry| named(route).any(|reference| is_same(&entry["parentRef"], reference, route)))
}

fn named(route: &Value) -> impl Iterator<Item = &Value> {
    route["spec"]["parentRefs"].as_array().into_iter().flatten()
}

/// Whether two references are one. What one of them leaves out is what the other says; a namespace is the route's.
fn is_same(one: &Value, other: &Value, route: &Value) -> bool {
    let home = text(route, "/metadata/namespace");
    let namespace = |reference: &Value| reference["namespace"].as_str().unwrap_or(home).to_owned();
    // What Linkerd calls the core.
    let group = |reference: &Value| match text(reference, "/group") {
        "core" => String::new(),
        group => group.to_owned(),
    };
    let agree =
        |member: &str| one[member].is_null() || other[member].is_null() || one[member] == other[member];
    one["name"] == other["name"]
        && namespace(one) == namespace(other)
        && (group(one) == group(other) || one["group"].is_null() || other["group"].is_null())
        && ["kind", "sectionName", "port"].into_iter().all(agree)
}

/// Whether all parents that serve a route follow it as it is now.
pub(super) fn settled(route: &Value, service: &str) -> Settled {
    let mut followed = false;
    let mut detached = None;
    for reference in named(route) {
        match answer(route, reference, service) {
            Answer::Follows => followed = true,
            Answer::NotYet(why) => return Settled::No(why),
            Answer::Detached(why) => detached = detached.or(Some(why)),
        }
    }
    match detached {
        _ if followed => Settled::Yes,
        Some(why) => Settled::No(why),
        None => Settled::No("it names no parent, so nobody serves it".into()),
    }
}

fn answer(route: &Value, reference: &Value, service: &str) -> Answer {
    let generation = route["metadata"]["generation"].as_i64().unwrap_or_default();
    let entries: Vec<&Value> =
        answers(route).filter(|entry| is_same(&entry["parentRef"], reference, route)).collect();
    let Some(first) = entries.first() else {
        let kind = reference["kind"].as_str().unwrap_or("Gateway").to_lowercase();
        return Answer::NotYet(format!("no controller of {kind}/{} answered", text(reference, "/name")));
    };
    let is_behind = |entry: &&&Value| {
        conditions(entry)
            .iter()
            .any(|condition| condition["observedGeneration"].as_i64().is_some_and(|seen| seen < generation))
    };
    // The controller that a parent had before may have left an entry beside that of the new one.
    let mut current =
        entries.iter().filter(|entry| !is_behind(entry)).map(|entry| judged(entry, route, service));
    let mut told = current.next();
    for next in current {
        told = match (told, next) {
            (Some(Answer::Follows), _) | (_, Answer::Follows) => Some(Answer::Follows),
            (Some(Answer::NotYet(why)), _) | (_, Answer::NotYet(why)) => Some(Answer::NotYet(why)),
            (told, _) => told,
        };
    }
    told.unwrap_or_else(|| Answer::NotYet(format!("{} has not seen it yet", text(first, "/controllerName"))))
}

/// The conditions that tell whether requests go as the route says.
fn conditions(entry: &Value) -> Vec<&Value> {
    let all = entry["conditions"].as_array().into_iter().flatten();
    all.filter(|one| ["Accepted", "ResolvedRefs"].contains(&text(one, "/type"))).collect()
}

/// Judges an entry that speaks of the route as it is now.
fn judged(entry: &Value, route: &Value, service: &str) -> Answer {
    let conditions = conditions(entry);
    for kind in ["Accepted", "ResolvedRefs"] {
        let Some(condition) = conditions.iter().find(|condition| condition["type"] == kind) else {
            return Answer::NotYet(format!("{} does not say {kind} yet", text(entry, "/controllerName")));
        };
        if condition["status"] == "True" {
            continue;
        }
        let (reason, message) = (text(condition, "/reason"), text(condition, "/message"));
        let why = format!("{kind} is not true: {reason}: {message}");
        if kind == "Accepted" && DETACHED.contains(&reason) {
            return Answer::Detached(why);
        }
        if kind != "ResolvedRefs" || !is_about_others(message, route, service) {
            return Answer::NotYet(why);
        }
    }
    Answer::Follows
}

/// Whether a message names a backend that has nothing to do with the Service, and none that has.
fn is_about_others(message: &str, route: &Value, service: &str) -> bool {
    let words: Vec<&str> = message
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-')
        .filter(|word| !word.is_empty())
        .collect();
    let is_related = |name: &str| name == service || is_ours(name, service);
    let mut names = Vec::new();
    backends(&route["spec"]["rules"], &mut names);
    !words.iter().any(|word| is_related(word))
        && names.iter().any(|name| !is_related(name) && words.contains(name))
}

/// Collects the names of all backends, those of filters included.
fn backends<'r>(value: &'r Value, names: &mut Vec<&'r str>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| backends(value, names)),
        Value::Object(members) => {
            for (key, value) in members {
                match key.as_str() {
                    "backendRef" => names.extend(value["name"].as_str()),
                    "backendRefs" => {
                        let entries = value.as_array().into_iter().flatten();
                        names.extend(entries.filter_map(|entry| entry["name"].as_str()));
                    }
                    _ => {}
                }
                backends(value, names);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GENERATION: i64 = 3;

    fn condition(kind: &str, status: &str, generation: i64) -> Value {
        json!({"type": kind, "status": status, "reason": "R", "message": "m", "observedGeneration": generation})
    }

    fn entry(parent: &Value, generation: i64) -> Value {
        json!({"controllerName": "c", "parentRef": parent,
            "conditions": [condition("Accepted", "True", generation), condition("ResolvedRefs", "True", generation)]})
    }

    fn route(parents: &[Value], entries: &[Value]) -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop", "generation": GENERATION},
            "spec": {"parentRefs": parents, "rules": [{"backendRefs": [{"name": "web"}, {"name": "old"}]}]},
            "status": {"parents": entries}})
    }

    fn edge() -> Value {
        json!({"name": "edge"})
    }

    fn no(route: &Value) -> String {
        match settled(route, "web") {
            Settled::No(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_parent_that_the_route_does_not_name_keeps_nobody_waiting() {
        let stale = entry(&json!({"name": "old-edge"}), 1);
        let now = entry(&edge(), GENERATION);
        assert_eq!(settled(&route(&[edge()], &[now.clone(), stale.clone()]), "web"), Settled::Yes);
        assert_eq!(no(&route(&[edge()], &[stale])), "no controller of gateway/edge answered");
        assert_eq!(no(&route(&[], std::slice::from_ref(&now))), "it names no parent, so nobody serves it");
        // The names are those of two namespaces, or of two listeners.
        let abroad = json!({"name": "edge", "namespace": "infra"});
        insta::assert_snapshot!(no(&route(&[abroad], &[now])), @"no controller of gateway/edge answered");
        let (http, https) =
            (json!({"name": "edge", "sectionName": "http"}), json!({"name": "edge", "sectionName": "https"}));
        let both = [http.clone(), https.clone()];
        let seen = [entry(&http, GENERATION), entry(&https, 2)];
        assert_eq!(no(&route(&both, &seen)), "c has not seen it yet");
    }

    #[test]
    fn references_are_the_same_however_much_of_them_is_written() {
        let whole = json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "shop", "name": "edge"});
        assert_eq!(settled(&route(&[edge()], &[entry(&whole, GENERATION)]), "web"), Settled::Yes);
        assert_eq!(settled(&route(&[whole], &[entry(&edge(), GENERATION)]), "web"), Settled::Yes);
        let mesh = |group: &str| json!({"group": group, "kind": "Service", "name": "web"});
        assert_eq!(settled(&route(&[mesh("core")], &[entry(&mesh(""), GENERATION)]), "web"), Settled::Yes);
    }

    #[test]
    fn the_entry_of_a_former_controller_of_the_same_parent_does_not_count() {
        let entries = [entry(&edge(), 1), entry(&edge(), GENERATION)];
        assert_eq!(settled(&route(&[edge()], &entries), "web"), Settled::Yes);
        assert_eq!(no(&route(&[edge()], &[entry(&edge(), 1), entry(&edge(), 2)])), "c has not seen it yet");
    }

    #[test]
    fn a_parent_that_takes_no_such_route_serves_none_of_it() {
        let mut refused = entry(&json!({"name": "internal"}), GENERATION);
        refused["conditions"][0]["status"] = json!("False");
        refused["conditions"][0]["reason"] = json!("NotAllowedByListeners");
        let parents = [edge(), json!({"name": "internal"})];
        let both = |entry_of_internal: &Value| {
            route(&parents, &[entry(&edge(), GENERATION), entry_of_internal.clone()])
        };
        assert_eq!(settled(&both(&refused), "web"), Settled::Yes);
        assert!(no(&route(&parents[1..], &[refused.clone()])).contains("NotAllowedByListeners"));
        refused["conditions"][0]["reason"] = json!("UnsupportedValue");
        assert!(no(&both(&refused)).contains("UnsupportedValue"), "that may be about what we wrote");
    }

    #[test]
    fn a_backend_of_others_that_is_missing_is_none_of_ours() {
        let told = |message: &str| {
            let mut entry = entry(&edge(), GENERATION);
            entry["conditions"][1] = json!({"type": "ResolvedRefs", "status": "False", "reason": "BackendNotFound",
                "message": message, "observedGeneration": GENERATION});
            settled(&route(&[edge()], &[entry]), "web")
        };
        for message in ["service \"old\" not found", "service shop/old:80 not found"] {
            assert_eq!(told(message), Settled::Yes, "{message}");
        }
        for message in
            ["service shop/web-rp-canary not found", "web: old: not found", "a backend is missing", ""]
        {
            assert!(matches!(told(message), Settled::No(_)), "{message}");
        }
    }
}

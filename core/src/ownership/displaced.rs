//! Gives back what our patches took. A JSON Patch makes its writer the owner of what it changes, for ever: without this a
//! user of server-side apply would find us in the way after a canary that was aborted long ago.

use serde_json::{Value, json};

use super::Fields;
use super::entry::{entries, is_client_side, is_our_patches, is_ours, noted, of_template, same_writer};
use crate::keys::{MANAGED_BY, OWNERS_ANNOTATION, ROUTE_ANNOTATION, SELECTOR_ANNOTATION, is_held};

/// The most that is noted, in bytes: a hold must not fail because its Deployment has many fields.
const MAX_NOTE: usize = 48 * 1024;

/// Returns the operation that notes on an object who owns what a patch is about to change that begins something: a hold, a
/// split of a route, a pin of a Service; or the one that takes the note away with what is ended. `None` if it is neither, or
/// if nobody owns it.
pub fn note(live: &Value, patch: &[Value]) -> Option<Value> {
    let becomes = patched(live, patch);
    if becomes["metadata"]["annotations"][OWNERS_ANNOTATION].is_string() && !is_under_way(&becomes) {
        // In the same request: a kill right after it leaves no word of ours on the object.
        return Some(json!({"op": "remove", "path": annotation_path()}));
    }
    if is_under_way(live) || !is_under_way(&becomes) {
        return None;
    }
    let taken = entries(live).iter().filter(|entry| !is_our_patches(entry)).filter_map(|entry| {
        let fields = changeable(entry);
        let removed = fields.but(&fields.present(&becomes));
        with(entry, &fields.changed(live, &becomes).or(&removed))
    });
    let text = Value::from(taken.collect::<Vec<Value>>()).to_string();
    (text.len() > 2 && text.len() <= MAX_NOTE)
        .then(|| json!({"op": "add", "path": annotation_path(), "value": text}))
}

/// Returns the JSON Patch that gives back what a patch of ours, and what it ended, took: each field to who owned it, if it
/// is still there and ours. What the pod template has new goes to who applies the object, if anybody does: else no later
/// manifest could take it away. `None` if there is nothing of the kind, or what was begun goes on.
pub fn given_back(before: &Value, after: &Value) -> Option<Vec<Value>> {
    if is_under_way(after) || after["metadata"]["labels"][MANAGED_BY] == "rollout-plus" {
        return None;
    }
    let now = entries(after);
    let place = now.iter().position(is_our_patches);
    let ours = place.map(|place| Fields::of(&now[place])).unwrap_or_default();
    let mut managed = now.to_vec();
    let mut new = place.map(|place| of_template(&now[place])).unwrap_or_default();
    let noted = if is_under_way(before) { noted(before) } else { Vec::new() };
    for entry in noted.iter().chain(&taken(before, after)) {
        new = new.but(&Fields::of(entry));
        let back = Fields::of(entry).and(&ours);
        if back.is_empty() {
            continue;
        }
        match managed.iter_mut().find(|one| same_writer(one, entry)) {
            Some(one) => one["fieldsV1"] = Fields::of(one).or(&back).json(),
            None => managed.extend(with(entry, &back)),
        }
    }
    if let Some(one) = place.and_then(|place| applier(&mut managed, &now[place]["apiVersion"])) {
        one["fieldsV1"] = Fields::of(one).or(&new).json();
    }
    let path = |index: usize| format!("/metadata/managedFields/{index}");
    let operation = |op: &str, at: usize, value: &Value| json!({"op": op, "path": path(at), "value": value});
    // Only what is changed is tested: the controller writes its own entry again and again.
    let given: Vec<usize> = (0..now.len()).filter(|at| managed[*at] != now[*at]).collect();
    let tested = given.iter().copied().chain(place).map(|at| operation("test", at, &now[at]));
    let mut patch: Vec<Value> = tested.collect();
    patch.extend(given.iter().map(|at| operation("replace", *at, &managed[*at])));
    patch.extend(managed[now.len()..].iter().map(|entry| operation("add", now.len(), entry)));
    patch.extend(place.map(|at| json!({"op": "remove", "path": path(at)})));
    if after["metadata"]["annotations"][OWNERS_ANNOTATION].is_string() {
        patch.push(json!({"op": "remove", "path": annotation_path()}));
    }
    (!patch.is_empty()).then(|| {
        patch.insert(0, json!({"op": "test", "path": "/metadata/uid", "value": after["metadata"]["uid"]}));
        patch
    })
}

/// Returns the entry of who applies an object: we, or else `kubectl apply`.
fn applier<'v>(managed: &'v mut [Value], version: &Value) -> Option<&'v mut Value> {
    let same = |entry: &Value| entry["apiVersion"] == *version;
    let ours = managed.iter().position(|entry| is_ours(entry) && same(entry));
    let at = ours.or_else(|| managed.iter().position(|entry| is_client_side(entry) && same(entry)))?;
    managed.get_mut(at)
}

/// What somebody owned before a patch and not after it.
fn taken(before: &Value, after: &Value) -> Vec<Value> {
    let lost = entries(before).iter().filter(|entry| !is_our_patches(entry)).filter_map(|entry| {
        let now = entries(after).iter().find(|one| same_writer(one, entry)).map(Fields::of);
        with(entry, &changeable(entry).but(&now.unwrap_or_default()))
    });
    lost.collect()
}

fn with(entry: &Value, fields: &Fields) -> Option<Value> {
    (!fields.is_empty()).then(|| {
        let mut entry = entry.clone();
        entry["fieldsV1"] = fields.json();
        entry
    })
}

/// What a patch of ours may change of the fields of an entry.
fn changeable(entry: &Value) -> Fields {
    let fields = Fields::of(entry);
    fields.below(&["f:spec"]).or(&fields.below(&["f:metadata", "f:annotations"]))
}

/// Whether something that we began goes on at an object.
fn is_under_way(object: &Value) -> bool {
    let annotations = &object["metadata"]["annotations"];
    is_held(object["spec"]["minReadySeconds"].as_i64())
        || [ROUTE_ANNOTATION, SELECTOR_ANNOTATION].iter().any(|name| annotations[*name].is_string())
}

fn annotation_path() -> String {
    format!("/metadata/annotations/{}", OWNERS_ANNOTATION.replace('/', "~1"))
}

/// Returns what the operations make of an object, as far as they set members that are there or whose parent is.
fn patched(live: &Value, patch: &[Value]) -> Value {
    let mut object = live.clone();
    for operation in patch {
        let Some((parent, name)) = operation["path"].as_str().and_then(|path| path.rsplit_once('/')) else {
            continue;
        };
        let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) else { continue };
        let name = name.replace("~1", "/").replace("~0", "~");
        match operation["op"].as_str() {
            Some("add" | "replace") => drop(parent.insert(name, operation["value"].clone())),
            Some("remove") => drop(parent.remove(&name)),
            _ => {}
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{FIELD_MANAGER, HELD};

    fn entry(manager: &str, operation: &str, spec: &Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsV1": {"f:spec": spec}})
    }

    fn deployment(seconds: Option<i64>, image: &str, entries: &[Value]) -> Value {
        json!({"metadata": {"uid": "u", "annotations": {"a": "b"}, "managedFields": entries},
            "spec": {"minReadySeconds": seconds, "image": image}})
    }

    #[test]
    fn the_note_goes_with_what_it_is_about() {
        let mut route =
            json!({"metadata": {"annotations": {ROUTE_ANNOTATION: "{}", OWNERS_ANNOTATION: "[]"}}});
        let path = format!("/metadata/annotations/{}", ROUTE_ANNOTATION.replace('/', "~1"));
        let end = [json!({"op": "remove", "path": path})];
        assert_eq!(note(&route, &end), Some(json!({"op": "remove", "path": annotation_path()})));
        assert_eq!(note(&route, &[]), None, "it goes on");
        route["metadata"]["annotations"].as_object_mut().unwrap().remove(OWNERS_ANNOTATION);
        assert_eq!(note(&route, &end), None);
    }

    #[test]
    fn a_hold_notes_whom_it_takes_what_and_the_way_back_returns_it() {
        let user =
            entry("kubectl", "Apply", &json!({"f:minReadySeconds": {}, "f:image": {}, "f:replicas": {}}));
        let live = deployment(Some(5), "a", std::slice::from_ref(&user));
        let hold = [
            json!({"op": "add", "path": "/spec/minReadySeconds", "value": HELD}),
            json!({"op": "add", "path": "/spec/image", "value": "b"}),
        ];
        let note = note(&live, &hold).unwrap();
        assert_eq!(note["path"], "/metadata/annotations/rollout-plus~1owners");
        let ours = entry(FIELD_MANAGER, "Update", &json!({"f:minReadySeconds": {}, "f:image": {}}));
        let left = entry("kubectl", "Apply", &json!({"f:replicas": {}}));
        let mut held = deployment(Some(HELD), "b", &[left.clone(), ours.clone()]);
        held["metadata"]["annotations"][OWNERS_ANNOTATION] = note["value"].clone();
        assert_eq!(super::note(&held, &hold), None, "the first owners count");
        assert_eq!(given_back(&live, &held), None, "while it is held we own it");

        let released = deployment(Some(5), "b", &[left, ours]);
        let patch = given_back(&held, &released).unwrap();
        let ops: Vec<&str> = patch.iter().filter_map(|o| o["op"].as_str()).collect();
        assert_eq!(ops, ["test", "test", "test", "replace", "remove"]);
        assert_eq!(patch[3]["value"]["fieldsV1"], user["fieldsV1"]);
        assert_eq!(patch[4]["path"], "/metadata/managedFields/1");
    }

    #[test]
    fn an_owner_that_lost_everything_comes_back_and_one_that_took_it_since_keeps_it() {
        let before = deployment(None, "a", &[entry("kubectl-set", "Update", &json!({"f:image": {}}))]);
        let ours = entry(FIELD_MANAGER, "Update", &json!({"f:image": {}}));
        let patch = given_back(&before, &deployment(None, "b", std::slice::from_ref(&ours))).unwrap();
        assert_eq!((&patch[2]["op"], &patch[2]["value"]), (&json!("add"), &entries(&before)[0]));
        assert_eq!(patch[3], json!({"op": "remove", "path": "/metadata/managedFields/0"}));

        let other = entry("kubectl-edit", "Update", &json!({"f:image": {}}));
        let ours = entry(FIELD_MANAGER, "Update", &json!({"f:paused": {}}));
        let patch = given_back(&before, &deployment(None, "c", &[other, ours])).unwrap();
        assert_eq!(patch.len(), 3, "only ours goes: {patch:?}");
        assert_eq!(given_back(&before, &before), None);
    }

    #[test]
    fn what_is_new_in_the_template_is_of_who_applies_the_object() {
        let template = |fields: Value| json!({"f:template": fields});
        let applied = entry("kubectl-client-side-apply", "Update", &template(json!({"f:image": {}})));
        let after = |new: Value| {
            let ours = entry(FIELD_MANAGER, "Update", &template(new));
            deployment(None, "b", &[applied.clone(), ours])
        };
        let before = deployment(None, "a", std::slice::from_ref(&applied));
        let patch = given_back(&before, &after(json!({"f:port": {}}))).unwrap();
        assert_eq!(
            patch[3]["value"]["fieldsV1"]["f:spec"]["f:template"],
            json!({"f:image": {}, "f:port": {}})
        );
        let mark = format!("f:{}", crate::keys::RESTARTED_AT);
        let restart = json!({"f:metadata": {"f:annotations": {".": {}, mark: {}}}});
        let ops: Vec<Value> =
            given_back(&before, &after(restart)).unwrap().iter().map(|one| one["op"].clone()).collect();
        assert_eq!(ops, ["test", "test", "remove"], "a restart is nobody's");
    }

    #[test]
    fn a_pinned_service_comes_back_to_its_owner_and_one_of_ours_stays_ours() {
        let user = entry("kubectl", "Apply", &json!({"f:selector": {}}));
        let live = json!({"metadata": {"uid": "u", "annotations": {}, "managedFields": [user]},
            "spec": {"selector": {"app": "web"}}});
        let pin = [
            json!({"op": "add", "path": "/metadata/annotations/rollout-plus~1selector", "value": "{}"}),
            json!({"op": "add", "path": "/spec/selector/pod-template-hash", "value": "1"}),
        ];
        let noted = note(&live, &pin).unwrap();
        let mut pinned = patched(&live, &[&pin[..], &[noted]].concat());
        pinned["metadata"]["managedFields"] =
            json!([entry(FIELD_MANAGER, "Update", &json!({"f:selector": {}}))]);
        assert_eq!(given_back(&live, &pinned), None);
        let mut free = pinned.clone();
        drop(free["metadata"]["annotations"].as_object_mut().unwrap().remove(SELECTOR_ANNOTATION));
        let patch = given_back(&pinned, &free).unwrap();
        let ops: Vec<&str> = patch.iter().filter_map(|o| o["op"].as_str()).collect();
        assert_eq!(ops, ["test", "test", "add", "remove", "remove"]);
        assert_eq!(patch[2]["value"]["manager"], "kubectl");
        free["metadata"]["labels"] = json!({MANAGED_BY: "rollout-plus"});
        assert_eq!(given_back(&pinned, &free), None);
    }
}

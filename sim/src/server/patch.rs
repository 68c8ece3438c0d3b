//! JSON Patch as the server applies it (`applyJSPatch` in `pkg/endpoints/handlers/patch.go` of kubernetes/apiserver, with
//! `evanphx/json-patch`), and JSON merge patch.

use serde_json::{Map, Value};

/// Applies a JSON Patch. The error is the library's; the server does not tell it.
///
/// # Errors
/// What is wrong with an operation.
pub fn json(document: &Value, patch: &Value) -> Result<Value, String> {
    let mut document = document.clone();
    let operations = patch.as_array().ok_or("a JSON Patch is a list")?;
    for operation in operations {
        let path = operation["path"].as_str().ok_or("an operation without a path")?;
        let value = || operation.get("value").cloned().unwrap_or(Value::Null);
        match operation["op"].as_str() {
            Some("add") => add(&mut document, path, value())?,
            Some("remove") => drop(remove(&mut document, path)?),
            Some("replace") => {
                let place = document.pointer_mut(path);
                *place.ok_or_else(|| format!("replace operation does not apply: {path}"))? = value();
            }
            // A member that is not there is as good as null.
            Some("test") => {
                let there = document.pointer(path).unwrap_or(&Value::Null);
                if *there != value() {
                    return Err(format!("testing value {path} failed"));
                }
            }
            _ => return Err(format!("unknown operation {operation}")),
        }
    }
    Ok(document)
}

fn parent<'a>(document: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), String> {
    let (parent, last) = path.rsplit_once('/').ok_or_else(|| format!("no pointer: {path}"))?;
    let parent =
        document.pointer_mut(parent).ok_or_else(|| format!("add operation does not apply: {path}"))?;
    Ok((parent, last.replace("~1", "/").replace("~0", "~")))
}

fn add(document: &mut Value, path: &str, value: Value) -> Result<(), String> {
    let (parent, last) = parent(document, path)?;
    match parent {
        Value::Object(members) => drop(members.insert(last, value)),
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => {
            let at: usize = last.parse().map_err(|_| format!("no index: {path}"))?;
            if at > items.len() {
                return Err(format!("index out of bounds: {path}"));
            }
            items.insert(at, value);
        }
        _ => return Err(format!("add operation does not apply: {path}")),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &str) -> Result<Value, String> {
    let (parent, last) = parent(document, path)?;
    let removed = match parent {
        Value::Object(members) => members.remove(&last),
        Value::Array(items) => {
            last.parse().ok().filter(|at: &usize| *at < items.len()).map(|at| items.remove(at))
        }
        _ => None,
    };
    removed.ok_or_else(|| format!("remove operation does not apply: {path}"))
}

/// Applies a merge patch (RFC 7386).
pub fn merge(document: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *document = patch;
        return;
    };
    if !document.is_object() {
        *document = Value::Object(Map::new());
    }
    let Value::Object(members) = document else { return };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(&name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// Applies a strategic merge patch to a pod (`StrategicMergePatch` of `k8s.io/apimachinery/pkg/util/strategicpatch`): containers
/// are found by their name, as `patchMergeKey` in `k8s.io/api/core/v1/types.go` has it. Its other lists and the directives of
/// such a patch are not known here.
pub fn strategic(document: &mut Value, mut patch: Value) {
    let lists = patch["spec"].as_object_mut().map(|spec| (spec.remove("containers"), spec.is_empty()));
    let (containers, is_empty) = lists.unwrap_or((None, true));
    if let Some(members) = patch.as_object_mut().filter(|_| is_empty) {
        members.remove("spec");
    }
    merge(document, patch);
    let Some(Value::Array(containers)) = containers else { return };
    for container in containers {
        let all = document["spec"]["containers"].as_array_mut();
        let Some(all) = all else { return };
        match all.iter_mut().find(|one| one["name"] == container["name"]) {
            Some(one) => merge(one, container),
            None => all.push(container),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json as value;

    use super::*;

    #[test]
    fn a_test_that_fails_and_a_path_that_is_not_there_refuse_all() {
        let document = value!({"a": {"b/c": 1, "list": [1, 2]}});
        for (patch, wanted) in [
            (
                value!([{"op": "test", "path": "/a/b~1c", "value": 1}, {"op": "remove", "path": "/a/b~1c"}]),
                Some(value!({"a": {"list": [1, 2]}})),
            ),
            (value!([{"op": "test", "path": "/a/none", "value": null}]), Some(document.clone())),
            (value!([{"op": "test", "path": "/a/list/0", "value": 2}]), None),
            (value!([{"op": "remove", "path": "/a/none"}]), None),
            (value!([{"op": "replace", "path": "/a/none", "value": 1}]), None),
            (value!([{"op": "add", "path": "/none/x", "value": 1}]), None),
            (
                value!([{"op": "add", "path": "/a/list/-", "value": 3}]),
                Some(value!({"a": {"b/c": 1, "list": [1, 2, 3]}})),
            ),
        ] {
            assert_eq!(json(&document, &patch).ok(), wanted, "{patch}");
        }
    }

    #[test]
    fn containers_are_found_by_their_name() {
        let mut pod = value!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}, {"name": "b"}]}});
        let patch = value!({"metadata": {"labels": {"c": "d"}}, "spec": {"activeDeadlineSeconds": 5, "containers": [{"name": "a", "image": "a:2"}]}});
        strategic(&mut pod, patch);
        let wanted = value!({"metadata": {"labels": {"a": "b", "c": "d"}},
            "spec": {"activeDeadlineSeconds": 5, "containers": [{"name": "a", "image": "a:2"}, {"name": "b"}]}});
        assert_eq!(pod, wanted);
    }

    #[test]
    fn null_takes_a_member_away() {
        let mut document = value!({"a": 1, "b": {"c": 2, "d": 3}});
        merge(&mut document, value!({"a": null, "b": {"c": 4}, "e": {"f": null}}));
        assert_eq!(document, value!({"b": {"c": 4, "d": 3}, "e": {}}));
    }
}

//! What changes between two objects, field by field.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde_json::Value;

use crate::keys::LAST_APPLIED;
use crate::scrub::{MASK, Scrubber, is_secret_name};

/// A field that changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Where it is: `spec.template.spec.containers[name=web].image`.
    pub path: String,
    /// What it was, or null.
    pub before: Option<Value>,
    /// What it becomes, or null.
    pub after: Option<Value>,
}

/// Returns what changes from a live object, or from none, to what the server would make of it.
///
/// What the server counts for itself is left out, and what is secret is masked.
pub fn changes(before: Option<&Value>, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    walk("", before.unwrap_or(&Value::Null), after, &mut found);
    found.retain(|change| !is_the_servers(&change.path));
    let kind = after["kind"].as_str().unwrap_or_default();
    let scrubbers: Vec<Scrubber> = [before, Some(after)].into_iter().flatten().map(Scrubber::new).collect();
    for change in &mut found {
        let hidden = is_secret(kind, &change.path);
        for value in [&mut change.before, &mut change.after].into_iter().flatten() {
            if hidden {
                *value = Value::from(MASK);
            } else if let Value::String(text) = value {
                *text = scrubbers.iter().fold(text.clone(), |text, scrubber| scrubber.text(&text));
            }
        }
    }
    found
}

/// Whether an object has all that is sent already, as far as can be told without the server.
pub fn is_within(sent: &Value, live: &Value) -> bool {
    match (sent, live) {
        (Value::Object(fields), Value::Object(_)) => {
            fields.iter().all(|(key, value)| is_within(value, &live[key]))
        }
        (Value::Array(items), Value::Array(lives)) => {
            items.len() == lives.len() && items.iter().zip(lives).all(|(item, live)| is_within(item, live))
        }
        _ => sent == live,
    }
}

/// Returns a message about an object without the secrets in it: the server's errors may print them.
pub fn masked(message: &str, object: &Value) -> String {
    let message = Scrubber::new(object).known(message);
    if object["kind"] != "Secret" {
        return message;
    }
    let values = |part: &str| {
        let fields = object[part].as_object().into_iter().flatten();
        fields.filter_map(|(_, value)| value.as_str()).map(str::to_owned).collect::<Vec<_>>()
    };
    let data = values("data");
    let decoded = data.iter().filter_map(|value| String::from_utf8(BASE64_STANDARD.decode(value).ok()?).ok());
    let mut values: Vec<String> = decoded.chain(values("stringData")).collect();
    values.extend(data);
    // Masking every "1" would hide more than secrets.
    values.retain(|value| value.len() >= 3);
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.into_iter().fold(message, |text, value| text.replace(&value, MASK))
}

fn is_the_servers(path: &str) -> bool {
    const OWN: [&str; 9] = [
        "apiVersion",
        "kind",
        "status",
        "metadata.managedFields",
        "metadata.resourceVersion",
        "metadata.generation",
        "metadata.uid",
        "metadata.creationTimestamp",
        "metadata.selfLink",
    ];
    // kubectl's own copy of what is compared here.
    path == format!("metadata.annotations[{LAST_APPLIED}]")
        || OWN.iter().any(|own| {
            path.strip_prefix(own)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('['))
        })
}

/// Whether a field is secret as a whole.
fn is_secret(kind: &str, path: &str) -> bool {
    let within = |parts: &[&str]| parts.iter().any(|part| path.starts_with(part));
    match kind {
        // Annotations too: whatever makes Secrets may keep a copy in one.
        "Secret" => within(&["data", "stringData", "metadata.annotations"]),
        "ConfigMap" if within(&["data"]) => is_secret_name(path),
        _ => false,
    }
}

fn walk(path: &str, before: &Value, after: &Value, found: &mut Vec<Change>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(_) | Value::Null, Value::Object(_)) | (Value::Object(_), Value::Null) => {
            let keys = |value: &Value| -> BTreeSet<String> {
                value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
            };
            let all: BTreeSet<String> = keys(before).union(&keys(after)).cloned().collect();
            if all.is_empty() {
                found.push(change(path, before, after));
            }
            for key in all {
                let dot = if path.is_empty() { "" } else { "." };
                // A key with dots is one step, not several.
                let step = if key.contains(['.', '[', '/']) {
                    format!("{path}[{key}]")
                } else {
                    format!("{path}{dot}{key}")
                };
                let named = |object: &Value| object["name"].as_str().is_some_and(is_secret_name);
                if key == "value" && before[&key] != after[&key] && (named(before) || named(after)) {
                    // A variable whose name says that it is secret, however short.
                    let hidden = |value: &Value| if value.is_null() { Value::Null } else { MASK.into() };
                    found.push(change(&step, &hidden(&before[&key]), &hidden(&after[&key])));
                } else {
                    walk(&step, &before[&key], &after[&key], found);
                }
            }
        }
        (Value::Array(_) | Value::Null, Value::Array(_)) | (Value::Array(_), Value::Null) => {
            let (old, new) = (items(before), items(after));
            if let Some(key) = key_of(old, new) {
                let names: Vec<&Value> = old.iter().chain(new).map(|item| &item[key]).collect();
                let mut seen: Vec<&Value> = Vec::new();
                for name in names {
                    if seen.contains(&name) {
                        continue;
                    }
                    seen.push(name);
                    let of = |list: &[Value]| {
                        list.iter().find(|item| item[key] == *name).cloned().unwrap_or_default()
                    };
                    let step = format!("{path}[{key}={}]", plain(name));
                    walk(&step, &of(old), &of(new), found);
                }
            } else {
                if old.is_empty() && new.is_empty() {
                    found.push(change(path, before, after));
                }
                for index in 0..old.len().max(new.len()) {
                    let of = |list: &[Value]| list.get(index).cloned().unwrap_or_default();
                    walk(&format!("{path}[{index}]"), &of(old), &of(new), found);
                }
            }
        }
        _ => found.push(change(path, before, after)),
    }
}

fn change(path: &str, before: &Value, after: &Value) -> Change {
    let some = |value: &Value| Some(value).filter(|value| !value.is_null()).cloned();
    Change { path: path.to_owned(), before: some(before), after: some(after) }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The field that tells the items of a list apart, if one does in both.
fn key_of(old: &[Value], new: &[Value]) -> Option<&'static str> {
    let unique = |list: &[Value], key: &str| {
        let values: BTreeSet<String> = list
            .iter()
            .filter(|item| item[key].is_string() || item[key].is_number())
            .map(|item| plain(&item[key]))
            .collect();
        values.len() == list.len()
    };
    if old.is_empty() && new.is_empty() {
        return None;
    }
    ["name", "containerPort", "port", "mountPath"]
        .into_iter()
        .find(|key| unique(old, key) && unique(new, key))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(before: Option<&Value>, after: &Value) -> Vec<String> {
        let text = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
        changes(before, after)
            .iter()
            .map(|change| format!("{} {} {}", change.path, text(&change.before), text(&change.after)))
            .collect()
    }

    #[test]
    fn containers_are_compared_by_name_and_the_servers_counts_left_out() {
        let before = json!({"metadata": {"generation": 1, "labels": {"a.b/c": "1"}, "managedFields": [1]},
            "spec": {"list": [1, 2], "containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}});
        let after = json!({"metadata": {"generation": 2, "labels": {"a.b/c": "2"}}, "status": {"x": 1},
            "spec": {"list": [1], "containers": [{"name": "b", "image": "2"}, {"name": "c", "image": "1"}]}});
        assert_eq!(
            lines(Some(&before), &after),
            [
                r#"metadata.labels[a.b/c] "1" "2""#,
                r#"spec.containers[name=a].image "1" -"#,
                r#"spec.containers[name=a].name "a" -"#,
                r#"spec.containers[name=b].image "1" "2""#,
                r#"spec.containers[name=c].image - "1""#,
                r#"spec.containers[name=c].name - "c""#,
                r"spec.list[1] 2 -",
            ]
        );
        assert!(changes(Some(&before), &before).is_empty());
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let secret = |value: &str| {
            json!({"kind": "Secret", "data": {"key": value, "k.y": value}, "stringData": {"a": value},
                "metadata": {"name": "s", "annotations": {LAST_APPLIED: value}}})
        };
        let text = lines(Some(&secret("b2xk")), &secret("bmV3")).join("\n");
        assert!(!text.contains("b2xk") && !text.contains("bmV3"), "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
        let workload = |value: &str| {
            json!({"kind": "Deployment", "spec": {"template": {"spec": {"containers": [
                {"name": "a", "env": [{"name": "DB_PASSWORD", "value": value}]}]}}}})
        };
        let text = lines(Some(&workload("hunter22")), &workload("correcthorse")).join("\n");
        assert!(
            text.contains("DB_PASSWORD") && !text.contains("hunter22") && !text.contains("horse"),
            "{text}"
        );
    }

    #[test]
    fn secret_variables_are_masked_in_every_kind_and_however_short() {
        let env = |value: &str| json!([{"name": "a", "env": [{"name": "PIN_TOKEN", "value": value}]}]);
        let twice = |value: &str| json!([{"name": "a", "env": [{"name": "PIN_TOKEN", "value": value}, {"name": "PIN_TOKEN", "value": "0"}]}]);
        let pod = |value: &str| json!({"kind": "Pod", "spec": {"containers": env(value)}});
        let job = |value: &str| json!({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": twice(value)}}}}}});
        let map = |value: &str| json!({"kind": "ConfigMap", "data": {"DB_PASSWORD": value, "app.yaml": format!("a: 1\npassword: {value}\n")}});
        let copy = |value: &str| {
            let text = pod(value).to_string();
            json!({"kind": "Pod", "metadata": {"annotations": {LAST_APPLIED: text}}})
        };
        let text = lines(Some(&pod("q7")), &pod("z9")).join("\n");
        assert!(!text.contains("q7") && !text.contains("z9") && text.contains("***"), "{text}");
        assert_eq!(
            lines(Some(&copy("q7")), &copy("z9")).join("\n"),
            "",
            "what kubectl keeps beside it is not shown"
        );
        for made in [&job as &dyn Fn(&str) -> Value, &map] {
            let text = lines(Some(&made("q7x")), &made("z9x")).join("\n");
            assert!(!text.contains("q7x") && !text.contains("z9x") && text.contains("***"), "{text}");
        }
        let new = lines(None, &job("q7")).join("\n");
        assert!(!new.contains("q7") && new.contains("PIN_TOKEN"), "{new}");
    }

    #[test]
    fn defaults_of_the_server_are_no_change() {
        let live = json!({"spec": {"replicas": 1, "ports": [{"port": 80, "protocol": "TCP"}]}});
        assert!(is_within(&json!({"spec": {"ports": [{"port": 80}]}}), &live));
        assert!(!is_within(&json!({"spec": {"ports": [{"port": 81}]}}), &live));
        assert!(!is_within(&json!({"spec": {"ports": []}}), &live));
    }

    #[test]
    fn a_message_about_a_secret_does_not_tell_it() {
        let secret =
            json!({"kind": "Secret", "data": {"a": "Z2Vo", "b": "1"}, "stringData": {"c": "geheim"}});
        assert_eq!(masked("no 1: got geheim and Z2Vo", &secret), "no 1: got *** and ***");
        assert_eq!(masked("no: got geh", &secret), "no: got ***");
        let pod = json!({"kind": "Pod", "spec": {"containers": [{"env": [{"name": "TOKEN", "value": "opensesame"}]}]}});
        assert_eq!(masked("token: Required, got opensesame", &pod), "token: Required, got ***");
        let map = json!({"kind": "ConfigMap", "data": {"c": "plain"}});
        assert_eq!(masked("got plain", &map), "got plain");
    }

    #[test]
    fn a_new_object_is_all_change() {
        assert_eq!(lines(None, &json!({"kind": "ConfigMap", "data": {"a": "1"}})), [r#"data.a - "1""#]);
    }
}

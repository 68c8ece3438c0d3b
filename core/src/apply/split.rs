//! A route whose traffic is split: an apply would take its shares away, for lists of rules come and go as a whole.

use serde_json::Value;

use super::difference::changes;
use crate::router::kept;

/// What an apply means for a route that is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The user's part of it stays as it is, so nothing has to be sent.
    Same,
    /// It changes what the user had written.
    Other,
}

/// Compares a route as it is with what the server would make of it; `None` if it is not split.
pub fn meaning(live: &Value, merged: &Value) -> Option<Meaning> {
    let kept = kept(live)?;
    let (mut live, mut merged) = (live.clone(), merged.clone());
    for (pointer, before) in &kept {
        let (Some(now), Some(then)) = (taken(&mut live, pointer), taken(&mut merged, pointer)) else {
            return Some(Meaning::Other);
        };
        let is_ours = |rule: &Value| before.contains(rule) || rule.to_string().contains("-rp-");
        let theirs: Vec<&Value> = now.iter().filter(|rule| !is_ours(rule)).collect();
        let (written, rest): (Vec<&Value>, Vec<&Value>) = then.iter().partition(|rule| before.contains(rule));
        // Of a list that the server merges by names, rules that we added stay.
        let others: Vec<&Value> =
            rest.into_iter().filter(|rule| !(is_ours(rule) && now.contains(rule))).collect();
        if theirs != others || written.len() != before.len() {
            return Some(Meaning::Other);
        }
    }
    Some(if changes(Some(&live), &merged).is_empty() { Meaning::Same } else { Meaning::Other })
}

/// Takes a list, or the one rule that stands for it, out of a route.
fn taken(route: &mut Value, pointer: &str) -> Option<Vec<Value>> {
    match route.pointer_mut(pointer)?.take() {
        Value::Array(rules) => Some(rules),
        rule @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            Some(vec![rule])
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::keys::ROUTE_ANNOTATION;

    fn route(host: &str, rules: &Value) -> Value {
        json!({"kind": "HTTPRoute", "metadata": {"name": "web"}, "spec": {"hostnames": [host], "rules": rules}})
    }

    fn rule(backends: &[&str]) -> Value {
        json!({"backendRefs": backends.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()})
    }

    #[test]
    fn only_what_the_user_wrote_counts() {
        let split = rule(&["web", "web-rp-stable", "web-rp-canary"]);
        let mut live = route("a", &json!([split, rule(&["other"])]));
        let plain = route("a", &json!([rule(&["web"]), rule(&["other"])]));
        assert_eq!(meaning(&live, &plain), None);
        let before = json!({"v": 1, "before": {"/spec/rules": [rule(&["web"])]}});
        live["metadata"]["annotations"] = json!({ROUTE_ANNOTATION: before.to_string()});
        let merged = |host: &str, rules: Value| {
            let mut merged = route(host, &rules);
            merged["metadata"]["annotations"] = live["metadata"]["annotations"].clone();
            meaning(&live, &merged)
        };
        assert_eq!(merged("a", json!([rule(&["web"]), rule(&["other"])])), Some(Meaning::Same));
        assert_eq!(
            merged("a", json!([rule(&["web"]), rule(&["other"]), split])),
            Some(Meaning::Same),
            "by names"
        );
        for (host, rules) in [
            ("b", json!([rule(&["web"]), rule(&["other"])])),
            ("a", json!([rule(&["web"])])),
            ("a", json!([rule(&["web"]), rule(&["another"])])),
            ("a", json!([rule(&["web", "more"]), rule(&["other"])])),
            ("a", json!([rule(&["web"]), rule(&["web"]), rule(&["other"])])),
            ("a", json!([rule(&["other"])])),
            ("a", Value::Null),
        ] {
            assert_eq!(merged(host, rules.clone()), Some(Meaning::Other), "{host} {rules}");
        }
    }
}

//! What the schema of an `HTTPRoute` fills in (`config/crd/standard/gateway.networking.k8s.io_httproutes.yaml` of
//! kubernetes-sigs/gateway-api).

use serde_json::{Map, Value, json};

/// Fills in what is not said.
pub(super) fn fill_in(spec: &mut Map<String, Value>) {
    each(spec.get_mut("parentRefs"), |parent| {
        fill(parent, "group", json!("gateway.networking.k8s.io"));
        fill(parent, "kind", json!("Gateway"));
    });
    let everything = || json!({"type": "PathPrefix", "value": "/"});
    each(spec.get_mut("rules"), |rule| {
        fill(rule, "matches", json!([{"path": everything()}]));
        each(rule.get_mut("matches"), |one| {
            fill(one, "path", everything());
            each(one.get_mut("headers"), |header| fill(header, "type", json!("Exact")));
        });
        each(rule.get_mut("backendRefs"), |backend| {
            fill(backend, "group", json!(""));
            fill(backend, "kind", json!("Service"));
            fill(backend, "weight", json!(1));
        });
        each(rule.get_mut("filters"), |filter| {
            if let Some(Value::Object(backend)) =
                filter.get_mut("requestMirror").and_then(|it| it.get_mut("backendRef"))
            {
                fill(backend, "group", json!(""));
                fill(backend, "kind", json!("Service"));
            }
        });
    });
}

fn each(list: Option<&mut Value>, change: impl FnMut(&mut Map<String, Value>)) {
    let items = list.and_then(Value::as_array_mut).into_iter().flatten();
    items.filter_map(Value::as_object_mut).for_each(change);
}

fn fill(object: &mut Map<String, Value>, member: &str, value: Value) {
    if object.get(member).is_none_or(Value::is_null) {
        object.insert(member.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_filled_in() {
        let mut spec = json!({"parentRefs": [{"name": "edge"}], "rules": [
            {"backendRefs": [{"name": "web", "port": 80}]},
            {"matches": [{"headers": [{"name": "a", "value": "b"}]}], "backendRefs": [{"name": "web", "weight": 0}]}]});
        fill_in(spec.as_object_mut().unwrap());
        let rules = &spec["rules"];
        assert_eq!(spec["parentRefs"][0]["kind"], "Gateway");
        assert_eq!(rules[0]["matches"], json!([{"path": {"type": "PathPrefix", "value": "/"}}]));
        let backend = json!({"group": "", "kind": "Service", "name": "web", "port": 80, "weight": 1});
        assert_eq!(rules[0]["backendRefs"][0], backend);
        assert_eq!(rules[1]["matches"][0]["path"]["value"], "/");
        assert_eq!(
            (&rules[1]["matches"][0]["headers"][0]["type"], &rules[1]["backendRefs"][0]["weight"]),
            (&json!("Exact"), &json!(0))
        );
    }
}

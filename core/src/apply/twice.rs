//! Items of lists that stand there twice. The API keeps them, and client-side apply sends them; server-side apply takes
//! each once (`x-kubernetes-list-map-keys` of the API's types) and says so without the place.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Document;
use crate::error::Error;

/// A list whose items are told apart by keys, each with what it is if an item leaves it out.
type Keyed = (&'static str, &'static [(&'static str, Option<&'static str>)]);

const OF_PODS: [Keyed; 6] = [
    ("containers", &[("name", None)]),
    ("initContainers", &[("name", None)]),
    ("ephemeralContainers", &[("name", None)]),
    ("volumes", &[("name", None)]),
    ("imagePullSecrets", &[("name", Some(""))]),
    ("hostAliases", &[("ip", None)]),
];

const OF_CONTAINERS: [Keyed; 4] = [
    ("env", &[("name", None)]),
    ("ports", &[("containerPort", None), ("protocol", Some("TCP"))]),
    ("volumeMounts", &[("mountPath", None)]),
    ("volumeDevices", &[("devicePath", None)]),
];

const OF_SERVICES: [Keyed; 1] = [("ports", &[("port", None), ("protocol", Some("TCP"))])];

/// Refuses an object with an item that stands in its list twice.
///
/// # Errors
/// A usage error with the place.
pub fn refuse(document: &Document) -> Result<(), Error> {
    let Document { origin, object, .. } = document;
    let found = if object["kind"] == "Service" && object["apiVersion"] == "v1" {
        first(&object["spec"], &OF_SERVICES, "")
    } else {
        pods(object).and_then(|pods| {
            let containers =
                OF_PODS[..3].iter().flat_map(|(list, _)| pods[*list].as_array().into_iter().flatten());
            let inside = |container: &Value| {
                let name = container["name"].as_str().unwrap_or_default();
                first(container, &OF_CONTAINERS, &format!(" in container {name}"))
            };
            first(pods, &OF_PODS, "").or_else(|| containers.into_iter().find_map(inside))
        })
    };
    found.map_or(Ok(()), |found| {
        Err(Error::usage(format!("{origin}: {found}: server-side apply takes it once"))
            .next("leave one of them out"))
    })
}

/// Returns what an object says of its pods.
fn pods(object: &Value) -> Option<&Value> {
    match object["kind"].as_str()? {
        "Pod" => Some(&object["spec"]),
        "CronJob" => object.pointer("/spec/jobTemplate/spec/template/spec"),
        _ => object.pointer("/spec/template/spec"),
    }
}

fn first(object: &Value, lists: &[Keyed], place: &str) -> Option<String> {
    lists.iter().find_map(|(list, keys)| {
        let mut seen = BTreeSet::new();
        let items = object[*list].as_array()?;
        items.iter().find_map(|item| {
            let values: Vec<String> =
                keys.iter().filter_map(|(key, default)| value(&item[*key], *default)).collect();
            // Without a key it is the server's to say.
            let told = values.join("/");
            (values.len() == keys.len() && !seen.insert(values))
                .then(|| format!("{list} {told} stands twice{place}"))
        })
    })
}

fn value(value: &Value, default: Option<&str>) -> Option<String> {
    match value {
        Value::Null => default.map(str::to_owned),
        Value::String(text) => Some(text.clone()),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Some(other.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(object: Value) -> Option<String> {
        let document = Document { file: None, origin: "same.yaml, document 1".into(), object };
        refuse(&document).err().map(|error| error.message)
    }

    #[test]
    fn the_list_the_item_and_the_container_are_named() {
        let workload = |kind: &str, spec: Value| json!({"kind": kind, "spec": {"template": {"spec": spec}}});
        let env = json!({"containers": [{"name": "frontend", "env": [{"name": "NODE_ENV"}, {"name": "A"}, {"name": "NODE_ENV"}]}]});
        let twice = "same.yaml, document 1: env NODE_ENV stands twice in container frontend: server-side apply takes it once";
        assert_eq!(said(workload("Deployment", env.clone())).as_deref(), Some(twice));
        let cron = json!({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": env}}}}});
        assert_eq!(said(cron).as_deref(), Some(twice));
        let volumes = json!({"volumes": [{"name": "a"}, {"name": "a"}]});
        insta::assert_snapshot!(said(workload("StatefulSet", volumes)).unwrap(), @"same.yaml, document 1: volumes a stands twice: server-side apply takes it once");
        let ports = json!([{"port": 80}, {"port": 80, "protocol": "TCP"}]);
        let service = json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": ports}});
        insta::assert_snapshot!(said(service).unwrap(), @"same.yaml, document 1: ports 80/TCP stands twice: server-side apply takes it once");
    }

    #[test]
    fn what_only_looks_alike_may_be() {
        let ports = json!([{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]);
        let containers = json!([{"name": "a", "ports": ports, "env": [{"name": "X"}]}, {"name": "b", "env": [{"name": "X"}]}]);
        let spec = json!({"template": {"spec": {"containers": containers, "tolerations": [{}, {}]}}});
        assert_eq!(said(json!({"kind": "Deployment", "spec": spec})), None);
        assert_eq!(said(json!({"kind": "ConfigMap", "data": {}})), None);
    }
}

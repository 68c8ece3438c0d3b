//! What one pod takes of a quota.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::preflight::Quantity;

/// Amounts by name, as a ResourceQuota names them: `requests.cpu`, `limits.memory`.
pub(super) type Amounts = BTreeMap<String, Quantity>;

/// Returns what a pod takes (`PodRequests` in k8s.io/component-helpers/resource): the containers and sidecars
/// together, or the largest moment of the start if that is more. Amounts for the pod as a whole replace it.
pub(super) fn of_pod(pod: &Value) -> Amounts {
    let containers: Vec<&Value> = list(pod, "containers").collect();
    let init: Vec<&Value> = list(pod, "initContainers").collect();
    let mut amounts = Amounts::new();
    for part in ["requests", "limits"] {
        let all = containers.iter().chain(&init).flat_map(|container| names(container, part));
        let names: BTreeSet<&str> = all.chain(names(pod, part)).collect();
        for name in names {
            let of = |container: &Value| of_container(container, part, name).unwrap_or_default();
            let mut sidecars = Quantity::default();
            let mut start = Quantity::default();
            for container in &init {
                if container["restartPolicy"] == "Always" {
                    sidecars = sidecars + of(container);
                    start = start.max(sidecars);
                } else {
                    start = start.max(sidecars + of(container));
                }
            }
            let running = containers.iter().map(|container| of(container)).sum::<Quantity>() + sidecars;
            let whole = of_container(pod, part, name);
            let overhead = read(&pod["overhead"][name]).unwrap_or_default();
            amounts.insert(format!("{part}.{name}"), whole.unwrap_or_else(|| running.max(start)) + overhead);
        }
    }
    amounts
}

/// A limit is a request too where there is none.
pub(super) fn of_container(container: &Value, part: &str, name: &str) -> Option<Quantity> {
    let resources = &container["resources"];
    let own = read(&resources[part][name]);
    if part == "requests" { own.or_else(|| read(&resources["limits"][name])) } else { own }
}

/// Reads an amount, which may stand there as a number.
pub(super) fn read(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => Quantity::parse(text),
        Value::Number(number) => Quantity::parse(&number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn names<'v>(container: &'v Value, part: &str) -> impl Iterator<Item = &'v str> + use<'v> {
    let keys = |part: &str| container["resources"][part].as_object().into_iter().flatten();
    let more = if part == "requests" { "limits" } else { part };
    keys(part).chain(keys(more)).map(|(name, _)| name.as_str())
}

fn list<'v>(pod: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    pod[field].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn amount(pod: &Value, name: &str) -> String {
        of_pod(pod).get(name).map_or("-".into(), ToString::to_string)
    }

    fn requests(cpu: &str) -> Value {
        json!({"resources": {"requests": {"cpu": cpu}}})
    }

    #[test]
    fn containers_add_up_and_a_large_start_counts() {
        let mut pod =
            json!({"containers": [requests("100m"), requests("200m")], "initContainers": [requests("1")]});
        assert_eq!(amount(&pod, "requests.cpu"), "1");
        pod["initContainers"] = json!([requests("250m")]);
        assert_eq!(amount(&pod, "requests.cpu"), "300m");
        let mut sidecar = requests("100m");
        sidecar["restartPolicy"] = json!("Always");
        pod["initContainers"] = json!([sidecar, requests("250m")]);
        assert_eq!(amount(&pod, "requests.cpu"), "400m", "the sidecar runs beside the containers");
        pod["initContainers"][1] = requests("350m");
        assert_eq!(amount(&pod, "requests.cpu"), "450m", "and beside the init container after it");
        assert_eq!(amount(&pod, "limits.cpu"), "-");
    }

    #[test]
    fn limits_overhead_and_amounts_of_the_pod_count() {
        let mut pod = json!({"containers": [{"resources": {"limits": {"memory": "64Mi"}}}], "overhead": {"memory": "16Mi"}});
        assert_eq!(amount(&pod, "requests.memory"), "80Mi");
        assert_eq!(amount(&pod, "limits.memory"), "80Mi");
        pod["resources"] = json!({"requests": {"memory": 1_048_576}});
        assert_eq!(amount(&pod, "requests.memory"), "17Mi");
    }
}

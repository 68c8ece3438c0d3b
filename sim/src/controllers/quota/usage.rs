//! What an object takes of a quota, and what the server says when it takes too much.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, PodSpec, ResourceQuota};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::amount::{parse, print};
use crate::controllers::pods::is_over;
use crate::object::Object;

/// Amounts in thousandths, by the names that quotas use.
pub(crate) type Usage = BTreeMap<String, i128>;

/// What one object takes: `PodUsageFunc`, `pkg/quota/v1/evaluator/core/pods.go`, and `count/PLURAL.GROUP` for every kind
/// (`k8s.io/apiserver/pkg/quota/v1/generic/evaluator.go`). Scopes are left out.
pub(crate) fn usage(object: &Object) -> Usage {
    let (group, plural) = object.kind().resource();
    let count = if group.is_empty() { format!("count/{plural}") } else { format!("count/{plural}.{group}") };
    let mut usage = Usage::from([(count, 1_000)]);
    match object {
        // Pods that have ended are counted as objects only.
        Object::Pod(pod) if !counts(pod) => {}
        Object::Pod(pod) => {
            usage.insert("pods".to_owned(), 1_000);
            pod.spec.iter().for_each(|spec| compute(spec, &mut usage));
        }
        Object::Service(_) | Object::ResourceQuota(_) => {
            usage.insert(plural.to_owned(), 1_000);
        }
        Object::Deployment(_)
        | Object::ReplicaSet(_)
        | Object::EndpointSlice(_)
        | Object::Autoscaler(_)
        | Object::Node(_)
        | Object::NetworkPolicy(_)
        | Object::Route(_) => {}
    }
    usage
}

/// `QuotaV1Pod`, `pkg/quota/v1/evaluator/core/pods.go`, but for pods that do not go when their grace is over.
fn counts(pod: &Pod) -> bool {
    !is_over(pod)
}

fn compute(spec: &PodSpec, usage: &mut Usage) {
    for container in &spec.containers {
        let resources = container.resources.clone().unwrap_or_default();
        for (prefix, amounts) in [("requests.", resources.requests), ("limits.", resources.limits)] {
            for (name, Quantity(amount)) in amounts.into_iter().flatten() {
                let amount = parse(&amount).unwrap_or(0);
                *usage.entry(format!("{prefix}{name}")).or_default() += amount;
                if prefix == "requests." && matches!(name.as_str(), "cpu" | "memory") {
                    *usage.entry(name).or_default() += amount;
                }
            }
        }
    }
}

fn list(amounts: &Usage) -> String {
    let parts: Vec<String> =
        amounts.iter().map(|(name, amount)| format!("{name}={}", print(*amount))).collect();
    parts.join(",")
}

/// What is noted in a quota's status.
pub(crate) fn noted(amounts: Option<&BTreeMap<String, Quantity>>) -> Usage {
    let read = |(name, Quantity(amount)): (&String, &Quantity)| Some((name.clone(), parse(amount)?));
    amounts.into_iter().flatten().filter_map(read).collect()
}

/// `CheckRequest`, `k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go`, for one quota and one new object: what
/// is used then, or the server's words. Nothing where the quota is not about it.
///
/// # Errors
/// The words after `is forbidden: `.
pub fn admit(quota: &ResourceQuota, object: &Object) -> Result<Option<BTreeMap<String, Quantity>>, String> {
    let name = quota.metadata.name.as_deref().unwrap_or_default();
    let status = quota.status.clone().unwrap_or_default();
    let hard = noted(status.hard.as_ref());
    let used = noted(status.used.as_ref());
    let usage = usage(object);
    lacks(object, &hard).map_or(Ok(()), |lack| Err(format!("failed quota: {name}: must specify {lack}")))?;
    let asked: Usage =
        usage.into_iter().filter(|(key, amount)| hard.contains_key(key) && *amount != 0).collect();
    let unknown: Vec<&str> =
        asked.keys().filter(|key| !used.contains_key(*key)).map(String::as_str).collect();
    if !unknown.is_empty() {
        return Err(format!("status unknown for quota: {name}, resources: {}", unknown.join(",")));
    }
    let is_over = |(key, amount): (&String, &i128)| used[key] + amount > hard[key];
    let over: Usage =
        asked.iter().filter(|one| is_over(*one)).map(|(key, amount)| (key.clone(), *amount)).collect();
    if !over.is_empty() {
        let of = |all: &Usage| over.keys().map(|key| (key.clone(), all[key])).collect::<Usage>();
        return Err(format!(
            "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
            list(&over),
            list(&of(&used)),
            list(&of(&hard))
        ));
    }
    if asked.is_empty() {
        return Ok(None);
    }
    let after = used
        .iter()
        .map(|(key, amount)| (key.clone(), Quantity(print(amount + asked.get(key).copied().unwrap_or(0)))));
    Ok(Some(after.collect()))
}

/// `Constraints`, `pkg/quota/v1/evaluator/core/pods.go`: what every container has to say, because it is counted.
fn lacks(object: &Object, hard: &Usage) -> Option<String> {
    let Object::Pod(pod) = object else { return None };
    let lacking: Vec<String> = hard
        .keys()
        .filter_map(|key| {
            let plain = matches!(key.as_str(), "cpu" | "memory");
            let (of, name) = if plain { ("requests", key.as_str()) } else { key.split_once('.')? };
            let named: Vec<&str> = pod
                .spec
                .iter()
                .flat_map(|spec| &spec.containers)
                .filter(|container| {
                    let resources = container.resources.as_ref();
                    let amounts = match of {
                        "requests" => resources.and_then(|resources| resources.requests.as_ref()),
                        "limits" => resources.and_then(|resources| resources.limits.as_ref()),
                        _ => return false,
                    };
                    matches!(name, "cpu" | "memory")
                        && !amounts.is_some_and(|amounts| amounts.contains_key(name))
                })
                .map(|container| container.name.as_str())
                .collect();
            (!named.is_empty()).then(|| format!("{key} for: {}", named.join(",")))
        })
        .collect();
    (!lacking.is_empty()).then(|| lacking.join("; "))
}

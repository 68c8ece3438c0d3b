//! What the server knows of pods: what of them may be changed, evictions, resizes, and requests that it hands on to them.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::request::Request;
use super::resources::{Resource, find, of_kind};
use super::{Reply, Server, patch, prepare};
use crate::controllers::Refusal;
use crate::dataplane::metrics;
use crate::object::{Key, Kind};

/// What a pod asks for.
const ASKED: [&str; 2] = ["cpu", "memory"];

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    pod["spec"]["containers"].as_array().into_iter().flatten()
}

/// `SetDefaults_Pod`, `pkg/apis/core/v1/defaults.go`: who names a limit and no request asks for that much.
pub(super) fn fill_in(spec: &mut Map<String, Value>) {
    let all = spec.get_mut("containers").and_then(Value::as_array_mut);
    for container in all.into_iter().flatten() {
        let Some(limits) = container["resources"]["limits"].as_object().cloned() else { continue };
        for (name, limit) in limits {
            let request = &mut container["resources"]["requests"][name];
            if request.is_null() {
                *request = limit;
            }
        }
    }
}

/// `ComputePodQOS`, `pkg/apis/core/v1/helper/qos/qos.go`.
pub(super) fn quality(pod: &Value) -> &'static str {
    let resources = || containers(pod).map(|one| &one["resources"]);
    let asks = |which: &str, name: &str| resources().any(|one| !one[which][name].is_null());
    if !ASKED.into_iter().any(|name| asks("limits", name) || asks("requests", name)) {
        return "BestEffort";
    }
    let is_sure = |one: &Value, name: &str| {
        !one["limits"][name].is_null() && one["limits"][name] == one["requests"][name]
    };
    let all = resources().all(|one| ASKED.into_iter().all(|name| is_sure(one, name)));
    if all { "Guaranteed" } else { "Burstable" }
}

/// `ValidatePodUpdate`, `pkg/apis/core/validation/validation.go`: images, a deadline that comes nearer, and nothing else.
pub(super) fn validate(resource: &Resource, name: &str, pod: &Value, old: &Value) -> Result<(), Refusal> {
    if pod["spec"] == old["spec"] {
        return Ok(());
    }
    let invalid = |why: String| Err(Refusal::invalid(resource, name, &why));
    let deadline = |pod: &Value| pod["spec"]["activeDeadlineSeconds"].as_i64();
    let field = "spec.activeDeadlineSeconds";
    match (deadline(old), deadline(pod)) {
        (_, Some(new)) if !(0..=i64::from(i32::MAX)).contains(&new) => {
            return invalid(format!(
                "{field}: Invalid value: {new}: must be between 0 and 2147483647, inclusive"
            ));
        }
        (Some(before), Some(new)) if before < new => {
            return invalid(format!(
                "{field}: Invalid value: {new}: must be less than or equal to previous value"
            ));
        }
        (Some(_), None) => {
            return invalid(format!(
                "{field}: Invalid value: null: must not update from a positive integer to nil value"
            ));
        }
        _ => {}
    }
    let fixed = |pod: &Value| {
        let mut spec = pod["spec"].clone();
        if let Some(members) = spec.as_object_mut() {
            members.remove("activeDeadlineSeconds");
            // The scheduler binds it once, by a path that is not simulated.
            if old["spec"]["nodeName"].is_null() {
                members.remove("nodeName");
            }
        }
        for container in spec["containers"].as_array_mut().into_iter().flatten() {
            container["image"] = Value::Null;
        }
        spec
    };
    if fixed(pod) == fixed(old) {
        return Ok(());
    }
    invalid("spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)".to_owned())
}

fn is_ready(pod: &Value) -> bool {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
}

/// Whether a pod has all labels of a selector. Its expressions are not known here.
fn is_selected(selector: &Value, pod: &Value) -> bool {
    let mut wanted = selector["matchLabels"].as_object().into_iter().flatten();
    wanted.all(|(label, value)| pod["metadata"]["labels"][label.as_str()] == *value)
}

impl Server {
    /// `EvictionREST.Create`, `pkg/registry/core/pod/storage/eviction.go`.
    pub(super) fn evict(
        &mut self,
        resource: &'static Resource,
        key: &Key,
        pod: &Value,
        request: &Request,
        now: Timestamp,
    ) -> Result<Reply, Refusal> {
        let named = request.body["metadata"]["name"].as_str().unwrap_or(&key.name);
        if named != key.name {
            return Err(Refusal::new(
                400,
                "BadRequest",
                "name in URL does not match name in Eviction object",
            ));
        }
        let mut deletion = request.clone();
        deletion.body = request.body["deleteOptions"].clone();
        let is_going = matches!(pod["status"]["phase"].as_str(), Some("Pending" | "Succeeded" | "Failed"))
            || pod["metadata"]["deletionTimestamp"].is_string();
        if !is_going {
            self.is_disturbed(pod, key)?;
        }
        let wanted = deletion.body["preconditions"]["uid"].as_str();
        if !is_going && !deletion.is_dry() && wanted.is_none_or(|uid| pod["metadata"]["uid"] == uid) {
            // `addConditionAndDeletePod`, the same file.
            let target = json!({
                "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
                "message": "Eviction API: evicting", "lastTransitionTime": prepare::time(now),
            });
            let mut told = pod.clone();
            match told["status"]["conditions"].as_array_mut() {
                Some(conditions) => conditions.push(target),
                None => told["status"]["conditions"] = json!([target]),
            }
            self.keep(resource, key, told, &request.who)?;
        }
        self.delete(resource, key, &deletion, now)?;
        Ok(Reply::Document(
            201,
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
        ))
    }

    /// Whether a budget lets a pod go, by what there is now: the controller that writes it down is not simulated
    /// (`getPodDisruptionsAllowed`, `pkg/controller/disruption/disruption.go`).
    fn is_disturbed(&self, pod: &Value, key: &Key) -> Result<(), Refusal> {
        let budgets = find("policy", "v1", "poddisruptionbudgets").into_iter();
        let budgets = budgets.flat_map(|budgets| self.store.all(budgets));
        let budgets: Vec<_> = budgets
            .filter(|(budget, object)| {
                budget.namespace == key.namespace && is_selected(&object["spec"]["selector"], pod)
            })
            .collect();
        let (name, budget) = match budgets.as_slice() {
            [] => return Ok(()),
            [one] => *one,
            _ => {
                let why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
                return Err(Refusal::new(500, "InternalError", why));
            }
        };
        let pods = of_kind(Kind::Pod).into_iter().flat_map(|pods| self.store.all(pods));
        let pods: Vec<_> = pods
            .filter(|(one, pod)| {
                one.namespace == key.namespace && is_selected(&budget["spec"]["selector"], pod)
            })
            .map(|(_, pod)| pod)
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .collect();
        let healthy = pods.iter().filter(|pod| is_ready(pod)).count();
        let of = |value: &Value| match value.as_str().and_then(|text| text.strip_suffix('%')?.parse().ok()) {
            Some(percent) => Some(pods.len().saturating_mul(percent).div_ceil(100)),
            None => value.as_u64().and_then(|value| usize::try_from(value).ok()),
        };
        let spec = &budget["spec"];
        let needed = of(&spec["minAvailable"])
            .or_else(|| of(&spec["maxUnavailable"]).map(|most| pods.len().saturating_sub(most)));
        let needed = needed.unwrap_or_default();
        if !is_ready(pod) || healthy > needed {
            return Ok(());
        }
        let why = format!(
            "Cannot evict pod as it would violate the pod's disruption budget. The disruption budget {} needs {needed} healthy pods and has {healthy} currently",
            name.name
        );
        Err(Refusal::new(429, "TooManyRequests", why))
    }

    /// `podResizeStrategy`, `pkg/registry/core/pod/strategy.go`, and `ValidatePodResize`.
    pub(super) fn resize(
        &mut self,
        resource: &'static Resource,
        key: &Key,
        old: &Arc<Value>,
        request: &Request,
    ) -> Result<Reply, Refusal> {
        let mut sent = old.as_ref().clone();
        patch::strategic(&mut sent, request.body.clone());
        let uid = sent["metadata"]["uid"].as_str().unwrap_or_default();
        let found = old["metadata"]["uid"].as_str().unwrap_or_default();
        if uid != found {
            return Err(Refusal::other_uid(resource, &key.name, uid, found));
        }
        // Nothing else is taken from what was sent.
        let mut object = old.as_ref().clone();
        for (container, sent) in
            object["spec"]["containers"].as_array_mut().into_iter().flatten().zip(containers(&sent))
        {
            if !sent["resources"].is_null() {
                container["resources"] = sent["resources"].clone();
            }
        }
        object["spec"].as_object_mut().into_iter().for_each(fill_in);
        if quality(&object) != quality(old) {
            let why = format!(
                "spec: Invalid value: \"{}\": Pod QOS Class may not change as a result of resizing",
                quality(&object)
            );
            return Err(Refusal::invalid(resource, &key.name, &why));
        }
        if object == **old {
            return Ok(Reply::Object(200, Arc::clone(old)));
        }
        let generation = old["metadata"]["generation"].as_i64().unwrap_or_default();
        object["metadata"]["generation"] = json!(generation + 1);
        if request.is_dry() {
            return Ok(Reply::Document(200, object));
        }
        Ok(Reply::Object(200, self.keep(resource, key, object, &request.who)?))
    }

    /// What a pod answers that is asked through the server: 500 where its image says `broken`, and its metrics of any other.
    pub(super) fn asked_of(
        &self,
        key: &Key,
        pod: &Value,
        request: &Request,
        now: Timestamp,
    ) -> Result<Reply, Refusal> {
        let first = &pod["status"]["containerStatuses"][0]["state"];
        let silent = match first["waiting"]["reason"].as_str() {
            Some("ErrImagePull" | "ImagePullBackOff") => Some("connect: connection refused"),
            _ if self.is_cut(key, pod) => Some("i/o timeout"),
            _ => None,
        };
        if let Some(why) = silent {
            let ip = pod["status"]["podIP"].as_str().unwrap_or_default();
            let why = format!("error trying to reach service: dial tcp {ip}:8080: {why}");
            return Err(Refusal::new(503, "ServiceUnavailable", why));
        }
        let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
        if image.ends_with("-broken") {
            return Err(Refusal::new(500, "", "it is broken".to_owned()));
        }
        if !request.uri.contains("/metrics") {
            return if metrics::fails(pod, now) {
                Err(Refusal::new(500, "", "it is broken".to_owned()))
            } else {
                Ok(Reply::Text("ok".to_owned()))
            };
        }
        match metrics::of(pod, now) {
            Some(text) => Ok(Reply::Text(text)),
            None => Err(Refusal::new(404, "", "404 page not found".to_owned())),
        }
    }

    /// Whether a policy lets nothing in to a pod. Every one of them here is without rules, so that it lets nothing in.
    pub fn is_cut(&self, key: &Key, pod: &Value) -> bool {
        let mut policies =
            of_kind(Kind::NetworkPolicy).into_iter().flat_map(|policies| self.store.all(policies));
        self.has_firewall
            && policies.any(|(policy, object)| {
                policy.namespace == key.namespace && is_selected(&object["spec"]["podSelector"], pod)
            })
    }
}

#[cfg(test)]
mod tests;

//! What is no plain object: parts of objects, reviews of rights, the API groups, the admission of pods by quotas.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::request::Request;
use super::resources::{RESOURCES, Resource, of_kind};
use super::{Reply, Server};
use crate::controllers::Refusal;
use crate::object::{Key, Kind};

/// The API groups. Those of custom resources are there where they are installed.
pub(super) fn groups(custom: bool) -> Value {
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    // Of the group of Ingresses nobody here knows more than the policies.
    let is_told = |resource: &&Resource| !resource.group.is_empty() && resource.plural != "networkpolicies";
    for resource in RESOURCES.iter().filter(is_told) {
        if custom || !resource.is_custom {
            groups.entry(resource.group).or_default().insert(resource.version);
        }
    }
    let group = |(name, versions): (&&str, &BTreeSet<&str>)| {
        let one = |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
        let versions: Vec<Value> = versions.iter().map(one).collect();
        json!({"name": name, "versions": versions, "preferredVersion": versions.first()})
    };
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups.iter().map(group).collect::<Vec<_>>()})
}

/// Everything is allowed.
pub(super) fn review(plural: &str, mut review: Value) -> Value {
    let all = json!(["*"]);
    review["status"] = if plural == "selfsubjectrulesreviews" {
        json!({"resourceRules": [{"verbs": all, "apiGroups": all, "resources": all}], "nonResourceRules": [], "incomplete": false})
    } else {
        json!({"allowed": true})
    };
    review
}

impl Server {
    /// Answers for a part of an object; `None` if it is not simulated.
    pub(super) fn part(
        &mut self,
        resource: &'static Resource,
        key: &Key,
        part: &str,
        request: &Request,
        now: Timestamp,
    ) -> Option<Result<Reply, Refusal>> {
        let Some(old) = self.store.get(resource, key).map(Arc::clone) else {
            return Some(Err(Refusal::not_found(resource, &key.name)));
        };
        let is_pod = resource.seen_as == Some(Kind::Pod);
        let is_scaled = matches!(resource.seen_as, Some(Kind::Deployment | Kind::ReplicaSet));
        match (request.method.as_str(), part) {
            ("GET", "scale") if is_scaled => Some(Ok(Reply::Document(200, scale(&old)))),
            ("PUT", "scale") if is_scaled => Some(self.scale(resource, key, &old, request)),
            ("GET", "log") => Some(Ok(Reply::Text(log(&old)))),
            ("GET", "proxy") if resource.seen_as == Some(Kind::Service) => Some(self.asked(key, &old)),
            ("GET", "proxy") => Some(self.asked_of(key, &old, request, now)),
            ("POST", "eviction") if is_pod => Some(self.evict(resource, key, &old, request, now)),
            ("PATCH", "resize") if is_pod => Some(self.resize(resource, key, &old, request)),
            _ => None,
        }
    }

    /// What a Service's pods answer: 500 where the image says `broken`, 200 of any other.
    fn asked(&self, key: &Key, service: &Value) -> Result<Reply, Refusal> {
        let pods = of_kind(Kind::Pod).into_iter().flat_map(|resource| self.store.all(resource));
        let wanted = service["spec"]["selector"].as_object();
        let is_of = |pod: &Value| {
            let mut wanted = wanted.into_iter().flatten();
            wanted.all(|(label, value)| pod["metadata"]["labels"][label.as_str()] == *value)
        };
        let is_ready = |pod: &Value| {
            let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
            conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
        };
        let mut pods = pods.filter(|(pod, _)| pod.namespace == key.namespace).map(|(_, pod)| pod);
        let Some(pod) = pods.find(|pod| is_of(pod) && is_ready(pod)) else {
            let why = format!("no endpoints available for service {:?}", key.name);
            return Err(Refusal::new(503, "ServiceUnavailable", why));
        };
        let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
        if image.ends_with("-broken") {
            return Err(Refusal::new(500, "", "it is broken".to_owned()));
        }
        Ok(Reply::Text("ok".to_owned()))
    }

    /// `pkg/registry/apps/replicaset/storage/storage.go`: a version that is given must be the newest.
    fn scale(
        &mut self,
        resource: &'static Resource,
        key: &Key,
        old: &Value,
        request: &Request,
    ) -> Result<Reply, Refusal> {
        let mut object = old.clone();
        object["spec"]["replicas"] = request.body["spec"]["replicas"].clone();
        object["metadata"]["resourceVersion"] = request.body["metadata"]["resourceVersion"].clone();
        let object = super::prepare::update(resource, key, old, object, false)?;
        if request.is_dry() || object == *old {
            return Ok(Reply::Document(200, scale(&object)));
        }
        let kept = self.keep(resource, key, object, &request.who)?;
        Ok(Reply::Document(200, scale(&kept)))
    }

    /// Lets a pod in if no quota of pods is full (`plugin/pkg/admission/resourcequota/controller.go`).
    pub(super) fn admit_pod(&mut self, key: &Key, request: &Request) -> Result<(), Refusal> {
        let Some(resource) = of_kind(Kind::ResourceQuota) else { return Ok(()) };
        let quotas: Vec<(Key, Arc<Value>)> = self
            .store
            .all(resource)
            .filter(|(quota, object)| {
                quota.namespace == key.namespace && !object["status"]["hard"]["pods"].is_null()
            })
            .map(|(quota, object)| (quota.clone(), Arc::clone(object)))
            .collect();
        let count = |value: &Value| {
            value.as_str().and_then(|text| text.parse::<i64>().ok()).or(value.as_i64()).unwrap_or_default()
        };
        for (name, quota) in &quotas {
            let (used, hard) =
                (count(&quota["status"]["used"]["pods"]), count(&quota["status"]["hard"]["pods"]));
            if used + 1 > hard {
                let why = format!(
                    "exceeded quota: {}, requested: pods=1, used: pods={used}, limited: pods={hard}",
                    name.name
                );
                return Err(Refusal::new(
                    403,
                    "Forbidden",
                    format!("pods \"{}\" is forbidden: {why}", key.name),
                ));
            }
        }
        for (name, quota) in quotas.iter().filter(|_| !request.is_dry()) {
            let mut next = quota.as_ref().clone();
            next["status"]["used"]["pods"] = json!((count(&quota["status"]["used"]["pods"]) + 1).to_string());
            self.keep(resource, name, next, "admission")?;
        }
        Ok(())
    }
}

fn scale(object: &Value) -> Value {
    let metadata = &object["metadata"];
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"]},
        "spec": {"replicas": object["spec"]["replicas"]},
        "status": {"replicas": object["status"]["replicas"].as_i64().unwrap_or_default()}})
}

/// What a pod prints: a line, and one more of a version that crashes.
fn log(pod: &Value) -> String {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    format!("{name} starts\n")
}

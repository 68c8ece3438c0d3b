//! Services that find the pods of one version: by the hash that every pod of a ReplicaSet has anyway, so nothing
//! restarts and nothing is relabelled.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::annotations::says_how_it_is_served;
use super::said::says_just;
use super::{Target, Traffic};
use crate::keys::{MANAGED_BY, POD_TEMPLATE_HASH, SELECTOR_ANNOTATION};
use crate::listed::listed;
use crate::model::{Workload, hash};

listed! {
    /// Whose pods a Service of ours has.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Role {
        /// The version that users had.
        Stable,
        /// The new version, behind a route.
        Canary,
        /// The new version, for whoever wants to try it.
        Preview,
    }
}

impl Role {
    /// Returns it as a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Canary => "canary",
            Self::Preview => "preview",
        }
    }

    /// Returns the name of its Service.
    pub fn service(self, root: &str) -> String {
        match self {
            Self::Stable | Self::Canary => own_name(root, self.word()),
            Self::Preview => {
                let plain = format!("{root}-preview");
                if plain.len() > MOST { format!("{}-preview", stem(root)) } else { plain }
            }
        }
    }
}

/// The longest name of a Service, and value of a label: DNS labels of RFC 1123.
const MOST: usize = 63;
/// What the longest of our Services' names adds to the root's: `-rp-stable` and `-rp-canary`.
const ADDED: usize = 10;
/// Digits of the hash in a name that was cut.
const DIGITS: usize = 8;

/// Returns what our names beside that root begin with: its name, or as much of it as leaves room, with a hash that tells it
/// from others. What was cut once fits, and is not cut again.
fn stem(root: &str) -> String {
    if root.len() + ADDED <= MOST {
        return root.to_owned();
    }
    let kept: String = root.chars().take(MOST - ADDED - DIGITS - 1).collect();
    let digits = hash(root);
    format!("{}-{}", kept.trim_end_matches('-'), &digits[..DIGITS.min(digits.len())])
}

/// Returns the name of an object of ours beside that root.
pub fn own_name(root: &str, what: &str) -> String {
    format!("{}-rp-{what}", stem(root))
}

/// Whether the name, or the host that begins with it, is one of ours beside that root.
pub fn is_ours(name: &str, root: &str) -> bool {
    name.strip_prefix(&stem(root)).is_some_and(|rest| rest.starts_with("-rp-"))
}

/// Whether an object is one of ours.
pub fn is_made_by_us(object: &Value) -> bool {
    object["metadata"]["labels"][MANAGED_BY] == "rollout-plus"
}

/// Returns the Services whose selector finds pods with these labels.
pub fn selecting(services: Vec<Value>, labels: &Value) -> Vec<Value> {
    let finds = |service: &Value| {
        let selector = service["spec"]["selector"].as_object();
        // The hash of a pinned one is not among the template's labels.
        let wants = |key: &str, value: &Value| key == POD_TEMPLATE_HASH || labels.get(key) == Some(value);
        !is_made_by_us(service)
            && selector.is_some_and(|map| !map.is_empty() && map.iter().all(|(key, value)| wants(key, value)))
    };
    services.into_iter().filter(finds).collect()
}

/// Returns the user's own Service, one of those, beside which one of ours has this name; what the name itself tells if none of
/// them is.
pub fn root_of<'n>(own: &'n str, services: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let is_beside = |root: &&str| Role::ALL.iter().any(|role| role.service(root) == own);
    let told = || Role::ALL.iter().find_map(|role| own.strip_suffix(&role.service("")));
    services.into_iter().find(is_beside).or_else(told)
}

/// Fields of a Service's spec that say how it is served, not where.
const COPIED: [&str; 7] = [
    "sessionAffinity",
    "sessionAffinityConfig",
    "ipFamilyPolicy",
    "internalTrafficPolicy",
    "trafficDistribution",
    "ports",
    "publishNotReadyAddresses",
];

/// Returns the Service of a role: as the root, for the pods with this hash alone.
pub fn own_service(root: &Value, workload: &Workload, traffic: &Traffic, role: Role, hash: &str) -> Value {
    let target = Target::service(&workload.id().namespace, &role.service(&traffic.service));
    let mut service = copy_of(root, &target, traffic.annotation_prefix.as_deref(), Some(hash));
    service["metadata"]["ownerReferences"] = json!([owner(workload)]);
    service
}

/// Returns the name by which the API server forwards requests to a Service, or to another with the same ports: also the
/// name by which that can be allowed.
pub fn proxied(name: &str, service: &Value) -> String {
    format!("{name}:{}", service["spec"]["ports"][0]["port"])
}

/// Returns a Service of ours that is served as the root is, by a controller whose annotations begin with this prefix if
/// it was told one; `None` as hash: with the pods of all versions.
pub fn copy_of(root: &Value, target: &Target, prefix: Option<&str>, hash: Option<&str>) -> Value {
    let mut spec = Map::new();
    for field in COPIED {
        if let Some(value) = root["spec"].get(field) {
            spec.insert(field.into(), value.clone());
        }
    }
    if root["spec"]["clusterIP"] == "None" {
        spec.insert("clusterIP".into(), "None".into());
    }
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        port.as_object_mut().map(|port| port.remove("nodePort"));
    }
    let mut selector = selector(root);
    if let Some(hash) = hash {
        selector.insert(POD_TEMPLATE_HASH.into(), hash.into());
    }
    spec.insert("selector".into(), Value::Object(selector));
    let annotations: Map<String, Value> = root["metadata"]["annotations"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| says_how_it_is_served(key, prefix))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut service = made(target, Value::Object(spec));
    service["metadata"]["annotations"] = Value::Object(annotations);
    // A second Service of an injected pod keeps Consul's init container from ever ending.
    service["metadata"]["labels"]["consul.hashicorp.com/service-ignore"] = "true".into();
    service
}

/// Returns an object of ours as it is made.
pub fn made(target: &Target, spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": target.api_version(),
        "kind": target.kind,
        "metadata": {"name": target.name, "namespace": target.namespace, "labels": {MANAGED_BY: "rollout-plus"}},
    });
    object["spec"] = spec;
    object
}

/// Returns the owner of all that we make: with the Deployment it goes.
pub fn owner(workload: &Workload) -> Value {
    workload.owner_reference()
}

/// Returns the user's own selector of a Service, pinned or not.
fn selector(service: &Value) -> Map<String, Value> {
    let recorded = service["metadata"]["annotations"][SELECTOR_ANNOTATION].as_str();
    let recorded = recorded.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    let mut live = service["spec"]["selector"].as_object().cloned().unwrap_or_default();
    match recorded {
        // Three-way: but for the hash that we added it is the user's.
        Some(before) => {
            match before.get(POD_TEMPLATE_HASH) {
                Some(hash) => live.insert(POD_TEMPLATE_HASH.into(), hash.clone()),
                None => live.remove(POD_TEMPLATE_HASH),
            };
            live
        }
        None => live,
    }
}

/// Returns the hash that a Service is pinned to; empty where only the record of it is left.
pub fn pinned_to(service: &Value) -> Option<&str> {
    service["metadata"]["annotations"][SELECTOR_ANNOTATION].as_str()?;
    Some(selected(service).unwrap_or_default())
}

/// Returns the hash of the version whose pods alone a Service selects.
pub fn selected(service: &Value) -> Option<&str> {
    service["spec"]["selector"][POD_TEMPLATE_HASH].as_str()
}

/// Returns the JSON Patch that pins a Service to the pods with this hash; empty if it is.
pub fn pin(service: &Value, hash: &str) -> Vec<Value> {
    if service["spec"]["selector"][POD_TEMPLATE_HASH] == hash {
        return Vec::new();
    }
    let mut patch = fence(service);
    if service["metadata"]["annotations"][SELECTOR_ANNOTATION].is_null() {
        if service["metadata"]["annotations"].is_null() {
            patch.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
        }
        let before = Value::Object(selector(service)).to_string();
        patch.push(json!({"op": "add", "path": annotation_path(), "value": before}));
    }
    patch.push(json!({"op": "add", "path": format!("/spec/selector/{POD_TEMPLATE_HASH}"), "value": hash}));
    patch
}

/// Returns the JSON Patch that gives a pinned Service the user's own selector back; empty if it has it.
pub fn unpin(service: &Value) -> Vec<Value> {
    if service["metadata"]["annotations"][SELECTOR_ANNOTATION].is_null() {
        return Vec::new();
    }
    let mut patch = fence(service);
    let before = selector(service);
    if Some(&before) != service["spec"]["selector"].as_object() {
        patch.push(json!({"op": "add", "path": "/spec/selector", "value": before}));
    }
    patch.push(json!({"op": "remove", "path": annotation_path()}));
    patch
}

/// Returns the JSON Patch that gives an object of ours, made for that root, the spec and the annotations that it should
/// have.
pub fn made_so(live: &Value, wanted: &Value, root: &str) -> Vec<Value> {
    let mut patch = Vec::new();
    if !says_just(&live["spec"], &wanted["spec"], root) {
        patch.push(json!({"op": "replace", "path": "/spec", "value": wanted["spec"]}));
    }
    let annotations = &wanted["metadata"]["annotations"];
    if annotations.is_object() && live["metadata"]["annotations"] != *annotations {
        patch.push(json!({"op": "add", "path": "/metadata/annotations", "value": annotations}));
    }
    if !patch.is_empty() {
        patch.insert(0, json!({"op": "test", "path": "/metadata/uid", "value": live["metadata"]["uid"]}));
    }
    patch
}

/// Whether an object of ours, made for that root, says what it should; annotations that others added are of no matter.
pub fn says(live: &Value, wanted: &Value, root: &str) -> bool {
    let asked = wanted["metadata"]["annotations"].as_object();
    let is_so = |(key, value): (&String, &Value)| live["metadata"]["annotations"].get(key) == Some(value);
    says_just(&live["spec"], &wanted["spec"], root) && asked.into_iter().flatten().all(is_so)
}

/// A Service has no generation: what the patch relies on is tested itself.
fn fence(service: &Value) -> Vec<Value> {
    vec![
        json!({"op": "test", "path": "/metadata/uid", "value": service["metadata"]["uid"]}),
        json!({"op": "test", "path": "/spec/selector", "value": service["spec"]["selector"]}),
    ]
}

fn annotation_path() -> String {
    format!("/metadata/annotations/{}", SELECTOR_ANNOTATION.replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::idle;

    fn root() -> Value {
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "s1", "annotations":
            {"projectcontour.io/upstream-protocol.h2c": "http", "argocd.argoproj.io/tracking-id": "x"}},
            "spec": {"clusterIP": "10.0.0.1", "type": "NodePort", "selector": {"app": "web"},
                "ports": [{"name": "http", "port": 80, "targetPort": "web", "nodePort": 30000}]}})
    }

    #[test]
    fn ours_is_like_the_root_for_one_version() {
        let service = own_service(&root(), &idle().workload, &Traffic::direct("web"), Role::Canary, "h2");
        assert_eq!(service["metadata"]["name"], "web-rp-canary");
        assert_eq!(service["spec"]["selector"], json!({"app": "web", "pod-template-hash": "h2"}));
        assert_eq!(service["spec"]["ports"], json!([{"name": "http", "port": 80, "targetPort": "web"}]));
        assert!(service["spec"]["clusterIP"].is_null() && service["spec"]["type"].is_null());
        let kept = json!({"projectcontour.io/upstream-protocol.h2c": "http"});
        assert_eq!(service["metadata"]["annotations"], kept, "an Argo CD would prune a copy of its mark");
    }

    #[test]
    fn a_pinned_service_gets_back_what_is_not_ours() {
        let mut service = root();
        assert_eq!(unpin(&service), Vec::<Value>::new());
        let patch = pin(&service, "h1");
        assert_eq!(patch.last().unwrap()["path"], "/spec/selector/pod-template-hash");
        service["spec"]["selector"]["pod-template-hash"] = json!("h1");
        service["metadata"]["annotations"][SELECTOR_ANNOTATION] = json!(r#"{"app":"web"}"#);
        assert_eq!(pin(&service, "h1"), Vec::<Value>::new());
        assert_eq!(pin(&service, "h2").len(), 3, "the way back is written once");
        // Somebody asks for more meanwhile: that stays.
        service["spec"]["selector"]["tier"] = json!("front");
        assert_eq!(unpin(&service)[2]["value"], json!({"app": "web", "tier": "front"}));
    }

    #[test]
    fn ours_are_known_by_name() {
        assert!(is_ours("web-rp-canary", "web") && is_ours("web-rp-stable.shop.svc.cluster.local", "web"));
        let told = Role::ALL.map(|role| role.service("web")).map(|own| root_of(&own, []) == Some("web"));
        assert_eq!(told, [true; 3]);
        assert!(!is_ours("web", "web") && !is_ours("web-preview", "web") && !is_ours("other-rp-x", "web"));
    }

    #[test]
    fn names_fit_and_stay_apart() {
        let long = |length: usize, last: &str| {
            format!(
                "{}{last}",
                "a-very-long-name-of-a-service-that-helm-made-of-two-others-and-cut"
                    .get(..length - 1)
                    .unwrap()
            )
        };
        for length in 1..=63 {
            let (one, other) = (long(length, "x"), long(length, "y"));
            let names = Role::ALL.map(|role| role.service(&one));
            for (role, name) in Role::ALL.into_iter().zip(&names) {
                assert!(name.len() <= 63 && !name.contains("--"), "{name}");
                assert_ne!(*name, role.service(&other), "{length}");
                assert_eq!(root_of(name, [other.as_str(), one.as_str()]), Some(one.as_str()), "{length}");
            }
            assert!(is_ours(&names[0], &one) && is_ours(&format!("{}.shop.svc", names[1]), &one), "{length}");
            assert!(!is_ours(&names[2], &one) && !is_ours(&names[0], &other), "{length}");
            // Where the root is gone, what the name tells leads to the same objects.
            let told = root_of(&names[0], []).unwrap();
            assert_eq!((Role::Stable.service(told), is_ours(&names[1], told)), (names[0].clone(), true));
        }
        assert_eq!(Role::Stable.service(&long(53, "x")), format!("{}-rp-stable", long(53, "x")), "as ever");
        assert_eq!(Role::Preview.service(&long(55, "x")), format!("{}-preview", long(55, "x")));
    }

    #[test]
    fn services_that_find_the_pods_count() {
        let service = |selector: Value| json!({"metadata": {"name": "web"}, "spec": {"selector": selector}});
        let labels = json!({"app": "web", "tier": "front"});
        for (selector, counts) in [
            (json!({"app": "web"}), true),
            (json!({"app": "web", "pod-template-hash": "h1"}), true),
            (json!({"app": "api"}), false),
            (json!({}), false),
        ] {
            assert_eq!(
                selecting(vec![service(selector.clone())], &labels).len(),
                usize::from(counts),
                "{selector}"
            );
        }
    }
}

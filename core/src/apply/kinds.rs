//! How the API serves a kind. Kubernetes' own are known, so that they cost no request.

use serde_json::Value;

use crate::model::Resource;
use crate::model::resource::group;

/// Kinds that Kubernetes serves itself: group, kind, plural, whether in namespaces.
pub(super) const BUILT_IN: [(&str, &str, &str, bool); 43] = [
    ("", "ConfigMap", "configmaps", true),
    ("", "Endpoints", "endpoints", true),
    ("", "LimitRange", "limitranges", true),
    ("", "Namespace", "namespaces", false),
    ("", "PersistentVolume", "persistentvolumes", false),
    ("", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("", "Pod", "pods", true),
    ("", "PodTemplate", "podtemplates", true),
    ("", "ReplicationController", "replicationcontrollers", true),
    ("", "ResourceQuota", "resourcequotas", true),
    ("", "Secret", "secrets", true),
    ("", "Service", "services", true),
    ("", "ServiceAccount", "serviceaccounts", true),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", false),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", false),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        false,
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        false,
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", false),
    ("apiregistration.k8s.io", "APIService", "apiservices", false),
    ("apps", "ControllerRevision", "controllerrevisions", true),
    ("apps", "DaemonSet", "daemonsets", true),
    ("apps", "Deployment", "deployments", true),
    ("apps", "ReplicaSet", "replicasets", true),
    ("apps", "StatefulSet", "statefulsets", true),
    ("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true),
    ("batch", "CronJob", "cronjobs", true),
    ("batch", "Job", "jobs", true),
    ("coordination.k8s.io", "Lease", "leases", true),
    ("discovery.k8s.io", "EndpointSlice", "endpointslices", true),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema", "flowschemas", false),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration", "prioritylevelconfigurations", false),
    ("networking.k8s.io", "Ingress", "ingresses", true),
    ("networking.k8s.io", "IngressClass", "ingressclasses", false),
    ("networking.k8s.io", "NetworkPolicy", "networkpolicies", true),
    ("node.k8s.io", "RuntimeClass", "runtimeclasses", false),
    ("policy", "PodDisruptionBudget", "poddisruptionbudgets", true),
    ("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", false),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings", false),
    ("rbac.authorization.k8s.io", "Role", "roles", true),
    ("rbac.authorization.k8s.io", "RoleBinding", "rolebindings", true),
    ("scheduling.k8s.io", "PriorityClass", "priorityclasses", false),
    ("storage.k8s.io", "CSIDriver", "csidrivers", false),
    ("storage.k8s.io", "StorageClass", "storageclasses", false),
];

/// Returns how Kubernetes serves a kind of its own. Whether it serves this version is seen on first use.
pub fn built_in(api_version: &str, kind: &str) -> Option<Resource> {
    let group = group(api_version);
    let (_, _, plural, namespaced) = BUILT_IN.iter().find(|(g, k, ..)| *g == group && *k == kind)?;
    Some(Resource {
        api_version: api_version.to_owned().into(),
        plural: (*plural).into(),
        namespaced: *namespaced,
    })
}

/// Reads it out of the server's list of what a group version serves (`APIResourceList`).
pub fn of_list(list: &Value, api_version: &str, kind: &str) -> Option<Resource> {
    let found = list["resources"].as_array()?.iter().find(|resource| {
        // A subresource has the kind of what it is read and written as.
        resource["kind"] == kind && resource["name"].as_str().is_some_and(|name| !name.contains('/'))
    })?;
    Some(Resource {
        api_version: api_version.to_owned().into(),
        plural: found["name"].as_str().filter(|name| is_plural(name))?.to_owned().into(),
        namespaced: found["namespaced"] == true,
    })
}

/// Reads it out of a definition that defines the kind in this version.
pub fn of_definition(definition: &Value, api_version: &str, kind: &str) -> Option<Resource> {
    let (group, version) = api_version.split_once('/')?;
    let spec = &definition["spec"];
    let serves = |one: &Value| one["name"] == version && one["served"] == true;
    let served = spec["versions"].as_array()?.iter().any(serves);
    (spec["group"] == group && spec["names"]["kind"] == kind && served).then_some(())?;
    Some(Resource {
        api_version: api_version.to_owned().into(),
        plural: spec["names"]["plural"].as_str().filter(|name| is_plural(name))?.to_owned().into(),
        namespaced: spec["scope"] == "Namespaced",
    })
}

/// What goes into a path must not lead elsewhere.
fn is_plural(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        let path = |version, kind, namespace| built_in(version, kind).unwrap().collection(namespace);
        assert_eq!(path("v1", "ConfigMap", Some("shop")), "/api/v1/namespaces/shop/configmaps");
        assert_eq!(path("apps/v1", "Deployment", Some("a")), "/apis/apps/v1/namespaces/a/deployments");
        assert_eq!(path("v1", "Namespace", None), "/api/v1/namespaces");
        assert_eq!(built_in("example.com/v1", "Deployment"), None);
        assert_eq!(built_in("v1", "Deployment"), None);
    }

    #[test]
    fn other_kinds_are_found_in_lists_and_definitions() {
        let list = json!({"resources": [
            {"name": "baskets/status", "kind": "Basket", "namespaced": true},
            {"name": "baskets", "kind": "Basket", "namespaced": true},
            {"name": "../x", "kind": "Evil", "namespaced": true}]});
        assert_eq!(of_list(&list, "shop.io/v1", "Basket").unwrap().plural, "baskets");
        assert_eq!(of_list(&list, "shop.io/v1", "Evil"), None);
        let definition = json!({"spec": {"group": "shop.io", "scope": "Cluster",
            "names": {"kind": "Basket", "plural": "baskets"}, "versions": [{"name": "v1", "served": true},
            {"name": "v2", "served": false}]}});
        let found = of_definition(&definition, "shop.io/v1", "Basket").unwrap();
        assert_eq!((&*found.plural, found.namespaced), ("baskets", false));
        assert_eq!(of_definition(&definition, "shop.io/v2", "Basket"), None);
        assert_eq!(of_definition(&definition, "other.io/v1", "Basket"), None);
    }
}

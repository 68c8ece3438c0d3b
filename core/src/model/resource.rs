//! How the API serves a kind, and the paths that come of it.

use std::borrow::Cow;

/// How the API serves a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `v1` or `apps/v1`.
    pub api_version: Cow<'static, str>,
    /// The word in the path.
    pub plural: Cow<'static, str>,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
}

impl Resource {
    const fn new(api_version: &'static str, plural: &'static str, namespaced: bool) -> Self {
        Self { api_version: Cow::Borrowed(api_version), plural: Cow::Borrowed(plural), namespaced }
    }

    /// Returns the path of the objects of a namespace, or of all that there are.
    pub fn collection(&self, namespace: Option<&str>) -> String {
        let root = root(&self.api_version);
        match namespace {
            Some(namespace) => in_namespace(&root, namespace, &self.plural),
            None => format!("{root}/{}", self.plural),
        }
    }

    /// Returns the path of one object, of a namespace or of none.
    pub fn object(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}/{name}", self.collection(namespace))
    }
}

/// Returns the path of a group version, where it says what it serves.
pub fn root(api_version: &str) -> String {
    if api_version.contains('/') { format!("/apis/{api_version}") } else { format!("/api/{api_version}") }
}

/// Returns the path of the objects of a namespace, below the path of their group version.
pub fn in_namespace(root: &str, namespace: &str, plural: &str) -> String {
    format!("{root}/namespaces/{namespace}/{plural}")
}

/// Returns the group of an `apiVersion`, empty for the core.
pub fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// `HorizontalPodAutoscaler`s.
pub static AUTOSCALERS: Resource = Resource::new("autoscaling/v2", "horizontalpodautoscalers", true);
/// `PersistentVolumeClaim`s.
pub static CLAIMS: Resource = Resource::new("v1", "persistentvolumeclaims", true);
/// `ConfigMap`s.
pub static CONFIG_MAPS: Resource = Resource::new("v1", "configmaps", true);
/// `DaemonSet`s.
pub static DAEMON_SETS: Resource = Resource::new("apps/v1", "daemonsets", true);
/// Deployments.
pub static DEPLOYMENTS: Resource = Resource::new("apps/v1", "deployments", true);
/// `PodDisruptionBudget`s.
pub static DISRUPTION_BUDGETS: Resource = Resource::new("policy/v1", "poddisruptionbudgets", true);
/// `EndpointSlice`s.
pub static ENDPOINT_SLICES: Resource = Resource::new("discovery.k8s.io/v1", "endpointslices", true);
/// Events.
pub static EVENTS: Resource = Resource::new("v1", "events", true);
/// `IngressClass`es.
pub static INGRESS_CLASSES: Resource = Resource::new("networking.k8s.io/v1", "ingressclasses", false);
/// Leases.
pub static LEASES: Resource = Resource::new("coordination.k8s.io/v1", "leases", true);
/// `LimitRange`s.
pub static LIMIT_RANGES: Resource = Resource::new("v1", "limitranges", true);
/// Namespaces.
pub static NAMESPACES: Resource = Resource::new("v1", "namespaces", false);
/// `NetworkPolicy`s.
pub static NETWORK_POLICIES: Resource = Resource::new("networking.k8s.io/v1", "networkpolicies", true);
/// Nodes.
pub static NODES: Resource = Resource::new("v1", "nodes", false);
/// Pods.
pub static PODS: Resource = Resource::new("v1", "pods", true);
/// `ResourceQuota`s.
pub static QUOTAS: Resource = Resource::new("v1", "resourcequotas", true);
/// `ReplicaSet`s.
pub static REPLICA_SETS: Resource = Resource::new("apps/v1", "replicasets", true);
/// Secrets.
pub static SECRETS: Resource = Resource::new("v1", "secrets", true);
/// Services.
pub static SERVICES: Resource = Resource::new("v1", "services", true);
/// `StatefulSet`s.
pub static STATEFUL_SETS: Resource = Resource::new("apps/v1", "statefulsets", true);
/// `ServiceAccount`s.
pub static SERVICE_ACCOUNTS: Resource = Resource::new("v1", "serviceaccounts", true);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        assert_eq!(PODS.object(Some("shop"), "a"), "/api/v1/namespaces/shop/pods/a");
        assert_eq!(DEPLOYMENTS.collection(Some("a")), "/apis/apps/v1/namespaces/a/deployments");
        assert_eq!(DEPLOYMENTS.collection(None), "/apis/apps/v1/deployments");
        assert_eq!(NODES.object(None, "n"), "/api/v1/nodes/n");
        assert_eq!((group("apps/v1"), group("v1")), ("apps", ""));
    }
}

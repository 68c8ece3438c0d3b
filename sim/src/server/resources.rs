//! The kinds that the server knows. What is not here is answered as unknown, and turns a scenario red.

use crate::object::Kind;

/// A kind of object, as the paths of requests name it.
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
#[derive(Debug, PartialEq, Eq)]
pub struct Resource {
    /// API group; empty for the core.
    pub group: &'static str,
    /// Version.
    pub version: &'static str,
    /// Plural.
    pub plural: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Whether it lives in a namespace.
    pub namespaced: bool,
    /// Whether its status is written by a path of its own.
    pub has_status: bool,
    /// Whether changes of its spec are counted in `metadata.generation`.
    pub counts: bool,
    /// What controllers see it as.
    pub seen_as: Option<Kind>,
    /// Whether the server knows it only where its definition is installed.
    pub is_custom: bool,
}

impl Resource {
    const fn new(
        group: &'static str,
        version: &'static str,
        plural: &'static str,
        kind: &'static str,
    ) -> Self {
        Self {
            group,
            version,
            plural,
            kind,
            namespaced: true,
            has_status: false,
            counts: false,
            seen_as: None,
            is_custom: false,
        }
    }

    const fn with_status(mut self) -> Self {
        self.has_status = true;
        self
    }

    const fn counting(mut self) -> Self {
        self.counts = true;
        self
    }

    const fn everywhere(mut self) -> Self {
        self.namespaced = false;
        self
    }

    const fn seen_as(mut self, kind: Kind) -> Self {
        self.seen_as = Some(kind);
        self
    }

    const fn custom(mut self) -> Self {
        self.is_custom = true;
        self
    }

    /// `apps/v1`, `v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The path of all of a namespace.
    pub fn path(&self, namespace: &str) -> String {
        let (api, slash) = if self.group.is_empty() { ("/api", "") } else { ("/apis", "/") };
        let (place, namespace) = if self.namespaced { ("/namespaces/", namespace) } else { ("", "") };
        [api, slash, self.group, "/", self.version, place, namespace, "/", self.plural].concat()
    }

    /// As errors name it: `deployments.apps`, `pods`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Whether deletion gives it time to end.
    pub fn is_graceful(&self) -> bool {
        self.seen_as == Some(Kind::Pod)
    }
}

/// All of them.
pub static RESOURCES: [Resource; 21] = [
    Resource::new("apps", "v1", "deployments", "Deployment")
        .with_status()
        .counting()
        .seen_as(Kind::Deployment),
    Resource::new("apps", "v1", "replicasets", "ReplicaSet")
        .with_status()
        .counting()
        .seen_as(Kind::ReplicaSet),
    Resource::new("", "v1", "pods", "Pod").with_status().counting().seen_as(Kind::Pod),
    Resource::new("", "v1", "services", "Service").with_status().seen_as(Kind::Service),
    Resource::new("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
        .counting()
        .seen_as(Kind::EndpointSlice),
    Resource::new("", "v1", "resourcequotas", "ResourceQuota").with_status().seen_as(Kind::ResourceQuota),
    Resource::new("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
        .with_status()
        .seen_as(Kind::Autoscaler),
    Resource::new("coordination.k8s.io", "v1", "leases", "Lease"),
    Resource::new("", "v1", "events", "Event"),
    Resource::new("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget").with_status().counting(),
    Resource::new("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
        .counting()
        .seen_as(Kind::NetworkPolicy),
    Resource::new("", "v1", "limitranges", "LimitRange"),
    Resource::new("", "v1", "configmaps", "ConfigMap"),
    Resource::new("", "v1", "secrets", "Secret"),
    Resource::new("", "v1", "serviceaccounts", "ServiceAccount"),
    Resource::new("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim").with_status(),
    Resource::new("", "v1", "namespaces", "Namespace").with_status().everywhere(),
    Resource::new("", "v1", "nodes", "Node").with_status().everywhere().seen_as(Kind::Node),
    Resource::new("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
        .with_status()
        .counting()
        .seen_as(Kind::Route)
        .custom(),
    Resource::new("gateway.networking.k8s.io", "v1", "grpcroutes", "GRPCRoute")
        .with_status()
        .counting()
        .custom(),
    Resource::new("gateway.networking.k8s.io", "v1beta1", "referencegrants", "ReferenceGrant").custom(),
];

/// The one that controllers see as this kind.
pub fn of_kind(kind: Kind) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.seen_as == Some(kind))
}

/// The one with this group and plural, whatever its version is called.
pub fn find(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
    RESOURCES
        .iter()
        .find(|resource| resource.group == group && resource.version == version && resource.plural == plural)
}

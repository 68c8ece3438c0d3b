//! The objects that controllers see, typed, and cheap to copy.

mod route;

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Node, Pod, ResourceQuota, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use route::{Backend, Route, Rule};

/// The name of an object among those of its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Namespace; empty where the kind has none.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Key {
    /// Of a namespace and a name.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

macro_rules! kinds {
    ($($kind:ident, $type:ty, $group:literal, $version:literal, $plural:literal, $doc:literal;)+) => {
        /// What a controller can watch.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $(#[doc = $doc] $kind,)+ }

        /// An object as a controller sees it.
        #[derive(Clone, Debug)]
        pub enum Object { $(#[doc = $doc] $kind(Arc<$type>),)+ }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// Group and plural, as in the path of a request.
            pub const fn resource(self) -> (&'static str, &'static str) {
                match self { $(Self::$kind => ($group, $plural),)+ }
            }

            /// The kind as the object names it, and its `apiVersion`.
            pub const fn names(self) -> (&'static str, &'static str) {
                match self { $(Self::$kind => (<$type as k8s_openapi::Resource>::KIND, <$type as k8s_openapi::Resource>::API_VERSION),)+ }
            }
        }

        impl Object {
            /// Of which kind it is.
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind,)+ }
            }

            /// Its metadata.
            pub fn metadata(&self) -> &ObjectMeta {
                match self { $(Self::$kind(object) => &object.metadata,)+ }
            }

            /// As the API server keeps it.
            pub fn to_json(&self) -> serde_json::Result<Value> {
                match self { $(Self::$kind(object) => serde_json::to_value(object.as_ref()),)+ }
            }

            /// From what the API server keeps.
            pub fn from_json(kind: Kind, value: &Value) -> serde_json::Result<Self> {
                Ok(match kind { $(Kind::$kind => Self::$kind(read(value)?),)+ })
            }
        }

        $(impl From<$type> for Object {
            fn from(object: $type) -> Self { Self::$kind(Arc::new(object)) }
        })+
    };
}

kinds! {
    Deployment, Deployment, "apps", "v1", "deployments", "A Deployment.";
    ReplicaSet, ReplicaSet, "apps", "v1", "replicasets", "A `ReplicaSet`.";
    Pod, Pod, "", "v1", "pods", "A pod.";
    Service, Service, "", "v1", "services", "A Service.";
    EndpointSlice, EndpointSlice, "discovery.k8s.io", "v1", "endpointslices", "An `EndpointSlice`.";
    ResourceQuota, ResourceQuota, "", "v1", "resourcequotas", "A `ResourceQuota`.";
    Autoscaler, HorizontalPodAutoscaler, "autoscaling", "v2", "horizontalpodautoscalers", "A horizontal pod autoscaler.";
    Node, Node, "", "v1", "nodes", "A node.";
    NetworkPolicy, NetworkPolicy, "networking.k8s.io", "v1", "networkpolicies", "A `NetworkPolicy`.";
    Route, Route, "gateway.networking.k8s.io", "v1", "httproutes", "A route of the Gateway API.";
}

fn read<T: DeserializeOwned>(value: &Value) -> serde_json::Result<Arc<T>> {
    T::deserialize(value).map(Arc::new)
}

impl Object {
    /// Its name among those of its kind.
    pub fn key(&self) -> Key {
        let metadata = self.metadata();
        Key {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
        }
    }

    /// Which one of that name it is.
    pub fn uid(&self) -> &str {
        self.metadata().uid.as_deref().unwrap_or_default()
    }
}

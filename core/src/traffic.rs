//! Traffic that a router splits: what is asked of it, and the objects that say so.
//!
//! Every router comes down to the same: two Services of ours beside the user's own (the root), one for the pods of
//! each version, and weights between the three. Weights and pods are separate.

mod annotations;
mod objects;
mod said;
mod service;
mod split;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::resource::in_namespace;

pub use objects::{TrafficObjects, View, ready_endpoints};
pub use said::text;
pub(crate) use said::{embedded, mentions, says_just};
pub use service::{
    Role, copy_of, is_made_by_us, is_ours, made, made_so, own_name, own_service, owner, pin, pinned_to,
    proxied, root_of, says, selected, selecting, unpin,
};
pub use split::{Backend, Match, Split};

/// An object in the cluster, as a request names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// The API's path: `/apis/gateway.networking.k8s.io/v1`.
    pub api: String,
    /// The kind: `HTTPRoute`.
    pub kind: String,
    /// The plural in paths: `httproutes`.
    pub plural: String,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Target {
    /// A Service.
    pub fn service(namespace: &str, name: &str) -> Self {
        Self {
            api: "/api/v1".into(),
            kind: "Service".into(),
            plural: "services".into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// Returns the path of all such objects of the namespace.
    pub fn collection(&self) -> String {
        in_namespace(&self.api, &self.namespace, &self.plural)
    }

    /// Returns the path of the object.
    pub fn path(&self) -> String {
        format!("{}/{}", self.collection(), self.name)
    }

    /// Returns the `apiVersion` of such objects.
    pub fn api_version(&self) -> &str {
        self.api.trim_start_matches("/apis/").trim_start_matches("/api/")
    }

    /// Returns the API group; empty for the core.
    pub fn group(&self) -> &str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} in namespace {}", self.kind.to_lowercase(), self.name, self.namespace)
    }
}

/// How a workload's traffic is routed while a new version is tried. Kept in the journal and on the Deployment, so
/// that whoever comes next finds the way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// The router's name, as `--router` takes it.
    pub router: String,
    /// The user's own Service.
    pub service: String,
    /// The user's routes that name it.
    pub routes: Vec<Target>,
    /// Objects of ours that the router needs beside the Services.
    #[serde(default)]
    pub own: Vec<Target>,
    /// Objects of the user's that say how the Service is served: only parts that the router has to have are written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Target>,
    /// Whether the root Service itself is pinned to the stable pods, for clients that use it without the router.
    #[serde(default)]
    pub isolate: bool,
    /// Requests that go to the canary whatever the weights say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<Match>,
    /// The share of the requests that the canary gets a copy of, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<u8>,
    /// Set if all of the traffic is switched at once: seconds for which the new version is judged after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<u64>,
    /// What the controller's annotations begin with, if it was told another prefix than its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotation_prefix: Option<String>,
    /// Seconds that the data plane gets to follow a change, if not as long as the router says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<u64>,
}

impl Traffic {
    /// What [`Traffic::router`] says where there is none: the Service itself is switched.
    pub const NO_ROUTER: &'static str = "none";

    /// The traffic of a Service that no route names.
    pub fn direct(service: &str) -> Self {
        Self {
            router: Self::NO_ROUTER.into(),
            service: service.into(),
            routes: Vec::new(),
            own: Vec::new(),
            beside: Vec::new(),
            isolate: false,
            matches: Vec::new(),
            mirror: None,
            switch: None,
            annotation_prefix: None,
            grace: None,
        }
    }

    /// Returns it in few words: `httproute/web, httproute/api (httproute, service/web)`.
    pub fn sentence(&self) -> String {
        if self.routes.is_empty() {
            return format!("service/{} itself", self.service);
        }
        let routes: Vec<String> =
            self.routes.iter().map(|route| format!("{}/{}", route.kind.to_lowercase(), route.name)).collect();
        format!("{} by {} for service/{}", routes.join(", "), self.router, self.service)
    }
}

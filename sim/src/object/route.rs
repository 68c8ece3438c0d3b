//! A route of the Gateway API (`apis/v1/httproute_types.go` of kubernetes-sigs/gateway-api), as far as anybody here reads it.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An `HTTPRoute`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    api_version: String,
    kind: String,
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// What is asked.
    #[serde(default)]
    pub spec: Spec,
    /// What those say who serve it.
    #[serde(default)]
    pub status: Status,
}

/// `HTTPRouteSpec`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// By whom it is to be served.
    pub parent_refs: Vec<Value>,
    /// Which requests go where.
    pub rules: Vec<Rule>,
}

/// `HTTPRouteRule`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    /// Which requests.
    pub matches: Vec<Value>,
    /// Among whom they are divided.
    pub backend_refs: Vec<Backend>,
}

/// `HTTPBackendRef`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Backend {
    /// The Service.
    pub name: String,
    /// Its namespace, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its part; the schema fills in 1.
    #[serde(default)]
    pub weight: Option<u32>,
}

/// `RouteStatus`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// An entry of each controller for each parent.
    pub parents: Vec<Value>,
}

impl k8s_openapi::Resource for Route {
    const API_VERSION: &'static str = "gateway.networking.k8s.io/v1";
    const GROUP: &'static str = "gateway.networking.k8s.io";
    const KIND: &'static str = "HTTPRoute";
    const VERSION: &'static str = "v1";
    const URL_PATH_SEGMENT: &'static str = "httproutes";
    type Scope = NamespaceResourceScope;
}

//! Lists, page by page: however many objects there are, one page of text is held at a time.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cluster::call::{encode, parse};
use crate::cluster::{Call, Cluster, Failure};
use crate::error::Error;

/// As many as kubectl asks for.
const PAGE: u32 = 500;
/// How often a list may begin anew because the server has forgotten where it was.
const RESTARTS: u32 = 5;

/// Objects of a kind.
#[derive(Deserialize)]
pub(super) struct List<T> {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default = "Vec::new")]
    pub(super) items: Vec<T>,
}

#[derive(Default, Deserialize)]
struct ListMeta {
    /// Where the next page begins.
    #[serde(rename = "continue")]
    next: Option<String>,
}

/// A kind that can be listed.
pub(super) struct Listed {
    api: &'static str,
    plural: &'static str,
}

impl Listed {
    pub(super) const DEPLOYMENTS: Self = Self { api: "/apis/apps/v1", plural: "deployments" };
    pub(super) const REPLICA_SETS: Self = Self { api: "/apis/apps/v1", plural: "replicasets" };
    pub(super) const PODS: Self = Self { api: "/api/v1", plural: "pods" };
    pub(super) const NAMESPACES: Self = Self { api: "/api/v1", plural: "namespaces" };
    pub(super) const LEASES: Self = Self { api: "/apis/coordination.k8s.io/v1", plural: "leases" };
    pub(super) const SERVICES: Self = Self { api: "/api/v1", plural: "services" };
    pub(super) const AUTOSCALERS: Self =
        Self { api: "/apis/autoscaling/v2", plural: "horizontalpodautoscalers" };
}

impl Cluster {
    /// Lists, of all namespaces or of ours. What `keep` does not return is let go with its page.
    pub(super) async fn list<T: DeserializeOwned, U>(
        &self,
        kind: &Listed,
        all: bool,
        labels: Option<&str>,
        keep: impl FnMut(T) -> Option<U>,
    ) -> Result<Vec<U>, Error> {
        self.list_in((!all).then_some(&self.namespace), kind, labels, keep).await
    }

    /// Lists, of a namespace or of all.
    pub(super) async fn list_in<T: DeserializeOwned, U>(
        &self,
        namespace: Option<&str>,
        kind: &Listed,
        labels: Option<&str>,
        mut keep: impl FnMut(T) -> Option<U>,
    ) -> Result<Vec<U>, Error> {
        let (place, scope) = match namespace {
            None => ("all namespaces".to_owned(), String::new()),
            Some(name) => (format!("namespace {name}"), format!("/namespaces/{}", encode(name))),
        };
        let doing = format!("list {} in {place}", kind.plural);
        let labels = labels.map(|labels| format!("&labelSelector={}", encode(labels))).unwrap_or_default();
        let base = format!("{}{scope}/{}?limit={PAGE}{labels}", kind.api, kind.plural);
        let mut kept = Vec::new();
        let mut next: Option<String> = None;
        let mut restarts = 0;
        loop {
            let from = next.as_ref().map(|next| format!("&continue={}", encode(next))).unwrap_or_default();
            let path = format!("{base}{from}");
            let call = Call { doing: doing.clone(), method: "GET", path, body: None };
            let page = match self.read(&call).await {
                Ok(body) => parse::<List<T>>(&doing, &body)?,
                // The place is no longer known: pages of two moments must not be mixed.
                Err(failure) if failure.code() == 410 && next.is_some() && restarts < RESTARTS => {
                    restarts += 1;
                    next = None;
                    kept.clear();
                    continue;
                }
                Err(failure) => return Err(Failure::into_error(failure)),
            };
            kept.extend(page.items.into_iter().filter_map(&mut keep));
            next = page.metadata.next.filter(|next| !next.is_empty());
            if next.is_none() {
                return Ok(kept);
            }
        }
    }

    /// Lists the pods of a namespace.
    ///
    /// # Errors
    /// What the server said.
    pub(crate) async fn pods_in<U>(
        &self,
        namespace: &str,
        keep: impl FnMut(Value) -> Option<U>,
    ) -> Result<Vec<U>, Error> {
        self.list_in(Some(namespace), &Listed::PODS, None, keep).await
    }
}

//! Lists, page by page: however many objects there are, one page of text is held at a time.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cluster::call::{encode, parse};
use crate::cluster::{Call, Cluster, Failure};
use crate::error::Error;
use crate::model::Resource;
use crate::model::resource::PODS;

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

impl Cluster {
    /// Lists, of all namespaces or of ours. What `keep` does not return is let go with its page.
    pub(super) async fn list<T: DeserializeOwned, U>(
        &self,
        kind: &Resource,
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
        kind: &Resource,
        labels: Option<&str>,
        mut keep: impl FnMut(T) -> Option<U>,
    ) -> Result<Vec<U>, Error> {
        let place = namespace.map_or("all namespaces".to_owned(), |name| format!("namespace {name}"));
        let doing = format!("list {} in {place}", kind.plural);
        let labels = labels.map(|labels| format!("&labelSelector={}", encode(labels))).unwrap_or_default();
        let base = format!("{}?limit={PAGE}{labels}", kind.collection(namespace.map(encode).as_deref()));
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
        self.list_in(Some(namespace), &PODS, None, keep).await
    }
}

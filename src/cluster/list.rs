//! Lists, page by page and object by object: however many there are, the text of one page is held at a time, and one
//! object as it came.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::cluster::call::{encode, senseless};
use crate::cluster::{Call, Cluster, Failure};
use crate::error::Error;
use crate::model::Resource;
use crate::model::resource::PODS;

/// As many as kubectl asks for.
const PAGE: u32 = 500;
/// How often a list may begin anew, in pages, because the server has forgotten where it was. Then it is read at once:
/// so the first time does client-go's pager (`FullListIfExpired`).
const RESTARTS: u32 = 2;

/// Objects of a kind.
#[derive(Deserialize)]
pub(super) struct List<T> {
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
    /// Lists, of all namespaces or of ours. What `keep` does not return is let go at once.
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
        let labels = labels.map(|labels| format!("labelSelector={}", encode(labels)));
        let collection = kind.collection(namespace.map(encode).as_deref());
        let mut kept = Vec::new();
        let mut next: Option<String> = None;
        let mut restarts = 0;
        loop {
            let limit = (restarts <= RESTARTS).then(|| format!("limit={PAGE}"));
            let from = next.as_ref().map(|next| format!("continue={}", encode(next)));
            let query: Vec<String> = limit.into_iter().chain(labels.clone()).chain(from).collect();
            let path = format!("{collection}?{}", query.join("&"));
            let call = Call { doing: doing.clone(), method: "GET", path, body: None };
            let body = match self.read(&call).await {
                Ok(body) => body,
                // The place is no longer known: pages of two moments must not be mixed.
                Err(failure) if failure.code() == 410 && next.is_some() => {
                    restarts += 1;
                    next = None;
                    kept.clear();
                    continue;
                }
                Err(failure) => return Err(Failure::into_error(failure)),
            };
            next =
                page(&body, |object| kept.extend(keep(object))).map_err(|error| senseless(&doing, &error))?;
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

/// Hands the objects of a page over one by one, and returns where the next begins.
fn page<T: DeserializeOwned>(body: &[u8], mut take: impl FnMut(T)) -> serde_json::Result<Option<String>> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let next = reader.deserialize_map(Page { take: &mut take, object: PhantomData })?;
    reader.end()?;
    Ok(next.filter(|next| !next.is_empty()))
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Field {
    Metadata,
    Items,
    #[serde(other)]
    Other,
}

struct Page<'f, F, T> {
    take: &'f mut F,
    object: PhantomData<T>,
}

impl<'de, F: FnMut(T), T: DeserializeOwned> Visitor<'de> for Page<'_, F, T> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut next = None;
        while let Some(field) = fields.next_key()? {
            match field {
                Field::Metadata => next = fields.next_value::<ListMeta>()?.next,
                Field::Items => {
                    fields.next_value_seed(Items { take: &mut *self.take, object: PhantomData })?;
                }
                Field::Other => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(next)
    }
}

struct Items<'f, F, T> {
    take: &'f mut F,
    object: PhantomData<T>,
}

impl<'de, F: FnMut(T), T: DeserializeOwned> DeserializeSeed<'de> for Items<'_, F, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(T), T: DeserializeOwned> Visitor<'de> for Items<'_, F, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(object) = items.next_element()? {
            (self.take)(object);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<(Vec<u8>, Option<String>), String> {
        let mut items = Vec::new();
        let next = page(body.as_bytes(), |item| items.push(item)).map_err(|error| error.to_string())?;
        Ok((items, next))
    }

    #[test]
    fn a_page_has_its_objects_and_where_the_next_begins() {
        let more = r#"{"kind":"PodList","metadata":{"continue":"x","resourceVersion":"1"},"items":[1,2]}"#;
        assert_eq!(read(more), Ok((vec![1, 2], Some("x".to_owned()))));
        assert_eq!(read(r#"{"items":[3],"metadata":{"continue":""}}"#), Ok((vec![3], None)));
        assert_eq!(read("{}"), Ok((Vec::new(), None)));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for body in
            ["", "[]", r#"{"items":null}"#, r#"{"items":["a"]}"#, r#"{"items":[1"#, r#"{"items":[]} x"#]
        {
            assert!(read(body).is_err(), "{body}");
        }
    }
}

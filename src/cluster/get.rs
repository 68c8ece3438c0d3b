//! Objects of any kind: one that may be absent, or those to look at, as they are or as the server would have them shown.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::apply::asked::Asked;
use crate::cluster::call::{encode, parse};
use crate::cluster::{Call, Cluster, Failure};
use crate::error::Error;

/// The columns that the server has for a kind (`kubectl get` asks for the same).
const TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";
const WHOLE: &str = "application/json";

/// Takes "not found" for an answer: there is none.
pub(super) fn found<T>(answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.code() == 404 => Ok(None),
        Err(failure) => Err(failure),
    }
}

impl Cluster {
    /// Reads what may not be there; `None` if it is not, or if the server does not know its kind.
    pub(super) async fn optional<T: DeserializeOwned>(
        &self,
        doing: String,
        path: String,
    ) -> Result<Option<T>, Error> {
        let call = Call { doing, method: "GET", path, body: None };
        let body = found(self.read(&call).await).map_err(Failure::into_error)?;
        body.map(|body| parse(&call.doing, &body)).transpose()
    }

    /// Reads objects as a table: `columnDefinitions` and `rows`.
    pub(crate) async fn table(&self, asked: &Asked, all: bool, labels: Option<&str>) -> Result<Value, Error> {
        self.shown(asked, all, labels, TABLE).await
    }

    /// Reads an object, or a list.
    pub(crate) async fn whole(&self, asked: &Asked, all: bool, labels: Option<&str>) -> Result<Value, Error> {
        self.shown(asked, all, labels, WHOLE).await
    }

    async fn shown(
        &self,
        asked: &Asked,
        all: bool,
        labels: Option<&str>,
        form: &'static str,
    ) -> Result<Value, Error> {
        let namespace = Some(self.namespace.as_str()).filter(|_| asked.resource.namespaced && !all);
        let place = namespace.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default();
        let mut path = asked.resource.collection(namespace);
        let doing = match &asked.name {
            Some(name) => {
                path = format!("{path}/{name}");
                format!("get {}/{name}{place}", asked.prefix())
            }
            None => format!("get {}{place}", asked.resource.plural),
        };
        if let Some(labels) = labels {
            path = format!("{path}?labelSelector={}", encode(labels));
        }
        let call = Call { doing: doing.clone(), method: "GET", path, body: None };
        let body = self.read_as(&call, form).await.map_err(Failure::into_error)?;
        parse(&doing, &body)
    }
}

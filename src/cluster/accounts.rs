//! Requests about ServiceAccounts and their tokens.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::ci_account::{Account, LABEL};
use crate::cluster::call::{encode, parse};
use crate::cluster::{Call, Cluster, Failure};
use crate::credentials::{Secret, token};
use crate::error::{Error, Kind};
use crate::keys::FIELD_MANAGER;
use crate::model::resource;
use crate::traffic::Target;

/// Of a Secret nothing but its metadata is looked at.
const METADATA_OF_ALL: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
/// For how long the token controller may need.
const PATIENCE: Duration = Duration::from_secs(15);

impl Cluster {
    /// Reads the metadata of the Secrets that tokens of ours depend on.
    pub(crate) async fn token_secrets(&self) -> Result<Vec<Value>, Error> {
        let doing = format!("list the Secrets of tokens in namespace {}", self.namespace);
        let path = resource::SECRETS.collection(Some(&self.namespace));
        let path = format!("{path}?labelSelector={}", encode(LABEL));
        let call = Call { doing: doing.clone(), method: "GET", path, body: None };
        let body = self.read_as(&call, METADATA_OF_ALL).await.map_err(Failure::into_error)?;
        let list: Value = parse(&doing, &body)?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// Has the server make a token that is void once this Secret is gone. Returns until when it is valid, too:
    /// the server may give less than was asked.
    pub(crate) async fn issue(
        &self,
        account: &Account,
        bound_to: &Value,
        lifetime: Duration,
    ) -> Result<(Secret, Timestamp), Error> {
        let metadata = &bound_to["metadata"];
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [],
                "expirationSeconds": lifetime.as_secs(),
                "boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": metadata["name"], "uid": metadata["uid"]},
            },
        });
        let doing =
            format!("make a token of serviceaccount/{} in namespace {}", account.name, self.namespace);
        let path = format!("{}/token", self.path(&resource::SERVICE_ACCOUNTS, &account.name));
        let body = Some(("application/json", body));
        let call = Call { doing: doing.clone(), method: "POST", path, body };
        let answer = self.write(&call).await.map_err(Failure::into_error)?;
        let status = &answer["status"];
        let expires = status["expirationTimestamp"].as_str().and_then(|text| text.parse().ok());
        let nonsense = || Error::new(Kind::Cluster, format!("{doing}: the answer makes no sense"));
        let expires: Timestamp = expires.ok_or_else(nonsense)?;
        Ok((Secret::from(status["token"].as_str().ok_or_else(nonsense)?), expires))
    }

    /// Waits until the token controller has written a token into a Secret.
    pub(crate) async fn long_lived_token(&self, secret: &Target) -> Result<Secret, Error> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let found = self.read_target(secret).await?.unwrap_or_default();
            if let Some(text) = found["data"]["token"].as_str() {
                let read =
                    token(text).map_err(|why| Error::new(Kind::Cluster, format!("read {secret}: {why}")))?;
                return Ok(Secret::from(read.value));
            }
            if Instant::now() > give_up {
                let why = format!("no token was written into {secret} within {} s", PATIENCE.as_secs());
                return Err(Error::new(Kind::Cluster, why)
                    .next("the cluster may have no token controller: leave --long-lived out"));
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Sets annotations.
    pub(crate) async fn annotate(&self, target: &Target, annotations: Value) -> Result<(), Error> {
        let path = format!("{}?fieldManager={FIELD_MANAGER}", target.path());
        let body = Some(("application/merge-patch+json", json!({"metadata": {"annotations": annotations}})));
        let call = Call { doing: format!("annotate {target}"), method: "PATCH", path, body };
        self.write(&call).await.map(|_| ()).map_err(Failure::into_error)
    }
}

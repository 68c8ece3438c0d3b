//! The HTTP client for CI systems: one request, one answer, within a time. It trusts the CAs of the system and follows no
//! redirect, because the token would go along.

use std::time::Duration;

use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, USER_AGENT};
use http_body_util::{BodyExt, Collected, Limited};
use kube::Config;
use kube::client::Body;

use super::Call;
use crate::cluster::{Bearer, Login, chain, http_client};
use crate::credentials::{ExposeSecret, Secret};

/// The longest time for a request with its answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest time until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// A client for one address and one token.
pub(super) struct Client {
    http: kube::Client,
    headers: &'static [(&'static str, &'static str)],
    timeout: Duration,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Where a redirect leads.
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Client {
    /// Makes a client. Nothing is sent.
    ///
    /// # Errors
    /// Says what is wrong with the address or the token, without showing the token.
    pub(super) fn new(
        address: &str,
        token: &Secret,
        headers: &'static [(&'static str, &'static str)],
        timeout: Option<Duration>,
    ) -> Result<Self, String> {
        let mut config = Config::new(address.parse().map_err(|_| "its address cannot be read")?);
        let bearer = Bearer::token(token).map_err(|error| error.message)?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        let http = http_client(config, Login { bearer: Some(bearer), certificate: None }, None)
            .map_err(|error| chain(&error))?;
        Ok(Self { http, headers, timeout: timeout.unwrap_or(TIMEOUT) })
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// Says why there was no answer: the request may have been heard nevertheless.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer, String> {
        let agent = concat!("kubectl-rollout-plus/", env!("CARGO_PKG_VERSION"));
        let mut request = http::Request::builder().method(&call.method).uri(&call.path);
        request = request.header(USER_AGENT, agent);
        if !self.headers.iter().any(|(name, _)| *name == "accept") {
            request = request.header(ACCEPT, "application/json");
        }
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        let body = match &call.body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Body::from(body.expose_secret().as_bytes().to_vec())
            }
            None => Body::empty(),
        };
        let request = request.body(body).map_err(|error| format!("it cannot be sent: {error}"))?;
        let exchange = async {
            let answer = self.http.send(request).await.map_err(|error| chain(&error))?;
            let status = answer.status();
            let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let location = location.map(str::to_owned);
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
            let body = body.map(Collected::to_bytes).map_err(|error| chain(error.as_ref()))?;
            Ok::<_, String>(Answer { status, location, body: body.to_vec() })
        };
        tokio::time::timeout(self.timeout, exchange)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", self.timeout.as_secs())))
    }
}

//! Requests to addresses of users', as they send them: bounded in time and size, no redirect followed.

use std::time::Duration;

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body_util::{BodyExt, Limited};
use kube::Config;
use kube::client::Body;

use crate::cluster::connect::chain;
use crate::cluster::{Login, http_client};

const CONNECT: Duration = Duration::from_secs(5);
pub(super) const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("kubectl-rollout-plus/", env!("CARGO_PKG_VERSION")));

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct HttpRequest {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether the certificate has to be one that this machine trusts.
    pub(crate) verify_tls: bool,
}

impl HttpRequest {
    /// A GET.
    pub(crate) fn get(url: &str) -> Self {
        Self {
            method: Method::GET,
            url: url.to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            verify_tls: true,
        }
    }

    /// Sends it once, over a connection of its own: what is broken for new clients is seen.
    ///
    /// # Errors
    /// Why there was no answer, or that it is larger than `most` bytes.
    pub(crate) async fn send(&self, most: usize) -> Result<http::Response<Vec<u8>>, String> {
        let (mut config, path) = parted(&self.url)?;
        config.accept_invalid_certs = !self.verify_tls;
        let client = http_client(config, Login::default(), None).map_err(|error| chain(&error))?;
        let request = http::Request::builder().method(self.method.clone()).uri(path);
        let mut request = request.body(Body::from(self.body.clone())).map_err(|error| error.to_string())?;
        request.headers_mut().insert(USER_AGENT, AGENT);
        request.headers_mut().extend(self.headers.clone());
        let answer = client.send(request).await.map_err(|error| {
            let why = chain(&error);
            why.strip_prefix("ServiceError: ").unwrap_or(&why).to_owned()
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, most).collect().await.map_err(|error| chain(error.as_ref()))?;
        Ok(http::Response::from_parts(head, body.to_bytes().to_vec()))
    }
}

/// Parts an address: how its server is reached, and the path to ask for.
///
/// # Errors
/// It is no address.
pub(super) fn parted(url: &str) -> Result<(Config, String), String> {
    let uri: Uri = url.parse().map_err(|_| "its address cannot be sent".to_owned())?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
    let base = Uri::from_parts(parts).map_err(|error| error.to_string())?;
    let mut config = Config::new(base);
    config.connect_timeout = Some(CONNECT);
    Ok((config, path))
}

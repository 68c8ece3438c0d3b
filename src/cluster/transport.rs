//! The HTTP stack below kube's client: kube's own layers on a connection that sends at once.
//!
//! kube leaves Nagle's algorithm on, and with a server that acknowledges late that costs each new connection
//! some 40 ms: more than all of `status`. It matches `NO_PROXY` against the proxy, runs programs that bring credentials
//! twice, and sends the line break of a token file.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, Uri};
use hyper::rt::{Read, Write};
use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::Builder;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt};
use kube::{Client, Config, Result};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tower::{BoxError, Service, ServiceBuilder, service_fn};

use crate::cluster::bearer::{self, Bearer};
use crate::cluster::trust::client_config;
use crate::kubeconfig::Proxy;

/// What we come with.
#[derive(Default)]
pub(crate) struct Login {
    /// What is sent with each request.
    pub(crate) bearer: Option<Bearer>,
    /// What we are known by to the TLS stack of the server.
    pub(crate) certificate: Option<Arc<CertifiedKey>>,
}

/// Builds a client.
pub(crate) fn client(config: Config, login: Login, proxy: Option<&Proxy>) -> Result<Client> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let Login { bearer, certificate } = login;
    let mut tls = client_config(&config).map_err(|error| kube::Error::Service(error.into()))?;
    if let Some(certificate) = certificate {
        tls.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certificate));
    }
    let Some(proxy) = proxy else { return over(tcp, tls, config, bearer) };
    let (address, login) = (proxy.uri().clone(), proxy.login());
    let basic = login.as_ref().map(|(name, password)| {
        let both = BASE64_STANDARD.encode(format!("{name}:{password}"));
        HeaderValue::try_from(format!("Basic {both}"))
    });
    let basic = basic.and_then(std::result::Result::ok);
    match (proxy.uri().scheme_str(), login) {
        (Some("socks5"), Some((name, password))) => {
            over(SocksV5::new(address, tcp).with_auth(name, password), tls, config, bearer)
        }
        (Some("socks5"), None) => over(SocksV5::new(address, tcp), tls, config, bearer),
        (Some("https"), _) => {
            // With the CAs of the cluster, as in Go.
            let to_proxy = HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_only();
            let tunnel = Tunnel::new(address, to_proxy.enable_http1().wrap_connector(tcp));
            over(with_login(tunnel, basic), tls, config, bearer)
        }
        _ => over(with_login(Tunnel::new(address, tcp), basic), tls, config, bearer),
    }
}

fn with_login<C>(tunnel: Tunnel<C>, basic: Option<HeaderValue>) -> Tunnel<C> {
    match basic {
        Some(basic) => tunnel.with_auth(basic),
        None => tunnel,
    }
}

/// Puts TLS, deadlines and kube's layers on a connection.
fn over<C>(connector: C, tls: ClientConfig, config: Config, bearer: Option<Bearer>) -> Result<Client>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    let mut https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    if let Some(name) = config.tls_server_name.clone().and_then(|name| ServerName::try_from(name).ok()) {
        https = https.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let mut connector = TimeoutConnector::new(https.enable_http1().wrap_connector(connector));
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let http = Builder::new(TokioExecutor::new()).build::<_, Body>(connector);
    let bearer = bearer.map(Arc::new);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(config.extra_headers_layer()?)
        .service(service_fn(move |request: http::Request<Body>| {
            let (http, bearer) = (http.clone(), bearer.clone());
            bearer::send(bearer, request, move |request| async move {
                http.request(request).await.map_err(BoxError::from)
            })
        }));
    Ok(Client::new(service, config.default_namespace))
}

//! Answers as an API server of a large cluster does, from memory: `bench-server PODS CERTIFICATE KEY`, both PEM. It
//! prints its port, and serves until it is killed.
//!
//! It knows what `kubectl rollout-plus status` and the kubectl commands beside it ask for, in the order and the pages
//! of the real one, packed as that packs them. Nothing ever changes.

mod objects;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::io::{BufReader, Write};
use std::net::Ipv4Addr;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use objects::{Kind, REPLICAS};

/// As many as every client here asks for.
const PAGE: usize = 500;
/// The API server packs what is larger, at level 1 (`k8s.io/apiserver/pkg/endpoints/handlers/responsewriters`).
const SMALL: usize = 128 * 1024;

/// What a read of a few objects takes an API server and its etcd on the same machine at least.
const WORK: Duration = Duration::from_micros(1500);

/// What is answered.
struct Server {
    deployments: usize,
    /// The pages of whole lists, packed.
    pages: BTreeMap<(&'static str, usize), Bytes>,
}

/// A body, whether it is packed, and whether there may be more: of a watch there never is.
struct Answer {
    status: StatusCode,
    text: Bytes,
    packed: bool,
    watch: bool,
}

/// The same as it is sent.
struct Sent {
    text: Option<Bytes>,
    watch: bool,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.text.take() {
            Some(text) => Poll::Ready(Some(Ok(Frame::data(text)))),
            None if self.watch => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

const KINDS: [(&str, &str, Kind); 4] = [
    ("/apis/apps/v1", "deployments", Kind::Deployments),
    ("/apis/apps/v1", "replicasets", Kind::ReplicaSets),
    ("/api/v1", "pods", Kind::Pods),
    ("/api/v1", "services", Kind::Services),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, pods, certificate, key] = arguments.as_slice() else {
        return Err("usage: bench-server PODS CERTIFICATE KEY".into());
    };
    let server = Arc::new(Server::of(pods.parse::<usize>()? / REPLICAS));
    let tls = TlsAcceptor::from(Arc::new(tls(certificate, key)?));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (server, tls) = (Arc::clone(&server), tls.clone());
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let answer = service_fn(move |request: Request<Incoming>| {
                let server = Arc::clone(&server);
                async move {
                    let answer =
                        server.answer(request.uri().path(), request.uri().query().unwrap_or_default());
                    if !answer.packed {
                        tokio::time::sleep(WORK).await;
                    }
                    Ok::<_, Infallible>(response(answer))
                }
            });
            let connection = auto::Builder::new(TokioExecutor::new());
            connection.serve_connection(TokioIo::new(stream), answer).await.unwrap_or(());
        });
    }
}

fn tls(certificate: &str, key: &str) -> Result<rustls::ServerConfig, Box<dyn Error>> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let chain = CertificateDer::pem_reader_iter(BufReader::new(std::fs::File::open(certificate)?));
    let chain = chain.collect::<Result<Vec<_>, _>>()?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut tls = tls.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

impl Server {
    fn of(deployments: usize) -> Self {
        let mut pages = BTreeMap::new();
        for (_, plural, kind) in KINDS {
            let count = kind.count(deployments);
            for page in 0..count.div_ceil(PAGE).max(1) {
                let objects = page * PAGE..((page + 1) * PAGE).min(count);
                let left = count - objects.end;
                let next = if left == 0 { String::new() } else { (page + 1).to_string() };
                pages.insert((plural, page), packed(list(kind, objects, &next, left).as_bytes()));
            }
        }
        Self { deployments, pages }
    }

    fn answer(&self, path: &str, query: &str) -> Answer {
        let asked: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        if let Some(text) = discovery(path) {
            return Answer::plain(text.to_owned());
        }
        for (api, plural, kind) in KINDS {
            let Some(rest) = path.strip_prefix(api) else { continue };
            let parts: Vec<&str> = rest.trim_start_matches('/').split('/').collect();
            match parts.as_slice() {
                [one] if *one == plural => {
                    let page = asked.get("continue").and_then(|page| page.parse().ok()).unwrap_or(0);
                    let Some(body) = self.pages.get(&(plural, page)) else { break };
                    return Answer::packed(body.clone());
                }
                ["namespaces", namespace, one] if *one == plural => {
                    return self.listed(kind, namespace, &asked);
                }
                ["namespaces", namespace, one, name] if *one == plural => {
                    return match self.number(namespace, name) {
                        Some(number) => Answer::plain(kind.object(kind.of(number).start)),
                        None => missing(name),
                    };
                }
                _ => {}
            }
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        if ["leases", "horizontalpodautoscalers"].contains(&name) {
            return Answer::plain(
                r#"{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}"#
                    .to_owned(),
            );
        }
        missing(name)
    }

    fn number(&self, namespace: &str, name: &str) -> Option<usize> {
        objects::in_namespace(namespace, self.deployments).find(|number| objects::names(*number).1 == name)
    }

    /// The objects of a namespace, or of one workload in it.
    fn listed(&self, kind: Kind, namespace: &str, asked: &BTreeMap<String, String>) -> Answer {
        let selected = asked.get("labelSelector").and_then(|labels| labels.split("name=").last());
        let named = asked.get("fieldSelector").and_then(|fields| fields.strip_prefix("metadata.name="));
        let workload = named.or(selected).map(|name| self.number(namespace, name));
        let objects = match workload {
            Some(Some(number)) => kind.of(number),
            Some(None) => 0..0,
            None => {
                let all = objects::in_namespace(namespace, self.deployments);
                kind.of(all.start).start..kind.of(all.end).start
            }
        };
        if asked.contains_key("watch") {
            // A list as a watch has it: what there is, and a bookmark where it ends.
            let added = |index| format!("{{\"type\":\"ADDED\",\"object\":{}}}\n", kind.object(index));
            let begun = objects.map(added).collect::<Vec<_>>().concat();
            let end = r#"{"type":"BOOKMARK","object":{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"resourceVersion":"1","annotations":{"k8s.io/initial-events-end":"true"}}}}"#;
            return Answer { watch: true, ..Answer::plain(format!("{begun}{end}\n")) };
        }
        let text = list(kind, objects, "", 0);
        if text.len() < SMALL { Answer::plain(text) } else { Answer::packed(packed(text.as_bytes())) }
    }
}

fn list(kind: Kind, objects: Range<usize>, next: &str, left: usize) -> String {
    let (name, version) = kind.list();
    let next = if next.is_empty() {
        String::new()
    } else {
        format!(r#","continue":"{next}","remainingItemCount":{left}"#)
    };
    let items: Vec<String> = objects.map(|index| kind.object(index)).collect();
    format!(
        r#"{{"kind":"{name}","apiVersion":"{version}","metadata":{{"resourceVersion":"1"{next}}},"items":[{}]}}"#,
        items.join(",")
    )
}

fn packed(text: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap_or(());
    encoder.finish().unwrap_or_default().into()
}

impl Answer {
    fn plain(text: String) -> Self {
        Self { status: StatusCode::OK, text: text.into(), packed: false, watch: false }
    }

    const fn packed(text: Bytes) -> Self {
        Self { status: StatusCode::OK, text, packed: true, watch: false }
    }
}

fn response(answer: Answer) -> Response<Sent> {
    let mut response = Response::new(Sent { text: Some(answer.text), watch: answer.watch });
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(DATE, HeaderValue::from_static("Thu, 01 Jan 2026 00:00:00 GMT"));
    if answer.packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn missing(name: &str) -> Answer {
    let text = format!(
        r#"{{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"Failure","message":"\"{name}\" not found","reason":"NotFound","code":404}}"#
    );
    Answer { status: StatusCode::NOT_FOUND, ..Answer::plain(text) }
}

/// What kubectl asks to know which kinds there are.
fn discovery(path: &str) -> Option<&'static str> {
    Some(match path {
        "/version" => r#"{"major":"1","minor":"36","gitVersion":"v1.36.0","platform":"linux/amd64"}"#,
        "/api" => r#"{"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":[]}"#,
        "/apis" => {
            r#"{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"apps","versions":[{"groupVersion":"apps/v1","version":"v1"}],"preferredVersion":{"groupVersion":"apps/v1","version":"v1"}}]}"#
        }
        "/api/v1" => {
            r#"{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["get","list","watch"],"shortNames":["po"]},{"name":"services","singularName":"service","namespaced":true,"kind":"Service","verbs":["get","list","watch"],"shortNames":["svc"]}]}"#
        }
        "/apis/apps/v1" => {
            r#"{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"apps/v1","resources":[{"name":"deployments","singularName":"deployment","namespaced":true,"kind":"Deployment","verbs":["get","list","watch"],"shortNames":["deploy"]},{"name":"replicasets","singularName":"replicaset","namespaced":true,"kind":"ReplicaSet","verbs":["get","list","watch"],"shortNames":["rs"]}]}"#
        }
        _ => return None,
    })
}

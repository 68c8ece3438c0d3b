//! A proxy in front of an API server that records every request and can let each of them go wrong.
//!
//! Towards the tool under test it speaks plain HTTP on a free loopback port. Towards the API server it uses the
//! credentials of a kubeconfig; it goes there directly, whatever proxy is set, and never retries. Answers are
//! streamed, so watches flow. When the API server cannot be reached or breaks off its answer, the tool's
//! connection is reset. Connections cannot be upgraded (exec, port-forward).

#![allow(dead_code, unreachable_pub, reason = "every test takes the part that it needs")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER,
    TRANSFER_ENCODING,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use kube::client::Body;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A request as it came from the tool.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its place among all requests since the start or the last [`Proxy::clear`], from 1.
    pub index: usize,
    /// In capitals.
    pub method: String,
    /// From the first `/`, still percent-encoded.
    pub path: String,
    /// Without the `?`; empty when there is none.
    pub query: String,
    /// As it was sent; empty when there is none.
    pub body: Vec<u8>,
    /// What the API server, or [`Fault::Status`] in its place, answered; the tool may not have got it.
    pub status: Option<u16>,
    /// Whether it asks for a watch.
    pub watch: bool,
    /// When all of it had arrived.
    pub at: Instant,
}

impl Seen {
    /// Whether it writes nothing but who owns what, after a change of something else.
    pub fn is_of_owners(&self) -> bool {
        let path = b"\"/metadata/managedFields/";
        self.method == "PATCH" && self.body.windows(path.len()).any(|text| text == path)
    }
}

/// Which requests a rule is for.
pub enum When {
    /// The request with this [`Seen::index`].
    Index(usize),
    /// Every request of which this is true. It must not call the proxy.
    Matching(Box<dyn Fn(&Seen) -> bool + Send>),
}

impl When {
    /// Every request of which `predicate` is true. It must not call the proxy.
    pub fn matching(predicate: impl Fn(&Seen) -> bool + Send + 'static) -> Self {
        Self::Matching(Box::new(predicate))
    }

    fn is_for(&self, seen: &Seen) -> bool {
        match self {
            Self::Index(index) => *index == seen.index,
            Self::Matching(predicate) => predicate(seen),
        }
    }
}

/// Called on a thread of its own; it may block, and call the proxy.
pub type Callback = Arc<dyn Fn() + Send + Sync>;

/// What goes wrong with a request.
///
/// The faults that come after the API server's answer wait until that answer is complete, even if the tool
/// leaves meanwhile. The answer of a watch is complete when the watch ends.
#[derive(Clone)]
pub enum Fault {
    /// Answer with this HTTP status, and with `Retry-After` in seconds; do not forward.
    Status(u16, Option<u32>),
    /// Reset the connection; do not forward.
    ResetBefore,
    /// Forward, and reset the connection instead of answering.
    ResetAfter,
    /// Do not forward and never answer.
    Hang,
    /// Forward and never answer.
    HangAfter,
    /// Call back, which is to kill the tool; do not forward and never answer.
    KillBefore(Callback),
    /// Forward, then call back, which is to kill the tool; never answer.
    KillAfter(Callback),
    /// Forward after this time.
    Delay(Duration),
}

impl Fault {
    /// [`Fault::KillBefore`] with that callback.
    pub fn kill_before(callback: impl Fn() + Send + Sync + 'static) -> Self {
        Self::KillBefore(Arc::new(callback))
    }

    /// [`Fault::KillAfter`] with that callback.
    pub fn kill_after(callback: impl Fn() + Send + Sync + 'static) -> Self {
        Self::KillAfter(Arc::new(callback))
    }
}

/// A fault for some requests. The first rule that matches a request is the only one for it.
pub struct Rule {
    /// Which requests.
    pub when: When,
    /// For how many requests.
    pub times: usize,
    /// What goes wrong with them.
    pub fault: Fault,
}

/// A running proxy. Dropping it cuts all connections.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Proxy").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Proxy {
    /// Starts a proxy for the API server of the kubeconfig's current context.
    pub fn start(kubeconfig: &Path) -> Self {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("read the kubeconfig");
        let (started, wait) = mpsc::channel();
        // Not the caller's thread, which may belong to a runtime already.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(async {
                let client = admin_client(kubeconfig).await;
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("listen");
                let address = listener.local_addr().expect("an address");
                let cut = watch::Sender::new(Cut::Never);
                let shared = Arc::new(Shared { client, state: Mutex::default(), cut });
                started.send((address, Arc::clone(&shared))).expect("a waiting test");
                shared.accept(listener).await;
            });
            runtime.shutdown_background();
        });
        let (address, shared) = wait.recv().expect("the proxy starts");
        Self { address, shared, thread: Some(thread) }
    }

    /// Where the tool finds the proxy.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Writes a kubeconfig for the tool into `dir`: the proxy, that namespace, no credentials.
    pub fn kubeconfig(&self, dir: &Path, namespace: &str) -> PathBuf {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "proxy", "cluster": {"server": self.url()}}],
            "users": [{"name": "proxy", "user": {}}],
            "contexts": [{
                "name": "proxy",
                "context": {"cluster": "proxy", "user": "proxy", "namespace": namespace},
            }],
            "current-context": "proxy",
        });
        let path = dir.join("proxy.kubeconfig");
        std::fs::write(&path, config.to_string()).expect("write the kubeconfig");
        path
    }

    /// All requests since the start or the last [`Proxy::clear`].
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// Forgets the requests, the rules and [`Proxy::expire_watches`]; the next request has the index 1.
    pub fn clear(&self) {
        let mut state = self.shared.state();
        *state = State { epoch: state.epoch + 1, ..State::default() };
    }

    /// Adds a rule.
    pub fn on(&self, rule: Rule) {
        self.shared.state().rules.push(rule);
    }

    /// Resets all open connections.
    pub fn cut_all(&self) {
        self.shared.cut.send_replace(Cut::Connections);
    }

    /// Makes the watched resource versions too old: once for each watched path and selector, the next request
    /// to watch from a resource version is answered by a `410 Expired` event. Open watches go on until
    /// [`Proxy::cut_all`].
    pub fn expire_watches(&self) {
        self.shared.state().expired = Some(HashSet::new());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.cut.send_replace(Cut::Everything);
        if let Some(thread) = self.thread.take() {
            // It ends by itself, or has panicked, which its requests have shown.
            drop(thread.join());
        }
    }
}

/// A client that does what it is told, once and directly.
async fn admin_client(kubeconfig: Kubeconfig) -> kube::Client {
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("use the kubeconfig");
    config.default_retry = false;
    config.proxy_url = None;
    kube::Client::try_from(config).expect("use the kubeconfig")
}

/// What was cut last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    Never,
    Connections,
    Everything,
}

struct Shared {
    client: kube::Client,
    state: Mutex<State>,
    cut: watch::Sender<Cut>,
}

/// A path with its label selector and its field selector.
type Watched = (String, [Option<String>; 2]);

#[derive(Default)]
struct State {
    /// How often the proxy was cleared.
    epoch: usize,
    seen: Vec<Seen>,
    rules: Vec<Rule>,
    /// The watches that have been told that they are too old.
    expired: Option<HashSet<Watched>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a request panicked")
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        let mut cut = self.cut.subscribe();
        loop {
            tokio::select! {
                Ok((stream, _)) = listener.accept() => {
                    tokio::spawn(Arc::clone(&self).serve(stream, self.cut.subscribe()));
                }
                _ = cut.wait_for(|cut| *cut == Cut::Everything) => return,
            }
        }
    }

    /// Serves a connection of the tool's until it ends, is cut, or a request wants it to be reset.
    async fn serve(self: Arc<Self>, stream: TcpStream, mut cut: watch::Receiver<Cut>) {
        let service = service_fn(|request| Box::pin(Arc::clone(&self).answer(request)));
        let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let ended = tokio::select! {
            ended = &mut connection => ended.is_ok(),
            _ = cut.changed() => false,
        };
        if !ended {
            // Without time to linger, closing is a reset. It fails when the tool has left already.
            connection.into_parts().io.into_inner().set_zero_linger().unwrap_or_default();
        }
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Reset> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Reset)?.to_bytes();
        let (id, fate) = self.state().admit(&head, &body);
        // These are between the tool and the proxy only.
        for name in [AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING] {
            head.headers.remove(name);
        }
        let request = Request::from_parts(head, Body::from(body));
        match fate {
            Fate::Forward => self.forward(id, request).await,
            Fate::Expired => {
                let status = status_object(410, "too old resource version");
                let event = json!({"type": "ERROR", "object": status}).to_string() + "\n";
                Ok(self.reply(id, Response::new(event)))
            }
            Fate::Fault(Fault::Status(code, retry_after)) => {
                let mut status = status_object(code, "made up by the test");
                let mut reply = Response::new(String::new());
                *reply.status_mut() = StatusCode::from_u16(code).expect("an HTTP status");
                if let Some(seconds) = retry_after {
                    status["details"] = json!({"retryAfterSeconds": seconds});
                    reply.headers_mut().insert(RETRY_AFTER, seconds.into());
                }
                *reply.body_mut() = status.to_string();
                Ok(self.reply(id, reply))
            }
            Fate::Fault(Fault::ResetBefore) => Err(Reset),
            Fate::Fault(Fault::ResetAfter) => {
                self.forward_fully(id, request, None).await;
                Err(Reset)
            }
            Fate::Fault(Fault::Hang) => never().await,
            Fate::Fault(Fault::HangAfter) => {
                self.forward_fully(id, request, None).await;
                never().await
            }
            Fate::Fault(Fault::KillBefore(callback)) => {
                call(callback).await;
                never().await
            }
            Fate::Fault(Fault::KillAfter(callback)) => {
                self.forward_fully(id, request, Some(callback)).await;
                never().await
            }
            Fate::Fault(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                self.forward(id, request).await
            }
        }
    }

    /// The answer of the API server, as a stream.
    async fn forward(&self, id: Id, request: Request<Body>) -> Result<Response<Body>, Reset> {
        let mut answer = self.client.send(request).await.map_err(|_| Reset)?;
        for name in [CONNECTION, TRANSFER_ENCODING] {
            answer.headers_mut().remove(name);
        }
        self.state().answered(id, answer.status());
        Ok(answer)
    }

    /// Waits for the whole answer of the API server, and then for the callback, even if the tool leaves.
    async fn forward_fully(self: Arc<Self>, id: Id, request: Request<Body>, callback: Option<Callback>) {
        let work = async move {
            if let Ok(answer) = self.forward(id, request).await {
                // An answer that breaks off is over too.
                drop(answer.into_body().collect().await);
            }
            if let Some(callback) = callback {
                call(callback).await;
            }
        };
        tokio::spawn(work).await.expect("forward the request");
    }

    /// An answer of the proxy's own.
    fn reply(&self, id: Id, reply: Response<String>) -> Response<Body> {
        self.state().answered(id, reply.status());
        let mut reply = reply.map(|json| Body::from(json.into_bytes()));
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        reply
    }
}

/// Which request it is: the epoch and the index.
#[derive(Clone, Copy)]
struct Id(usize, usize);

/// What becomes of a request.
enum Fate {
    Forward,
    Fault(Fault),
    /// It watches from a resource version that is too old.
    Expired,
}

impl State {
    /// Records a request and decides what becomes of it.
    fn admit(&mut self, head: &Parts, body: &Bytes) -> (Id, Fate) {
        let query = head.uri.query().unwrap_or_default();
        let parameter = |name| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let selector = |name| parameter(name).map(str::to_owned);
        let seen = Seen {
            index: self.seen.len() + 1,
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: query.to_owned(),
            body: body.to_vec(),
            status: None,
            watch: matches!(parameter("watch"), Some("true" | "1")),
            at: Instant::now(),
        };
        let rule = self.rules.iter_mut().find(|rule| rule.times > 0 && rule.when.is_for(&seen));
        let fate = if let Some(rule) = rule {
            rule.times -= 1;
            Fate::Fault(rule.fault.clone())
        } else if seen.watch
            && !matches!(parameter("resourceVersion"), None | Some("" | "0"))
            && let Some(expired) = &mut self.expired
            && expired.insert((seen.path.clone(), ["labelSelector", "fieldSelector"].map(selector)))
        {
            Fate::Expired
        } else {
            Fate::Forward
        };
        let id = Id(self.epoch, seen.index);
        self.seen.push(seen);
        (id, fate)
    }

    /// Records the answer to a request.
    fn answered(&mut self, Id(epoch, index): Id, status: StatusCode) {
        if epoch == self.epoch {
            self.seen[index - 1].status = Some(status.as_u16());
        }
    }
}

/// The end of a connection without an answer.
#[derive(Debug)]
struct Reset;

impl fmt::Display for Reset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("reset")
    }
}

impl std::error::Error for Reset {}

/// Waits until the connection is gone.
async fn never<T>() -> T {
    std::future::pending().await
}

/// Waits for the callback.
async fn call(callback: Callback) {
    tokio::task::spawn_blocking(move || callback()).await.expect("call back");
}

/// The `Status` object that an API server sends with this HTTP status.
fn status_object(code: u16, message: &str) -> Value {
    let reason = match code {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "Unknown",
    };
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    })
}

//! A proxy in front of an API server that records every request and can let each of them go wrong.
//!
//! Towards the tool under test it speaks plain HTTP on a free loopback port; towards the API server it uses the
//! credentials of a kubeconfig, and never retries. Answers are streamed, so watches flow. When the API server
//! cannot be reached, the tool's connection is reset. Connections cannot be upgraded (exec, port-forward).

#![allow(dead_code, unreachable_pub, reason = "every test takes the part that it needs")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use kube::client::Body;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

/// A request as it came from the tool.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its place among all requests since the start or the last [`Proxy::clear`], from 1.
    pub index: usize,
    pub method: String,
    pub path: String,
    /// Without the `?`; empty when there is none.
    pub query: String,
    pub body: Vec<u8>,
    /// What the API server, or [`Fault::Status`] in its place, answered; the tool may not have got it.
    pub status: Option<u16>,
    pub watch: bool,
    /// When all of it had arrived.
    pub at: Instant,
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
    pub when: When,
    /// For how many requests.
    pub times: usize,
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
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (address, listener, client) = runtime.block_on(async {
            let options = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("use the kubeconfig");
            let config = Config { default_retry: false, proxy_url: None, ..config };
            let client = kube::Client::try_from(config).expect("use the kubeconfig");
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("listen");
            (listener.local_addr().expect("an address"), listener, client)
        });
        let shared = Arc::new(Shared { client, state: Mutex::default(), cut: watch::Sender::new(Cut::Never) });
        let accepting = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            runtime.block_on(accepting.accept(listener));
            runtime.shutdown_background();
        });
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

#[derive(Default)]
struct State {
    /// How often the proxy was cleared.
    epoch: usize,
    seen: Vec<Seen>,
    rules: Vec<Rule>,
    /// The watches that have been told that they are too old.
    expired: Option<HashSet<String>>,
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
        let reset = Notify::new();
        let service = service_fn(|request| {
            Box::pin(async {
                let answer = Arc::clone(&self).answer(request).await;
                if let Ok(None) = answer {
                    reset.notify_one();
                    return std::future::pending().await;
                }
                answer.transpose().expect("answered")
            })
        });
        let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            // The tool went away, or the API server broke off its answer.
            _ = &mut connection => return,
            () = reset.notified() => {}
            _ = cut.changed() => {}
        }
        // Without time to linger, closing is a reset.
        connection.into_parts().io.into_inner().set_zero_linger().expect("set the linger time");
    }
}

//! A small web server that takes the place of a CI system and notes what it was sent.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, mpsc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A request.
#[derive(Clone, Debug)]
pub struct Got {
    pub method: String,
    /// With the query, still percent-encoded.
    pub path: String,
    pub headers: http::HeaderMap,
    /// Null if there is none.
    pub body: Value,
    /// As it was sent.
    pub text: String,
}

impl Got {
    /// Returns a header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A status and a body; null for none.
    Json(u16, Value),
    /// A status and text.
    Text(u16, String),
    /// The way to another address.
    Moved(String),
    /// The connection ends.
    Gone,
    /// A request that the system does not know: the test fails.
    Wrong(String),
}

/// A running server.
pub struct Fake {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Got>>>,
    wrong: Arc<Mutex<Vec<String>>>,
    _stop: oneshot::Sender<()>,
}

impl Fake {
    /// Starts a server on a free port of this machine.
    pub fn start(answer: impl FnMut(&Got) -> Reply + Send + 'static) -> Self {
        let (started, wait) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let seen: Arc<Mutex<Vec<Got>>> = Arc::default();
        let wrong: Arc<Mutex<Vec<String>>> = Arc::default();
        let (notes, complaints) = (Arc::clone(&seen), Arc::clone(&wrong));
        let answer = Arc::new(Mutex::new(answer));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                started.send(listener.local_addr().unwrap()).unwrap();
                let accept = async {
                    loop {
                        let (stream, _) = listener.accept().await.unwrap();
                        let (answer, notes, complaints) =
                            (Arc::clone(&answer), Arc::clone(&notes), Arc::clone(&complaints));
                        let service = service_fn(move |request| {
                            let (answer, notes, complaints) =
                                (Arc::clone(&answer), Arc::clone(&notes), Arc::clone(&complaints));
                            async move {
                                let got = read(request).await;
                                notes.lock().unwrap().push(got.clone());
                                let reply = (*answer.lock().unwrap())(&got);
                                if let Reply::Wrong(why) = &reply {
                                    complaints.lock().unwrap().push(format!("{why}: {got:?}"));
                                }
                                write(reply)
                            }
                        });
                        let serve = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                        tokio::spawn(async move { serve.await.unwrap_or_default() });
                    }
                };
                tokio::select! { () = accept => {} _ = stopped => {} }
            });
        });
        Self { address: wait.recv().unwrap(), seen, wrong, _stop: stop }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns all requests since the last time.
    pub fn take(&self) -> Vec<Got> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    /// Fails the test if there was a request that the system does not know.
    #[track_caller]
    pub fn all_was_right(&self) {
        assert_eq!(*self.wrong.lock().unwrap(), Vec::<String>::new());
    }
}

async fn read(request: Request<Incoming>) -> Got {
    let (head, body) = request.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Got {
        method: head.method.to_string(),
        path: head.uri.path_and_query().unwrap().to_string(),
        body: serde_json::from_str(&text).unwrap_or_default(),
        headers: head.headers,
        text,
    }
}

/// An error ends the connection.
fn write(reply: Reply) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let answer = Response::builder();
    let answer = match reply {
        Reply::Json(status, Value::Null) => answer.status(status).body(Full::default()),
        Reply::Json(status, body) => answer.status(status).body(Full::from(body.to_string())),
        Reply::Text(status, body) => answer.status(status).body(Full::from(body)),
        Reply::Moved(place) => answer.status(302).header("location", place).body(Full::default()),
        Reply::Wrong(why) => answer.status(418).body(Full::from(why)),
        Reply::Gone => return Err(std::io::Error::other("the test wants it so")),
    };
    Ok(answer.unwrap())
}

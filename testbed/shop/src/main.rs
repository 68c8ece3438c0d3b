//! The sample shop's web server: `shop [VERSION [NAME=VALUE...]]`, where the version is `dev` by default.
//!
//! Made to be the only file of an image and to run as PID 1, so it handles SIGTERM itself. It answers
//!
//! - `GET /` with the header `X-Version: VERSION` and the body `VERSION HOSTNAME\n`,
//! - `GET /count` with how many `/` it has answered (also those that a router sent it as copies),
//! - `GET /metrics` with what it has answered, as Prometheus reads it ([`metrics`]),
//! - `GET /ready` with 200, or 503 while it is not ready (the readiness probe),
//! - `GET /drain` with 200 after `DRAIN_SECONDS` (the preStop hook). From its arrival on, every answer on
//!   every connection carries `Connection: close`; new connections are served as before.
//!
//! It speaks HTTP/1.1, and HTTP/2 to whoever begins with it (a router that was told `kubernetes.io/h2c`).
//!
//! On SIGTERM it drains too, keeps on accepting for as long as a connection is open (at most [`LINGER`]),
//! lets requests in flight end, and exits with 0.
//!
//! Settings come from the arguments or else from the environment. All durations are in seconds.
//!
//! | setting | meaning | default |
//! |---|---|---|
//! | `PORT` | port to listen on | 8080 |
//! | `DRAIN_SECONDS` | how long `/drain` takes to answer | 3 |
//! | `READY_AFTER` | not ready for that long after the start | 0 |
//! | `NEVER_READY=1` | never ready | |
//! | `EXIT_AFTER` | exit that long after the start | never |
//! | `EXIT_CODE` | the code to exit with then | 3 |
//! | `EXIT_ONCE=FILE` | exit only if there is no such file yet, which is then made: only the first start fails | |
//! | `EAT_MEMORY` | take so many MB of memory at the start | 0 |
//! | `ERROR_RATE` | the share of `/` that is answered by 500, from 0 to 1 | 0 |
//! | `LATENCY` | how long `/` takes, in the middle; a tenth of the requests takes twice as long or more | 0 |
//! | `NO_METRICS=1` | `/metrics` is not found | |

mod metrics;

use std::convert::Infallible;
use std::error::Error;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use metrics::Metrics;

/// How long, after SIGTERM, a client of an idle connection has to send a request that is still answered.
const LINGER: Duration = Duration::from_secs(2);

/// What all connections share.
struct Shop {
    version: HeaderValue,
    page: Bytes,
    drain: Duration,
    /// When the shop becomes ready; `None` is never.
    ready_at: Option<Instant>,
    /// Whether every answer closes its connection.
    draining: AtomicBool,
    /// How many `/` were answered.
    count: AtomicU64,
    /// The share of `/` that fails.
    error_rate: f64,
    /// How long `/` takes, in the middle.
    latency: Duration,
    /// What was answered; nothing if that is not told.
    metrics: Option<Metrics>,
}

impl Shop {
    fn from_settings() -> Result<Self, Box<dyn Error>> {
        let version = std::env::args().nth(1).unwrap_or_else(|| "dev".to_owned());
        let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let ready_after = seconds("READY_AFTER")?.unwrap_or_default();
        Ok(Self {
            version: HeaderValue::from_str(&version)?,
            page: format!("{version} {}\n", hostname.trim()).into(),
            drain: seconds("DRAIN_SECONDS")?.unwrap_or(Duration::from_secs(3)),
            ready_at: setting("NEVER_READY").is_none().then(|| Instant::now() + ready_after),
            draining: AtomicBool::new(false),
            count: AtomicU64::new(0),
            error_rate: setting("ERROR_RATE").map_or(Ok(0.0), |rate| rate.parse())?,
            latency: seconds("LATENCY")?.unwrap_or_default(),
            metrics: setting("NO_METRICS").is_none().then(Metrics::default),
        })
    }

    /// Answers `/`: some fail, and some take longer, as the settings say.
    async fn page(&self) -> (StatusCode, Full<Bytes>) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if !self.latency.is_zero() {
            // The logistic distribution of logarithms: about that of real servers, and drawn by one number.
            let drawn = fastrand::f64().clamp(1e-6, 1.0 - 1e-6);
            sleep(self.latency.mul_f64((drawn / (1.0 - drawn)).powf(0.33))).await;
        }
        if fastrand::f64() < self.error_rate {
            return (StatusCode::INTERNAL_SERVER_ERROR, "out of stock\n".into());
        }
        (StatusCode::OK, Full::new(self.page.clone()))
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let begun = Instant::now();
        let ready = self.ready_at.is_some_and(|at| at <= Instant::now());
        let (status, body): (StatusCode, Full<Bytes>) = match request.uri().path() {
            "/" => self.page().await,
            "/count" => (StatusCode::OK, format!("{}\n", self.count.load(Ordering::Relaxed)).into()),
            "/metrics" if self.metrics.is_some() => {
                (StatusCode::OK, self.metrics.iter().map(Metrics::text).collect::<String>().into())
            }
            "/ready" if ready => (StatusCode::OK, "ready\n".into()),
            "/ready" => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".into()),
            "/drain" => {
                self.draining.store(true, Ordering::Relaxed);
                sleep(self.drain).await;
                (StatusCode::OK, "drained\n".into())
            }
            _ => (StatusCode::NOT_FOUND, "not found\n".into()),
        };
        if let Some(metrics) = &self.metrics {
            metrics.count(request.uri().path(), status.as_u16(), begun.elapsed());
        }
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response.headers_mut().insert("x-version", self.version.clone());
        // HTTP/2 has no such header: there the end of the connection is announced on its own.
        if self.draining.load(Ordering::Relaxed) && request.version() < Version::HTTP_2 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }
}

/// Serves one connection until either side closes it or, after `running`, until no request is in flight.
async fn serve(shop: Arc<Shop>, stream: TcpStream, mut running: watch::Receiver<()>) {
    // Only a matter of speed.
    stream.set_nodelay(true).unwrap_or_default();
    let service = service_fn(move |request| Arc::clone(&shop).answer(request));
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // An error here is a client that went away: nothing to do about it.
    tokio::select! {
        _ = &mut connection => {}
        _ = running.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await.unwrap_or_default();
        }
    }
}

/// A setting by its name, from the arguments (`NAME=VALUE`) or else from the environment.
#[expect(clippy::disallowed_methods, reason = "a program of its own")]
fn setting(name: &str) -> Option<String> {
    std::env::args()
        .skip(2)
        .find_map(|argument| argument.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        .or_else(|| std::env::var(name).ok())
}

/// When to exit by itself.
fn exit_after() -> Result<Option<Duration>, Box<dyn Error>> {
    match setting("EXIT_ONCE") {
        // The file has to outlive the container: it belongs on a volume.
        Some(file) if std::fs::exists(&file)? => Ok(None),
        Some(file) => {
            std::fs::write(file, "")?;
            Ok(Some(seconds("EXIT_AFTER")?.unwrap_or_default()))
        }
        None => seconds("EXIT_AFTER"),
    }
}

/// Memory that is really taken: a page that was never written is not there.
fn eat_memory() -> Result<Vec<u8>, Box<dyn Error>> {
    let megabytes: usize = setting("EAT_MEMORY").map_or(Ok(0), |megabytes| megabytes.parse())?;
    Ok(vec![1; megabytes << 20])
}

/// A setting that is a duration in seconds.
fn seconds(name: &str) -> Result<Option<Duration>, Box<dyn Error>> {
    setting(name).map(|value| Ok(Duration::try_from_secs_f64(value.parse()?)?)).transpose()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let shop = Arc::new(Shop::from_settings()?);
    let port = setting("PORT").map_or(Ok(8080), |port| port.parse())?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    let eaten = eat_memory()?;
    let exit_code = setting("EXIT_CODE").map_or(Ok(3), |code| code.parse())?;
    let mut fault = pin!(sleep(exit_after()?.unwrap_or(Duration::MAX)));
    let mut linger = pin!(sleep(Duration::MAX));
    let (server, running) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut terminating = false;
    loop {
        tokio::select! {
            // Whoever waits to be accepted comes before the decision that no connection is left.
            biased;
            _ = terminate.recv(), if !terminating => {
                terminating = true;
                shop.draining.store(true, Ordering::Relaxed);
                linger.as_mut().reset(tokio::time::Instant::now() + LINGER);
            }
            () = &mut fault => return Ok(ExitCode::from(exit_code)),
            () = &mut linger => break,
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(serve(Arc::clone(&shop), stream, running.clone()));
            }
            ended = connections.join_next(), if terminating || !connections.is_empty() => match ended {
                Some(_) => {}
                None => break,
            },
        }
    }
    drop((listener, server, eaten));
    while connections.join_next().await.is_some() {}
    Ok(ExitCode::SUCCESS)
}

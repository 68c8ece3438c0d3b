//! One request: its own deadline, the retry rules, and the sentence that an API error becomes.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use kube::Client;
use kube::client::Body;
use kube::core::Status;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use crate::cluster::Sources;
use crate::cluster::connect::chain;
use crate::cluster::credential::Credential;
use crate::cluster::refusal::Refusal;
use crate::cluster::warned::Warned;
use crate::error::{Error, Kind};
use crate::world;

const READ_TIMEOUT: Duration = Duration::from_secs(10);
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);
/// For how long a request is tried again before we give the server up.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same for one that has never answered: more likely its address is wrong.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);
/// Reads the `Date` of an answer.
static DATES: DateTimeParser = DateTimeParser::new();
/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 512 * 1024 * 1024;

/// What an answer is to look like.
const WHOLE: &str = "application/json";
/// Whatever it is: a log is plain text.
pub(super) const ANYTHING: &str = "*/*";
/// Name and labels without the content: of a Secret nothing else may ever come here.
pub(super) const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// A connection to one cluster.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    /// The namespace of the workload.
    pub(crate) namespace: String,
    pub(super) request_timeout: Option<Duration>,
    /// Whether the server has answered, be it with an error.
    pub(super) answered: Arc<AtomicBool>,
    /// What the server's clock showed in its last answer, and when that came.
    pub(super) heard: Arc<Mutex<Option<(Instant, Timestamp)>>>,
    /// What we come with, to explain a refusal.
    pub(crate) credential: Arc<Credential>,
    /// What the server warns of.
    pub(super) warned: Arc<Warned>,
    /// Who else is asked for metrics.
    pub(super) sources: Arc<Sources>,
}

/// A request as data.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// What we are doing, for errors: "patch deployment/web in namespace shop".
    pub(crate) doing: String,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Option<(&'static str, Value)>,
}

/// Why a request did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server's definite answer: nothing was done.
    Refused(Box<Status>, Error),
    /// It may or may not have been done.
    Unknown(Error),
    /// The same, of a server that gives no reason: so it calls an apply that does not fit the kind's schema, too.
    Unreasoned(Error),
}

impl Failure {
    /// Returns it as an error for the user.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Refused(_, error) | Self::Unknown(error) | Self::Unreasoned(error) => error,
        }
    }

    /// Whether the object is not as it was read: another client wrote meanwhile, and what is decided anew may pass.
    pub(crate) fn is_conflict(&self) -> bool {
        match self {
            Self::Refused(status, _) => {
                Refusal::of(status.code, &status.reason, status.message.trim()) == Refusal::Conflict
            }
            Self::Unknown(_) | Self::Unreasoned(_) => false,
        }
    }

    /// Returns the HTTP code of a definite answer, 0 for none.
    pub(crate) fn code(&self) -> u16 {
        match self {
            Self::Refused(status, _) => status.code,
            Self::Unknown(_) | Self::Unreasoned(_) => 0,
        }
    }
}

/// One try's result, with what the server says about the next.
enum Try {
    Done(Vec<u8>),
    Later(Error, Duration),
    Failed(Failure),
}

impl Cluster {
    pub(crate) fn new(
        client: Client,
        namespace: String,
        request_timeout: Option<Duration>,
        credential: Arc<Credential>,
    ) -> Self {
        Self {
            client,
            namespace,
            request_timeout,
            answered: Arc::default(),
            credential,
            warned: Arc::default(),
            sources: Arc::default(),
            heard: Arc::default(),
        }
    }

    /// Takes note of the server's clock.
    fn hear(&self, headers: &http::HeaderMap) {
        let date = headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
        if let Some(date) = date.and_then(|date| DATES.parse_timestamp(date).ok()) {
            *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), date));
        }
    }

    /// Returns what the server's clock shows now at least: the times that it writes are not of our clock.
    pub(crate) fn clock(&self) -> Option<Timestamp> {
        let (when, date) = (*self.heard.lock().unwrap_or_else(PoisonError::into_inner))?;
        date.checked_add(when.elapsed()).ok()
    }

    /// Reads, again and again for a minute if need be.
    pub(crate) async fn read(&self, call: &Call) -> Result<Vec<u8>, Failure> {
        self.read_as(call, WHOLE).await
    }

    /// Reads in another form, for example the metadata alone.
    pub(super) async fn read_as(&self, call: &Call, accept: &'static str) -> Result<Vec<u8>, Failure> {
        let begun = Instant::now();
        let mut pause = Duration::from_millis(200);
        let mut unauthorized = false;
        loop {
            let (error, wait) = match self.attempt(call, accept, READ_TIMEOUT).await {
                Try::Done(body) => return Ok(body),
                Try::Later(error, wait) => (Failure::Unknown(error), wait),
                // Credentials may have been renewed on disk meanwhile.
                Try::Failed(failure) if failure.code() == 401 && !unauthorized => {
                    unauthorized = true;
                    (failure, Duration::ZERO)
                }
                Try::Failed(failure @ (Failure::Unknown(_) | Failure::Unreasoned(_))) => {
                    (failure, Duration::ZERO)
                }
                Try::Failed(failure) => return Err(failure),
            };
            let wait = wait.max(jittered(pause));
            let patience = if self.answered.load(Ordering::Relaxed) { PATIENCE } else { FIRST_PATIENCE };
            if Instant::now() + wait > begun + patience {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(PATIENCE / 6);
        }
    }

    /// Writes once. Only "too many requests" is tried again, because that alone says that nothing was done.
    pub(crate) async fn write(&self, call: &Call) -> Result<Value, Failure> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            match self.attempt(call, WHOLE, WRITE_TIMEOUT).await {
                Try::Done(body) => {
                    return serde_json::from_slice(&body).map_err(|error| {
                        Failure::Unknown(Error::new(Kind::Cluster, format!("{}: {error}", call.doing)))
                    });
                }
                Try::Later(error, wait) => {
                    let wait = wait.max(jittered(Duration::from_millis(500)));
                    if Instant::now() + wait > give_up {
                        return Err(Failure::Unknown(error));
                    }
                    tokio::time::sleep(wait).await;
                }
                Try::Failed(failure) => return Err(failure),
            }
        }
    }

    /// Writes once, and takes "too many requests" for the answer.
    pub(super) async fn write_now(&self, call: &Call) -> Result<Value, Failure> {
        match self.attempt(call, WHOLE, WRITE_TIMEOUT).await {
            Try::Done(body) => parse(&call.doing, &body).map_err(Failure::Unknown),
            Try::Later(error, _) => {
                let status = Status { code: 429, ..Status::default() };
                Err(Failure::Refused(Box::new(status), error))
            }
            Try::Failed(failure) => Err(failure),
        }
    }

    async fn attempt(&self, call: &Call, accept: &'static str, default_timeout: Duration) -> Try {
        let timeout = self.request_timeout.unwrap_or(default_timeout);
        let unknown = |text: String| {
            Try::Failed(Failure::Unknown(Error::new(Kind::Cluster, format!("{}: {text}", call.doing))))
        };
        let mut request = http::Request::builder().method(call.method).uri(&call.path);
        // The server packs what is large; a list of many pods shrinks to a twelfth.
        request = request.header(http::header::ACCEPT_ENCODING, "gzip");
        let mut bytes = Vec::new();
        if let Some((content_type, body)) = &call.body {
            request = request.header(http::header::CONTENT_TYPE, *content_type);
            bytes = crate::golang::json(body).into_bytes();
        }
        let request = match request.header(http::header::ACCEPT, accept).body(Body::from(bytes)) {
            Ok(request) => request,
            Err(error) => return unknown(error.to_string()),
        };
        let exchange = async {
            let response = self.client.send(request).await.map_err(|error| self.broken(&error))?;
            self.answered.store(true, Ordering::Relaxed);
            let (head, body) = response.into_parts();
            self.hear(&head.headers);
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map_err(|error| Broken::Off(chain(error.as_ref())))?;
            let packed = head.headers.get(http::header::CONTENT_ENCODING).is_some_and(|how| how == "gzip");
            let body = body.to_bytes();
            let body = if packed { unpacked(&body).map_err(Broken::Off)? } else { body.to_vec() };
            Ok::<_, Broken>((head, body))
        };
        let (head, body) = match tokio::time::timeout(timeout, exchange).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(Broken::Final(error))) => {
                // It is not going to be another one, and nothing was sent.
                let error = Error { message: format!("{}: {}", call.doing, error.message), ..error };
                return Try::Failed(Failure::Refused(Box::default(), error));
            }
            Ok(Err(Broken::Off(text))) => return unknown(text),
            Err(_) => return unknown(format!("no answer within {} s", timeout.as_secs())),
        };
        if call.method != "GET" {
            self.warned.note(&head.headers);
        }
        if head.status.is_success() {
            return Try::Done(body);
        }
        let mut status: Status = serde_json::from_slice(&body).unwrap_or_default();
        let unreasoned = status.code == 500 && status.reason.is_empty();
        status.code = head.status.as_u16();
        if status.message.is_empty() {
            status.message = String::from_utf8_lossy(&body).chars().take(300).collect();
        }
        let error = self.refusal(call, &status);
        let retry_after =
            head.headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        match status.code {
            429 => Try::Later(error, Duration::from_secs(retry_after.unwrap_or(1).min(60))),
            500 if unreasoned => Try::Failed(Failure::Unreasoned(error)),
            500..=599 => Try::Failed(Failure::Unknown(error)),
            _ => Try::Failed(Failure::Refused(Box::new(status), error)),
        }
    }

    fn broken(&self, error: &kube::Error) -> Broken {
        if let Some(text) = self.credential.untrusted(error) {
            return Broken::Final(Error::new(Kind::Cluster, text).next("kubectl rollout-plus doctor"));
        }
        if let Some(own) = own(error) {
            return Broken::Final(own.clone());
        }
        let why = chain(error);
        let why = why.strip_prefix("ServiceError: ").unwrap_or(&why);
        Broken::Off(format!("no answer from {}: {why}", self.credential.server))
    }

    fn refusal(&self, call: &Call, status: &Status) -> Error {
        let message = status.message.trim();
        let said = if message.is_empty() { status.reason.as_str() } else { message };
        let error =
            Error::new(Kind::Cluster, format!("{}: the server said {}: {said}", call.doing, status.code));
        let refusal = Refusal::of(status.code, &status.reason, message);
        let mut error = match refusal {
            Refusal::Credential | Refusal::Anonymous => {
                Error { message: format!("{}; {}", error.message, self.credential.rejected()), ..error }
            }
            Refusal::OnTheWay => {
                let message =
                    format!("{} (no answer of an API server: something on the way gave it)", error.message);
                Error { message, ..error }
            }
            // Before the first write, that is; the engine knows whether there was one.
            Refusal::Quota => Error { kind: Kind::Refused, ..error },
            Refusal::Rights
            | Refusal::Terminating
            | Refusal::Policy
            | Refusal::Conflict
            | Refusal::InClear
            | Refusal::Other => error,
        };
        error.next.extend(refusal.next(&self.namespace));
        error
    }
}

/// Why there was no answer.
enum Broken {
    /// Its certificate is not trusted, or there is no credential.
    Final(Error),
    /// The connection broke off.
    Off(String),
}

/// Finds an error of ours among the causes: of a credential that cannot be renewed.
fn own<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Error> {
    error.downcast_ref::<Error>().or_else(|| error.source().and_then(own))
}

fn unpacked(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let limit = u64::try_from(MAX_ANSWER).unwrap_or(u64::MAX);
    let size = flate2::read::MultiGzDecoder::new(packed).take(limit).read_to_end(&mut body);
    size.map_err(|error| format!("unpack the answer: {error}"))?;
    Ok(body)
}

/// Spreads retries of several clients.
fn jittered(pause: Duration) -> Duration {
    let random = world::random() % 512;
    pause.mul_f64(0.75 + f64::from(u32::try_from(random).unwrap_or(0)) / 1024.0)
}

/// Reads what an answer says.
pub(crate) fn parse<T: DeserializeOwned>(doing: &str, body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| senseless(doing, &error))
}

/// Says that an answer cannot be read.
pub(super) fn senseless(doing: &str, error: &serde_json::Error) -> Error {
    Error::new(Kind::Cluster, format!("{doing}: the answer makes no sense: {error}"))
}

/// Encodes text for the query or a segment of a path.
pub(super) fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

//! Asking a version through the API server: nothing in the cluster has to be reached.

use std::time::Duration;

use http_body_util::BodyExt;
use kube::client::Body;
use kube::core::Status;
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::cluster::connect::chain;
use crate::error::{Error, Kind};
use crate::model::resource::PODS;
use crate::plan::Answer;
use crate::traffic::{Target, proxied};

/// How long an answer is waited for. The server ends such a request by no limit of its own
/// (`BasicLongRunningRequestCheck` in k8s.io/apiserver).
const PATIENCE: Duration = Duration::from_secs(10);

/// Who is asked.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    /// A Service, by its first port.
    Service(String),
    /// A pod, by this port.
    Pod(String, u16),
}

/// What came of a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// It was answered.
    Answer(Answer),
    /// No answer came for so long.
    Silence(Duration),
    /// There is no such pod any more.
    Gone,
}

impl Cluster {
    /// Asks a Service or a pod once.
    ///
    /// # Errors
    /// What the API server says itself: it does not answer, or not to us.
    pub(crate) async fn ask(&self, whom: &Asked, path: &str) -> Result<Reply, Error> {
        self.ask_within(self.request_timeout.unwrap_or(PATIENCE), whom, path).await
    }

    /// The same, where an answer is waited for no longer than this.
    pub(super) async fn ask_within(
        &self,
        patience: Duration,
        whom: &Asked,
        path: &str,
    ) -> Result<Reply, Error> {
        let (title, place, plural, name) = match whom {
            Asked::Service(service) => {
                let target = Target::service(&self.namespace, service);
                let found = self.read_target(&target).await?.unwrap_or_default();
                let name = proxied(service, &found);
                (target.to_string(), format!("{}/{name}", target.collection()), "services", name)
            }
            Asked::Pod(pod, port) => {
                let name = format!("{pod}:{port}");
                let title = format!("pod/{pod} in namespace {}", self.namespace);
                (title, self.path(&PODS, &name), "pods", name)
            }
        };
        let failed =
            |why: String| Error::new(Kind::Cluster, format!("ask {title} through the API server: {why}"));
        let exchange = self.exchange(format!("{place}/proxy{path}"));
        let answer = match tokio::time::timeout(patience, exchange).await {
            Ok(answer) => answer.map_err(failed)?,
            Err(_) => return Ok(Reply::Silence(patience)),
        };
        // What the API server refuses is no answer of the version.
        let own = serde_json::from_slice::<Status>(&answer.body).unwrap_or_default();
        match (answer.status, own.reason.as_str(), whom) {
            (403, "Forbidden", _) => Err(failed(format!("no right to get {plural}/proxy")).next(format!(
                "kubectl auth can-i get {plural}/{name} --subresource=proxy -n {}",
                self.namespace
            ))),
            (401, "Unauthorized", _) | (429, "TooManyRequests", _) => {
                Err(failed(format!("the server said {}: {}", answer.status, own.message)))
            }
            (404, "NotFound", Asked::Pod(..)) => Ok(Reply::Gone),
            (_, _, Asked::Service(_) | Asked::Pod(..)) => Ok(Reply::Answer(answer)),
        }
    }

    async fn exchange(&self, path: String) -> Result<Answer, String> {
        let request = http::Request::get(path).body(Body::empty()).map_err(|error| error.to_string())?;
        let begin = Instant::now();
        let answer = self.client.send(request).await.map_err(|error| chain(&error))?;
        let status = answer.status().as_u16();
        let (mut body, mut is_whole) = (Vec::new(), true);
        let mut rest = answer.into_body();
        while let Some(frame) = rest.frame().await {
            let frame = frame.map_err(|error| chain(&error))?;
            body.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
            if body.len() > Answer::MOST {
                body.truncate(Answer::MOST);
                is_whole = false;
                break;
            }
        }
        let millis = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Answer { status, body, is_whole, millis })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use futures::stream;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;
    use kube::{Client, Config};

    use super::*;
    use crate::cluster::Credential;
    use crate::credentials::Identity;

    /// A server that answers all alike; what it was asked is kept.
    fn answering(status: u16, body: &str) -> (Cluster, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, body) = (Arc::clone(&asked), Bytes::from(body.to_owned()));
        let service = tower::service_fn(move |request: http::Request<Body>| {
            kept.lock().unwrap().push(request.uri().to_string());
            let answer = http::Response::builder().status(status).body(Full::new(body.clone())).unwrap();
            async move { Ok::<_, Infallible>(answer) }
        });
        (cluster(Client::new(service, "shop")), asked)
    }

    fn cluster(client: Client) -> Cluster {
        let config = Config::new("https://server.example".parse().unwrap());
        let credential = Credential::of(&config, Identity::Opaque, "t".into(), Vec::new());
        Cluster::new(client, "shop".into(), None, Arc::new(credential))
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(work)
    }

    fn ask(status: u16, body: &str) -> Result<Reply, Error> {
        let (reply, asked) = run(async {
            let (cluster, asked) = answering(status, body);
            (cluster.ask(&Asked::Pod("web-1".into(), 8080), "/health?a=b").await, asked)
        });
        let path = "/api/v1/namespaces/shop/pods/web-1:8080/proxy/health?a=b";
        assert_eq!(*asked.lock().unwrap(), [path]);
        reply
    }

    #[test]
    fn what_a_pod_answers_comes_back() {
        for status in [200, 302, 403, 404, 500, 503] {
            let Ok(Reply::Answer(answer)) = ask(status, "it is up") else { panic!("{status}") };
            assert_eq!((answer.status, &*answer.body, answer.is_whole), (status, &b"it is up"[..], true));
        }
    }

    #[test]
    fn what_the_api_server_refuses_is_no_answer() {
        let own = |code: u16, reason: &str| {
            ask(code, &format!(r#"{{"kind":"Status","reason":"{reason}","message":"m","code":{code}}}"#))
        };
        assert!(matches!(own(404, "NotFound"), Ok(Reply::Gone)));
        // Nobody listens there: the version is to blame.
        assert!(matches!(own(503, "ServiceUnavailable"), Ok(Reply::Answer(_))));
        let error = own(403, "Forbidden").unwrap_err();
        let ask = "ask pod/web-1 in namespace shop through the API server";
        assert_eq!(error.message, format!("{ask}: no right to get pods/proxy"));
        assert_eq!(error.next, ["kubectl auth can-i get pods/web-1:8080 --subresource=proxy -n shop"]);
        let error = own(429, "TooManyRequests").unwrap_err();
        assert_eq!((error.kind, error.message), (Kind::Cluster, format!("{ask}: the server said 429: m")));
        assert!(own(401, "Unauthorized").is_err());
    }

    #[test]
    fn a_body_without_end_is_read_up_to_the_limit() {
        let service = tower::service_fn(|_: http::Request<Body>| async {
            let frames =
                stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b'x'; 1000]))));
            Ok::<_, Infallible>(http::Response::new(StreamBody::new(frames)))
        });
        let reply = run(async {
            cluster(Client::new(service, "shop")).ask(&Asked::Pod("web-1".into(), 80), "/").await
        });
        let Ok(Reply::Answer(answer)) = reply else { panic!("{reply:?}") };
        assert_eq!((answer.body.len(), answer.is_whole), (Answer::MOST, false));
    }

    #[test]
    fn who_does_not_answer_is_not_waited_for_without_end() {
        let service = tower::service_fn(|_: http::Request<Body>| async {
            std::future::pending::<Result<http::Response<Full<Bytes>>, Infallible>>().await
        });
        let reply = run(async {
            let mut cluster = cluster(Client::new(service, "shop"));
            cluster.request_timeout = Some(Duration::from_millis(20));
            cluster.ask(&Asked::Pod("web-1".into(), 80), "/").await
        });
        assert!(matches!(reply, Ok(Reply::Silence(time)) if time == Duration::from_millis(20)), "{reply:?}");
    }
}

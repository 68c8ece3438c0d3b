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
        let patience = self.request_timeout.unwrap_or(PATIENCE);
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

//! Reading the metrics of pods through the API server: nothing in the cluster has to be reached.

use std::time::Duration;

use futures::future::{join_all, join3};
use futures::stream::{self, StreamExt};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt, Limited};
use kube::Client;
use kube::client::Body;
use kube::core::Status;

use crate::analysis_file::Prometheus;
use crate::cluster::Cluster;
use crate::cluster::connect::chain;
use crate::metric::{Named, Scraped};
use crate::model::resource::PODS;
use crate::reading::{Asked, Question, Read, Readings, Unmeasured, of_backends, of_pods};
use crate::scrape::{Place, Unread};

/// The server ends such a request by no limit of its own (`BasicLongRunningRequestCheck` in k8s.io/apiserver).
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest text that is read, in bytes.
pub(super) const MAX_TEXT: usize = 16 * 1024 * 1024;
/// How many are read at once.
const AT_ONCE: usize = 4;
/// Plain text: `OpenMetrics` may come all the same, the form of protobuf does not.
const FORM: &str = "text/plain;version=0.0.4, */*;q=0.1";

impl Cluster {
    /// Reads metrics, all at the same time.
    pub(crate) async fn metrics(&self, asked: Asked) -> Readings {
        let Asked { question, named, server, login, limits, probe } = asked;
        let (server, login) = (server.as_ref(), login.as_ref());
        let limits = limits.into_iter().map(|(place, limited)| {
            let server = server.map(|server| (server, login));
            async move {
                let measured = match limited {
                    Ok(limited) => self.measure(server, limited).await,
                    Err(why) => Err(Unmeasured::Failed(why)),
                };
                (place, measured)
            }
        });
        let sent = async {
            match probe {
                Some(volley) => self.probe(&volley).await,
                None => Vec::new(),
            }
        };
        let counters = self.counters(question, named.as_ref(), login);
        let (pods, limits, probe) = join3(counters, join_all(limits), sent).await;
        Readings { pods, limits, probe }
    }

    /// Reads counters of pods, or of what a router counts for, where they are asked for.
    pub(crate) async fn counters(
        &self,
        question: Question,
        named: Option<&Named>,
        login: Option<&Prometheus>,
    ) -> Vec<Read> {
        match question {
            Question::Pods(pods) => self.scrape(pods, named).await,
            Question::Prometheus { server, queries, pods } => {
                let answers = Box::pin(self.ask_prometheus(&server, login, &queries)).await;
                of_pods(pods, answers.map_err(Unmeasured::text), named)
            }
            Question::Router { server, queries, backends } => {
                let answers = Box::pin(self.ask_prometheus(&server, login, &queries)).await;
                of_backends(&backends, answers.map_err(Unmeasured::text), named)
            }
        }
    }

    /// Reads the metrics of pods, each of them once.
    async fn scrape(&self, pods: Vec<(String, Place)>, named: Option<&Named>) -> Vec<Read> {
        let read = |(pod, place): (String, Place)| async move {
            let text = match tokio::time::timeout(PATIENCE, self.metrics_of(&pod, &place)).await {
                Ok(text) => text,
                Err(_) => {
                    Err(Unread::no_answer(&format!("no answer within {} s", PATIENCE.as_secs()), &place))
                }
            };
            let told = text.and_then(|text| Scraped::of(&text, named).map_err(Unread::Told));
            (pod, told)
        };
        stream::iter(pods).map(read).buffer_unordered(AT_ONCE).collect().await
    }

    async fn metrics_of(&self, pod: &str, place: &Place) -> Result<String, Unread> {
        let path = format!("{}/proxy{}", self.path(&PODS, &place.of_pod(pod)), place.path);
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(FORM))]);
        let answer = get(&self.client, &path, headers, MAX_TEXT).await;
        let answer = answer.map_err(|why| Unread::no_answer(&why, place))?;
        if answer.status() == http::StatusCode::OK {
            return Ok(String::from_utf8_lossy(answer.body()).into_owned());
        }
        // Only the API server answers with one of these.
        let status = serde_json::from_slice::<Status>(answer.body()).ok();
        Err(Unread::of(answer.status().as_u16(), status.map(|status| (status.reason, status.message)), place))
    }
}

/// Asks once, and returns all of the answer.
///
/// # Errors
/// Why there was no answer, or that it is larger than `most` bytes.
pub(super) async fn get(
    client: &Client,
    path: &str,
    headers: HeaderMap,
    most: usize,
) -> Result<http::Response<Vec<u8>>, String> {
    let mut request = http::Request::get(path).body(Body::empty()).map_err(|error| error.to_string())?;
    *request.headers_mut() = headers;
    let answer = client.send(request).await.map_err(|error| chain(&error))?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, most).collect().await.map_err(|error| chain(error.as_ref()))?;
    Ok(http::Response::from_parts(head, body.to_bytes().to_vec()))
}

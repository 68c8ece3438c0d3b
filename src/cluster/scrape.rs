//! Reading the metrics of pods through the API server: nothing in the cluster has to be reached.

use std::time::Duration;

use futures::future::{join, join_all};
use futures::stream::{self, StreamExt};
use http_body_util::{BodyExt, Limited};
use kube::Client;
use kube::client::Body;
use kube::core::Status;

use crate::cluster::Cluster;
use crate::cluster::connect::chain;
use crate::condition::Measured;
use crate::metric::{Named, Scraped};
use crate::model::resource::PODS;
use crate::prometheus::Server;
use crate::reading::{Asked, Question, Read, Readings, measured, of_pods};
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
        let Asked { question, named, server, limits } = asked;
        let limits = limits.into_iter().map(|(place, query)| {
            let server = server.as_ref();
            async move {
                let server = server.ok_or_else(|| "no Prometheus is named".to_owned());
                let measured = match (query, server) {
                    (Ok(query), Ok(server)) => self.measure(server, query).await,
                    (Err(why), _) | (_, Err(why)) => Err(why),
                };
                (place, measured)
            }
        });
        let (pods, limits) = join(self.counters(question, named.as_ref()), join_all(limits)).await;
        Readings { pods, limits }
    }

    /// Reads counters of pods, where they are asked for.
    pub(crate) async fn counters(&self, question: Question, named: Option<&Named>) -> Vec<Read> {
        match question {
            Question::Pods(pods) => self.scrape(pods, named).await,
            Question::Prometheus { server, queries, pods } => {
                of_pods(pods, self.ask_prometheus(&server, &queries).await, named)
            }
        }
    }

    async fn measure(&self, server: &Server, query: String) -> Result<Measured, String> {
        let answers = self.ask_prometheus(server, &[query]).await?;
        answers.first().map_or_else(|| Err("there is no answer".to_owned()), measured)
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
        let answer = get(&self.client, &path, FORM).await;
        let (code, body) = answer.map_err(|why| Unread::no_answer(&why, place))?;
        if code == 200 {
            return Ok(String::from_utf8_lossy(&body).into_owned());
        }
        // Only the API server answers with one of these.
        let status = serde_json::from_slice::<Status>(&body).ok();
        Err(Unread::of(code, status.map(|status| (status.reason, status.message)), place))
    }
}

/// Asks once for a text of metrics, and returns the status with all of the answer.
///
/// # Errors
/// Why there was no answer, or that it is too large.
pub(super) async fn get(client: &Client, path: &str, form: &str) -> Result<(u16, Vec<u8>), String> {
    let request = http::Request::get(path).header(http::header::ACCEPT, form);
    let request = request.body(Body::empty()).map_err(|error| error.to_string())?;
    let answer = client.send(request).await.map_err(|error| chain(&error))?;
    let code = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), MAX_TEXT).collect().await;
    Ok((code, body.map_err(|error| chain(error.as_ref()))?.to_bytes().to_vec()))
}

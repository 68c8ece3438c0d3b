//! Reading the metrics of pods through the API server: nothing in the cluster has to be reached.

use std::time::Duration;

use futures::stream::{self, StreamExt};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use kube::core::Status;

use crate::cluster::Cluster;
use crate::cluster::connect::chain;
use crate::metric::Scraped;
use crate::model::resource::PODS;
use crate::reading::{Question, Read, of_pods};
use crate::scrape::{Place, Unread};

/// The server ends such a request by no limit of its own (`BasicLongRunningRequestCheck` in k8s.io/apiserver).
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest text that is read, in bytes.
const MAX_TEXT: usize = 16 * 1024 * 1024;
/// How many are read at once.
const AT_ONCE: usize = 4;
/// Plain text: `OpenMetrics` may come all the same, the form of protobuf does not.
const FORM: &str = "text/plain;version=0.0.4, */*;q=0.1";

impl Cluster {
    /// Reads the metrics of pods, where they are asked for.
    pub(crate) async fn metrics(&self, question: Question) -> Vec<Read> {
        match question {
            Question::Pods(pods) => self.scrape(pods).await,
            Question::Prometheus { server, queries, pods } => {
                of_pods(pods, self.ask_prometheus(&server, &queries).await)
            }
        }
    }

    /// Reads the metrics of pods, each of them once.
    async fn scrape(&self, pods: Vec<(String, Place)>) -> Vec<Read> {
        let read = |(pod, place): (String, Place)| async move {
            let text = match tokio::time::timeout(PATIENCE, self.metrics_of(&pod, &place)).await {
                Ok(text) => text,
                Err(_) => {
                    Err(Unread::no_answer(&format!("no answer within {} s", PATIENCE.as_secs()), &place))
                }
            };
            let told = text.and_then(|text| Scraped::of(&text).map_err(Unread::Told));
            (pod, told)
        };
        stream::iter(pods).map(read).buffer_unordered(AT_ONCE).collect().await
    }

    async fn metrics_of(&self, pod: &str, place: &Place) -> Result<String, Unread> {
        let path = format!("{}/proxy{}", self.path(&PODS, &place.of_pod(pod)), place.path);
        let request = http::Request::get(&path).header(http::header::ACCEPT, FORM);
        let lost = |why: &str| Unread::no_answer(why, place);
        let request = request.body(Body::empty()).map_err(|error| lost(&error.to_string()))?;
        let answer = self.client.send(request).await.map_err(|error| lost(&chain(&error)))?;
        let code = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MAX_TEXT).collect().await;
        let body = body.map_err(|error| lost(&chain(error.as_ref())))?.to_bytes();
        if code == 200 {
            return Ok(String::from_utf8_lossy(&body).into_owned());
        }
        // Only the API server answers with one of these.
        let status = serde_json::from_slice::<Status>(&body).ok();
        Err(Unread::of(code, status.map(|status| (status.reason, status.message)), place))
    }
}

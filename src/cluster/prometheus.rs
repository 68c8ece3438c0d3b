//! Asking a Prometheus: by its address, or as a Service through the API server.

use std::time::Duration;

use futures::future::try_join_all;
use kube::Config;
use kube::core::Status;

use crate::brief;
use crate::cluster::call::encode;
use crate::cluster::connect::chain;
use crate::cluster::scrape::get;
use crate::cluster::{Bearer, Cluster, Login, http_client};
use crate::credentials::Secret;
use crate::error::Error;
use crate::prometheus::{Data, Server, read};

/// The longest time for all queries of a look.
const PATIENCE: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// The longest that is told of an answer, in letters.
const SAID: usize = 200;

/// Who asks a Prometheus.
#[derive(Clone)]
pub(crate) struct Asker {
    /// Where the token may go: nowhere but to the server that was named on the command line.
    server: Server,
    http: kube::Client,
}

impl Asker {
    /// Makes a client for an address. Nothing is sent.
    ///
    /// # Errors
    /// What is wrong with the address or the token, without showing the token.
    pub(crate) fn new(server: &Server, token: Option<&Secret>) -> Result<Option<Self>, Error> {
        let Server::Address(address) = server else { return Ok(None) };
        if token.is_some() && !server.is_private() {
            let why = "PROMETHEUS_TOKEN would go in clear, and everybody on the way could read it";
            return Err(Error::usage(format!("--prometheus {address}: {why}"))
                .next("--prometheus https://..., or unset PROMETHEUS_TOKEN"));
        }
        let wrong = |why: String| Error::usage(format!("--prometheus {address}: {why}"));
        let url = address.parse().map_err(|_| wrong("it cannot be read".to_owned()))?;
        let mut config = Config::new(url);
        config.connect_timeout = Some(CONNECT);
        let bearer = token.map(Bearer::token).transpose()?;
        let http = http_client(config, Login { bearer, certificate: None }, None)
            .map_err(|error| wrong(chain(&error)))?;
        Ok(Some(Self { server: server.clone(), http }))
    }
}

impl Cluster {
    /// Has a Prometheus asked with a token of its own.
    pub(crate) fn with_asker(self, asker: Option<Asker>) -> Self {
        Self { asker, ..self }
    }

    /// Asks queries for one instant.
    ///
    /// # Errors
    /// Why there is no whole answer to one of them: for people, and never what a token is.
    pub(crate) async fn ask_prometheus(
        &self,
        server: &Server,
        queries: &[String],
    ) -> Result<Vec<Data>, String> {
        let (client, base) = match server {
            Server::Service { .. } => (self.client.clone(), server.base()),
            Server::Address(_) => match self.asker.as_ref().filter(|asker| asker.server == *server) {
                Some(asker) => (asker.http.clone(), String::new()),
                // A run that is gone on with: its command line named no server, and no token may go there.
                None => match Asker::new(server, None) {
                    Ok(Some(asker)) => (asker.http, String::new()),
                    Ok(None) => return Err(format!("{server} is not asked")),
                    Err(error) => return Err(error.message),
                },
            },
        };
        // By a clock that is the cluster's.
        let instant = self.clock().map(jiff::Timestamp::as_second);
        ask_all(&client, server, &base, queries, instant, PATIENCE).await
    }
}

/// Asks all of them for the same instant.
async fn ask_all(
    client: &kube::Client,
    server: &Server,
    base: &str,
    queries: &[String],
    instant: Option<i64>,
    patience: Duration,
) -> Result<Vec<Data>, String> {
    if instant.is_none() && queries.len() > 1 {
        return Err("the API server has told no time yet".to_owned());
    }
    let each = queries.iter().map(|query| ask(client, server, base, query, instant));
    match tokio::time::timeout(patience, try_join_all(each)).await {
        Ok(answers) => answers,
        Err(_) => Err(format!("{server}: no answer within {} s", patience.as_secs())),
    }
}

async fn ask(
    client: &kube::Client,
    server: &Server,
    base: &str,
    query: &str,
    instant: Option<i64>,
) -> Result<Data, String> {
    let told = |why: &str| format!("{server}: {}", brief::line(why, SAID));
    let time = instant.map(|instant| format!("&time={instant}")).unwrap_or_default();
    let path = format!("{base}/api/v1/query?query={}{time}", encode(query));
    let (code, body) = get(client, &path, "application/json").await.map_err(|why| told(&why))?;
    let text = String::from_utf8_lossy(&body);
    // Only the API server answers with one of these.
    if let Ok(Status { reason, message, .. }) = serde_json::from_str::<Status>(&text)
        && code != 200
        && !message.is_empty()
    {
        let why = if reason == "Forbidden" { "no right to get services/proxy there" } else { &message };
        return Err(told(why));
    }
    let answer = read(code, &text).map_err(|fault| told(&fault.to_string()))?;
    match instant {
        Some(instant) if !answer.data.is_of(instant) => Err(told("it answers for another time")),
        Some(_) | None => Ok(answer.data),
    }
}

#[cfg(test)]
mod tests;

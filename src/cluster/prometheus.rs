//! Asking a Prometheus: by its address, or as a Service through the API server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderValue};
use kube::Config;
use kube::core::Status;

use crate::analysis_file::Prometheus;
use crate::brief;
use crate::cluster::call::encode;
use crate::cluster::connect::chain;
use crate::cluster::scrape::{MAX_TEXT, get};
use crate::cluster::sources::{headers_of, not_named};
use crate::cluster::token::{Token, of_file};
use crate::cluster::{Cluster, Login, http_client};
use crate::credentials::Secret;
use crate::error::Error;
use crate::kubeconfig::certificates;
use crate::prometheus::{Data, Server, read};
use crate::reading::Unmeasured;
use crate::tool::Variables;

/// The longest time for all queries of a look.
const PATIENCE: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// The longest that is told of an answer, in letters.
const SAID: usize = 200;

/// Who asks a Prometheus.
#[derive(Clone)]
pub(crate) struct Asker {
    /// Where headers and token may go: nowhere but to the server that was named on the command line, or in its file.
    server: Server,
    /// What that file has of it besides its address.
    login: Option<Prometheus>,
    /// Absent for a Service, which the API server asks.
    http: Option<kube::Client>,
    headers: HeaderMap,
    token: Arc<Token>,
}

impl Asker {
    /// Makes a client for a server. Nothing is sent, and no program is run.
    ///
    /// `given`: a token that the file says nothing of.
    ///
    /// # Errors
    /// What is wrong with the address, a file or the token, without showing the token.
    pub(crate) fn new(
        server: &Server,
        login: Option<&Prometheus>,
        given: Option<&Secret>,
        variables: &Variables,
    ) -> Result<Self, Error> {
        let asker = |http, token| Self {
            server: server.clone(),
            login: login.cloned(),
            http,
            headers: login.map(|login| headers_of(&login.headers)).unwrap_or_default(),
            token: Arc::new(token),
        };
        let Server::Address(address) = server else { return Ok(asker(None, Token::None)) };
        let token = match login {
            Some(Prometheus { token_file: Some(file), .. }) => {
                // One that is not there is told of before the first write.
                let path = Path::new(file);
                of_file(path)
                    .map_err(|why| Error::usage(format!("prometheus.{why}")).next(format!("ls -l {file}")))?;
                Token::File(path.to_owned())
            }
            Some(Prometheus { token_command, .. }) if !token_command.is_empty() => {
                Token::program(token_command.clone(), variables.clone())
            }
            Some(_) | None => match given {
                Some(_) if !server.is_private() => {
                    let why = "PROMETHEUS_TOKEN would go in clear, and everybody on the way could read it";
                    return Err(Error::usage(format!("--prometheus {address}: {why}"))
                        .next("--prometheus https://..., or unset PROMETHEUS_TOKEN"));
                }
                Some(token) => Token::fixed(token)?,
                None => Token::None,
            },
        };
        let wrong = |why: String| Error::usage(format!("--prometheus {address}: {why}"));
        let url = address.parse().map_err(|_| wrong("it cannot be read".to_owned()))?;
        let mut config = Config::new(url);
        config.connect_timeout = Some(CONNECT);
        if let Some(file) = login.and_then(|login| login.ca_file.as_ref()) {
            config.root_cert = Some(authorities(file)?);
            config.root_cert_file = Some(file.into());
        }
        let http = http_client(config, Login::default(), None).map_err(|error| wrong(chain(&error)))?;
        Ok(asker(Some(http), token))
    }

    /// Returns the headers of the requests of one look.
    ///
    /// # Errors
    /// Why there is no token.
    async fn headers(&self) -> Result<HeaderMap, String> {
        let mut headers = self.headers.clone();
        if let Some(token) = self.token.header().await? {
            headers.insert(AUTHORIZATION, token);
        }
        Ok(headers)
    }
}

/// Reads the certificates that a server's own is signed by.
fn authorities(file: &str) -> Result<Vec<Vec<u8>>, Error> {
    let wrong =
        |why: String| Error::usage(format!("prometheus.caFile {file}: {why}")).next(format!("ls -l {file}"));
    let found = certificates(&std::fs::read(file).map_err(|error| wrong(error.to_string()))?);
    if found.is_empty() { Err(wrong("there is no certificate in it".to_owned())) } else { Ok(found) }
}

impl Cluster {
    /// Asks queries for one instant, with what the plan has of headers and token.
    ///
    /// # Errors
    /// Why there is no whole answer to one of them: for people, and never what a token is.
    pub(crate) async fn ask_prometheus(
        &self,
        server: &Server,
        login: Option<&Prometheus>,
        queries: &[String],
    ) -> Result<Vec<Data>, Unmeasured> {
        let named = self.sources.asker.as_ref();
        let named = named.filter(|asker| asker.server == *server && asker.login.as_ref() == login);
        let asker = match (named, login) {
            (Some(asker), _) => asker.clone(),
            (None, Some(_)) => return Err(not_named()),
            // A run that is gone on with: its command line named no server, and no token may go there.
            (None, None) => Asker::new(server, None, None, &Variables::new())
                .map_err(|error| Unmeasured::Failed(error.message))?,
        };
        // By a clock that is the cluster's.
        let instant = self.clock().map(jiff::Timestamp::as_second);
        let asked = asker.ask(&self.client, queries, instant, PATIENCE).await;
        asked.map_err(Unmeasured::Failed)
    }
}

impl Asker {
    /// Asks all of them for the same instant.
    async fn ask(
        &self,
        api_server: &kube::Client,
        queries: &[String],
        instant: Option<i64>,
        patience: Duration,
    ) -> Result<Vec<Data>, String> {
        if instant.is_none() && queries.len() > 1 {
            return Err("the API server has told no time yet".to_owned());
        }
        let told = |why: String| format!("{}: {}", self.server, brief::line(&why, SAID));
        let headers = self.headers().await.map_err(told)?;
        let each = queries.iter().map(|query| self.ask_one(api_server, &headers, query, instant));
        match tokio::time::timeout(patience, try_join_all(each)).await {
            Ok(answers) => answers.map_err(told),
            Err(_) => Err(told(format!("no answer within {} s", patience.as_secs()))),
        }
    }

    async fn ask_one(
        &self,
        api_server: &kube::Client,
        headers: &HeaderMap,
        query: &str,
        instant: Option<i64>,
    ) -> Result<Data, String> {
        let (client, base) = match &self.http {
            Some(http) => (http, String::new()),
            None => (api_server, self.server.base()),
        };
        let time = instant.map(|instant| format!("&time={instant}")).unwrap_or_default();
        let path = format!("{base}/api/v1/query?query={}{time}", encode(query));
        let mut headers = headers.clone();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = get(client, &path, headers, MAX_TEXT).await?;
        let code = answer.status().as_u16();
        if code == 401 {
            self.token.rejected().await;
        }
        let text = String::from_utf8_lossy(answer.body());
        // Only the API server answers with one of these.
        if let Ok(Status { reason, message, .. }) = serde_json::from_str::<Status>(&text)
            && code != 200
            && !message.is_empty()
        {
            let is_refused = reason == "Forbidden";
            return Err(if is_refused { "no right to get services/proxy there".to_owned() } else { message });
        }
        let answer = read(code, &text).map_err(|fault| fault.to_string())?;
        match instant {
            Some(instant) if !answer.data.is_of(instant) => Err("it answers for another time".to_owned()),
            Some(_) | None => Ok(answer.data),
        }
    }
}

#[cfg(test)]
mod tests;

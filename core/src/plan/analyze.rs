//! What is to be found out of the metrics of both versions while the new one serves.

mod words;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::analysis_file::{AnalysisFile, From, Prometheus, Source};
use crate::duration::MAX_SECONDS;
use crate::metric::{CounterName, HistogramName, Named};
use crate::plan::Probe;
use crate::prometheus::{Matchers, Server};
use crate::reading::MetricSource;
use crate::router_metrics::Backends;
use crate::traffic::{Traffic, TrafficObjects};

/// What is asked of the metrics. Kept in the plan, so that whoever goes on with a run asks the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Analyze {
    /// Where they are read.
    pub from: MetricSource,
    /// Requests that take longer than so many seconds are slow; absent: the bounds are chosen from the stable version's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slower_than: Option<f64>,
    /// So many times as many bad requests as the stable version has are not worse yet.
    pub margin: f64,
    /// The largest share of bad requests, from 0 to 1, whatever the stable version has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_error_rate: Option<f64>,
    /// Seconds for which new pods are Ready before the first look.
    pub warm_up: u64,
    /// Seconds of looks after which there is not enough data.
    pub limit: u64,
    /// Whether to go on as soon as it is known that the new version is not worse.
    #[serde(default)]
    pub early_pass: bool,
    /// What is done where that is not known in the end.
    #[serde(default)]
    pub on_inconclusive: OnInconclusive,
    /// Which metrics; absent: those that conventions tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<AnalysisFile>,
    /// Whether those that conventions tell are compared beside the limits of a file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub usual: bool,
    /// Whether the new version has all of the requests meanwhile: there is nothing to compare it with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// What is sent meanwhile; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

/// What is done where the metrics do not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OnInconclusive {
    /// Go back to the stable version.
    #[default]
    Abort,
    /// Stop where it stands.
    Hold,
    /// Go on.
    Promote,
}

impl Analyze {
    /// Returns what of it no command line asks.
    pub fn oddity(&self) -> Option<String> {
        let time = [self.warm_up, self.limit].into_iter().find(|seconds| *seconds > MAX_SECONDS);
        let share = |share: f64| share > 0.0 && share < 1.0;
        let numbers = (1.0..=10.0).contains(&self.margin)
            && self.max_error_rate.is_none_or(share)
            && self.slower_than.is_none_or(|seconds| seconds > 0.0 && seconds <= 3600.0);
        time.map(|seconds| format!("a time of {seconds} s"))
            .or_else(|| (!numbers).then(|| "an analysis with numbers that none has".to_owned()))
            .or_else(|| self.probe.as_ref().and_then(Probe::oddity))
    }

    /// Returns it with the metrics of a file; those that conventions tell are compared beside if it says so. `named`: the Prometheus of the command line, before that of the file.
    ///
    /// # Errors
    /// What of the file cannot be done, with its metric.
    pub fn with_file(
        self,
        mut file: AnalysisFile,
        named: Option<&Server>,
        matchers: &Matchers,
    ) -> Result<Self, String> {
        if let Some(server) = named {
            // Token and CA are for the file's own server.
            let is_same = |given: &Prometheus| given.url.parse().as_ref() == Ok(server);
            file.prometheus = match file.prometheus.take() {
                Some(given) if is_same(&given) => Some(given),
                other => {
                    let headers = other.map(|given| given.headers).unwrap_or_default();
                    Some(Prometheus { headers, ..Prometheus::at(server.to_string()) })
                }
            };
        }
        let server = file.prometheus.as_ref().map(server_of).transpose()?;
        let wanted = || server.clone().ok_or("it takes a prometheus in the file, or --prometheus");
        let mut sources = Vec::new();
        let (mut counters, mut histograms) = (0, 0);
        let mut slower_than = self.slower_than;
        for metric in &file.metrics {
            let wrong = |why: &str| format!("metric {}: {why}", metric.name);
            let from = match &metric.source {
                Source::Counter { from, .. } => {
                    counters += 1;
                    from
                }
                Source::Histogram { from, slower_than: slow, .. } => {
                    histograms += 1;
                    slower_than = slower_than.or(*slow);
                    from
                }
                Source::Query { .. } => {
                    wanted().map_err(wrong)?;
                    continue;
                }
                Source::Web { .. } | Source::Command { .. } => continue,
            };
            if metric.dry_run {
                return Err(wrong("dryRun is for metrics with a limit: what is compared decides"));
            }
            sources.push(match from {
                From::Pods => None,
                From::Prometheus | From::Router => Some((*from, wanted().map_err(wrong)?)),
            });
        }
        if self.usual && counters + histograms > 0 {
            return Err("it names what is compared: leave --analyze out".to_owned());
        }
        if counters > 1 || histograms > 1 {
            return Err("one counter and one histogram are compared, and there are more".to_owned());
        }
        if sources.iter().any(|source| Some(source) != sources.first()) {
            return Err("the counter and the histogram are read from the same source".to_owned());
        }
        if self.from == MetricSource::Probe && counters + histograms > 0 {
            return Err("it names what is compared: leave --metrics-from out".to_owned());
        }
        if self.from.is_router() && !self.usual {
            return Err(
                "it says where each metric is read: write from: router there, and leave --metrics-from out"
                    .to_owned(),
            );
        }
        let matchers = matchers.clone();
        let from = match sources.into_iter().next().flatten() {
            Some((From::Router, server)) => MetricSource::Router { server, matchers },
            Some((From::Prometheus | From::Pods, server)) => MetricSource::Prometheus { server, matchers },
            None if self.usual => self.from,
            // The server of the command line is for the queries.
            None => match self.from {
                MetricSource::Prometheus { .. } | MetricSource::Router { .. } => {
                    MetricSource::Pods { port: None, path: None }
                }
                own @ (MetricSource::Pods { .. } | MetricSource::Probe) => own,
            },
        };
        Ok(Self { from, slower_than, file: Some(file), ..self })
    }

    /// Returns it for a version that has all of the requests.
    ///
    /// # Errors
    /// What of it takes another version beside.
    pub fn alone(self) -> Result<Self, String> {
        let has_limits = self.file.is_some();
        let compares = self.file.iter().flat_map(|file| &file.metrics).any(|metric| !metric.has_limit());
        let judges = !has_limits || self.usual || self.probe.is_some();
        if compares || self.max_error_rate.is_none() && judges {
            return Err(
                "after the switch the former version gets no requests to compare with: what is judged is \
                 --max-error-rate, and limits of an analysis file"
                    .to_owned(),
            );
        }
        if self.from.is_router() {
            return Err("what a router has counted is compared for a canary alone: leave --metrics-from out"
                .to_owned());
        }
        let usual = self.max_error_rate.is_some();
        Ok(Self { alone: true, usual, ..self })
    }

    /// Returns which counters of pods are compared, where a file names them.
    pub fn named(&self) -> Option<Named> {
        let mut named = Named::default();
        for metric in &self.file.as_ref().filter(|_| !self.usual)?.metrics {
            match &metric.source {
                Source::Counter { counter, bad, ignore, .. } => {
                    let (name, bad, ignore) = (counter.clone(), bad.clone(), ignore.clone());
                    named.counter = Some(CounterName { name, bad, ignore });
                }
                Source::Histogram { histogram, ignore, .. } => {
                    named.histogram = Some(HistogramName { name: histogram.clone(), ignore: ignore.clone() });
                }
                Source::Query { .. } | Source::Web { .. } | Source::Command { .. } => {}
            }
        }
        Some(named)
    }

    /// Whether counters of pods are judged, and not only limits kept.
    pub fn compares(&self) -> bool {
        if self.from == MetricSource::Probe {
            return false;
        }
        let compares = |file: &AnalysisFile| file.metrics.iter().any(|metric| !metric.has_limit());
        if self.alone { self.usual } else { self.usual || self.file.as_ref().is_none_or(compares) }
    }

    /// Returns where queries with a limit are sent.
    pub fn server(&self) -> Option<Server> {
        let of_file = || self.file.as_ref()?.prometheus.as_ref()?.url.parse().ok();
        self.from.server().cloned().or_else(of_file)
    }

    /// Returns why a router's counters cannot be compared, where they are to be: known before anything is written.
    pub fn unfit(
        &self,
        traffic: Option<&Traffic>,
        objects: &TrafficObjects,
        namespace: &str,
    ) -> Option<String> {
        let is_asked = self.from.is_router() && self.compares();
        is_asked.then(|| Backends::of_versions(traffic, objects, namespace).err()).flatten()
    }

    /// Names the metrics that only a command line that names them may ask: they read a file, run a program or send something
    /// to an address, and a plan may be somebody else's.
    pub fn of_command_line(&self) -> Vec<&str> {
        let by_login = self.login().is_some();
        let is_kept = |source: &Source| match source {
            Source::Web { .. } | Source::Command { .. } => true,
            Source::Query { .. } => by_login,
            Source::Counter { from, .. } | Source::Histogram { from, .. } => {
                by_login && *from == From::Prometheus
            }
        };
        let metrics = self.file.iter().flat_map(|file| &file.metrics);
        metrics.filter(|metric| is_kept(&metric.source)).map(|metric| metric.name.as_str()).collect()
    }

    /// Returns what the file has of its Prometheus besides the address, if anything.
    pub fn login(&self) -> Option<&Prometheus> {
        let given = self.file.as_ref()?.prometheus.as_ref();
        given.filter(|given| **given != Prometheus::at(given.url.clone()))
    }
}

/// Finds the server of a file's Prometheus, to which its token may go.
fn server_of(given: &Prometheus) -> Result<Server, String> {
    let server: Server = given.url.parse()?;
    let token = match given {
        Prometheus { token_file: Some(_), .. } => Some("tokenFile"),
        Prometheus { token_command, .. } if !token_command.is_empty() => Some("tokenCommand"),
        Prometheus { .. } => None,
    };
    let ca = given.ca_file.as_ref().map(|_| "caFile");
    match (&server, token.or(ca)) {
        (Server::Service { .. }, Some(key)) => Err(format!(
            "prometheus.{key}: a Service is asked by the API server, with its own credentials: use an address"
        )),
        (Server::Address(_), _) if token.is_some() && !server.is_private() => Err(format!(
            "prometheus.{}: the token would go in clear: https is wanted",
            token.unwrap_or_default()
        )),
        (Server::Address(_) | Server::Service { .. }, _) => Ok(server),
    }
}

#[cfg(test)]
mod tests;

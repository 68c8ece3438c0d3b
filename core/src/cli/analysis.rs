//! Flags of verbs that compare the metrics of both versions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, ArgGroup, Args, Command, ValueEnum};

use crate::analysis_file::{AnalysisFile, latency};
use crate::duration;
use crate::error::Error;
use crate::plan::{Analyze, OnInconclusive, Probe};
use crate::prometheus::{self, Matchers, Server};
use crate::reading::MetricSource;

/// The variable with the token for `--prometheus`.
pub const PROMETHEUS_TOKEN: &str = "PROMETHEUS_TOKEN";

/// Who has counted the requests that are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MetricsFrom {
    /// The pods.
    #[default]
    Pods,
    /// The router before them.
    Router,
    /// Nobody: only what a probe is answered counts.
    Probe,
}

/// What asks for looks at metrics.
const LOOKS: &str = "looks";

/// What the metrics of both versions are to tell, where that is one thing among others.
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new(LOOKS).multiple(true).args(["analyze", "analysis"])), mut_args(for_looks))]
pub struct AnalysisArgs {
    /// Compare errors and latency of both versions while they serve, and go back if the new one is worse
    #[arg(long)]
    pub analyze: bool,
    /// What is compared.
    #[command(flatten)]
    pub compared: ComparedArgs,
}

/// What is compared, and where it is read.
#[derive(Clone, Debug, Args)]
pub struct ComparedArgs {
    /// The same with the metrics and limits that a file names (docs/analysis.md)
    #[arg(long, value_name = "FILE")]
    pub analysis: Option<PathBuf>,
    /// Requests that take longer are slow [default: bounds chosen from the stable version's latency]
    #[arg(long, value_name = "DURATION", value_parser = latency)]
    pub slower_than: Option<f64>,
    /// So many times as many bad requests as the stable version has are not worse yet
    #[arg(long, value_name = "FACTOR", value_parser = margin, default_value = "1.25")]
    pub margin: f64,
    /// The largest share of failed requests, whatever the stable version has
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub max_error_rate: Option<f64>,
    /// For how long new pods are Ready before the first look
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "60s")]
    pub warm_up: Duration,
    /// Who has counted the requests: the pods, the router before them as --prometheus has it, or --probe alone
    #[arg(
        long,
        value_name = "SOURCE",
        value_enum,
        default_value = "pods",
        requires_ifs([("router", "prometheus"), ("probe", "probe")])
    )]
    pub metrics_from: MetricsFrom,
    /// Port of the pods' metrics [default: as their annotations or the names of their ports say]
    #[arg(long, value_name = "PORT")]
    pub metrics_port: Option<String>,
    /// Path of the pods' metrics [default: as their annotations say, or /metrics]
    #[arg(long, value_name = "PATH")]
    pub metrics_path: Option<String>,
    /// Send so many requests to pods of each version meanwhile, such as 5/s (at most 50/s), and compare the answers, too
    #[arg(long, value_name = "RATE", value_parser = Probe::rate)]
    pub probe: Option<u32>,
    /// Path of these requests
    #[arg(long, value_name = "PATH", value_parser = Probe::path, default_value = "/", requires = "probe")]
    pub probe_path: String,
    /// Port of the pods that they go to [default: where the Service sends requests, or the first of the pods]
    #[arg(long, value_name = "PORT", requires = "probe")]
    pub probe_port: Option<String>,
    /// Read the pods' metrics from a Prometheus: its address, or service:NAMESPACE/NAME:PORT through the API server
    #[arg(long, value_name = "SERVER", conflicts_with_all = ["metrics_port", "metrics_path"])]
    pub prometheus: Option<Server>,
    /// What series in Prometheus have to match besides, such as job=shop (repeatable)
    #[arg(long, value_name = "MATCHER", value_parser = prometheus::matcher, requires = "prometheus")]
    pub prometheus_match: Vec<(String, String)>,
}

/// For how long metrics are looked at, and what is done where they do not tell.
#[derive(Clone, Copy, Debug)]
pub struct Looking {
    /// The longest time at one share.
    pub time: Duration,
    /// Whether to go on as soon as the new version is known not to be worse.
    pub early_pass: bool,
    /// What is done where that is not known in the end.
    pub on_inconclusive: OnInconclusive,
}

/// Where looking is one thing among others, what is about it alone takes it.
fn for_looks(arg: Arg) -> Arg {
    let compared = ComparedArgs::augment_args(Command::new(""));
    let is_about_looks = compared.get_arguments().any(|one| one.get_id() == arg.get_id());
    if is_about_looks && arg.get_id() != "analysis" { arg.requires(LOOKS) } else { arg }
}

impl AnalysisArgs {
    /// Returns what is to be found out, if anything is; with what the file says.
    ///
    /// # Errors
    /// What of the file cannot be done here.
    pub fn asked(&self, file: Option<AnalysisFile>, looking: Looking) -> Result<Option<Analyze>, Error> {
        if !self.analyze && file.is_none() {
            return Ok(None);
        }
        self.compared.asked(self.analyze, file, looking).map(Some)
    }
}

impl ComparedArgs {
    /// Returns what is to be found out. `usual`: what conventions tell is compared, beside the file if there is one.
    ///
    /// # Errors
    /// What of the file cannot be done here.
    pub fn asked(&self, usual: bool, file: Option<AnalysisFile>, looking: Looking) -> Result<Analyze, Error> {
        let matchers = self.matchers();
        let from = match (&self.prometheus, self.metrics_from) {
            (Some(server), MetricsFrom::Router) => MetricSource::Router { server: server.clone(), matchers },
            (Some(server), MetricsFrom::Pods) => {
                MetricSource::Prometheus { server: server.clone(), matchers }
            }
            (None, MetricsFrom::Router) => {
                return Err(Error::usage("--metrics-from router takes --prometheus SERVER"));
            }
            (server, MetricsFrom::Probe) => {
                let unread = [
                    ("--metrics-port", self.metrics_port.is_some()),
                    ("--metrics-path", self.metrics_path.is_some()),
                    ("--prometheus", server.is_some() && file.is_none()),
                ];
                if let Some((flag, _)) = unread.into_iter().find(|(_, is_given)| *is_given) {
                    let why = format!(
                        "--metrics-from probe compares what --probe is answered alone: leave {flag} out"
                    );
                    return Err(Error::usage(why));
                }
                MetricSource::Probe
            }
            (None, MetricsFrom::Pods) => {
                MetricSource::Pods { port: self.metrics_port.clone(), path: self.metrics_path.clone() }
            }
        };
        let asked = Analyze {
            from,
            slower_than: self.slower_than,
            margin: self.margin,
            max_error_rate: self.max_error_rate.map(|percent| percent / 100.0),
            warm_up: self.warm_up.as_secs(),
            limit: looking.time.as_secs(),
            early_pass: looking.early_pass,
            on_inconclusive: looking.on_inconclusive,
            file: None,
            usual: usual && file.is_some(),
            alone: false,
            probe: None,
        };
        let probe = self.probe.map(|rate| Probe {
            rate,
            path: self.probe_path.clone(),
            port: self.probe_port.clone(),
        });
        let Some(file) = file else { return asked.with_probe(probe).map_err(Error::usage) };
        let named = self.analysis.as_deref().unwrap_or(Path::new("")).display().to_string();
        let wrong = |why| Error::usage(format!("--analysis {named}: {why}"));
        let asked = asked.with_file(file, self.prometheus.as_ref(), &self.matchers()).map_err(wrong)?;
        asked.with_probe(probe).map_err(Error::usage)
    }

    fn matchers(&self) -> Matchers {
        self.prometheus_match.iter().cloned().collect()
    }
}

fn margin(text: &str) -> Result<f64, String> {
    let wrong = || format!("'{text}' is no factor from 1 to 10: write for example 1.25");
    decimal(text).filter(|factor| (1.0..=10.0).contains(factor)).ok_or_else(wrong)
}

fn percent(text: &str) -> Result<f64, String> {
    let wrong = || format!("'{text}' is no percentage above 0 and below 100: write for example 5");
    let number = text.trim_end_matches('%').trim();
    decimal(number).filter(|percent| *percent > 0.0 && *percent < 100.0).ok_or_else(wrong)
}

/// Reads digits with at most one point: no sign, no exponent, no infinity.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_written_with_their_unit() {
        assert_eq!(latency("250ms"), Ok(0.25));
        assert_eq!(latency("1.5s"), Ok(1.5));
        for text in ["250", "0ms", "-1s", "1e3s", "infs", "NaNms", "4000s", "", "s", "1 s"] {
            assert!(latency(text).is_err(), "{text}");
        }
    }

    fn asked(flags: &str) -> Result<Analyze, Error> {
        let line = Command::new("looks").no_binary_name(true);
        let line = ComparedArgs::augment_args(line).get_matches_from(flags.split_whitespace());
        let args = <ComparedArgs as clap::FromArgMatches>::from_arg_matches(&line).unwrap();
        let time = Duration::from_secs(600);
        args.asked(true, None, Looking { time, early_pass: false, on_inconclusive: OnInconclusive::Abort })
    }

    #[test]
    fn a_probe_alone_takes_no_flag_of_metrics() {
        let probe = asked("--metrics-from probe --probe 5/s --probe-port web").unwrap();
        assert_eq!(probe.from, MetricSource::Probe);
        assert_eq!(probe.probe, Some(Probe { rate: 5, path: "/".into(), port: Some("web".into()) }));
        for flag in ["--metrics-port 80", "--metrics-path /m", "--prometheus https://prom.example"] {
            let error = asked(&format!("--metrics-from probe --probe 5/s {flag}")).unwrap_err();
            let name = flag.split(' ').next().unwrap();
            let why = "--metrics-from probe compares what --probe is answered alone: leave";
            assert_eq!(error.message, format!("{why} {name} out"));
        }
        let beside = asked("--probe 5/s --probe-path /healthz").unwrap();
        assert!(beside.compares() && beside.probe.is_some());
        assert!(asked("--probe 5/s").unwrap_err().message.starts_with("the pods would count requests to /"));
    }

    #[test]
    fn margins_and_percentages_have_their_bounds() {
        assert_eq!(margin("1.25"), Ok(1.25));
        assert_eq!(percent("0.5%"), Ok(0.5));
        for text in ["0.9", "11", "NaN", "inf", "-2", ""] {
            assert!(margin(text).is_err(), "{text}");
        }
        for text in ["0", "100", "NaN", "-1", "1e1", ""] {
            assert!(percent(text).is_err(), "{text}");
        }
    }
}

//! Requests that a run sends itself, as many to pods of both versions, where users send too few.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Analyze;
use crate::metric::is_left_out;
use crate::reading::MetricSource;
use crate::scrape::{asked_port, is_path};

/// The most requests a second to one version: they all go through the API server.
const MOST: u32 = 50;

/// What is sent to pods of both versions while they are compared.
///
/// Whoever goes on with a run sends them too, also by a plan from the Lease: they are GETs to pods of the workload's own
/// namespace, by the API server and with the rights of whoever goes on, as those of `--verify` and for `/metrics` are. They
/// reach no other address, and read no file. `Probe::oddity` keeps a plan from asking for more than a command line can.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Probe {
    /// Requests a second to each version.
    pub rate: u32,
    /// The path with its query; begins with `/`.
    pub path: String,
    /// The port of the pods, by its number or name; absent: as their Service or template says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
}

impl Probe {
    /// Reads a rate such as `5/s`, in requests a second to each version.
    ///
    /// # Errors
    /// What it is to be.
    pub fn rate(text: &str) -> Result<u32, String> {
        let wrong = || format!("'{text}' is no rate from 1/s to {MOST}/s: write for example 5/s");
        let digits =
            text.strip_suffix("/s").filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let rate = digits.and_then(|digits| digits.parse().ok());
        rate.filter(|rate| (1..=MOST).contains(rate)).ok_or_else(wrong)
    }

    /// Reads a path.
    ///
    /// # Errors
    /// What it is to be.
    pub fn path(text: &str) -> Result<String, String> {
        let wrong = || format!("'{text}' is no path: write for example /healthz");
        is_path(text).then(|| text.to_owned()).ok_or_else(wrong)
    }

    /// Finds the port of a version's pods by its template and the Service that sends them requests, if there is one.
    ///
    /// # Errors
    /// Says what is not there.
    pub fn port_of(&self, template: &Value, service: Option<&Value>) -> Result<u16, String> {
        asked_port(template, self.port.as_deref(), service)
    }

    /// Returns what of it no command line asks.
    pub(super) fn oddity(&self) -> Option<String> {
        let Self { rate, path, .. } = self;
        let wrong = !(1..=MOST).contains(rate) || !is_path(path);
        wrong.then(|| format!("a probe that none asks: {rate}/s of {path}"))
    }

    /// Returns it for people.
    pub(super) fn sentence(&self) -> String {
        format!("{}/s to {} of each version", self.rate, self.path)
    }
}

impl Analyze {
    /// Returns it with requests that are sent meanwhile, if any are.
    ///
    /// # Errors
    /// What the pods would count among the requests of users; what there is nothing to judge by without a probe.
    pub fn with_probe(self, probe: Option<Probe>) -> Result<Self, String> {
        let Some(probe) = probe else {
            return match self.from {
                MetricSource::Probe => Err("--metrics-from probe takes --probe RATE".to_owned()),
                MetricSource::Pods { .. } | MetricSource::Prometheus { .. } | MetricSource::Router { .. } => {
                    Ok(self)
                }
            };
        };
        let counts = match self.from {
            MetricSource::Pods { .. } | MetricSource::Prometheus { .. } => self.compares(),
            // A router does not see what goes to the pods themselves.
            MetricSource::Router { .. } | MetricSource::Probe => false,
        };
        if counts && !is_left_out(&probe.path, self.named().as_ref()) {
            return Err(format!(
                "the pods would count requests to {} among those of their users: name a path that is left out with \
                 --probe-path (/healthz, /livez, /readyz, /actuator/health), or compare the probe's alone with \
                 --metrics-from probe",
                probe.path
            ));
        }
        Ok(Self { probe: Some(probe), ..self })
    }

    /// Whether anything is judged by counts, and not only limits kept.
    pub fn judges(&self) -> bool {
        self.compares() || self.probe.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::analyze;

    #[test]
    fn rates_have_their_bounds() {
        assert_eq!((Probe::rate("5/s"), Probe::rate("50/s")), (Ok(5), Ok(50)));
        for text in ["0/s", "51/s", "5", "5/m", "-1/s", "+5/s", "1e1/s", "", "/s", "0.5/s"] {
            let why = Probe::rate(text).unwrap_err();
            assert_eq!(why, format!("'{text}' is no rate from 1/s to 50/s: write for example 5/s"));
        }
        assert!(Probe::path("/healthz?full=1").is_ok());
        for text in ["healthz", "/../secrets", "/a b", "/#"] {
            assert!(Probe::path(text).is_err(), "{text}");
        }
    }

    fn probe(path: &str) -> Probe {
        Probe { rate: 5, path: path.into(), port: None }
    }

    #[test]
    fn what_the_pods_would_count_as_their_users_is_refused() {
        let with = |asked: &Analyze, path: &str| asked.clone().with_probe(Some(probe(path)));
        for path in ["/healthz", "/livez", "/readyz", "/actuator/health", "/healthz?full=1"] {
            assert!(with(&analyze(), path).unwrap().judges(), "{path}");
        }
        let why = with(&analyze(), "/orders").unwrap_err();
        insta::assert_snapshot!(why, @"the pods would count requests to /orders among those of their users: name a path that is left out with --probe-path (/healthz, /livez, /readyz, /actuator/health), or compare the probe's alone with --metrics-from probe");
        let alone = Analyze { from: MetricSource::Probe, ..analyze() };
        let probed = with(&alone, "/orders").unwrap();
        assert!(probed.judges() && !probed.compares());
        assert_eq!(alone.with_probe(None).unwrap_err(), "--metrics-from probe takes --probe RATE");
        let server = "service:m/p:9090".parse().unwrap();
        let router = Analyze { from: MetricSource::Router { server, matchers: [].into() }, ..analyze() };
        assert!(with(&router, "/orders").is_ok(), "it goes by no router");
    }

    #[test]
    fn a_file_says_what_its_counter_leaves_out() {
        let file = |ignore: &Value| {
            let counter = serde_json::json!({"name": "lost", "counter": "a_total", "ignore": ignore});
            let file = serde_json::json!({"schema": 1, "metrics": [counter]});
            let file = crate::analysis_file::AnalysisFile::read(&file).unwrap();
            analyze().with_file(file, None, &[].into()).unwrap()
        };
        let ignores = serde_json::json!({"path": "/probe.*"});
        assert!(file(&ignores).with_probe(Some(probe("/probe/me"))).is_ok());
        assert!(file(&ignores).with_probe(Some(probe("/orders"))).is_err());
        assert!(file(&Value::Object([].into_iter().collect())).with_probe(Some(probe("/healthz"))).is_ok());
    }

    #[test]
    fn a_plan_that_asks_for_more_is_odd() {
        let odd = |rate, path: &str| {
            Analyze { probe: Some(Probe { rate, ..probe(path) }), ..analyze() }.oddity().is_some()
        };
        assert!(!odd(50, "/healthz"));
        assert!(odd(51, "/healthz") && odd(0, "/healthz") && odd(5, "/../../secrets"));
    }
}

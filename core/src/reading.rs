//! Who is asked for the metrics of both versions and for what has a limit, and what the answers say.

mod outside;
mod probing;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::analysis_file::{Prometheus, Web};
use crate::condition::Measured;
use crate::metric::{self, Named, Scraped};
use crate::prometheus::{Data, Matchers, Server, by_pod, queries};
use crate::router_metrics::{self, Backends};
use crate::scrape::{Place, Unread};

pub use outside::{of_program, of_web};
pub use probing::{Shot, Target, Volley};

/// Where metrics are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "source", deny_unknown_fields)]
pub enum MetricSource {
    /// The pods themselves, through the API server.
    Pods {
        /// The port; absent: as annotations or the names of ports say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<String>,
        /// The path; absent: as annotations say, or `/metrics`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// A Prometheus that reads the pods.
    Prometheus {
        /// Where it is.
        server: Server,
        /// What series have to match besides.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        matchers: Matchers,
    },
    /// Nobody: what a probe is answered is all that counts.
    Probe,
    /// A Prometheus that reads the router before the pods.
    Router {
        /// Where it is.
        server: Server,
        /// What series have to match besides.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        matchers: Matchers,
    },
}

/// What is to be asked now, all at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The counters of pods.
    pub question: Question,
    /// What of them counts, where it is no convention's.
    pub named: Option<Named>,
    /// Where queries with a limit are sent.
    pub server: Option<Server>,
    /// What the plan has of that Prometheus besides its address.
    pub login: Option<Prometheus>,
    /// What is asked for metrics with a limit by their place, or why one cannot be asked.
    pub limits: Vec<(usize, Result<Limited, String>)>,
    /// What is sent to pods of both versions until the next look.
    pub probe: Option<Volley>,
}

/// What is asked for a metric with a limit, with values in place of variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limited {
    /// A query of Prometheus.
    Query(String),
    /// A web request.
    Web {
        /// As the file has it.
        web: Web,
        /// Where to.
        url: String,
    },
    /// A program.
    Command {
        /// As the file has it.
        command: Vec<String>,
        /// As it is run.
        words: Vec<String>,
        /// The longest time for it.
        patience: Duration,
    },
}

/// Why nothing was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmeasured {
    /// There was no whole answer.
    Failed(String),
    /// It is not asked by this machine: its command line does not name it.
    NotHere(String),
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings {
    /// Of each pod.
    pub pods: Vec<Read>,
    /// Of metrics with a limit, by their place.
    pub limits: Vec<(usize, Result<Measured, Unmeasured>)>,
    /// Of each request of a probe.
    pub probe: Vec<(Target, Shot)>,
}

/// Who is asked for counters of pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Each of these pods for its text.
    Pods(Vec<(String, Place)>),
    /// Prometheus for the counters of these pods.
    Prometheus {
        /// Where it is.
        server: Server,
        /// Queries for an instant, which is the same for all of them.
        queries: Vec<String>,
        /// The pods.
        pods: Vec<String>,
    },
    /// Prometheus for what the router has counted for these.
    Router {
        /// Where it is.
        server: Server,
        /// Queries for an instant, which is the same for all of them.
        queries: Vec<String>,
        /// What it has counted for.
        backends: Box<Backends>,
    },
}

/// What was read of a pod, by its name, or of a backend, by its title.
pub type Read = (String, Result<Scraped, Unread>);

impl Limited {
    /// Returns the query, the address, or the program with its arguments as a shell would read them.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Query(query) => Cow::Borrowed(query),
            Self::Web { url, .. } => Cow::Borrowed(url),
            Self::Command { words, .. } => {
                let joined = shlex::try_join(words.iter().map(String::as_str));
                Cow::Owned(joined.unwrap_or_else(|_| words.join(" ")))
            }
        }
    }
}

impl Unmeasured {
    /// Returns why, for people.
    pub fn text(self) -> String {
        match self {
            Self::Failed(why) | Self::NotHere(why) => why,
        }
    }
}

impl MetricSource {
    /// Finds where the metrics of a version's pods are; `None` where somebody else knows that.
    ///
    /// # Errors
    /// Says what is not there and how to name it.
    pub fn place(&self, template: &Value) -> Result<Option<Place>, String> {
        match self {
            Self::Pods { port, path } => Place::of(template, port.as_deref(), path.as_deref()).map(Some),
            Self::Prometheus { .. } | Self::Router { .. } | Self::Probe => Ok(None),
        }
    }

    /// Where the Prometheus is that is asked, if one is.
    pub const fn server(&self) -> Option<&Server> {
        match self {
            Self::Pods { .. } | Self::Probe => None,
            Self::Prometheus { server, .. } | Self::Router { server, .. } => Some(server),
        }
    }

    /// Whether the pods are asked themselves.
    pub const fn asks_pods(&self) -> bool {
        match self {
            Self::Pods { .. } => true,
            Self::Prometheus { .. } | Self::Router { .. } | Self::Probe => false,
        }
    }

    /// Whether the router's counters are read, which are of backends and not of pods.
    pub const fn is_router(&self) -> bool {
        match self {
            Self::Router { .. } => true,
            Self::Pods { .. } | Self::Prometheus { .. } | Self::Probe => false,
        }
    }

    /// Asks what the router has counted; `None` where the pods' own metrics are read.
    pub fn question_of(&self, named: Option<&Named>, backends: Backends) -> Option<Question> {
        match self {
            Self::Pods { .. } | Self::Prometheus { .. } | Self::Probe => None,
            Self::Router { server, matchers } => {
                let queries = backends.queries(named, matchers);
                Some(Question::Router { server: server.clone(), queries, backends: Box::new(backends) })
            }
        }
    }

    /// Asks for the metrics of pods of a namespace, each with the place that its version has; nothing where the router's are
    /// read.
    pub fn question(
        &self,
        named: Option<&Named>,
        namespace: &str,
        pods: Vec<(String, Option<Place>)>,
    ) -> Question {
        match self {
            Self::Pods { .. } => {
                Question::Pods(pods.into_iter().filter_map(|(pod, place)| Some((pod, place?))).collect())
            }
            Self::Router { .. } | Self::Probe => Question::Pods(Vec::new()),
            Self::Prometheus { server, matchers } => {
                let usual = || metric::names().into_iter().map(str::to_owned).collect();
                let names = || named.map_or_else(usual, Named::names);
                let pods: Vec<String> = pods.into_iter().map(|(pod, _)| pod).collect();
                Question::Prometheus {
                    server: server.clone(),
                    queries: queries(&names(), namespace, &pods, matchers),
                    pods,
                }
            }
        }
    }
}

/// Returns what the answers of Prometheus, or why there was none, say of each of the pods that were asked for.
pub fn of_pods(pods: Vec<String>, answers: Result<Vec<Data>, String>, named: Option<&Named>) -> Vec<Read> {
    let by_pod = answers.and_then(|answers| {
        let each = answers.iter().map(|data| by_pod(data).map_err(|fault| fault.to_string()));
        Ok(each.collect::<Result<Vec<_>, String>>()?.into_iter().flatten().collect::<BTreeMap<_, _>>())
    });
    let mut all = match by_pod {
        Ok(all) => all,
        Err(why) => return pods.into_iter().map(|pod| (pod, Err(Unread::Told(why.clone())))).collect(),
    };
    let mut told = |pod: &String| {
        let samples = all.remove(pod).ok_or("Prometheus has no such counters of it")??;
        Scraped::of_samples(&samples, named)
    };
    let read = |pod: String| {
        let told = told(&pod).map_err(Unread::Told);
        (pod, told)
    };
    pods.into_iter().map(read).collect()
}

/// Returns what the answers of Prometheus, or why there was none, say of each of the backends that were asked for.
pub fn of_backends(
    backends: &Backends,
    answers: Result<Vec<Data>, String>,
    named: Option<&Named>,
) -> Vec<Read> {
    let each = router_metrics::of_backends(backends, answers, named);
    each.into_iter().map(|(title, told)| (title, told.map_err(Unread::Told))).collect()
}

/// Returns what the answer to a query with a limit measures.
///
/// # Errors
/// A range.
pub fn measured(data: &Data) -> Result<Measured, String> {
    match data {
        Data::Scalar(point) => Ok(Measured::Scalar(point.value)),
        Data::Vector(all) => {
            Ok(Measured::Vector(all.iter().filter_map(|one| Some(one.points.first()?.value)).collect()))
        }
        Data::Matrix(_) => Err("the query gave a range where a value is wanted".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::read;

    #[test]
    fn a_pod_that_prometheus_does_not_know_has_no_metrics() {
        let text = include_str!("../tests/analysis/prometheus/vector-two-versions.json");
        let text = text.replace("\"code\":", "\"__name__\":\"http_requests_total\",\"code\":");
        let data = read(200, &text).unwrap().data;
        let pods = vec!["frontend-7b76b897d8-aaaaa".to_owned(), "frontend-new".to_owned()];
        let read = of_pods(pods.clone(), Ok(vec![data]), None);
        assert!(read[0].1.is_ok());
        let unknown = Unread::Told("Prometheus has no such counters of it".into());
        assert_eq!(read[1], ("frontend-new".into(), Err(unknown)));
        let read = of_pods(pods, Err("it is slow".into()), None);
        assert!(read.iter().all(|(_, told)| *told == Err(Unread::Told("it is slow".into()))));
    }

    #[test]
    fn a_source_is_noted_as_it_was() {
        let old: MetricSource = serde_json::from_str(r#"{"source":"pods","port":"web"}"#).unwrap();
        assert_eq!(old, MetricSource::Pods { port: Some("web".into()), path: None });
        let matchers = [("job".to_owned(), "shop".to_owned())].into();
        let new = MetricSource::Prometheus { server: "service:m/p:9090".parse().unwrap(), matchers };
        let text = serde_json::to_string(&new).unwrap();
        assert_eq!(text, r#"{"source":"prometheus","server":"service:m/p:9090","matchers":{"job":"shop"}}"#);
        assert_eq!(serde_json::from_str::<MetricSource>(&text).unwrap(), new);
        assert!(serde_json::from_str::<MetricSource>(&text.replace("m/p", "m/../p")).is_err());
        let router = serde_json::from_str(&text.replace("\"prometheus\"", "\"router\"")).unwrap();
        assert!(matches!(router, MetricSource::Router { matchers, .. } if matchers.len() == 1));
    }
}

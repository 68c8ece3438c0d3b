//! What an answer of Prometheus' `/api/v1/query` and `/api/v1/query_range` says.
//!
//! Form: prometheus/docs `querying/api.md`.

mod pods;
mod server;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

pub use pods::{Matchers, by_pod, matcher, queries};
pub(crate) use pods::{OF_REPLICA, OF_TARGET, quoted, selector};
pub use server::Server;

/// A value at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Seconds since 1970: of the query for an instant, not of the sample (that is `timestamp()`).
    pub at: f64,
    /// Also infinite or not a number.
    pub value: f64,
}

/// One series of a vector (one point) or of a matrix (as many as there are).
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its points, in the order of the answer.
    pub points: Vec<Point>,
}

/// A series of a counter, and its value.
pub type Counter<'d> = (&'d Series, f64);

/// What a query gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// One value without labels.
    Scalar(Point),
    /// A value each of any number of series. None is no data: never 0.
    Vector(Vec<Series>),
    /// The answer to a query of a range.
    Matrix(Vec<Series>),
}

/// An answer that can be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What the query gave.
    pub data: Data,
    /// What Prometheus remarks about the query; the data is whole.
    pub infos: Vec<String>,
}

/// Why an answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The query is wrong (400, 422): it stays so.
    Query(String),
    /// Nothing is known of the query: another try may give data.
    Passing(String),
    /// A part of the data is missing (`warnings`): what is there would be taken for the whole.
    Partial(Vec<String>),
    /// The data has another form than is wanted.
    Form(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(said) => write!(f, "Prometheus refuses the query: {said}"),
            Self::Passing(said) => write!(f, "no answer of Prometheus: {said}"),
            Self::Partial(said) => write!(f, "Prometheus has only a part of the data: {}", said.join("; ")),
            Self::Form(said) => write!(f, "the query gave {said}"),
        }
    }
}

impl std::error::Error for Fault {}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    data: Option<Raw>,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Raw {
    Scalar((f64, String)),
    Vector(Vec<RawInstant>),
    Matrix(Vec<RawRange>),
}

#[derive(Deserialize)]
struct RawInstant {
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

#[derive(Deserialize)]
struct RawRange {
    metric: BTreeMap<String, String>,
    values: Vec<(f64, String)>,
}

/// Reads an answer by its HTTP status and its body.
///
/// # Errors
/// Every answer that is not whole data.
pub fn read(status: u16, body: &str) -> Result<Answer, Fault> {
    let body: Body =
        serde_json::from_str(body).map_err(|error| Fault::Passing(format!("HTTP {status}: {error}")))?;
    match status {
        200 => {}
        400 | 422 => return Err(Fault::Query(body.error)),
        _ => return Err(Fault::Passing(format!("HTTP {status}: {}", body.error))),
    }
    if !body.warnings.is_empty() {
        return Err(Fault::Partial(body.warnings));
    }
    let data = match body.data {
        Some(Raw::Scalar(raw)) => Data::Scalar(point(&raw)?),
        Some(Raw::Vector(all)) => Data::Vector(
            all.into_iter().map(|one| series(one.metric, &[one.value])).collect::<Result<_, _>>()?,
        ),
        Some(Raw::Matrix(all)) => Data::Matrix(
            all.into_iter().map(|one| series(one.metric, &one.values)).collect::<Result<_, _>>()?,
        ),
        None => return Err(Fault::Passing(format!("HTTP {status}: no data in the answer"))),
    };
    Ok(Answer { data, infos: body.infos })
}

fn series(labels: BTreeMap<String, String>, raw: &[(f64, String)]) -> Result<Series, Fault> {
    Ok(Series { labels, points: raw.iter().map(point).collect::<Result<_, _>>()? })
}

fn point((at, value): &(f64, String)) -> Result<Point, Fault> {
    let value = value.parse().map_err(|_| Fault::Passing(format!("{value:?} is not a number")))?;
    Ok(Point { at: *at, value })
}

impl Data {
    /// Whether all of it is of that second since 1970.
    pub fn is_of(&self, instant: i64) -> bool {
        #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 are far from 2^52")]
        let instant = instant as f64;
        let is_of = |point: &Point| (point.at - instant).abs() < 1.0;
        match self {
            Self::Scalar(point) => is_of(point),
            Self::Vector(all) | Self::Matrix(all) => all.iter().flat_map(|one| &one.points).all(is_of),
        }
    }

    /// Returns the one value of an instant; `None` is no data.
    ///
    /// # Errors
    /// Several series, which are named, and a range.
    pub fn one(&self) -> Result<Option<f64>, Fault> {
        match self {
            Self::Scalar(point) => Ok(Some(point.value)),
            Self::Vector(all) if all.len() > 1 => {
                let names: Vec<String> = all.iter().map(|one| format!("{:?}", one.labels)).collect();
                Err(Fault::Form(format!("{} series where one is wanted: {}", all.len(), names.join(", "))))
            }
            Self::Vector(all) => Ok(all.first().and_then(|one| one.points.first()).map(|point| point.value)),
            Self::Matrix(_) => Err(Fault::Form("a range where a value is wanted".to_owned())),
        }
    }

    /// Returns the series of counters by the name of their pod; nothing is no data.
    ///
    /// # Errors
    /// Another form than a vector, a series of no pod or of two, a value that no counter has.
    pub fn counters(&self) -> Result<BTreeMap<&str, Vec<Counter<'_>>>, Fault> {
        let all = match self {
            Self::Vector(all) => all,
            Self::Scalar(_) => {
                return Err(Fault::Form("a scalar where counters of pods are wanted".to_owned()));
            }
            Self::Matrix(_) => {
                return Err(Fault::Form("a range where counters of pods are wanted".to_owned()));
            }
        };
        let mut pods: BTreeMap<&str, Vec<Counter<'_>>> = BTreeMap::new();
        for one in all {
            for point in &one.points {
                if !point.value.is_finite() || point.value < 0.0 {
                    return Err(Fault::Form(format!("{} for a counter: {:?}", point.value, one.labels)));
                }
                pods.entry(pod(one)?).or_default().push((one, point.value));
            }
        }
        Ok(pods)
    }
}

/// What the process says of itself becomes `exported_pod` where the scrape has its own `pod`: no one can say which is meant.
fn pod(one: &Series) -> Result<&str, Fault> {
    match (one.labels.get("pod"), one.labels.get("exported_pod")) {
        (Some(pod), Some(other)) if pod != other => {
            Err(Fault::Form(format!("a series of two pods, {pod} and {other}")))
        }
        (Some(pod), _) | (None, Some(pod)) => Ok(pod),
        (None, None) => Err(Fault::Form(format!("a series without the label pod: {:?}", one.labels))),
    }
}

#[cfg(test)]
mod tests;

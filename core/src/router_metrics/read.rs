//! What the answers of Prometheus say of each backend.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Backends, is_renamed};
use crate::exposition::Sample;
use crate::metric::{COUNTED_BY, Labels, Named, Patterns, Scraped};
use crate::prometheus::{Data, OF_REPLICA, OF_TARGET, Series};

/// Labels in which two scrapes of the same router differ, those first that one can choose by.
const SCRAPES: [&str; 6] = ["job", "endpoint", "container", "service", "node", "instance"];

/// Returns what the answers, or why there was none, say of each backend, by its title.
pub fn of_backends(
    backends: &Backends,
    answers: Result<Vec<Data>, String>,
    named: Option<&Named>,
) -> Vec<(String, Result<Scraped, String>)> {
    let each = answers.and_then(|answers| by_backend(backends, &answers));
    let title = |at: usize| backends.all.get(at).map(|backend| backend.title.clone()).unwrap_or_default();
    match each {
        Err(why) => (0..backends.all.len()).map(|at| (title(at), Err(why.clone()))).collect(),
        Ok(each) => {
            let counts = backends.plane.counts();
            let read = |samples: Result<Vec<Sample<'static>>, String>| match samples?.as_slice() {
                [] => Err(format!("Prometheus has no {} of it", counts.names(named).join(" or "))),
                samples => Scraped::of_replicas(samples, &counts, named),
            };
            each.into_iter().enumerate().map(|(at, samples)| (title(at), read(samples))).collect()
        }
    }
}

/// The samples of each backend, or that they come twice.
type Told = Vec<Result<Vec<Sample<'static>>, String>>;

fn by_backend(backends: &Backends, answers: &[Data]) -> Result<Told, String> {
    let labels: Vec<Labels> = backends.all.iter().map(|backend| backends.plane.labels(backend)).collect();
    let own: Vec<&str> = labels.iter().flat_map(|labels| labels.keys().map(String::as_str)).collect();
    let patterns = labels.iter().map(Patterns::of).collect::<Result<Vec<_>, String>>()?;
    let mut found: Vec<Vec<Counted<'_>>> = patterns.iter().map(|_| Vec::new()).collect();
    for data in answers {
        let Data::Vector(all) = data else {
            return Err("Prometheus gave something else than counters".to_owned());
        };
        for series in all {
            let Some(value) = series.points.first().map(|point| point.value) else { continue };
            let counted = Counted { series, labels: labels_of(series, &own), value };
            let place = patterns.iter().position(|patterns| patterns.all(&counted.sample()));
            // Another's, whose name a pattern of all backends lets through.
            let Some(all) = place.and_then(|place| found.get_mut(place)) else { continue };
            all.push(counted);
        }
    }
    Ok(found.iter().map(|all| once(all)).collect())
}

/// A series with the labels that the router gave it.
struct Counted<'d> {
    series: &'d Series,
    labels: Vec<(&'d str, &'d str)>,
    value: f64,
}

/// Returns a router's own labels of a series: those of `own` whatever a scrape made of their names, and none of the target's.
fn labels_of<'d>(series: &'d Series, own: &[&'d str]) -> Vec<(&'d str, &'d str)> {
    let is_own = |label: &str| own.contains(&label);
    let others =
        series.labels.iter().map(|(label, value)| (label.as_str(), value.as_str())).filter(|(label, _)| {
            let renamed = label.strip_prefix("exported_").is_some_and(is_own);
            !renamed && !is_own(label) && !OF_TARGET.contains(label) && !OF_REPLICA.contains(label)
        });
    let named = own.iter().filter_map(|label| {
        let renamed = series.labels.get(&format!("exported_{label}")).filter(|_| is_renamed(label));
        Some((*label, renamed.or_else(|| series.labels.get(*label))?.as_str()))
    });
    let mut all: Vec<_> = others.chain(named).collect();
    all.sort_unstable();
    all.dedup();
    all
}

impl Counted<'_> {
    /// Returns the replica of the router that has counted it.
    fn replica(&self) -> String {
        match (self.of_target("pod"), self.of_target("instance")) {
            ("", instance) => instance.to_owned(),
            (pod, _) => format!("{}/{pod}", self.of_target("namespace")),
        }
    }

    fn of_target(&self, label: &str) -> &str {
        self.series.labels.get(label).map(String::as_str).unwrap_or_default()
    }

    /// Whether both are of the same replica.
    fn is_beside(&self, other: &Self) -> bool {
        let same = |label: &str| {
            !self.of_target(label).is_empty() && self.of_target(label) == other.of_target(label)
        };
        self.replica() == other.replica() || same("instance")
    }

    fn sample(&self) -> Sample<'static> {
        let owned = |text: &str| Cow::Owned(text.to_owned());
        let others = self.labels.iter().filter(|(label, _)| *label != "__name__");
        let labels = others.map(|(label, value)| (owned(label), owned(value)));
        let by = (owned(COUNTED_BY), owned(&self.replica()));
        let labels = labels.chain([by]).collect();
        Sample { name: owned(self.of_target("__name__")), labels, value: self.value }
    }
}

/// Takes what comes twice once where two servers scrape the same.
///
/// # Errors
/// Where one server scrapes a router twice: each request would count twice.
fn once(all: &[Counted<'_>]) -> Result<Vec<Sample<'static>>, String> {
    let mut kept: BTreeMap<&[(&str, &str)], Vec<&Counted<'_>>> = BTreeMap::new();
    for counted in all {
        let same = kept.entry(&counted.labels).or_default();
        match same.iter().find(|other| other.is_beside(counted)) {
            None => same.push(counted),
            Some(other) => {
                let differ = SCRAPES.iter().find(|label| other.of_target(label) != counted.of_target(label));
                if let Some(label) = differ {
                    return Err(twice(label, other.of_target(label), counted.of_target(label)));
                }
            }
        }
    }
    Ok(kept.into_values().flatten().map(Counted::sample).collect())
}

fn twice(label: &str, one: &str, other: &str) -> String {
    let told = format!("the router is scraped twice, with {label}={one} and {label}={other}");
    match ([one, other].into_iter().find(|value| !value.is_empty()), label) {
        (Some(value), "job" | "endpoint" | "container" | "service") => {
            format!("{told}: --prometheus-match {label}={value}")
        }
        _ => format!("{told}: let one job of Prometheus scrape it"),
    }
}

//! What the replicas of a router have counted of one version: the series of each apart, because each may begin anew, come and go.

use std::collections::{BTreeMap, BTreeSet};

use super::convention::is_failure;
use super::named::Patterns;
use super::{Named, Scraped, histogram_of, key, whole};
use crate::exposition::Sample;

/// The label that says which replica has counted a series; no label of Prometheus has a blank.
pub const COUNTED_BY: &str = "counted by";

/// How a data plane counts requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counts {
    /// Counters; the first that is there counts.
    pub counters: &'static [Counter],
    /// The buckets of the latency, and how many of their unit a second has.
    pub buckets: (&'static str, f64),
}

/// A counter of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Its name.
    pub name: &'static str,
    /// Labels with anchored regular expressions: requests failed where one of them matches.
    pub failed: &'static [(&'static str, &'static str)],
}

impl Counts {
    /// Returns the names of all series that are read.
    pub fn names(&self, named: Option<&Named>) -> Vec<String> {
        let own = || {
            let counters = self.counters.iter().map(|counter| counter.name);
            counters.chain([self.buckets.0]).map(str::to_owned).collect()
        };
        named.map_or_else(own, Named::names)
    }
}

impl Scraped {
    /// Reads what a router has counted of one version, each series with the label [`COUNTED_BY`].
    ///
    /// Paths of probes count here: a router has only those of its clients.
    ///
    /// # Errors
    /// What is missing among them, or can be no count.
    pub fn of_replicas(all: &[Sample<'_>], counts: &Counts, named: Option<&Named>) -> Result<Self, String> {
        let mut scraped = Self::default();
        let of = |name: &str| all.iter().filter(|sample| sample.name == name).collect::<Vec<_>>();
        let no_rule = |counter: &&Counter| !of(counter.name).is_empty();
        let (requests, family) = match named.map(|named| &named.counter) {
            None => match counts.counters.iter().find(no_rule) {
                Some(counter) => {
                    (Some(with_failures(of(counter.name), &one_of(counter.failed)?)?), counter.name)
                }
                None => (None, ""),
            },
            Some(None) => (None, ""),
            Some(Some(named)) => {
                let ignore = Patterns::of(&named.ignore)?;
                let counted = of(&named.name).into_iter().filter(|sample| !ignore.any(sample)).collect();
                let known = counts.counters.iter().find(|counter| counter.name == named.name);
                let bad = Patterns::of(&named.bad)?;
                let failed: &dyn Fn(&Sample<'_>) -> bool = match known {
                    _ if !bad.is_empty() => &|sample| bad.all(sample),
                    Some(counter) => &one_of(counter.failed)?,
                    None => &|sample| is_failure(sample).unwrap_or(false),
                };
                (Some(with_failures(counted, failed)?).filter(|series| !series.is_empty()), "")
            }
        };
        (scraped.requests, scraped.family) = (requests, family);
        let (buckets, unit) = counts.buckets;
        let histogram = match named.map(|named| &named.histogram) {
            None => Some((buckets.to_owned(), unit, None)),
            Some(None) => None,
            Some(Some(named)) => {
                let name = named.series();
                let unit = if name == buckets { unit } else { 1.0 };
                Some((name, unit, Some(Patterns::of(&named.ignore)?)))
            }
        };
        if let Some((name, unit, ignore)) = histogram {
            let is_counted = |sample: &&Sample<'_>| ignore.as_ref().is_none_or(|ignore| !ignore.any(sample));
            let series = of(&name).into_iter().filter(is_counted);
            scraped.latencies = histogram_of(series, &name, unit)?;
        }
        let wanted = counts.names(named);
        if scraped.requests.is_none() && scraped.latencies.is_empty() {
            return Err(format!("there is no {}", wanted.join(" or ")));
        }
        let read = all.iter().filter(|sample| wanted.iter().any(|name| *name == sample.name));
        scraped.replicas = read.map(|sample| (key(sample), sample.label(COUNTED_BY).to_owned())).collect();
        Ok(scraped)
    }

    /// Whether a series is of a replica that was not there before. What that has counted is no part of the time between two
    /// looks: it may have been there for days, and Prometheus only now have come to it again.
    pub(super) fn newcomers<'s>(&'s self, before: &Self) -> BTreeSet<&'s str> {
        let known: BTreeSet<&String> = before.replicas.values().collect();
        let is_new = |(key, by): (&'s String, &String)| (!known.contains(by)).then_some(key.as_str());
        self.replicas.iter().filter_map(is_new).collect()
    }
}

fn with_failures(
    samples: Vec<&Sample<'_>>,
    failed: &dyn Fn(&Sample<'_>) -> bool,
) -> Result<BTreeMap<String, (u64, bool)>, String> {
    samples.into_iter().map(|sample| Ok((key(sample), (whole(sample)?, failed(sample))))).collect()
}

fn one_of(failed: &'static [(&'static str, &'static str)]) -> Result<impl Fn(&Sample<'_>) -> bool, String> {
    let patterns = Patterns::of_pairs(failed.iter().copied())?;
    Ok(move |sample: &Sample<'_>| patterns.any(sample))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Count;
    use crate::exposition::samples;

    const COUNTS: Counts = Counts {
        counters: &[Counter { name: "requests_total", failed: &[("code", "5.."), ("error", ".+")] }],
        buckets: ("took_bucket", 1000.0),
    };

    /// Samples of a text whose label `by` names the replica.
    fn scraped(text: &str) -> Scraped {
        let text = text.replace("by=", "\"counted by\"=");
        Scraped::of_replicas(&samples(&text).unwrap(), &COUNTS, None).unwrap()
    }

    fn since(after: &str, before: &str) -> Count {
        scraped(after).since(&scraped(before), &[]).errors.unwrap()
    }

    #[test]
    fn a_request_that_one_of_the_labels_calls_so_has_failed() {
        let all = scraped(
            "requests_total{by=\"a\",code=\"200\"} 90\nrequests_total{by=\"a\",code=\"502\"} 3\n\
             requests_total{by=\"a\",error=\"reset\"} 2\nrequests_total{by=\"b\",code=\"200\"} 5\n\
             took_bucket{by=\"a\",le=\"250\"} 95\ntook_bucket{by=\"a\",le=\"+Inf\"} 100\n",
        );
        assert_eq!(all.totals(&[]).errors, Some(Count { requests: 100, bad: 5 }));
        assert_eq!(all.bounds(), [0.25]);
        assert_eq!(all.totals(&[0.25]).slow, [(250_000, Count { requests: 100, bad: 5 })].into());
    }

    #[test]
    fn a_replica_that_restarts_begins_anew_and_the_others_go_on() {
        let before = "requests_total{by=\"a\",code=\"200\"} 900\nrequests_total{by=\"b\",code=\"200\"} 500\n";
        let after = "requests_total{by=\"a\",code=\"200\"} 910\nrequests_total{by=\"b\",code=\"200\"} 7\n";
        assert_eq!(since(after, before), Count { requests: 17, bad: 0 });
        let first = "requests_total{by=\"a\",code=\"200\"} 900\nrequests_total{by=\"a\",code=\"500\"} 2\n";
        assert_eq!(since(first, before), Count { requests: 2, bad: 2 }, "its first failures count");
    }

    #[test]
    fn a_replica_that_comes_or_comes_again_brings_nothing_of_former_times() {
        let both = "requests_total{by=\"a\",code=\"200\"} 10\nrequests_total{by=\"b\",code=\"500\"} 5000\n\
                    took_bucket{by=\"b\",le=\"250\"} 1\ntook_bucket{by=\"b\",le=\"+Inf\"} 5000\n";
        let one = "requests_total{by=\"a\",code=\"200\"} 4\n";
        assert_eq!(since(both, one), Count { requests: 6, bad: 0 });
        let slow = scraped(both).since(&scraped(one), &[0.25]).slow;
        assert_eq!(slow, [(0.25, Count::default())]);
        assert_eq!(since(both, both), Count::default());
    }

    #[test]
    fn what_is_not_there_is_named() {
        let read = |text: &str| Scraped::of_replicas(&samples(text).unwrap(), &COUNTS, None);
        assert_eq!(read("up 1").unwrap_err(), "there is no requests_total or took_bucket");
        assert_eq!(
            read("requests_total{code=\"200\"} NaN").unwrap_err(),
            "requests_total is NaN, and that is no count"
        );
    }
}

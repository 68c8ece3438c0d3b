//! Counters and histograms that an analysis file names, in place of what conventions tell.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use super::convention::{is_aside, is_failure};
use super::{Scraped, histogram_of, key, whole};
use crate::exposition::Sample;

/// Labels with anchored regular expressions of their values.
pub type Labels = BTreeMap<String, String>;

/// What is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// What counts requests.
    pub counter: Option<CounterName>,
    /// What has how long they took, in seconds.
    pub histogram: Option<HistogramName>,
}

/// A counter of requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterName {
    /// Its name.
    pub name: String,
    /// Which of them failed: all labels match. Empty: those with a status of the server's fault.
    pub bad: Labels,
    /// Which do not count: a label matches.
    pub ignore: Labels,
}

/// A histogram of latency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistogramName {
    /// Its name, without `_bucket`.
    pub name: String,
    /// Which requests do not count: a label matches.
    pub ignore: Labels,
}

impl Named {
    /// Returns the names of the series.
    pub fn names(&self) -> Vec<String> {
        let counter = self.counter.iter().map(|counter| counter.name.clone());
        counter.chain(self.histogram.iter().map(HistogramName::series)).collect()
    }

    /// Whether requests to a path do not count in any of them.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        let is = |ignore: &Labels| {
            Patterns::of(ignore).is_ok_and(|all| all.0.iter().any(|(_, pattern)| pattern.is_match(path)))
        };
        let counter = self.counter.iter().map(|counter| &counter.ignore);
        counter.chain(self.histogram.iter().map(|histogram| &histogram.ignore)).all(is)
    }

    pub(super) fn read(&self, all: &[Sample<'_>]) -> Result<Scraped, String> {
        let mut scraped = Scraped::default();
        let missing = |name: &str| format!("there is no {name} in it");
        if let Some(counter) = &self.counter {
            let (bad, ignore) = (Patterns::of(&counter.bad)?, Patterns::of(&counter.ignore)?);
            let mut of_name = all.iter().filter(|sample| *sample.name == *counter.name).peekable();
            of_name.peek().ok_or_else(|| missing(&counter.name))?;
            let counted = of_name.filter(|sample| !ignore.any(sample) && !is_aside(sample));
            let is_bad = |sample: &Sample<'_>| {
                if bad.is_empty() { is_failure(sample).unwrap_or(false) } else { bad.all(sample) }
            };
            let series = counted.map(|sample| Ok((key(sample), (whole(sample)?, is_bad(sample)))));
            scraped.requests = Some(series.collect::<Result<_, String>>()?);
        }
        if let Some(histogram) = &self.histogram {
            let ignore = Patterns::of(&histogram.ignore)?;
            let name = histogram.series();
            let mut of_name = all.iter().filter(|sample| *sample.name == *name).peekable();
            of_name.peek().ok_or_else(|| missing(&name))?;
            let counted = of_name.filter(|sample| !ignore.any(sample) && !is_aside(sample));
            scraped.latencies = histogram_of(counted, &name, 1.0)?;
        }
        Ok(scraped)
    }
}

impl HistogramName {
    pub(super) fn series(&self) -> String {
        format!("{}_bucket", self.name)
    }
}

/// Labels with what their values are held against.
pub struct Patterns<'n>(Vec<(&'n str, Regex)>);

impl<'n> Patterns<'n> {
    /// Reads anchored regular expressions.
    ///
    /// # Errors
    /// Names one that is none.
    pub fn of(labels: &'n Labels) -> Result<Self, String> {
        Self::of_pairs(labels.iter().map(|(label, pattern)| (label.as_str(), pattern.as_str())))
    }

    pub(super) fn of_pairs(labels: impl Iterator<Item = (&'n str, &'n str)>) -> Result<Self, String> {
        let each = labels.map(|(label, pattern)| {
            let read = Regex::new(&format!("^(?:{pattern})$"));
            read.map(|regex| (label, regex)).map_err(|_| format!("{label}: {pattern:?} cannot be read"))
        });
        each.collect::<Result<_, _>>().map(Self)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all labels match; one that is not there has the empty value.
    pub fn all(&self, sample: &Sample<'_>) -> bool {
        self.0.iter().all(|(label, pattern)| pattern.is_match(sample.label(label)))
    }

    /// A label that is not there matches nothing, or all requests would be left out by `.*`.
    pub(super) fn any(&self, sample: &Sample<'_>) -> bool {
        let is = |(label, pattern): &(&str, Regex)| {
            let value = sample.label(label);
            !value.is_empty() && pattern.is_match(value)
        };
        self.0.iter().any(is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Count;

    const TEXT: &str = "jobs_total{kind=\"mail\",result=\"ok\"} 90\njobs_total{kind=\"mail\",result=\"lost\"} 10\n\
                        jobs_total{kind=\"probe\",result=\"lost\"} 500\n\
                        took_bucket{kind=\"mail\",le=\"0.5\"} 95\ntook_bucket{kind=\"mail\",le=\"+Inf\"} 100\n";

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(label, pattern)| ((*label).to_owned(), (*pattern).to_owned())).collect()
    }

    fn named() -> Named {
        let ignore = labels(&[("kind", "probe.*")]);
        let counter =
            CounterName { name: "jobs_total".into(), bad: labels(&[("result", "lost|late")]), ignore };
        let histogram = HistogramName { name: "took".into(), ignore: Labels::new() };
        Named { counter: Some(counter), histogram: Some(histogram) }
    }

    #[test]
    fn what_a_file_names_is_counted() {
        let scraped = Scraped::of(TEXT, Some(&named())).unwrap();
        let counted = scraped.since(&Scraped::default(), &[0.5]);
        assert_eq!(counted.slow, [(0.5, Count { requests: 100, bad: 5 })]);
        let none = TEXT.replace(" 90", " 0").replace(" 10\n", " 0\n").replace(" 500", " 0");
        let before = Scraped::of(&none, Some(&named())).unwrap();
        assert_eq!(scraped.since(&before, &[]).errors, Some(Count { requests: 100, bad: 10 }));
        assert_eq!(named().names(), ["jobs_total", "took_bucket"]);
    }

    #[test]
    fn what_is_not_there_is_missed() {
        let other = Named { histogram: None, ..named() };
        assert_eq!(Scraped::of("up 1", Some(&other)).unwrap_err(), "there is no jobs_total in it");
        let other = Named { counter: None, ..named() };
        assert_eq!(Scraped::of("up 1", Some(&other)).unwrap_err(), "there is no took_bucket in it");
    }

    #[test]
    fn without_a_rule_the_status_tells() {
        let mut status = named();
        status.histogram = None;
        status.counter = status.counter.map(|counter| CounterName { bad: Labels::new(), ..counter });
        let text = |good: u32, bad: u32| {
            format!("jobs_total{{code=\"200\"}} {good}\njobs_total{{code=\"503\"}} {bad}\n")
        };
        let read = |text: &str| Scraped::of(text, Some(&status)).unwrap();
        let counted = read(&text(9, 2)).since(&read(&text(0, 0)), &[]);
        assert_eq!(counted.errors, Some(Count { requests: 11, bad: 2 }));
    }
}

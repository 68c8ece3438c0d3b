//! Counters of pods in Prometheus: the query that asks for them, and what its answer says of each pod.
//!
//! Asked for are the counters themselves, not `rate` or `increase`: these guess beyond the samples, are no whole numbers, and
//! do not know the first failure of a series. What a counter has gained since the last look is told here as it is for pods
//! that are read directly.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Counter, Data, Fault, Series};
use crate::exposition::Sample;

/// So many pods are named in one query, so that it fits into an address.
const NAMED: usize = 60;

/// Labels that a scrape gives to all series of a target.
pub(crate) const OF_TARGET: [&str; 9] =
    ["namespace", "pod", "exported_pod", "job", "instance", "endpoint", "service", "container", "node"];
/// Labels by which servers that scrape the same are told apart.
pub(crate) const OF_REPLICA: [&str; 4] = ["prometheus_replica", "replica", "__replica__", "prometheus"];

/// What a query has to match besides.
pub type Matchers = BTreeMap<String, String>;

/// Returns the queries for the counters of these pods.
pub fn queries(names: &[String], namespace: &str, pods: &[String], matchers: &Matchers) -> Vec<String> {
    let query = |pods: &[String]| {
        let pods: Vec<String> = pods.iter().map(|pod| pod.replace('.', "[.]")).collect();
        let pods = quoted(&pods.join("|"));
        selector(names, &format!("namespace={},pod=~{pods}", quoted(namespace)), matchers)
    };
    pods.chunks(NAMED).map(query).collect()
}

/// Returns the query for series of these names that match: `label="value"` or `label=~"pattern"`, with commas between.
pub(crate) fn selector(names: &[String], matching: &str, matchers: &Matchers) -> String {
    let more = matchers.iter().map(|(label, value)| format!(",{label}={}", quoted(value)));
    format!("{{__name__=~{},{matching}{}}}", quoted(&names.join("|")), more.collect::<Vec<_>>().concat())
}

/// Returns a text as a query has it.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Reads `LABEL=VALUE`.
///
/// # Errors
/// What it should be.
pub fn matcher(text: &str) -> Result<(String, String), String> {
    let wrong = || format!("'{text}' is no label with a value: write for example job=shop");
    let (label, value) = text.split_once('=').ok_or_else(wrong)?;
    let legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let is_label = label.chars().all(legal) && !label.starts_with(|letter: char| letter.is_ascii_digit());
    if !label.is_empty() && is_label && !OF_TARGET[..2].contains(&label) && value.len() <= 200 {
        Ok((label.to_owned(), value.to_owned()))
    } else {
        Err(wrong())
    }
}

/// Returns what the answer says of each pod. A pod of which it says nothing is not among them.
///
/// # Errors
/// As [`Data::counters`], for all pods; for one pod, that its counters come twice.
pub fn by_pod(data: &Data) -> Result<BTreeMap<String, Result<Vec<Sample<'static>>, String>>, Fault> {
    let pods = data.counters()?;
    Ok(pods.into_iter().map(|(pod, all)| (pod.to_owned(), samples(&all))).collect())
}

fn samples(all: &[Counter<'_>]) -> Result<Vec<Sample<'static>>, String> {
    let mut once: BTreeMap<Vec<(&str, &str)>, (&Series, f64)> = BTreeMap::new();
    for (series, value) in all {
        let labels = series.labels.iter().map(|(label, value)| (label.as_str(), value.as_str()));
        let own = labels.filter(|(label, _)| !OF_TARGET.contains(label) && !OF_REPLICA.contains(label));
        let own: Vec<_> = own.collect();
        if let Some((other, _)) = once.get(&own)
            && let Some(why) = twice(other, series)
        {
            return Err(why);
        }
        // Of servers that scrape the same, the first: which it is stays the same.
        once.entry(own).or_insert((series, *value));
    }
    let sample = |(labels, (_, value)): (Vec<(&str, &str)>, (&Series, f64))| {
        let name = labels.iter().find(|(label, _)| *label == "__name__").map_or("", |(_, name)| name);
        let others = labels.iter().filter(|(label, _)| *label != "__name__");
        let owned = |text: &str| Cow::Owned(text.to_owned());
        let labels = others.map(|(label, value)| (owned(label), owned(value))).collect();
        Sample { name: owned(name), labels, value }
    };
    Ok(once.into_iter().map(sample).collect())
}

/// Says in what two series of the same counter differ, unless two servers scrape the same.
fn twice(one: &Series, other: &Series) -> Option<String> {
    let label = OF_TARGET.iter().find(|label| one.labels.get(**label) != other.labels.get(**label))?;
    let value = |series: &Series| series.labels.get(*label).cloned().unwrap_or_default();
    Some(format!(
        "it is scraped twice, with {label}={} and {label}={}: --prometheus-match {label}={}",
        value(one),
        value(other),
        value(one)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Scraped;
    use crate::prometheus::read;

    fn pods(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn pods_are_named_exactly() {
        let names = ["http_requests_total".to_owned(), "took_bucket".to_owned()];
        let matchers = [("job".to_owned(), "a\"b".to_owned())].into();
        let query = queries(&names, "shop", &pods(&["web-1", "web.2"]), &matchers).remove(0);
        insta::assert_snapshot!(query, @r#"{__name__=~"http_requests_total|took_bucket",namespace="shop",pod=~"web-1|web[.]2",job="a\"b"}"#);
        assert!(query.ends_with(r#",namespace="shop",pod=~"web-1|web[.]2",job="a\"b"}"#), "{query}");
        let many: Vec<String> = (0..130).map(|index| format!("web-{index}")).collect();
        assert_eq!(queries(&names, "shop", &many, &Matchers::new()).len(), 3);
    }

    #[test]
    fn a_matcher_is_a_label_with_a_value() {
        assert_eq!(matcher("job=shop=1"), Ok(("job".into(), "shop=1".into())));
        for text in ["job", "=a", "1a=b", "a-b=c", "pod=x", "namespace=y", ""] {
            assert!(matcher(text).is_err(), "{text}");
        }
    }

    fn answer(series: &[&str]) -> Result<Vec<Sample<'static>>, String> {
        let all: Vec<String> = series
            .iter()
            .enumerate()
            .map(|(index, labels)| {
                let name = r#""__name__":"http_requests_total","pod":"web-1","namespace":"shop""#;
                format!(r#"{{"metric":{{{name},{labels}}},"value":[1,"{}"]}}"#, index + 1)
            })
            .collect();
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#,
            all.join(",")
        );
        by_pod(&read(200, &body).unwrap().data).unwrap().remove("web-1").unwrap()
    }

    #[test]
    fn an_answer_counts_as_the_text_of_the_pod_would() {
        let found = answer(&[r#""code":"200","job":"a""#, r#""code":"500","job":"a""#]).unwrap();
        let told = "http_requests_total{code=\"200\"} 1\nhttp_requests_total{code=\"500\"} 2\n";
        assert_eq!(Scraped::of_samples(&found, None), Scraped::of(told, None));
    }

    #[test]
    fn what_comes_twice_is_not_counted_twice() {
        let why = answer(&[r#""code":"200","job":"a""#, r#""code":"200","job":"b""#]).unwrap_err();
        assert_eq!(why, "it is scraped twice, with job=a and job=b: --prometheus-match job=a");
        let replicas =
            [r#""code":"200","prometheus_replica":"0""#, r#""code":"200","prometheus_replica":"1""#];
        assert_eq!(answer(&replicas).unwrap().len(), 1);
        let containers = [r#""code":"200","container":"web""#, r#""code":"500","container":"web""#];
        assert_eq!(answer(&containers).unwrap().len(), 2);
    }
}

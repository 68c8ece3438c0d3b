//! The comparison of raw counters in place of a ratio: `sum(rate(A[w])) / sum(rate(B[w]))`.

use std::collections::BTreeMap;

use super::promql::{Matcher, Selector, selectors};
use crate::analysis_file::{From, Metric, OnNoData, Source};

/// Returns the counter whose bad part a query divides by the whole, if it is of that form.
///
/// `good` says that the upper part counts the good ones: the limit is the least.
pub(super) fn offer(name: &str, query: &str, good: bool) -> Option<Metric> {
    let found = selectors(query)?;
    let [part, whole] = found.as_slice() else { return None };
    if !is_ratio(query, part, whole) || part.name != whole.name || part.name.is_empty() {
        return None;
    }
    let same = |one: &Matcher, other: &Matcher| {
        (&one.label, one.op, &one.value) == (&other.label, other.op, &other.value)
    };
    let mut more = part.matchers.iter().filter(|one| !whole.matchers.iter().any(|other| same(one, other)));
    let (Some(status), None) = (more.next(), more.next()) else { return None };
    if part.matchers.len() != whole.matchers.len() + 1 {
        return None;
    }
    // A label that is to be, or not to be; only what is bad can be said.
    let names_bad = match status.op {
        "=" | "=~" => !good,
        _ => good,
    };
    if !names_bad || status.value.contains("{{") || status.value.contains("${") {
        return None;
    }
    // As the string of PromQL means it, and as a regular expression.
    let value = status.value.replace("\\\\", "\\");
    let value = if status.op.ends_with('~') { value } else { regex_lite::escape(&value) };
    let bad = BTreeMap::from([(status.label.clone(), value)]);
    let source =
        Source::Counter { counter: part.name.clone(), from: From::Prometheus, bad, ignore: BTreeMap::new() };
    Some(Metric {
        name: name.to_owned(),
        every: None,
        source,
        dry_run: false,
        on_no_data: OnNoData::default(),
    })
}

fn is_ratio(query: &str, part: &Selector, whole: &Selector) -> bool {
    let pieces = [query.get(..part.start), query.get(part.end..whole.start), query.get(whole.end..)];
    let [Some(before), Some(between), Some(after)] = pieces else { return false };
    let plain = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
    let shape = plain(&format!("{before}@{between}@{after}"));
    let ratio = regex_lite::Regex::new(
        r"^(?:100\*)?\(?(?:100\*)?sum\((?:rate|increase)\(@\[[^\]]*\]\)\)/sum\((?:rate|increase)\(@\[[^\]]*\]\)\)\)?(?:\*100)?$",
    );
    ratio.is_ok_and(|ratio| ratio.is_match(&shape))
}

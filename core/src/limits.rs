//! Metrics of an analysis file that have a limit and are not compared: which of them are due, and what the answers of all
//! looks come to. Whoever goes on with a run has bad looks in a row from the Lease; what is good takes as many looks anew.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::analysis_file::{
    AnalysisFile, Limit, Metric, OnNoData, PATIENCE, Source, Variables, resolve, resolve_address,
};
use crate::brief;
use crate::condition::{Measured, Outcome};
use crate::health::Moment;
use crate::reading::{Limited, Unmeasured};
use crate::scrub::Scrubber;

/// The longest that is told of an answer, in letters.
const TOLD: usize = 100;

/// The longest that is told of a question in a reason, in letters.
const ASKED: usize = 160;

/// Metrics with a limit, and what was seen of them.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    each: Vec<One>,
}

#[derive(Clone, Debug)]
struct One {
    metric: Metric,
    every: Duration,
    due: Moment,
    /// Looks at this share.
    looks: u32,
    /// Bad ones in a row.
    bad: u32,
    /// What was asked last.
    asked: String,
    last: Option<Seen>,
    /// Whether that was no measurement.
    is_error: bool,
}

/// What one look at a metric came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The metric's name.
    pub name: String,
    /// What was asked for it, with values in place of variables: a query, an address, or a program with its arguments.
    pub asked: String,
    /// What was measured, for people.
    pub measured: String,
    /// What is thought of it.
    pub state: Judged,
    /// Whether it decides nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// What is thought of one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    /// Within its limit.
    Good,
    /// Beyond it.
    Bad,
    /// Between two conditions, or nothing that could be judged.
    Unknown,
    /// There were no data, and that means nothing.
    Ignored,
}

/// What all of them come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Each is within its limit.
    Good,
    /// It is not known yet, and why.
    Open(String),
    /// One is beyond its limit for as many looks as it takes, and what it measures.
    Bad(String),
}

impl Limits {
    /// Finds the metrics of a file that have a limit.
    pub fn of(file: &AnalysisFile) -> Self {
        let one = |metric: &Metric| One {
            every: metric.every.unwrap_or(file.every),
            metric: metric.clone(),
            due: Moment::ZERO,
            looks: 0,
            bad: 0,
            asked: String::new(),
            last: None,
            is_error: false,
        };
        Self { each: file.metrics.iter().filter(|metric| metric.has_limit()).map(one).collect() }
    }

    /// Goes on with bad looks in a row that another process saw. One more decides: what it measured is not known here.
    pub fn go_on(&mut self, bad: &BTreeMap<String, u32>) {
        for one in &mut self.each {
            let most = one.metric.limit().map_or(1, Limit::looks).saturating_sub(1);
            one.bad = bad.get(&one.metric.name).map_or(0, |bad| (*bad).min(most));
        }
    }

    /// Returns how many looks in a row were bad, by the name of each metric of which the last was.
    pub fn bad_looks(&self) -> BTreeMap<String, u32> {
        let bad = self.each.iter().filter(|one| one.bad > 0);
        bad.map(|one| (one.metric.name.clone(), one.bad)).collect()
    }

    /// The share has changed: what is good at one may not be at a larger one. What was bad stays.
    pub fn at_another_share(&mut self) {
        for one in &mut self.each {
            one.looks = 0;
            one.due = Moment::ZERO;
        }
    }

    /// Returns what is due, by the place of its metric; it is not due again before its time.
    ///
    /// `variables`: what stands for what, by how far a query looks back.
    pub fn due<'v>(
        &mut self,
        now: Moment,
        variables: impl Fn(Duration) -> Variables<'v>,
    ) -> Vec<(usize, Result<Limited, String>)> {
        let due = self.each.iter_mut().enumerate().filter(|(_, one)| one.due <= now);
        due.filter_map(|(place, one)| {
            let asked = asked(&one.metric.source, &variables(one.every))?;
            one.due = now + one.every;
            if let Ok(asked) = &asked {
                one.asked = Scrubber::default().text(&asked.text());
            }
            Some((place, asked))
        })
        .collect()
    }

    /// Takes in what was measured, or why nothing was.
    pub fn take(&mut self, place: usize, measured: Result<Measured, Unmeasured>) {
        let Some(one) = self.each.get_mut(place) else { return };
        let Some(limit) = one.metric.limit() else { return };
        let (state, is_error, text) = judged(limit, one.metric.on_no_data, measured);
        one.is_error = is_error;
        one.looks = one.looks.saturating_add(1);
        one.bad = match state {
            Judged::Bad => one.bad.saturating_add(1),
            Judged::Good | Judged::Ignored => 0,
            Judged::Unknown => one.bad,
        };
        let dry_run = one.metric.dry_run;
        let (name, asked) = (one.metric.name.clone(), one.asked.clone());
        one.last = Some(Seen { name, asked, measured: text, state, dry_run });
    }

    /// Returns what the last looks came to.
    pub fn seen(&self) -> Vec<&Seen> {
        self.each.iter().filter_map(|one| one.last.as_ref()).collect()
    }

    /// Returns what all looks come to. A metric that may be bad for several looks has to be looked at as often.
    pub fn outlook(&self) -> Outlook {
        let counted = || self.each.iter().filter(|one| !one.metric.dry_run);
        let needed = |one: &One| one.metric.limit().map_or(1, Limit::looks);
        let about = |one: &One| {
            let measured = one.last.as_ref().map_or("it was not measured yet", |seen| &seen.measured);
            format!("{}: {measured}", one.metric.name)
        };
        if let Some(bad) = counted().find(|one| one.bad >= needed(one)) {
            let times = match bad.bad {
                1 => String::new(),
                times => format!(", the {times}. look in a row"),
            };
            let how = if bad.is_error { "a failure, as its onNoData says" } else { "beyond its limit" };
            let asked = brief::line(&bad.asked, ASKED);
            return Outlook::Bad(format!("{}: {how}{times}; asked: {asked}", about(bad)));
        }
        let is_good = |one: &One| {
            let state = one.last.as_ref().map(|seen| seen.state);
            one.looks >= needed(one) && matches!(state, Some(Judged::Good | Judged::Ignored))
        };
        match counted().find(|one| !is_good(one)) {
            Some(open) => Outlook::Open(about(open)),
            None => Outlook::Good,
        }
    }
}

impl Seen {
    /// Returns why it speaks for the new version, or not against it.
    pub fn why_good(&self) -> String {
        let Self { name, measured, .. } = self;
        match self.state {
            Judged::Good | Judged::Bad | Judged::Unknown => format!("{name}: {measured} is within its limit"),
            Judged::Ignored => format!("{name} has no data, which means nothing"),
        }
    }
}

/// Returns what is asked for a metric with a limit; `None` for one that is compared.
fn asked(source: &Source, variables: &Variables<'_>) -> Option<Result<Limited, String>> {
    match source {
        Source::Query { query, .. } => Some(resolve(query, variables).map(Limited::Query)),
        Source::Web { web, .. } => {
            let url = resolve_address(&web.url, variables);
            Some(url.map(|url| Limited::Web { web: web.clone(), url }))
        }
        Source::Command { command, timeout, .. } => {
            let words = command.iter().map(|word| resolve(word, variables)).collect::<Result<_, _>>();
            let patience = timeout.unwrap_or(PATIENCE);
            Some(words.map(|words| Limited::Command { command: command.clone(), words, patience }))
        }
        Source::Counter { .. } | Source::Histogram { .. } => None,
    }
}

/// Judges one look: what is thought of it, whether it was no measurement, and what is told of it. What there was no whole
/// answer to never counts as nothing to measure.
fn judged(
    limit: &Limit,
    on_no_data: OnNoData,
    measured: Result<Measured, Unmeasured>,
) -> (Judged, bool, String) {
    let measured = match measured {
        Ok(measured) => measured,
        Err(Unmeasured::Failed(why)) => {
            let state = match on_no_data {
                OnNoData::Fail => Judged::Bad,
                OnNoData::Inconclusive | OnNoData::Ignore => Judged::Unknown,
            };
            return (state, true, why);
        }
        Err(Unmeasured::NotHere(why)) => return (Judged::Unknown, true, why),
    };
    match (limit.judge(&measured), on_no_data) {
        (Outcome::Successful, _) => (Judged::Good, false, told(&measured)),
        (Outcome::Failed, _) => (Judged::Bad, false, told(&measured)),
        (Outcome::Inconclusive, _) => (Judged::Unknown, false, told(&measured)),
        (Outcome::Error(why), OnNoData::Fail) => (Judged::Bad, true, why),
        (Outcome::Error(why), OnNoData::Ignore) if is_nothing(&measured) => (Judged::Ignored, true, why),
        (Outcome::Error(why), OnNoData::Ignore | OnNoData::Inconclusive) => (Judged::Unknown, true, why),
    }
}

/// Whether there was nothing to measure.
fn is_nothing(measured: &Measured) -> bool {
    match measured {
        Measured::Scalar(number) => number.is_nan(),
        Measured::Vector(samples) => samples.iter().all(|number| number.is_nan()),
        Measured::Json(value) => value.is_null(),
    }
}

fn told(measured: &Measured) -> String {
    // Four decimals are enough for people.
    let short = |number: &f64| {
        let text = format!("{number:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match measured {
        Measured::Scalar(number) => short(number),
        Measured::Vector(samples) => match samples.as_slice() {
            [only] => short(only),
            many => many.iter().map(short).collect::<Vec<_>>().join(", "),
        },
        Measured::Json(value) => brief::line(&Scrubber::default().text(&value.to_string()), TOLD),
    }
}

#[cfg(test)]
mod tests;

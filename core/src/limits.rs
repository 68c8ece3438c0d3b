//! Metrics of an analysis file that have a limit and are not compared: which of them are due, and what the answers of all
//! looks come to. Whoever goes on with a run begins with them anew: they take as many looks as the file says.

use std::time::Duration;

use serde::Serialize;

use crate::analysis_file::{AnalysisFile, Metric, OnNoData, Source, Variables, resolve};
use crate::condition::{Measured, Outcome};
use crate::health::Moment;

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
    last: Option<Seen>,
}

/// What one look at a metric came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The metric's name.
    pub name: String,
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
            last: None,
        };
        Self { each: file.metrics.iter().filter(|metric| metric.has_limit()).map(one).collect() }
    }

    /// The share has changed: what is good at one may not be at a larger one. What was bad stays.
    pub fn at_another_share(&mut self) {
        for one in &mut self.each {
            one.looks = 0;
            one.due = Moment::ZERO;
        }
    }

    /// Returns the queries that are due, by the place of their metric; they are not due again before their time.
    ///
    /// `variables`: what stands for what, by how far a query looks back.
    pub fn due<'v>(
        &mut self,
        now: Moment,
        variables: impl Fn(Duration) -> Variables<'v>,
    ) -> Vec<(usize, Result<String, String>)> {
        let due = self.each.iter_mut().enumerate().filter(|(_, one)| one.due <= now);
        due.filter_map(|(place, one)| match &one.metric.source {
            Source::Query { query, .. } => {
                one.due = now + one.every;
                Some((place, resolve(query, &variables(one.every))))
            }
            Source::Counter { .. } | Source::Histogram { .. } | Source::Web { .. } => None,
        })
        .collect()
    }

    /// Takes in what was measured, or why nothing was.
    pub fn take(&mut self, place: usize, measured: Result<Measured, String>) {
        let Some(one) = self.each.get_mut(place) else { return };
        let (Source::Query { limit, .. } | Source::Web { limit, .. }) = &one.metric.source else { return };
        let outcome = match &measured {
            Ok(measured) => limit.judge(measured),
            Err(why) => Outcome::Error(why.clone()),
        };
        let state = match (&outcome, one.metric.on_no_data) {
            (Outcome::Successful, _) => Judged::Good,
            (Outcome::Failed, _) | (Outcome::Error(_), OnNoData::Fail) => Judged::Bad,
            (Outcome::Inconclusive, _) | (Outcome::Error(_), OnNoData::Inconclusive) => Judged::Unknown,
            (Outcome::Error(_), OnNoData::Ignore) => Judged::Ignored,
        };
        one.looks = one.looks.saturating_add(1);
        one.bad = match state {
            Judged::Bad => one.bad.saturating_add(1),
            Judged::Good | Judged::Ignored => 0,
            Judged::Unknown => one.bad,
        };
        let text = match (&outcome, measured) {
            (Outcome::Error(why), _) => why.clone(),
            (Outcome::Successful | Outcome::Failed | Outcome::Inconclusive, Ok(measured)) => told(&measured),
            (Outcome::Successful | Outcome::Failed | Outcome::Inconclusive, Err(why)) => why,
        };
        let dry_run = one.metric.dry_run;
        one.last = Some(Seen { name: one.metric.name.clone(), measured: text, state, dry_run });
    }

    /// Returns what the last looks came to.
    pub fn seen(&self) -> Vec<&Seen> {
        self.each.iter().filter_map(|one| one.last.as_ref()).collect()
    }

    /// Returns what all looks come to. A metric that may be bad for several looks has to be looked at as often.
    pub fn outlook(&self) -> Outlook {
        let counted = || self.each.iter().filter(|one| !one.metric.dry_run);
        let needed = |one: &One| match &one.metric.source {
            Source::Query { limit, .. } | Source::Web { limit, .. } => limit.looks(),
            Source::Counter { .. } | Source::Histogram { .. } => 1,
        };
        let about = |one: &One| {
            let measured = one.last.as_ref().map_or("it was not measured yet", |seen| &seen.measured);
            format!("{}: {measured}", one.metric.name)
        };
        if let Some(bad) = counted().find(|one| one.bad >= needed(one)) {
            let times = match bad.bad {
                1 => String::new(),
                times => format!(", the {times}. look in a row"),
            };
            return Outlook::Bad(format!("{}: beyond its limit{times}", about(bad)));
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
        Measured::Json(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn limits(metrics: &Value) -> Limits {
        Limits::of(&AnalysisFile::read(&json!({"schema": 1, "metrics": metrics})).unwrap())
    }

    fn queue(more: &Value) -> Limits {
        let mut metric = json!({"name": "queue", "query": "max(depth{pod=~\"${canary.pods}\"})", "max": 100});
        metric.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        limits(&json!([metric, {"name": "errors", "counter": "http_requests_total"}]))
    }

    fn variables(pods: &[String], window: Duration) -> Variables<'_> {
        Variables {
            namespace: "shop",
            deployment: "web",
            canary_pods: pods,
            stable_pods: &[],
            canary_hash: "2",
            stable_hash: "1",
            window,
        }
    }

    #[test]
    fn queries_are_due_each_in_their_time() {
        let mut limits = queue(&json!({"every": "30s"}));
        let pods = ["web-2".to_owned()];
        let due = |limits: &mut Limits, second: u64| {
            limits.due(Duration::from_secs(second), |window| variables(&pods, window))
        };
        assert_eq!(due(&mut limits, 5), [(0, Ok("max(depth{pod=~\"web-2\"})".to_owned()))]);
        assert_eq!(due(&mut limits, 34), []);
        assert_eq!(due(&mut limits, 35).len(), 1);
    }

    #[test]
    fn a_limit_takes_as_many_looks_as_it_says() {
        let mut limits = queue(&json!({"looks": 2}));
        assert_eq!(limits.outlook(), Outlook::Open("queue: it was not measured yet".into()));
        let take = |limits: &mut Limits, number: f64| limits.take(0, Ok(Measured::Vector(vec![number])));
        take(&mut limits, 7.0);
        assert_eq!(limits.outlook(), Outlook::Open("queue: 7".into()), "one look is not two");
        take(&mut limits, 101.0);
        take(&mut limits, 8.0);
        assert_eq!(limits.outlook(), Outlook::Good);
        take(&mut limits, 101.0);
        take(&mut limits, 102.5);
        let bad = "queue: 102.5: beyond its limit, the 2. look in a row";
        assert_eq!(limits.outlook(), Outlook::Bad(bad.into()));
        limits.at_another_share();
        assert_eq!(limits.outlook(), Outlook::Bad(bad.into()));
    }

    #[test]
    fn no_data_is_never_good() {
        let of = |more: &Value, measured: Result<Measured, String>| {
            let mut limits = queue(more);
            limits.take(0, measured);
            limits.outlook()
        };
        let none = || Ok(Measured::Vector(Vec::new()));
        let nan = || Ok(Measured::Vector(vec![f64::NAN]));
        let why = "queue: one sample is wanted, and there are 0";
        assert_eq!(of(&json!({}), none()), Outlook::Open(why.into()));
        assert_eq!(of(&json!({}), nan()), Outlook::Open("queue: it is not a number (NaN)".into()));
        assert_eq!(of(&json!({}), Err("it is slow".into())), Outlook::Open("queue: it is slow".into()));
        assert_eq!(
            of(&json!({"onNoData": "fail"}), none()),
            Outlook::Bad(format!("{why}: beyond its limit"))
        );
        assert_eq!(of(&json!({"onNoData": "ignore"}), none()), Outlook::Good);
        assert_eq!(of(&json!({"dryRun": true}), Ok(Measured::Vector(vec![500.0]))), Outlook::Good);
    }
}

//! What is said of a judgement.

use std::time::Duration;

use super::{Analysis, FLOOR, Judged, Metric, State, reach};
use crate::duration;

impl Metric {
    /// What is counted: "errors", or "slower than 250 ms"; before it "probe: " where a probe counted it.
    pub fn title(&self) -> String {
        let title = match self.bound {
            None => self.name.to_owned(),
            Some(seconds) => format!("slower than {} ms", rounded(seconds * 1000.0)),
        };
        if self.probe { format!("probe: {title}") } else { title }
    }

    fn verb(&self) -> &'static str {
        if self.bound.is_some() { "takes longer for" } else { "fails" }
    }

    /// Returns why it is thought so, in one sentence.
    pub fn sentence(&self) -> String {
        let Self { canary, stable, evidence, needed, seconds, .. } = self;
        let seconds = *seconds;
        let title = self.title();
        if let Some(allowed) = self.allowed {
            return format!(
                "{title}: the new version fails {} of its requests ({} of {}) in {}; {} are allowed",
                percent(canary.rate()),
                canary.bad,
                canary.requests,
                time(seconds),
                percent(allowed)
            );
        }
        let both = format!(
            "the canary {} {} of its requests ({} of {}), stable {} ({} of {}) in the same {}",
            self.verb(),
            percent(canary.rate()),
            canary.bad,
            canary.requests,
            percent(stable.rate()),
            stable.bad,
            stable.requests,
            time(seconds)
        );
        match (self.state, self.at_least) {
            (State::Worse, _) if self.above_most => format!("{title}: {both}: more than is allowed"),
            (State::Worse, Some(times)) => format!(
                "{title}: {both}: at least {} times worse; evidence {} ({} needed)",
                rounded(times),
                evidence_word(*evidence),
                rounded(*needed)
            ),
            (State::Worse | State::Good | State::Collecting, _) => format!("{title}: {both}"),
        }
    }

    /// Returns it in a few words, for one line with others.
    pub fn brief(&self) -> String {
        let Self { canary, stable, .. } = self;
        if self.allowed.is_some() {
            return format!("{} {} of {}", self.title(), percent(canary.rate()), canary.requests);
        }
        format!(
            "{} canary {} of {}, stable {} of {}",
            self.title(),
            percent(canary.rate()),
            canary.requests,
            percent(stable.rate()),
            stable.requests
        )
    }
}

impl Judged {
    /// Returns all metrics in a few words.
    pub fn brief(&self) -> String {
        self.metrics.iter().map(Metric::brief).collect::<Vec<_>>().join("; ")
    }

    /// Returns why the version is not worse.
    pub fn why_good(&self) -> String {
        let each = self.metrics.iter().map(|metric| {
            let Metric { canary, stable, for_same, excludes, .. } = metric;
            if let Some(allowed) = metric.allowed {
                return format!(
                    "{}: less than the {} that are allowed (evidence {}, 20 needed): {} of {} in {}",
                    metric.title(),
                    percent(allowed),
                    evidence_word(*for_same),
                    percent(canary.rate()),
                    canary.requests,
                    time(metric.seconds)
                );
            }
            format!(
                "{}: not {excludes} times as many as stable, or below {} (evidence {}, 20 needed): canary {} of {}, stable {} of {} in {}",
                metric.title(),
                percent(FLOOR),
                evidence_word(*for_same),
                percent(canary.rate()),
                canary.requests,
                percent(stable.rate()),
                stable.requests,
                time(metric.seconds)
            )
        });
        each.collect::<Vec<_>>().join("; ")
    }

    /// Returns why the version is worse.
    pub fn why_worse(&self) -> String {
        let worse = self.metrics.iter().filter(|metric| metric.state == State::Worse);
        worse.map(Metric::sentence).collect::<Vec<_>>().join("; ")
    }
}

impl Analysis {
    /// Returns why it is not known whether the version is worse, and what would tell.
    pub fn why_open(&self, judged: &Judged) -> String {
        let Some(open) = judged.metrics.iter().find(|metric| metric.state == State::Collecting) else {
            return "no request was counted".to_owned();
        };
        let part = self.part(open);
        let series = if open.bound.is_some() {
            part.slow.values().next().unwrap_or(&part.errors)
        } else {
            &part.errors
        };
        let requests = open.canary.requests;
        if let Some(allowed) = open.allowed {
            return format!(
                "{}: {} of {} requests in {}: evidence {} of {} that it is more than the {} that are allowed, {} of 20 that it is less",
                open.title(),
                percent(open.canary.rate()),
                requests,
                time(open.seconds),
                evidence_word(open.evidence),
                rounded(open.needed),
                percent(allowed),
                evidence_word(open.for_same)
            );
        }
        let counted = format!(
            "{}: {} of the canary's requests and {} of the stable version's in {}",
            open.title(),
            requests,
            open.stable.requests,
            time(open.seconds)
        );
        if let Some(count) = series.odd_pod().filter(|_| open.evidence >= 1.0) {
            return format!("{counted}; one canary pod has {}, the others have less", percent(count.rate()));
        }
        if open.scatter >= 2.0 {
            return format!(
                "{counted}; they come in bursts: they scatter {} times as much as single requests would",
                rounded(open.scatter)
            );
        }
        match reach::times_as_much(series, part.bad()) {
            Some(times) if times > 1.0 => {
                let more = if open.probe { "more requests of a probe" } else { "a larger share" };
                format!("{counted}; at this rate it takes about {}, or {more}", time(open.seconds * times))
            }
            Some(_) | None => format!(
                "{counted}; evidence {} of {} that it is worse, {} of 20 that it is not",
                evidence_word(open.evidence),
                rounded(open.needed),
                evidence_word(open.for_same)
            ),
        }
    }
}

fn time(seconds: f64) -> String {
    duration::short(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

/// Two leading digits, and no more.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 || percent >= 10.0 {
        format!("{percent:.0} %")
    } else if percent >= 1.0 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.2} %")
    }
}

pub(super) fn rounded(value: f64) -> String {
    if value >= 10.0 || value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

pub(super) fn evidence_word(value: f64) -> String {
    if value >= 1e6 { "over a million".to_owned() } else { rounded(value) }
}

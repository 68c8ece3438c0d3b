//! A version that has all of the requests: no other serves beside it, so its errors are held against the share that is allowed.

use super::evidence::{below, mixed, numbers, share};
use super::series::{LOOKS, LOOKS_TO_PASS};
use super::{ALPHA, Analysis, BETA, Count, Judged, Metric, State, finite};

impl Analysis {
    /// Judges a version by the largest share of failed requests that is allowed.
    pub(super) fn judge_alone(&self, most: f64, causes: u32) -> Judged {
        let seconds = numbers([self.millis, 0, 0, 0])[0] / 1000.0;
        if self.errors.looks.is_empty() {
            return Judged { state: State::Collecting, metrics: Vec::new(), seconds };
        }
        let [nc, xc, ..] = self.errors.total();
        // Errors alone are judged, once as users have them and once as a probe has.
        let alarm = (f64::from(causes.div_ceil(2).max(1)) / ALPHA).ln();
        let worse = self.evidence_above(most);
        let good = self.evidence_below(most);
        let state = if self.is_above(most, alarm) {
            State::Worse
        } else if good >= -BETA.ln() {
            State::Good
        } else {
            State::Collecting
        };
        let metric = Metric {
            name: "errors",
            probe: false,
            seconds,
            bound: None,
            state,
            canary: Count { requests: nc, bad: xc },
            stable: Count::default(),
            evidence: finite(worse.exp()),
            needed: alarm.exp(),
            for_same: finite(good.exp()),
            scatter: self.errors.scatter(),
            excludes: 1.0,
            at_least: None,
            above_most: state == State::Worse,
            allowed: Some(most),
        };
        Judged { state, metrics: vec![metric], seconds }
    }

    /// Whether more than this share of the canary's requests fails for certain.
    pub(super) fn is_above(&self, most: f64, alarm: f64) -> bool {
        self.errors.looks.len() >= LOOKS && self.errors.total()[1] >= 3 && self.evidence_above(most) >= alarm
    }

    fn evidence_above(&self, most: f64) -> f64 {
        let [nc, xc, ..] = numbers(self.errors.total());
        let alternatives = [1.5, 2.0, 4.0, 8.0].map(|times| (most * times).min(0.5 + most / 2.0));
        mixed(&alternatives.map(|p| share(nc, xc, p, most) / self.errors.scatter()))
    }

    fn evidence_below(&self, most: f64) -> f64 {
        if self.errors.looks.len() < LOOKS_TO_PASS {
            return f64::NEG_INFINITY;
        }
        self.errors.looks.iter().map(|look| below(*look, most)).sum::<f64>() / self.errors.scatter()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Counted, Settings};
    use super::*;

    fn judged(requests: u64, bad: u64, looks: u32) -> Judged {
        let mut analysis = Analysis::default();
        let of = |requests, bad| Counted { errors: Some(Count { requests, bad }), slow: Vec::new() };
        for _ in 0..looks {
            let canary = [("c".to_owned(), of(requests, bad))].into();
            analysis.look_alone(&canary, Some(Duration::from_secs(5)));
        }
        analysis.judge(Settings { margin: 1.25, max_error_rate: Some(0.02), alone: true })
    }

    #[test]
    fn a_version_is_held_against_what_is_allowed() {
        let good = judged(200, 0, 8);
        assert_eq!(good.state, State::Good);
        insta::assert_snapshot!(good.why_good(), @"errors: less than the 2.0 % that are allowed (evidence over a million, 20 needed): 0 % of 1600 in 40s");
        let worse = judged(200, 12, 4);
        assert_eq!(worse.state, State::Worse);
        insta::assert_snapshot!(worse.why_worse(), @"errors: the new version fails 6.0 % of its requests (48 of 800) in 20s; 2.0 % are allowed");
        insta::assert_snapshot!(worse.brief(), @"errors 6.0 % of 800");
        for (requests, bad, looks) in [(200, 4, 60), (200, 0, 7), (1, 0, 60), (200, 200, 3)] {
            assert_eq!(judged(requests, bad, looks).state, State::Collecting, "{requests} {bad} {looks}");
        }
    }
}

//! What a probe is answered, counted apart from the requests of users: both may be worse, or good, by themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Analysis, Counted, Judged, Metric, Settings, State};

impl Analysis {
    /// Takes in what pods have answered to a probe since the last look, as [`Analysis::look`]; `None` of the stable version:
    /// the new one has all of the requests.
    pub fn look_at_probe(
        &mut self,
        canary: &BTreeMap<String, Counted>,
        stable: Option<&BTreeMap<String, Counted>>,
        took: Duration,
    ) {
        let probe = self.probe.get_or_insert_default();
        match stable {
            Some(stable) => probe.look(canary, stable, Some(took)),
            None => probe.look_alone(canary, Some(took)),
        }
    }

    /// Returns how many looks there were at what a probe was answered.
    pub fn probe_looks(&self) -> usize {
        self.probe.as_ref().map_or(0, |probe| probe.looks())
    }

    /// Judges by all looks so far.
    pub fn judge(&self, settings: Settings) -> Judged {
        let causes = self.causes(settings) + self.probe.as_ref().map_or(0, |probe| probe.causes(settings));
        let mut judged = self.judge_part(settings, causes);
        let Some(probe) = &self.probe else { return judged };
        let of_probe = probe.judge_part(settings, causes);
        if judged.metrics.is_empty() {
            judged.seconds = of_probe.seconds;
        }
        let marked = |metric: Metric| Metric { probe: true, ..metric };
        judged.metrics.extend(of_probe.metrics.into_iter().map(marked));
        judged.state = judged.metrics.iter().map(|metric| metric.state).max().unwrap_or(State::Collecting);
        judged
    }

    /// Whose looks a metric is thought of by.
    pub(super) fn part(&self, metric: &Metric) -> &Self {
        self.probe.as_deref().filter(|_| metric.probe).unwrap_or(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Count;
    use super::*;

    const SETTINGS: Settings = Settings { margin: 1.25, max_error_rate: None, alone: false };

    fn of(uid: &str, requests: u64, bad: u64) -> BTreeMap<String, Counted> {
        [(uid.to_owned(), Counted { errors: Some(Count { requests, bad }), slow: Vec::new() })].into()
    }

    /// Looks of which the users' requests, and those of the probe, fail so often of two hundred.
    fn looked(users: Option<u64>, probe: Option<u64>, looks: usize) -> Analysis {
        let mut analysis = Analysis::default();
        let five = Duration::from_secs(5);
        for _ in 0..looks {
            if let Some(bad) = users {
                analysis.look(&of("c", 200, bad), &of("s", 200, 2), Some(five));
            }
            if let Some(bad) = probe {
                analysis.look_at_probe(&of("c", 200, bad), Some(&of("s", 200, 2)), five);
            }
        }
        analysis
    }

    #[test]
    fn a_probe_has_lines_of_its_own_and_either_makes_a_version_worse() {
        let analysis = looked(Some(2), Some(40), 8);
        let judged = analysis.judge(SETTINGS);
        assert_eq!(judged.state, State::Worse);
        let counts: Vec<_> =
            judged.metrics.iter().map(|metric| (metric.probe, metric.state, metric.canary)).collect();
        let of = |bad| Count { requests: 1600, bad };
        assert_eq!(counts, [(false, State::Good, of(16)), (true, State::Worse, of(320))]);
        insta::assert_snapshot!(analysis.picture(&judged).join("\n"), @r#"
errors         canary 1.0 % of 1600  stable 1.0 % of 1600  x1   ▄▄▄▄▄▄▄▄  evidence 50 of 20 for the same: good
probe: errors  canary 20 % of 1600   stable 1.0 % of 1600  x20  ████████  evidence over a million of 200: worse
"#);
        insta::assert_snapshot!(judged.why_worse(), @"probe: errors: the canary fails 20 % of its requests (320 of 1600), stable 1.0 % (16 of 1600) in the same 40s: at least 7.2 times worse; evidence over a million (200 needed)");
        let other = looked(Some(40), Some(2), 8).judge(SETTINGS);
        assert_eq!((other.state, other.metrics[1].state), (State::Worse, State::Good));
        let json = serde_json::to_value(&judged.metrics).unwrap();
        assert_eq!((&json[0]["probe"], &json[1]["probe"]), (&serde_json::Value::Null, &true.into()));
    }

    #[test]
    fn the_probe_alone_is_judged_as_users_are_and_kept_on_the_lease() {
        let analysis = looked(None, Some(2), 8);
        let judged = analysis.judge(SETTINGS);
        assert_eq!((judged.state, judged.seconds), (State::Good, 40.0));
        insta::assert_snapshot!(judged.why_good(), @"probe: errors: not 3 times as many as stable, or below 0.50 % (evidence 50, 20 needed): canary 1.0 % of 1600, stable 1.0 % of 1600 in 40s");
        let kept: Analysis = serde_json::from_str(&serde_json::to_string(&analysis).unwrap()).unwrap();
        assert_eq!(kept.judge(SETTINGS), judged);
        assert_eq!((kept.looks(), kept.probe_looks()), (0, 8));
        let few = looked(None, Some(2), 2);
        insta::assert_snapshot!(few.why_open(&few.judge(SETTINGS)), @"probe: errors: 400 of the canary's requests and 400 of the stable version's in 10s; at this rate it takes about 32s, or more requests of a probe");
    }

    #[test]
    fn false_alarms_are_shared_by_all_that_is_judged() {
        let needed = |analysis: &Analysis| analysis.judge(SETTINGS).metrics[0].needed;
        assert!((needed(&looked(Some(2), None, 8)) - 100.0).abs() < 1e-9);
        assert!((needed(&looked(Some(2), Some(2), 8)) - 200.0).abs() < 1e-9);
    }

    #[test]
    fn a_version_alone_is_held_against_what_is_allowed() {
        let mut analysis = Analysis::default();
        for _ in 0..8 {
            analysis.look_at_probe(&of("c", 200, 12), None, Duration::from_secs(5));
        }
        let judged = analysis.judge(Settings { max_error_rate: Some(0.02), alone: true, ..SETTINGS });
        assert_eq!(judged.state, State::Worse);
        insta::assert_snapshot!(judged.why_worse(), @"probe: errors: the new version fails 6.0 % of its requests (96 of 1600) in 40s; 2.0 % are allowed");
    }
}

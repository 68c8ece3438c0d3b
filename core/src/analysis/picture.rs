//! A judgement as lines for people, with how it went from look to look.

use super::words::{evidence_word, percent, rounded};
use super::{Analysis, Judged, Metric, State};
use crate::analysis::evidence::{Look, numbers};

/// At most so many looks are shown; if there are more, several are taken together.
const WIDTH: usize = 20;

/// From a quarter of the stable version's share of bad requests, over the same, to eight times as many.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A look without requests to one of the versions.
const NOTHING: char = '·';

impl Analysis {
    /// Returns what is thought of each metric, a line each, with aligned columns:
    /// `errors  canary 3.1 %  stable 1.0 %  x3.1  ▁▂▂▅▇  evidence 412 of 100  worse`.
    pub fn picture(&self, judged: &Judged) -> Vec<String> {
        let rows: Vec<[String; 6]> = judged.metrics.iter().map(|metric| self.row(metric)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 6] = std::array::from_fn(width);
        let line = |row: &[String; 6]| {
            let cells = row.iter().zip(widths).map(|(text, width)| format!("{text:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        rows.iter().map(line).collect()
    }

    fn row(&self, metric: &Metric) -> [String; 6] {
        let Metric { canary, stable, evidence, needed, for_same, .. } = metric;
        let both = |who: &str, rate: f64, requests: u64| format!("{who} {} of {requests}", percent(rate));
        if let Some(allowed) = metric.allowed {
            let share = format!("{} of {requests}", percent(canary.rate()), requests = canary.requests);
            let allowed = format!("allowed {}", percent(allowed));
            let so_far = match metric.state {
                State::Worse => "worse".to_owned(),
                State::Good => "good".to_owned(),
                State::Collecting => "not known yet".to_owned(),
            };
            return [metric.title(), share, allowed, String::new(), String::new(), so_far];
        }
        let times = match stable.rate() {
            0.0 => String::new(),
            rate => format!("x{}", rounded(canary.rate() / rate)),
        };
        let evidence = match metric.state {
            State::Worse if metric.above_most => "more than is allowed: worse".to_owned(),
            State::Worse => {
                format!("evidence {} of {}: worse", evidence_word(*evidence), rounded(*needed))
            }
            State::Good => format!("evidence {} of 20 for the same: good", evidence_word(*for_same)),
            State::Collecting => format!(
                "evidence {} of {}; {} of 20 for the same",
                evidence_word(*evidence),
                rounded(*needed),
                evidence_word(*for_same)
            ),
        };
        [
            metric.title(),
            both("canary", canary.rate(), canary.requests),
            both("stable", stable.rate(), stable.requests),
            times,
            self.line(metric),
            evidence,
        ]
    }

    /// Returns how many times as many bad requests the canary had in each look, as a line of bars.
    fn line(&self, metric: &Metric) -> String {
        let part = self.part(metric);
        let series = match metric.bound {
            Some(bound) => part.slow.get(&super::micros(bound)).unwrap_or(&part.errors),
            None => &part.errors,
        };
        let at_once = series.looks.len().div_ceil(WIDTH).max(1);
        series.looks.chunks(at_once).map(|looks| bar(super::series::together(looks))).collect()
    }
}

/// With half a bad request shared out among all, so that none on both sides is the same, and one of few is not much more.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 7")]
fn bar(look: Look) -> char {
    let [nc, xc, ns, xs] = numbers(look);
    if nc == 0.0 || ns == 0.0 {
        return NOTHING;
    }
    let more = 0.5 / (nc + ns);
    let times = (xc / nc + more) / (xs / ns + more);
    let level = (times.log2() * 1.4 + 2.8).round().clamp(0.0, 7.0);
    BARS.get(level as usize).copied().unwrap_or(NOTHING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_rise_with_the_ratio() {
        let bars = |looks: &[Look]| looks.iter().map(|look| bar(*look)).collect::<String>();
        let times = [0, 25, 50, 100, 150, 200, 300, 400, 800, 900];
        let looks: Vec<Look> = times.into_iter().map(|bad| [10_000, bad, 10_000, 100]).collect();
        insta::assert_snapshot!(bars(&looks), @"▁▁▂▄▅▅▆▇██");
        insta::assert_snapshot!(bars(&[[0, 0, 10, 0], [10, 0, 0, 0], [10, 0, 30, 0], [10, 1, 30, 0]]), @"··▄█");
    }
}

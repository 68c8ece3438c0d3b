//! What Argo does with a metric (argo-rollouts `analysis/analysis.go`), in words.

use super::super::times::{ordinal, seconds};
use super::Read;

impl Read<'_, '_> {
    /// Says what Argo does with the metric, and notes what is different here.
    pub(super) fn meaning(&mut self) -> String {
        let (count, interval) = (self.number("count"), self.time("interval"));
        let mut parts = vec![match (count, interval) {
            (Some(1), _) | (None, None) => "one look".to_owned(),
            (Some(count), Some(interval)) => {
                let whole = interval
                    .saturating_mul(u32::try_from(count.clamp(1, 100_000)).unwrap_or(1).saturating_sub(1));
                self.note("count", format!("so many looks take {0}: --analysis-time {0}", seconds(whole)));
                format!("{count} looks, {} apart", seconds(interval))
            }
            (Some(count), None) => format!("{count} looks without an interval"),
            (None, Some(interval)) => {
                if self.usage.inline {
                    self.note("count", "without it the inline analysis of a Rollout never ends; here --analysis-time ends it");
                }
                format!("a look each {} for ever: only as a background analysis", seconds(interval))
            }
        }];
        let limit = self.number("failureLimit").unwrap_or(0);
        parts.push(match limit {
            ..0 => "failed looks never end it".to_owned(),
            limit => format!("failed at the {} failed look", ordinal(limit.saturating_add(1))),
        });
        if limit > 0 {
            self.note(
                "failureLimit",
                "Argo counts the failed looks of the whole run; looks: here counts those in a row",
            );
        }
        if self.has("successCondition") && self.has("failureCondition") {
            parts.push("between both conditions it is inconclusive".to_owned());
        }
        if let Some(limit) = self.number("inconclusiveLimit") {
            parts.push(format!("the {} inconclusive look ends it", ordinal(limit.saturating_add(1))));
            self.note(
                "inconclusiveLimit",
                "left out: what is inconclusive until --analysis-time is over is for --on-inconclusive",
            );
        }
        if let Some(limit) = self.number("consecutiveErrorLimit") {
            parts.push(format!("the {} error in a row ends it", ordinal(limit.saturating_add(1))));
            self.note("consecutiveErrorLimit", "left out: errors are no data, and for --on-inconclusive");
        }
        if let Some(limit) = self.number("consecutiveSuccessLimit") {
            parts.push(format!("{limit} good looks in a row end it"));
            self.note("consecutiveSuccessLimit", "left out");
        }
        if let Some(delay) = self.time("initialDelay") {
            self.note("initialDelay", format!("for all metrics: --warm-up {}", seconds(delay)));
        }
        if self.time("interval").is_some_and(|interval| interval.as_secs() < 5) {
            self.note("interval", "looks are 5s apart at least");
        }
        parts.join("; ")
    }
}

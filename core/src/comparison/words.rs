//! What is said of a comparison under way.

use super::Comparison;
use crate::analysis::State;
use crate::limits::Seen;

pub(super) const ANEW: &str =
    "what was counted before did not fit on the Lease: it is counted anew from here on";

impl Comparison {
    /// Returns how it stands in few words, and with the numbers of now; `meanwhile`: what goes on while it does.
    pub fn brief(&self, meanwhile: &str) -> (String, String) {
        let after = |what: &str| format!("{meanwhile}; {what}");
        if self.begun.is_none() {
            let warm = after("its metrics count once its pods are warm");
            return (warm.clone(), warm);
        }
        if let Some(missing) = self.missing() {
            let text = after(&missing);
            return (text.clone(), text);
        }
        let judged = &self.judged;
        let limits = self.limits.seen().into_iter().map(|seen| format!("; {} {}", seen.name, seen.measured));
        let limits = limits.collect::<Vec<_>>().concat();
        if !self.asked.judges() {
            return (meanwhile.to_owned(), format!("{meanwhile}{limits}"));
        }
        let text = after(match judged.state {
            State::Good => "it is good so far",
            State::Collecting => "whether it is worse is not known yet",
            State::Worse => "it is worse",
        });
        if judged.metrics.is_empty() {
            (text.clone(), text)
        } else {
            (text.clone(), format!("{text}: {}{limits}", judged.brief()))
        }
    }

    /// Says that what was counted before is lost, where it is.
    pub const fn begins_anew(&self) -> Option<&'static str> {
        self.anew
    }

    pub(super) fn why_not_enough(&self) -> String {
        let warm_up = self.asked.warm_up;
        let looks = self.record.analysis.looks() + self.record.analysis.probe_looks();
        let cold = || {
            let who =
                if self.begun.is_some() { "no request of a new pod was counted that" } else { "no new pod" };
            format!("{who} was Ready for more than {warm_up} s (--warm-up) while the former version served")
        };
        let unread = self.missing().or_else(|| (self.rolls && looks == 0).then(cold));
        unread.unwrap_or_else(|| self.record.analysis.why_open(&self.judged))
    }

    pub(super) fn why_good(&self) -> String {
        let limits = self.limits.seen().into_iter().filter(|seen| !seen.dry_run).map(Seen::why_good);
        let compared = self.asked.judges().then(|| self.judged.why_good());
        compared.into_iter().chain(limits).collect::<Vec<_>>().join("; ")
    }
}

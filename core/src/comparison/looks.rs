//! How many looks there are since a share began.

use crate::analysis::Analysis;
use crate::plan::Analyze;

/// How many looks there are of what the pods have counted, and of what a probe was answered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Looks {
    own: usize,
    probe: usize,
}

impl Looks {
    pub(super) fn of(analysis: &Analysis) -> Self {
        Self { own: analysis.looks(), probe: analysis.probe_looks() }
    }

    /// Returns how many there are since then of what is asked: the least of both.
    pub(super) fn until(self, analysis: &Analysis, asked: &Analyze) -> usize {
        let now = Self::of(analysis);
        let own = now.own.saturating_sub(self.own);
        let probe = now.probe.saturating_sub(self.probe);
        match (asked.compares(), asked.probe.is_some()) {
            (true, true) => own.min(probe),
            (false, true) => probe,
            (true | false, false) => own,
        }
    }
}

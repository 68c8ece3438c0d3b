//! Looks at a version again and again.

use std::collections::BTreeSet;

use crate::health::rules::CONTROLLER_STALLED;
use crate::health::{Failure, Memory, Moment, Signal, State, Tolerances, Verdict, View, signals, verdict};

/// After that, a pod in creation may have trouble that only events tell.
const SLOW_CREATION: Moment = Moment::from_secs(3);

/// After that, the Deployment controller may have trouble that only events tell.
const SLOW_CONTROLLER: Moment = Moment::from_secs(1);

/// Looks at a version again and again.
///
/// A failure stands until there is a new pod: a container that crashes is now and then up for a moment.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// What was seen so far.
    pub memory: Memory,
    tolerances: Tolerances,
    failed: Option<(Failure, BTreeSet<String>)>,
}

impl Watch {
    /// Names objects, by uid, about which events could say more: at most two pods, or the Deployment alone while its
    /// controller does not follow.
    pub fn curious(&self, view: &View<'_>, verdict: &Verdict, now: Moment) -> Vec<String> {
        let stalled = |signal: &&Signal| {
            *signal.rule == CONTROLLER_STALLED
                && now.saturating_sub(self.memory.since(signal, now)) >= SLOW_CONTROLLER
        };
        if !view.workload.is_observed() {
            let stalled = verdict.pending.iter().any(|signal| stalled(&signal));
            return stalled.then(|| view.workload.uid().to_owned()).into_iter().collect();
        }
        let stuck = self.memory.in_creation(now, SLOW_CREATION);
        let troubled = verdict.pending.iter().map(|signal| &signal.uid).filter(|uid| !uid.is_empty());
        let mut uids: Vec<String> = troubled.chain(stuck).cloned().collect();
        uids.dedup();
        uids.truncate(2);
        uids
    }

    /// Returns when the Deployment's controller is to be asked about although nothing changes.
    pub fn curious_at(&self, verdict: &Verdict, now: Moment) -> Option<Moment> {
        let stalled = verdict.pending.iter().find(|signal| *signal.rule == CONTROLLER_STALLED)?;
        Some(self.memory.since(stalled, now).saturating_add(SLOW_CONTROLLER)).filter(|at| *at > now)
    }

    /// Begins with what is there before the first write.
    pub fn new(before: &View<'_>, tolerances: Tolerances) -> Self {
        Self { memory: Memory::begun(before), tolerances, failed: None }
    }

    /// Forgets a failure that a second look is to confirm.
    pub fn doubt(&mut self) {
        self.failed = None;
    }

    /// Judges a version as it is now. `now` must not go back.
    pub fn look(&mut self, view: &View<'_>, now: Moment) -> Verdict {
        self.memory.see(view, now);
        let found = signals(view, &self.memory);
        self.memory.date(&found, now);
        let mut verdict = verdict(view, found, &self.memory, now, &self.tolerances);
        if verdict.failure.is_none() && self.failed.is_none() {
            return verdict;
        }
        let pods: BTreeSet<String> = view.pods.iter().map(|pod| pod.uid().to_owned()).collect();
        match (&verdict.failure, &self.failed) {
            (None, Some((failure, then))) if pods.is_subset(then) => {
                verdict.state = State::Failed;
                verdict.failure = Some(failure.clone());
            }
            (failure, _) => self.failed = failure.clone().map(|failure| (failure, pods)),
        }
        verdict
    }
}

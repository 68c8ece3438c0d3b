//! What has to be remembered between two looks at a version.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::health::signals::{Signal, signals};
use crate::health::verdict::{Failure, State, Verdict, verdict};
use crate::health::{Moment, Tolerances, View, pods};
use crate::model::Pod;

/// After that, a pod in creation may have trouble that only events tell.
const SLOW_CREATION: Moment = Moment::from_secs(3);

/// After that, the Deployment controller may have trouble that only events tell.
const SLOW_CONTROLLER: Moment = Moment::from_secs(1);

/// What a signal is known by: the pod's uid, the container, the reason.
type Key = (String, String, &'static str);

/// What is remembered of one pod.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    /// How often its containers had ended at first sight, if it was Ready then: it may have had a bad day long ago,
    /// and only what comes now counts.
    ends: Vec<(String, i64)>,
    was_ready: bool,
    displaced: bool,
    /// Since when it has been in creation.
    creating: Option<Moment>,
}

impl Known {
    fn at_first_sight(pod: &Pod) -> Self {
        let ends = pod.containers().map(|(_, status, _)| (status.name.clone(), status.ends()));
        Self { ends: ends.filter(|_| pod.is_ready()).collect(), ..Self::default() }
    }
}

/// When each signal was first seen, and what was so before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    since: BTreeMap<Key, Moment>,
    /// The pods of the version, by uid.
    pods: HashMap<String, Known>,
    displaced: usize,
    /// Those that were displaced before the begin: they may stay in the list for days.
    displaced_before: BTreeSet<String>,
    /// The Deployment controller's verdict at the begin: that of an earlier rollout.
    pub given_up_before: Option<String>,
    /// The Deployment controller's words on a ReplicaSet that it could not make before the begin.
    pub not_made_before: Option<String>,
    /// Ready pods of all versions at the begin.
    pub ready_before: Option<u32>,
    /// Those of the stable version.
    pub stable_before: Option<u32>,
}

impl Memory {
    /// Returns since when a signal has been seen; `now` for one that is new.
    pub fn since(&self, signal: &Signal, now: Moment) -> Moment {
        let begun = self.since.get(&key(signal)).copied().unwrap_or(now);
        if pods::counts_from_creation(signal.rule.reason) {
            return self.pods.get(&signal.uid).and_then(|pod| pod.creating).unwrap_or(begun).min(begun);
        }
        begun
    }

    pub(super) fn ends_before(&self, uid: &str, container: &str) -> i64 {
        let ends = self.pods.get(uid).map_or(&[][..], |known| &known.ends);
        ends.iter().find(|(name, _)| name == container).map_or(0, |(_, ends)| *ends)
    }

    pub(super) fn was_ready(&self, uid: &str) -> bool {
        self.pods.get(uid).is_some_and(|known| known.was_ready)
    }

    pub(super) fn displaced(&self) -> usize {
        self.displaced
    }

    /// Takes note of the pods as they were since the last look, and as they are now.
    fn see(&mut self, view: &View<'_>, now: Moment) {
        for pod in view.passed.iter().chain(&view.pods) {
            let uid = pod.uid();
            if !self.pods.contains_key(uid) {
                self.pods.insert(uid.to_owned(), Known::at_first_sight(pod));
            }
            let Some(known) = self.pods.get_mut(uid) else { continue };
            known.was_ready |= pod.is_ready();
            if !known.displaced && pod.is_evicted() && !self.displaced_before.contains(uid) {
                known.displaced = true;
                self.displaced += 1;
            }
            known.creating = pods::is_creating(pod).then(|| known.creating.unwrap_or(now));
        }
    }

    /// Forgets signals that are gone, and dates those that are new.
    fn date(&mut self, found: &[Signal], now: Moment) {
        let mut since = BTreeMap::new();
        for signal in found {
            let key = key(signal);
            let begun = self.since.get(&key).copied().unwrap_or(now);
            since.insert(key, begun);
        }
        self.since = since;
    }
}

fn key(signal: &Signal) -> Key {
    (signal.uid.clone(), signal.container.clone().unwrap_or_default(), signal.rule.reason)
}

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
            signal.rule.reason == "ControllerStalled"
                && now.saturating_sub(self.memory.since(signal, now)) >= SLOW_CONTROLLER
        };
        if !view.deployment.is_observed() {
            let stalled = verdict.pending.iter().any(|signal| stalled(&signal));
            return stalled.then(|| view.deployment.uid().to_owned()).into_iter().collect();
        }
        let is_stuck =
            |known: &Known| known.creating.is_some_and(|since| now.saturating_sub(since) >= SLOW_CREATION);
        let stuck: BTreeSet<&String> =
            self.memory.pods.iter().filter(|(_, known)| is_stuck(known)).map(|(uid, _)| uid).collect();
        let troubled = verdict.pending.iter().map(|signal| &signal.uid).filter(|uid| !uid.is_empty());
        let mut uids: Vec<String> = troubled.chain(stuck).cloned().collect();
        uids.dedup();
        uids.truncate(2);
        uids
    }

    /// Returns when the Deployment's controller is to be asked about although nothing changes.
    pub fn curious_at(&self, verdict: &Verdict, now: Moment) -> Option<Moment> {
        let stalled = verdict.pending.iter().find(|signal| signal.rule.reason == "ControllerStalled")?;
        Some(self.memory.since(stalled, now).saturating_add(SLOW_CONTROLLER)).filter(|at| *at > now)
    }

    /// Begins with what is there before the first write.
    pub fn new(before: &View<'_>, tolerances: Tolerances) -> Self {
        let all = || before.pods.iter().chain(&before.others);
        let count = |ready: usize| u32::try_from(ready).ok();
        let stable = before.stable.as_ref().map(|stable| &stable.pods);
        let displaced = all().filter(|pod| pod.is_evicted());
        let memory = Memory {
            displaced_before: displaced.map(|pod| pod.uid().to_owned()).collect(),
            given_up_before: before.deployment.deadline_exceeded().map(str::to_owned),
            not_made_before: before.deployment.not_made().map(str::to_owned),
            ready_before: count(all().filter(|pod| pod.is_ready()).count()),
            stable_before: stable.and_then(|pods| count(pods.iter().filter(|pod| pod.is_ready()).count())),
            ..Memory::default()
        };
        Self { memory, tolerances, failed: None }
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

//! What has to be remembered between two looks at a version.

use std::collections::{BTreeMap, BTreeSet};

use crate::health::signals::{Signal, signals};
use crate::health::verdict::{Failure, State, Verdict, verdict};
use crate::health::{Moment, Tolerances, View, pods};

/// After that, a pod in creation may have trouble that only events tell.
const SLOW_CREATION: Moment = Moment::from_secs(3);

/// After that, the Deployment controller may have trouble that only events tell.
const SLOW_CONTROLLER: Moment = Moment::from_secs(1);

/// What a signal is known by: the pod's uid, the container, the reason.
type Key = (String, String, &'static str);

/// When each signal was first seen, and what was so before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    since: BTreeMap<Key, Moment>,
    /// Since when each pod has been in creation, by uid.
    creating: BTreeMap<String, Moment>,
    /// How often containers of pods that were Ready at first sight had ended by then.
    ends: BTreeMap<(String, String), i64>,
    known: BTreeSet<String>,
    was_ready: BTreeSet<String>,
    displaced: BTreeSet<String>,
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
            return self.creating.get(&signal.uid).copied().unwrap_or(begun).min(begun);
        }
        begun
    }

    pub(super) fn ends_before(&self, uid: &str, container: &str) -> i64 {
        self.ends.get(&(uid.to_owned(), container.to_owned())).copied().unwrap_or(0)
    }

    pub(super) fn was_ready(&self, uid: &str) -> bool {
        self.was_ready.contains(uid)
    }

    pub(super) fn displaced(&self) -> usize {
        self.displaced.len()
    }

    /// Takes note of the pods as they are now.
    fn see(&mut self, view: &View<'_>, now: Moment) {
        for pod in &view.pods {
            let uid = pod.uid().to_owned();
            if self.known.insert(uid.clone()) && pod.is_ready() {
                // It may have had a bad day long ago: only what comes now counts.
                for (_, status, _) in pod.containers() {
                    self.ends.insert((uid.clone(), status.name.clone()), status.ends());
                }
            }
            if pod.is_ready() {
                self.was_ready.insert(uid.clone());
            }
            if pod.is_evicted() && !self.displaced_before.contains(&uid) {
                self.displaced.insert(uid.clone());
            }
            if pods::is_creating(pod) {
                self.creating.entry(uid).or_insert(now);
            } else {
                self.creating.remove(&uid);
            }
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
        let stuck =
            self.memory.creating.iter().filter(|(_, since)| now.saturating_sub(**since) >= SLOW_CREATION);
        let troubled = verdict.pending.iter().map(|signal| &signal.uid).filter(|uid| !uid.is_empty());
        let mut uids: Vec<String> = troubled.chain(stuck.map(|(uid, _)| uid)).cloned().collect();
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
        let mut verdict = verdict(view, &self.memory, now, &self.tolerances);
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

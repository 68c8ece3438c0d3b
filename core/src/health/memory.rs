//! What has to be remembered between two looks at a version.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::health::{Moment, Rule, Signal, View};
use crate::model::Pod;

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
    /// Takes note of what is there before the first write.
    pub(super) fn begun(before: &View<'_>) -> Self {
        let all = || before.pods.iter().chain(&before.others);
        let count = |ready: usize| u32::try_from(ready).ok();
        let stable = before.stable.as_ref().map(|stable| &stable.pods);
        let displaced = all().filter(|pod| pod.is_evicted());
        Self {
            displaced_before: displaced.map(|pod| pod.uid().to_owned()).collect(),
            given_up_before: before.workload.deadline_exceeded().map(str::to_owned),
            not_made_before: before.workload.not_made().map(str::to_owned),
            ready_before: count(all().filter(|pod| pod.is_ready()).count()),
            stable_before: stable.and_then(|pods| count(pods.iter().filter(|pod| pod.is_ready()).count())),
            ..Self::default()
        }
    }

    /// Returns since when a signal has been seen; `now` for one that is new.
    pub fn since(&self, signal: &Signal, now: Moment) -> Moment {
        let begun = self.since.get(&key(signal)).copied().unwrap_or(now);
        if signal.rule.from_creation {
            return self.pods.get(&signal.uid).and_then(|pod| pod.creating).unwrap_or(begun).min(begun);
        }
        begun
    }

    pub(super) fn ends_before(&self, uid: &str, container: &str) -> i64 {
        let ends = self.pods.get(uid).map_or(&[][..], |known| &known.ends);
        ends.iter().find(|(name, _)| name == container).map_or(0, |(_, ends)| *ends)
    }

    /// Whether the last look found this in a container.
    pub(super) fn has_found(&self, rule: &Rule, uid: &str, container: &str) -> bool {
        self.since.contains_key(&(uid.to_owned(), container.to_owned(), rule.reason))
    }

    pub(super) fn was_ready(&self, uid: &str) -> bool {
        self.pods.get(uid).is_some_and(|known| known.was_ready)
    }

    pub(super) fn displaced(&self) -> usize {
        self.displaced
    }

    /// Names the pods, by uid, that have been in creation for so long.
    pub(super) fn in_creation(&self, now: Moment, least: Moment) -> BTreeSet<&String> {
        let is_slow = |known: &Known| known.creating.is_some_and(|since| now.saturating_sub(since) >= least);
        self.pods.iter().filter(|(_, known)| is_slow(known)).map(|(uid, _)| uid).collect()
    }

    /// Takes note of the pods as they were since the last look, and as they are now.
    pub(super) fn see(&mut self, view: &View<'_>, now: Moment) {
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
            known.creating = is_creating(pod).then(|| known.creating.unwrap_or(now));
        }
    }

    /// Forgets signals that are gone, and dates those that are new.
    pub(super) fn date(&mut self, found: &[Signal], now: Moment) {
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

/// Since when a pod has been in creation decides about mounts and sandboxes; see [`pods`](super::pods).
fn is_creating(pod: &Pod) -> bool {
    pod.status.phase == "Pending"
        && pod.condition("PodScheduled").is_some_and(|condition| condition.status == "True")
}

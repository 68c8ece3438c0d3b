//! For how long pods have been Ready, by our own monotonic clock: the cluster's clocks are not ours.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::model::Pod;
use crate::step::ReadyFor;

/// When each pod was first seen Ready since it was last seen otherwise.
#[derive(Default)]
pub(crate) struct ReadyClock {
    since: BTreeMap<String, Instant>,
}

impl ReadyClock {
    /// Takes note of the pods as they are now.
    pub(crate) fn see(&mut self, pods: &[Pod]) {
        let now = Instant::now();
        let ready: Vec<&Pod> = pods.iter().filter(|pod| pod.is_ready()).collect();
        self.since.retain(|name, _| ready.iter().any(|pod| pod.name() == name));
        for pod in ready {
            self.since.entry(pod.name().to_owned()).or_insert(now);
        }
    }

    /// Returns for how long each has been Ready.
    pub(crate) fn ready_for(&self) -> ReadyFor {
        let now = Instant::now();
        self.since.iter().map(|(name, since)| (name.clone(), now.duration_since(*since))).collect()
    }
}

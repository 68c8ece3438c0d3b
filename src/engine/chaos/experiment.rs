//! The lock of a workload while an experiment is run on its pods.

use super::super::Engine;
use crate::error::Error;
use crate::situation::Situation;

impl Engine<'_> {
    /// Returns the uid of the canary's `ReplicaSet`, if one is held: only its pods are hit then.
    ///
    /// # Errors
    /// The workload is gone.
    pub(crate) fn canary_uid(&mut self) -> Result<Option<String>, Error> {
        let observed = self.observed()?;
        let situation = Situation::of(&observed);
        let canary = situation.canary.filter(|_| situation.hold.is_some());
        Ok(canary.and_then(|canary| canary.metadata.uid.clone()))
    }

    /// Takes the lock: no rollout begins meanwhile, and none is disturbed.
    ///
    /// # Errors
    /// Somebody else has it.
    pub(crate) async fn take_for_experiment(&mut self) -> Result<(), Error> {
        self.wait_for_turn_of_fault().await?;
        let workload = self.observed()?.workload;
        self.lock.take_for_fault(self.cluster, &workload, None).await?;
        self.end_left_fault().await
    }

    /// Says that we are alive, if that is due.
    ///
    /// # Errors
    /// Somebody else has the lock.
    pub(crate) async fn renew_for_experiment(&mut self) -> Result<(), Error> {
        self.lock.renew_for_fault(self.cluster).await
    }

    /// Frees the lock.
    ///
    /// # Errors
    /// Somebody else has the lock.
    pub(crate) async fn free_after_experiment(&mut self) -> Result<(), Error> {
        self.lock.clear_fault(self.cluster, false).await
    }
}

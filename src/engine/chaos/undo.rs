//! The way back from a fault, whoever takes it.

use super::super::Engine;
use crate::error::Error;
use crate::journal::FaultRecord;
use crate::words::counted;

impl Engine<'_> {
    /// Ends a fault that another run has left, with the lock that is ours now.
    ///
    /// # Errors
    /// What the server said; the record stays then.
    pub(in crate::engine) async fn end_left_fault(&mut self) -> Result<(), Error> {
        let Some(record) = self.lock.fault() else { return Ok(()) };
        self.note(&format!("{} of {} is still on: ending it", record.fault.name(), record.run.holder));
        self.end_fault(&record).await?;
        self.lock.clear_fault(self.cluster, true).await
    }

    /// Ends a fault that another run has left, where there is nothing else to go on with.
    ///
    /// # Errors
    /// Who holds the lock, or what the server said; the record stays then.
    pub(crate) async fn end_fault_alone(&mut self) -> Result<(), Error> {
        self.wait_for_turn_of_fault().await?;
        let Some(record) = self.lock.fault() else { return Ok(()) };
        let workload = self.observed()?.workload;
        self.lock.take_for_fault(self.cluster, &workload, Some(&record)).await?;
        self.wrote = true;
        match self.end_left_fault().await {
            // Held for nothing else.
            Ok(()) => self.lock.leave_fault(self.cluster).await,
            Err(error) => {
                drop(self.lock.leave_fault(self.cluster).await);
                Err(error)
            }
        }
    }

    /// Replaces what was hit, and tells it.
    pub(super) async fn end_fault(&mut self, record: &FaultRecord) -> Result<(), Error> {
        let replaced = self.cluster.replace_victims(record).await.map_err(|error| {
            let message = format!("ending {}: {}", record.fault.name(), error.message);
            Error { message, ..error }.next(self.id.command("abort"))
        })?;
        if record.fault.lasts() {
            self.note(&format!("{} is over: {} replaced", record.fault.name(), counted(replaced, "pod")));
        }
        Ok(())
    }
}

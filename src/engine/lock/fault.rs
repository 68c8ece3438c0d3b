//! The Lease as lock and record of a run that makes a fault. The journal of rollouts stays as it is.

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{LOOK_EVERY, Lock, RENEW_EVERY, TRIES};
use crate::cluster::{Cluster, Failure};
use crate::error::Error;
use crate::journal::{self, FaultRecord};
use crate::model::Workload;
use crate::world::timestamp;

/// What is known of a Lease that is about to be taken.
struct Taking<'t> {
    workload: &'t Workload,
    /// Who held it before, and was waited for.
    seen: Option<String>,
}

impl Lock {
    /// Returns the fault that is noted on the Lease.
    pub(crate) fn fault(&self) -> Option<FaultRecord> {
        self.lease.as_ref().and_then(FaultRecord::on)
    }

    /// Takes the lock, and writes down in the same request who is to be hit. An experiment has no record: its faults end by
    /// themselves, or are put back by its own process.
    pub(crate) async fn take_for_fault(
        &mut self,
        cluster: &Cluster,
        workload: &Workload,
        record: Option<&FaultRecord>,
    ) -> Result<(), Error> {
        let seen = self.state().and_then(|state| state.holder);
        self.lease.get_or_insert_with(|| journal::new_lease(workload));
        let note = |lease: &mut Value| {
            if let Some(record) = record {
                record.note(lease);
            }
        };
        self.put(cluster, true, Some(Taking { workload, seen }), note).await
    }

    /// Writes down who is to be hit, with the lock that is ours.
    pub(crate) async fn note_fault(&mut self, cluster: &Cluster, record: &FaultRecord) -> Result<(), Error> {
        self.put(cluster, true, None, |lease| record.note(lease)).await
    }

    /// Notes that all of it is undone, and frees the lock unless it is held for something else.
    pub(crate) async fn clear_fault(&mut self, cluster: &Cluster, hold: bool) -> Result<(), Error> {
        self.put(cluster, hold, None, FaultRecord::clear).await
    }

    /// Frees the lock, and leaves what is noted of a fault to whoever comes next.
    pub(crate) async fn leave_fault(&mut self, cluster: &Cluster) -> Result<(), Error> {
        self.put(cluster, false, None, |_| ()).await
    }

    /// Says that we are alive, if that is due.
    pub(crate) async fn renew_for_fault(&mut self, cluster: &Cluster) -> Result<(), Error> {
        if self.held_since.is_some_and(|since| since.elapsed() < RENEW_EVERY) {
            return Ok(());
        }
        self.put(cluster, true, None, |_| ()).await
    }

    /// Whether the Lease is ours, or is still as it was found if it is about to be taken.
    fn may_write(&self, taking: Option<&Taking<'_>>) -> bool {
        let is_open = |taking: &Taking<'_>| {
            let holder = self.state().and_then(|state| state.holder);
            holder.is_none() || holder == taking.seen
        };
        taking.is_some_and(is_open) || self.lease.as_ref().is_some_and(|lease| self.is_ours(lease))
    }

    /// Changes the Lease as long as it is ours, whatever others write into it.
    async fn put(
        &mut self,
        cluster: &Cluster,
        hold: bool,
        taking: Option<Taking<'_>>,
        change: impl Fn(&mut Value),
    ) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            if !self.may_write(taking.as_ref()) {
                return Err(if taking.is_some() { self.busy() } else { self.lost() });
            }
            let Some(mut lease) = self.lease.clone() else { return Ok(()) };
            change(&mut lease);
            journal::seat(&mut lease, hold.then_some(&self.run), &timestamp());
            match cluster.write_lease(&lease).await {
                Ok(lease) => {
                    self.lease = Some(lease);
                    self.held_since = Some(Instant::now());
                    return Ok(());
                }
                Err(Failure::Refused(status, error)) if status.code != 409 && status.code != 404 => {
                    return Err(error);
                }
                Err(failure) => {
                    tries += 1;
                    if tries > TRIES {
                        return Err(failure.into_error());
                    }
                    sleep(LOOK_EVERY.mul_f64(0.1 * f64::from(tries))).await;
                    self.lease = cluster.lease(&self.id).await?;
                    let is_free = self.state().is_none_or(|state| state.holder.is_none());
                    // Freed by a write of ours whose answer was lost.
                    if !hold && is_free && self.fault().is_none() {
                        return Ok(());
                    }
                    if let (None, Some(taking)) = (&self.lease, &taking) {
                        self.lease = Some(journal::new_lease(taking.workload));
                    }
                }
            }
        }
    }
}

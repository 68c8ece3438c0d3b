//! The Lease as lock and record of a run that makes a fault. The journal of rollouts stays as it is.

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{LOOK_EVERY, Lock, RENEW_EVERY, TRIES};
use crate::cluster::{Cluster, Failure};
use crate::error::Error;
use crate::journal::{self, FaultRecord};
use crate::model::Workload;
use crate::world::timestamp;

impl Lock {
    /// Returns the fault that is noted on the Lease.
    pub(crate) fn fault(&self) -> Option<FaultRecord> {
        self.lease.as_ref().and_then(FaultRecord::on)
    }

    /// Takes the lock and writes down who is to be hit, in the same request.
    pub(crate) async fn take_for_fault(
        &mut self,
        cluster: &Cluster,
        workload: &Workload,
        record: &FaultRecord,
    ) -> Result<(), Error> {
        let seen = self.state().and_then(|state| state.holder);
        self.lease.get_or_insert_with(|| journal::new_lease(workload));
        let is_ours = |lock: &Self| {
            let holder = lock.state().and_then(|state| state.holder);
            // Whoever held it before was waited for.
            holder.is_none() || holder == seen || lock.lease.as_ref().is_some_and(|lease| lock.is_ours(lease))
        };
        self.put(cluster, true, Some(workload), is_ours, |lease| record.note(lease)).await
    }

    /// Takes the lock for an experiment, whose faults end by themselves or are put back by its own process.
    pub(crate) async fn take_for_experiment(
        &mut self,
        cluster: &Cluster,
        workload: &Workload,
    ) -> Result<(), Error> {
        let seen = self.state().and_then(|state| state.holder);
        self.lease.get_or_insert_with(|| journal::new_lease(workload));
        let is_ours = |lock: &Self| {
            let holder = lock.state().and_then(|state| state.holder);
            holder.is_none() || holder == seen || lock.lease.as_ref().is_some_and(|lease| lock.is_ours(lease))
        };
        self.put(cluster, true, Some(workload), is_ours, |_| ()).await
    }

    /// Writes down who is to be hit, with the lock that is ours.
    pub(crate) async fn note_fault(&mut self, cluster: &Cluster, record: &FaultRecord) -> Result<(), Error> {
        let is_ours = |lock: &Self| lock.lease.as_ref().is_some_and(|lease| lock.is_ours(lease));
        self.put(cluster, true, None, is_ours, |lease| record.note(lease)).await
    }

    /// Notes that all of it is undone, and frees the lock unless it is held for something else.
    pub(crate) async fn clear_fault(&mut self, cluster: &Cluster, hold: bool) -> Result<(), Error> {
        let is_ours = |lock: &Self| lock.lease.as_ref().is_some_and(|lease| lock.is_ours(lease));
        self.put(cluster, hold, None, is_ours, FaultRecord::clear).await
    }

    /// Frees the lock, and leaves what is noted of a fault to whoever comes next.
    pub(crate) async fn leave_fault(&mut self, cluster: &Cluster) -> Result<(), Error> {
        let is_ours = |lock: &Self| lock.lease.as_ref().is_some_and(|lease| lock.is_ours(lease));
        self.put(cluster, false, None, is_ours, |_| ()).await
    }

    /// Says that we are alive, if that is due.
    pub(crate) async fn renew_for_fault(&mut self, cluster: &Cluster) -> Result<(), Error> {
        if self.held_since.is_some_and(|since| since.elapsed() < RENEW_EVERY) {
            return Ok(());
        }
        let is_ours = |lock: &Self| lock.lease.as_ref().is_some_and(|lease| lock.is_ours(lease));
        self.put(cluster, true, None, is_ours, |_| ()).await
    }

    /// Changes the Lease as long as it is ours, whatever others write into it.
    async fn put(
        &mut self,
        cluster: &Cluster,
        hold: bool,
        new: Option<&Workload>,
        is_ours: impl Fn(&Self) -> bool,
        change: impl Fn(&mut Value),
    ) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            if !is_ours(self) {
                return Err(if new.is_some() { self.busy() } else { self.lost() });
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
                    if let (None, Some(workload)) = (&self.lease, new) {
                        self.lease = Some(journal::new_lease(workload));
                    }
                }
            }
        }
    }
}

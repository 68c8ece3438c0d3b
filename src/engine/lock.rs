//! The Lease as lock and journal of a run.

mod fault;

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::noted::{Left, loan, snapshot};
use crate::cluster::{Cluster, Failure};
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::health;
use crate::journal::{self, ComparisonRecord, Journal, Loan, LockState, Outcome, RunRef, State, Verb};
use crate::model::ObjectName;
use crate::output::Channel;
use crate::plan::Plan;
use crate::situation::Observed;
use crate::world::{Signals, timestamp};

const RENEW_EVERY: Duration = Duration::from_secs(10);
/// After two thirds of the Lease without a renewal somebody else may be about to take it.
const TRUST: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_secs(1);
const TRIES: u32 = 6;

/// A workload's Lease as this run last read or wrote it.
pub(crate) struct Lock {
    id: ObjectName,
    run: RunRef,
    lease: Option<Value>,
    journal: Option<Journal>,
    held_since: Option<Instant>,
    /// What the last write adds to the history.
    outcome: Option<Outcome>,
}

impl Lock {
    pub(crate) async fn read(cluster: &Cluster, id: ObjectName, run: RunRef) -> Result<Self, Error> {
        let lease = cluster.lease(&id).await?;
        let journal = lease.as_ref().map(journal::trusted_journal).transpose()?.flatten();
        Ok(Self { id, run, lease, journal, held_since: None, outcome: None })
    }

    pub(crate) fn journal(&self) -> Option<Journal> {
        self.journal.clone()
    }

    pub(crate) fn lease(&self) -> Option<&Value> {
        self.lease.as_ref()
    }

    /// The version of the Lease as it was last read or written; nothing if there is none.
    pub(crate) fn version(&self) -> Option<String> {
        self.lease.as_ref()?["metadata"]["resourceVersion"].as_str().map(str::to_owned)
    }

    pub(crate) fn state(&self) -> Option<LockState> {
        self.lease.as_ref().map(journal::lock_state)
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.journal.as_ref().map_or(0, |journal| journal.epoch)
    }

    /// When the next renewal is due.
    pub(crate) fn renew_at(&self) -> Instant {
        self.held_since.unwrap_or_else(Instant::now) + RENEW_EVERY
    }

    /// Waits until nobody alive holds the lock, if the verb has to. Returns whether somebody held it.
    ///
    /// A holder is dead if its record stays the same for the record's own duration by our clock; clocks of
    /// two machines are never compared.
    pub(crate) async fn wait_for_turn(
        &mut self,
        cluster: &Cluster,
        verb: Verb,
        patience: Duration,
        output: &Channel<'_>,
        stop: &mut Signals,
    ) -> Result<bool, Error> {
        let Some(mut seen) = self.state().filter(|state| state.holder.is_some()) else { return Ok(false) };
        if verb.takes_over() {
            return Ok(true);
        }
        let holder = seen.holder.clone().unwrap_or_default();
        let who = format!("{holder}{}", self.link());
        output.event(&Event::note(format!("{who} holds the lock: looking whether that run is alive")));
        let begin = Instant::now();
        let mut unchanged_since = begin;
        loop {
            tokio::select! {
                biased;
                () = sleep(LOOK_EVERY) => {}
                () = stop.received() => {
                    return Err(Error::new(Kind::Interrupted, "stopped by a signal while waiting for the lock; nothing was changed"));
                }
            }
            *self = Self::read(cluster, self.id.clone(), self.run.clone()).await?;
            let Some(now) = self.state().filter(|state| state.holder.is_some()) else { return Ok(true) };
            if now == seen {
                if unchanged_since.elapsed() >= Duration::from_secs(now.duration) {
                    output.event(&Event::note(format!(
                        "{who} gave no sign for {} s: taking over",
                        now.duration
                    )));
                    return Ok(true);
                }
                continue;
            }
            seen = now;
            unchanged_since = Instant::now();
            if begin.elapsed() >= patience {
                return Err(self.busy());
            }
        }
    }

    /// Where people find the build of the run that wrote the journal.
    fn link(&self) -> String {
        let link = self.journal.as_ref().and_then(|journal| journal.run.link.as_ref());
        link.map(|link| format!(" ({link})")).unwrap_or_default()
    }

    fn busy(&self) -> Error {
        let holder = self.state().and_then(|state| state.holder).unwrap_or_default();
        Error::new(Kind::Locked, format!("another run holds {}: {holder}{}", self.id, self.link()))
            .next("--wait-lock 5m (in a pipeline: the setting wait_lock: 5m)")
            .next(format!("{} (takes over at once)", self.id.command("abort")))
    }

    /// Takes the lock and writes the plan and the way home in the same request.
    pub(crate) async fn take(
        &mut self,
        cluster: &Cluster,
        verb: Verb,
        plan: Plan,
        cursor: usize,
        observed: &Observed,
    ) -> Result<(), Error> {
        let seen = self.state();
        let mut tries = 0;
        let mut observed = observed.clone();
        loop {
            let journal = Journal {
                schema: Journal::SCHEMA,
                run: self.run.clone(),
                epoch: self.epoch() + 1,
                verb,
                snapshot: snapshot(&plan, &observed),
                loan: loan(&plan, &observed),
                plan: plan.clone(),
                cursor,
                state: State::Open,
                failure: self
                    .journal
                    .as_ref()
                    .filter(|_| verb == Verb::Abort)
                    .and_then(|j| j.failure.clone()),
                traffic: observed.traffic.clone(),
                compared: self.journal.as_ref().and_then(|journal| journal.compared.clone()),
            };
            let mut lease = self.lease.clone().unwrap_or_else(|| journal::new_lease(&observed.workload));
            journal::write_lease(&mut lease, Some(&self.run), &journal, &timestamp())?;
            match cluster.write_lease(&lease).await {
                Ok(lease) => {
                    self.written(lease, journal);
                    return Ok(());
                }
                Err(Failure::Refused(status, error)) if status.code != 409 => return Err(error),
                Err(failure) => {
                    tries += 1;
                    if tries > TRIES {
                        return Err(failure.into_error());
                    }
                    sleep(LOOK_EVERY.mul_f64(0.1 * f64::from(tries))).await;
                    *self = Self::read(cluster, self.id.clone(), self.run.clone()).await?;
                    observed.journal = self.journal();
                    let holder = self.state().and_then(|state| state.holder);
                    let ours = self.lease.as_ref().is_some_and(|lease| self.is_ours(lease));
                    let same = holder == seen.as_ref().and_then(|seen| seen.holder.clone());
                    if !verb.takes_over() && holder.is_some() && !ours && !same {
                        return Err(self.busy());
                    }
                }
            }
        }
    }

    /// Returns the two versions of this run.
    pub(crate) fn way_home(&self) -> Option<&journal::Snapshot> {
        self.journal.as_ref()?.snapshot.as_ref()
    }

    /// Reads who holds the lock now, keeping our own journal. Returns whether it is free.
    pub(crate) async fn look(&mut self, cluster: &Cluster) -> Result<bool, Error> {
        self.lease = cluster.lease(&self.id).await?;
        if let Some(journal) = self.lease.as_ref().and_then(journal::journal) {
            self.journal = Some(journal);
        }
        Ok(self.state().is_none_or(|state| state.holder.is_none()))
    }

    /// Replaces the plan by one made after the lock was taken.
    pub(crate) async fn amend(
        &mut self,
        cluster: &Cluster,
        plan: Plan,
        observed: &Observed,
    ) -> Result<(), Error> {
        let (snapshot, loan) = (snapshot(&plan, observed), loan(&plan, observed));
        self.update(cluster, true, |journal| {
            journal.plan = plan.clone();
            journal.snapshot.clone_from(&snapshot);
            journal.loan.clone_from(&loan);
        })
        .await
    }

    /// Notes what a hold is about to put into fields of the user's, if that is not noted yet.
    pub(crate) async fn lend(&mut self, cluster: &Cluster, loan: &Loan) -> Result<(), Error> {
        if self.journal.as_ref().is_none_or(|journal| journal.loan.as_ref() == Some(loan)) {
            return Ok(());
        }
        self.update(cluster, true, |journal| {
            journal.loan = Some(loan.clone());
            if let Some(snapshot) = &mut journal.snapshot {
                snapshot.original.clone_from(&loan.original);
            }
        })
        .await
    }

    /// Writes down what is done about a version that failed or is gone. The way home stays as it was.
    pub(crate) async fn turn_back(
        &mut self,
        cluster: &Cluster,
        verb: Verb,
        plan: Plan,
        failure: Option<&health::Failure>,
    ) -> Result<(), Error> {
        self.update(cluster, true, |journal| {
            journal.verb = verb;
            journal.plan = plan.clone();
            journal.cursor = 0;
            journal.failure = failure.cloned();
        })
        .await
    }

    /// Notes that the steps before this one are done.
    pub(crate) async fn advance(&mut self, cluster: &Cluster, cursor: usize) -> Result<(), Error> {
        self.update(cluster, true, |journal| journal.cursor = cursor).await
    }

    /// Has the next write note what the metrics came to: one is due soon in any case.
    pub(crate) fn keep(&mut self, compared: ComparisonRecord) {
        if let Some(journal) = &mut self.journal {
            journal.compared = Some(compared);
        }
    }

    /// Says that we are alive.
    pub(crate) async fn renew(&mut self, cluster: &Cluster) -> Result<(), Error> {
        self.update(cluster, true, |_| {}).await
    }

    /// Makes sure that the lock is still ours before a write.
    pub(crate) async fn confirm(&mut self, cluster: &Cluster) -> Result<(), Error> {
        match self.held_since {
            Some(since) if since.elapsed() < TRUST / 2 => Ok(()),
            Some(since) if since.elapsed() < TRUST => self.renew(cluster).await,
            // We were stopped or cut off: read who holds it now instead of writing over it.
            _ => {
                self.reread(cluster).await?;
                self.renew(cluster).await
            }
        }
    }

    /// Reads who holds the lock, whatever was known: after a write that was refused.
    pub(crate) async fn reread(&mut self, cluster: &Cluster) -> Result<(), Error> {
        let now = cluster.lease(&self.id).await?;
        let ours = now.as_ref().is_some_and(|lease| self.is_ours(lease));
        self.lease = now;
        if ours { Ok(()) } else { Err(self.lost()) }
    }

    /// Returns the plan that is written down.
    pub(crate) fn plan(&self) -> Option<Plan> {
        self.journal.as_ref().map(|journal| journal.plan.clone())
    }

    /// Writes the outcome and frees the lock. What the next run needs stays as long as there is something left for it.
    pub(crate) async fn release(
        &mut self,
        cluster: &Cluster,
        state: State,
        left: Left,
        outcome: Option<&Outcome>,
    ) -> Result<(), Error> {
        self.outcome = outcome.cloned();
        self.update(cluster, false, |journal| {
            journal.state = state;
            if state == State::Done {
                journal.cursor = journal.plan.steps.len();
                journal.snapshot = journal.snapshot.take().filter(|_| left.held);
                journal.traffic = journal.traffic.take().filter(|_| left.routed);
                journal.loan = journal.loan.take().filter(|_| left.owes);
                journal.compared = None;
            }
        })
        .await
    }

    async fn update(
        &mut self,
        cluster: &Cluster,
        hold: bool,
        change: impl Fn(&mut Journal),
    ) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            let (Some(lease), Some(journal)) = (&self.lease, &self.journal) else { return Ok(()) };
            // Who was taken over knows the newest version of what is another's now, and could write over it.
            if !self.is_ours(lease) {
                return Err(self.lost());
            }
            let (mut lease, mut journal) = (lease.clone(), journal.clone());
            change(&mut journal);
            journal::write_lease(&mut lease, hold.then_some(&self.run), &journal, &timestamp())?;
            if let Some(outcome) = &self.outcome {
                journal::with_outcome(&mut lease, outcome);
            }
            match cluster.write_lease(&lease).await {
                Ok(lease) => {
                    self.written(lease, journal);
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
                    let now = cluster.lease(&self.id).await?;
                    let holder = now.as_ref().map(journal::lock_state).and_then(|state| state.holder);
                    let mine =
                        now.as_ref().and_then(journal::journal).is_some_and(|now| now.run.id == self.run.id);
                    let ours = now.as_ref().is_some_and(|lease| self.is_ours(lease));
                    self.lease = now;
                    // Freed by a write of ours whose answer was lost.
                    if !hold && holder.is_none() && mine {
                        return Ok(());
                    }
                    if !ours {
                        return Err(self.lost());
                    }
                }
            }
        }
    }

    /// Takes note of a write of ours that succeeded.
    fn written(&mut self, lease: Value, journal: Journal) {
        self.lease = Some(lease);
        self.journal = Some(journal);
        self.held_since = Some(Instant::now());
    }

    /// Whether a Lease names this run as its holder.
    fn is_ours(&self, lease: &Value) -> bool {
        journal::lock_state(lease).holder.as_deref() == Some(journal::identity(&self.run).as_str())
    }

    fn lost(&self) -> Error {
        let who = match self.state().and_then(|state| state.holder) {
            Some(holder) => format!("was taken over by {holder}"),
            None => "was ended by another run".to_owned(),
        };
        Error::new(Kind::Locked, format!("the run on {} {who}; it writes no more", self.id.title()))
    }
}

//! One fault on one group: intent, fault, looks, undo, recovery.

use std::time::Duration;

use super::super::Engine;
use super::steady::Tallies;
use super::{Attempt, Chosen, Target, names};
use crate::chaos::{Candidate, Gate, Group, Sent, Trial, deadline, requests};
use crate::cli::OnFailure;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::health::Failure;
use crate::journal::{FaultRecord, Victim};
use crate::words::counted;
use crate::world::timestamp;

/// For how long the kubelet leaves a pod after a fault should have been undone. It looks every ten seconds besides.
const SPARE: Duration = Duration::from_secs(5);

impl Engine<'_> {
    /// Returns what is sent to hit a pod.
    pub(super) fn fault_requests(&self, asked: &Attempt, victim: &Candidate) -> Result<Vec<Sent>, Error> {
        let refused = |why: String| {
            let what = asked.fault.name();
            Error::refused(format!("{}: {what} cannot be done to pod {}: {why}", self.id, victim.name))
        };
        let mut ends = None;
        if asked.fault.lasts() {
            ends = deadline(victim, self.cluster.server_time()?, asked.lasting + SPARE);
            if ends.is_none() && victim.deadline.is_none() {
                return Err(refused("its node has not said when it began".to_owned()));
            }
        }
        requests(asked.fault, victim, &self.options.run.id, ends).map_err(refused)
    }

    /// Takes the lock, makes the fault, looks, and undoes it in any case.
    pub(super) async fn try_fault(
        &mut self,
        asked: &Attempt,
        target: &Target,
        port: Option<u16>,
    ) -> Result<Trial, Error> {
        self.is_steady_before(asked, port).await?;
        self.wait_for_turn_of_fault().await?;
        let chosen = self.choose(asked, target).await?;
        let record = self.record(asked, &chosen);
        let (left, workload) = (self.lock.fault(), self.observed()?.workload);
        self.lock.take_for_fault(self.cluster, &workload, Some(&record)).await?;
        if let Some(left) = left {
            self.end_fault(&left).await?;
        }
        self.tried(asked, target, chosen, port, &record, false).await
    }

    /// Tries a fault on the new version, in the middle of its rollout. Returns why it failed, if it did and that matters.
    pub(in crate::engine) async fn stand(&mut self, gate: &Gate) -> Result<Option<Failure>, Error> {
        let asked = Attempt {
            fault: gate.fault,
            deletes: false,
            group: Some(Group::Canary),
            compare: false,
            aim: gate.aim(),
            lasting: Duration::from_secs(gate.seconds),
            limit: Duration::from_secs(gate.within),
            steady: Vec::new(),
            port: None,
        };
        let port = self.steady_port(&asked)?;
        for target in self.groups(&asked)? {
            let chosen = self.choose(&asked, &target).await.map_err(Error::after_a_write)?;
            let record = self.record(&asked, &chosen);
            self.lock.note_fault(self.cluster, &record).await?;
            let trial = self.tried(&asked, &target, chosen, port, &record, true).await?;
            let failure = Failure::of_fault(&trial.verdict());
            self.output.event(&Event::Fault(Box::new(trial.into())));
            match (failure, self.guard.policy()) {
                (Some(failure), OnFailure::Continue) => self.output.event(&Event::Verdict(failure)),
                (None, _) => {}
                (failure, OnFailure::Abort | OnFailure::Hold) => return Ok(failure),
            }
        }
        Ok(None)
    }

    /// Does all between intent and the end. `held`: the lock is kept after that.
    async fn tried(
        &mut self,
        asked: &Attempt,
        target: &Target,
        chosen: Chosen,
        port: Option<u16>,
        record: &FaultRecord,
        held: bool,
    ) -> Result<Trial, Error> {
        self.wrote = true;
        self.output.event(&Event::Step {
            text: format!(
                "{}: {}: {}",
                asked.fault.name(),
                counted(chosen.victims.len(), &target.noun),
                names(&chosen.victims)
            ),
        });
        let mut seen = Tallies::default();
        let result = Box::pin(self.stages(asked, target, &chosen, port, record, &mut seen)).await;
        match &result {
            // Whoever took over undoes it.
            Err(stopped) if stopped.error.kind == Kind::Locked => {}
            Err(stopped) if stopped.is_left => {
                // A lock that is not freed runs out, and what went wrong is told in any case.
                if !held {
                    drop(self.lock.leave_fault(self.cluster).await);
                }
            }
            Ok(_) | Err(_) => self.lock.clear_fault(self.cluster, held).await?,
        }
        let (recovered, stuck) = result.map_err(|stopped| stopped.error)?;
        let (experiment, other) = match target.group {
            Group::Stable => (seen.stable, seen.canary),
            Group::Canary => (seen.canary, seen.stable),
        };
        Ok(Trial {
            fault: asked.fault,
            group: target.group,
            noun: target.noun.clone(),
            victims: chosen.victims.into_iter().map(|pod| pod.name).collect(),
            recovered,
            limit: asked.limit,
            stuck,
            experiment,
            control: (other.asked > 0).then_some(other),
            users: seen.users,
        })
    }

    /// Looks twice: what holds only now and then is not steady.
    async fn is_steady_before(&mut self, asked: &Attempt, port: Option<u16>) -> Result<(), Error> {
        let mut seen = Tallies::default();
        for _ in 0..2 {
            let samples = self.ask_all(asked, port, &[])?.await;
            seen.note(samples);
        }
        match seen.first() {
            None => Ok(()),
            Some(why) => {
                let message = format!("{}: not steady before the fault: {why}; nothing was done", self.id);
                Err(Error::refused(message).next(self.id.command("status")))
            }
        }
    }

    fn record(&self, asked: &Attempt, chosen: &Chosen) -> FaultRecord {
        let victim = |pod: &Candidate| Victim { name: pod.name.clone(), uid: pod.uid.clone() };
        FaultRecord {
            v: FaultRecord::SCHEMA,
            run: self.options.run.clone(),
            fault: asked.fault,
            victims: chosen.victims.iter().map(victim).collect(),
            seconds: (asked.lasting + SPARE).as_secs(),
            since: timestamp(),
        }
    }
}

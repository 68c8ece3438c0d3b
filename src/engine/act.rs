//! Does what a step needs, deciding anew whenever something turns out to have changed.

use super::Engine;
use super::tries::Tries;
use crate::cluster::Failure;
use crate::error::Error;
use crate::event::Event;
use crate::plan::Step;
use crate::situation::Situation;
use crate::step::{self, Mutation};

impl Engine<'_> {
    /// Does the writes of a step, deciding anew whenever the object turns out to have changed.
    pub(super) async fn act(&mut self, step: &Step) -> Result<(), Error> {
        let mut tries = Tries::within(self.options.timeout);
        let mut told = false;
        loop {
            let observed = self.observed()?;
            let situation = Situation::of(&observed);
            if let Some(error) = step::refused(step, &situation) {
                return Err(error);
            }
            let work = step::work(step, &situation, &self.options.run, self.lock.epoch())?;
            if work.mutations.is_empty() {
                return Ok(());
            }
            if !told {
                told = true;
                work.notes.iter().for_each(|note| self.output.event(&Event::note(note.clone())));
            }
            if situation.has_other_settings() {
                self.amend_way_home(step).await?;
            }
            if let Some(loan) = &work.loan {
                self.lock.lend(self.cluster, loan).await?;
            }
            let mut failed = None;
            let mut decide_anew = false;
            for mutation in &work.mutations {
                // The controller would scale back by the limits that it knows.
                if matches!(mutation, Mutation::ScaleRevision { .. })
                    && !self.observed()?.workload.is_observed()
                {
                    self.wait_until_seen().await?;
                    decide_anew = true;
                    break;
                }
                self.lock.confirm(self.cluster).await?;
                let written = self.write(mutation).await;
                self.pass_on();
                if let Err(failure) = written {
                    self.wrote |= !matches!(failure, Failure::Refused(..));
                    failed = Some(failure);
                    break;
                }
                self.wrote = true;
            }
            if decide_anew {
                continue;
            }
            let Some(failure) = failed else { return Ok(()) };
            // Whoever took the lock has decided something else, and that may be why.
            self.lock.reread(self.cluster).await?;
            let stale = self.refresh().await? || failure.is_conflict();
            match failure {
                // Who may not scale waits for the controller to do it.
                Failure::Refused(status, _) if status.code == 403 && *step == Step::AwaitStable => {
                    return Ok(());
                }
                Failure::Refused(_, error) if !stale => return Err(error),
                failure @ (Failure::Refused(..) | Failure::Unknown(_) | Failure::Unreasoned(_)) => {
                    if stale {
                        self.amend_way_home(step).await?;
                    }
                    let Some(pause) = tries.next() else { return Err(failure.into_error()) };
                    self.pause(pause).await?;
                }
            }
        }
    }

    /// Before the first write of a hold the user's own settings may still change, and the record says what they are.
    async fn amend_way_home(&mut self, step: &Step) -> Result<(), Error> {
        let observed = self.observed()?;
        let situation = Situation::of(&observed);
        let (None, Some(plan)) = (&situation.hold, self.lock.plan()) else { return Ok(()) };
        let first = matches!(step, Step::Hold { .. } | Step::Stop | Step::Update { .. });
        if !first || step::foreign(&situation).is_some() {
            return Ok(());
        }
        self.lock.amend(self.cluster, plan, &observed).await
    }

    /// Passes on what the server warns of.
    pub(super) fn pass_on(&self) {
        for text in self.cluster.warnings() {
            self.output.event(&Event::warning(text));
        }
    }

    /// Says that what was taken from other owners could not be given back.
    fn say(&self, trouble: Option<Error>) {
        if let Some(error) = trouble {
            self.output.event(&Event::warning(error.message));
        }
    }

    async fn write(&mut self, mutation: &Mutation) -> Result<(), Failure> {
        match mutation {
            Mutation::PatchWorkload { patch } => {
                let (answer, trouble) = self.cluster.change_deployment(&self.options.name, patch).await?;
                self.cache.learn(answer);
                self.say(trouble);
            }
            Mutation::ScaleRevision { name, resource_version, replicas } => {
                self.cluster.scale_replica_set(name, resource_version, *replicas).await?;
            }
            Mutation::Create { target, object } => {
                let answer = self.cluster.create(target, object, false).await?;
                self.cache.learn_traffic_object(target, answer);
            }
            Mutation::Patch { target, patch } => {
                let (answer, trouble) = self.cluster.change_target(target, patch).await?;
                self.cache.learn_traffic_object(target, answer);
                self.say(trouble);
            }
            Mutation::Delete { target, uid } => {
                self.cluster.remove(target, uid).await?;
                self.cache.forget_traffic_object(target);
            }
        }
        Ok(())
    }

    /// Reads Deployment and ReplicaSets anew. Returns whether the Deployment had changed.
    pub(super) async fn refresh(&mut self) -> Result<bool, Error> {
        let before = self.observed()?.workload;
        let Some(now) = self.cluster.deployment(&self.options.name).await? else {
            return Err(self.cluster.not_found(&self.options.name).await);
        };
        let changed = now.generation() != before.generation()
            || now.uid() != before.uid()
            || now.annotation(crate::keys::HELD_ANNOTATION)
                != before.annotation(crate::keys::HELD_ANNOTATION);
        let labels = crate::cluster::labels(&now.spec.selector)?;
        self.cache.learn(now);
        self.cache.learn_replica_sets(self.cluster.replica_sets(&labels).await?);
        if let Some(traffic) = &self.traffic {
            self.cache
                .renew_traffic_objects(self.cluster.traffic_objects(&self.cluster.namespace, traffic).await?);
        }
        Ok(changed)
    }
}

//! The only loop: record, act, wait, record. It knows steps, not strategies.

mod act;
mod chaos;
mod compare;
mod guard;
mod lock;
mod looks;
mod noted;
mod outcome;
mod proof;
mod rehearsal;
mod routes;
mod smoke;
mod taken_over;
mod telling;
mod tries;
mod undo;
mod verify;
mod wait;

use std::time::Duration;

use tokio::time::Instant;

use crate::cli::OnFailure;
use crate::cluster::{Cluster, WorkloadCache, traffic_of};
use crate::comparison::Comparison;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::health::{Failure, Tolerances};
use crate::journal::{Ending, RunRef, State, Verb};
use crate::model::{ObjectName, Pod};
use crate::output::{Channel, Output};
use crate::plan::{Plan, Step};
use crate::situation::{Observed, Situation};
use crate::status::{NOTHING_TO_JUDGE, WorkloadStatus};
use crate::step;
use crate::traffic::{Split, Traffic};
use crate::world::Signals;

pub(crate) use chaos::Attempt;
use guard::Guard;
use lock::Lock;
use noted::Left;

/// How long the last record may take after a signal: whoever sent it kills us soon after.
const FAREWELL: Duration = Duration::from_secs(5);

/// For how long the controller may take to see what was noted in the end. Nothing depends on it.
const NOTED: Duration = Duration::from_secs(5);

/// How long the reading may take for the last picture.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// What a run needs to know.
pub(crate) struct Options {
    /// The workload.
    pub(crate) name: String,
    /// Longest time to wait in one step.
    pub(crate) timeout: Duration,
    /// When the new version has to be there at the latest, whatever the steps take. Going back is not bound by it.
    pub(crate) deadline: Option<Instant>,
    /// Longest time to wait for another run.
    pub(crate) wait_lock: Duration,
    /// Who runs.
    pub(crate) run: RunRef,
    /// What is done about a failure.
    pub(crate) on_failure: OnFailure,
    /// Graces that the user changed.
    pub(crate) tolerances: Tolerances,
    /// Whether other runs write to the same output.
    pub(crate) among_others: bool,
}

/// One run on one workload.
#[expect(clippy::struct_excessive_bools, reason = "facts of a run that have nothing to do with each other")]
pub(crate) struct Engine<'a> {
    cluster: &'a Cluster,
    cache: WorkloadCache,
    output: Channel<'a>,
    options: Options,
    id: ObjectName,
    uid: String,
    guard: Guard,
    begun: Instant,
    lock: Lock,
    stop: Signals,
    /// What was waited for beside the timeout, as the workload's own settings ask for it.
    granted: Duration,
    /// Whether a failure was undone.
    undone: bool,
    /// Whether anything but the lock was written, or may have been.
    wrote: bool,
    /// How the traffic is routed.
    traffic: Option<Traffic>,
    /// What the routes were last made to say.
    split: Option<Split>,
    /// Whether the data planes had time to follow all that was written before.
    settled: bool,
    /// Whether a status confirmed the routes as they were before the step.
    answered: bool,
    /// The split that was last told.
    told: Option<Split>,
    /// What the metrics of both versions say, once they are asked.
    comparison: Option<Comparison>,
}

impl<'a> Engine<'a> {
    /// Reads the workload and its lock. Nothing is written.
    pub(crate) async fn start(
        cluster: &'a Cluster,
        output: &'a Output,
        options: Options,
    ) -> Result<Self, Error> {
        let mut cache = WorkloadCache::start(cluster, &options.name).await?;
        let id = cluster.workload(&options.name);
        let lock = Lock::read(cluster, id.clone(), options.run.clone()).await?;
        let Some(observed) = cache.observed(None) else {
            return Err(cluster.not_found(&options.name).await);
        };
        let uid = observed.workload.uid().to_owned();
        let stop = Signals::new()?;
        let guard = Guard::new(&observed, options.tolerances.clone(), options.on_failure);
        let output = output.about(id.clone(), options.among_others);
        let mut engine = Self {
            cluster,
            cache,
            output,
            options,
            id,
            uid,
            guard,
            begun: Instant::now(),
            lock,
            stop,
            granted: Duration::ZERO,
            undone: false,
            wrote: false,
            traffic: None,
            split: None,
            settled: false,
            answered: false,
            told: None,
            comparison: None,
        };
        let journal = engine.lock.journal();
        engine.settled = journal.as_ref().is_none_or(|journal| journal.state == State::Done);
        if let Some(traffic) = traffic_of(&observed.workload, journal.as_ref()) {
            engine.route_by(traffic).await?;
        }
        engine.give_the_controller_time().await?;
        Ok(engine)
    }

    /// Returns the writer, for what is told before the run.
    pub(crate) fn output(&self) -> &Channel<'_> {
        &self.output
    }

    /// Has a router split the traffic from now on.
    pub(crate) async fn route_by(&mut self, traffic: Traffic) -> Result<(), Error> {
        self.cache.follow(self.cluster, &traffic).await?;
        self.traffic = Some(traffic);
        Ok(())
    }

    /// Returns the workload as it is now.
    pub(crate) fn observed(&mut self) -> Result<Observed, Error> {
        let Some(mut observed) = self.cache.observed(Some(&self.uid)) else {
            return Err(Error::new(Kind::Infrastructure, format!("{} was deleted meanwhile", self.id)));
        };
        observed.journal = self.lock.journal();
        observed.lock = self.lock.state();
        observed.fault = self.lock.fault();
        observed.traffic.clone_from(&self.traffic);
        Ok(observed)
    }

    /// Takes the lock and runs a plan from a step on. Returns the final picture.
    ///
    /// `replan` is asked again once the lock is ours, because the run that had it may have written meanwhile.
    pub(crate) async fn run(
        &mut self,
        verb: Verb,
        cursor: usize,
        replan: impl Fn(&Observed) -> Result<Plan, Error>,
    ) -> Result<(), Error> {
        let observed = self.observed()?;
        let plan = replan(&observed)?;
        let had_holder = self
            .lock
            .wait_for_turn(self.cluster, verb, self.options.wait_lock, &self.output, &mut self.stop)
            .await?;
        self.lock.take(self.cluster, verb, plan.clone(), cursor, &observed).await?;
        let mut plan = plan;
        if let Err(error) = Box::pin(self.end_left_fault()).await {
            return self.end(verb, Err(error)).await;
        }
        if had_holder {
            self.refresh().await?;
            let observed = self.observed()?;
            plan = match replan(&observed) {
                Ok(plan) => plan,
                Err(error) => return self.end(verb, Err(error)).await,
            };
            self.lock.amend(self.cluster, plan.clone(), &observed).await?;
        }
        let result = match Box::pin(self.steps(&plan, cursor)).await {
            Ok(None) => Ok(()),
            Ok(Some(failure)) => Box::pin(self.give_up(failure)).await,
            Err(error) => Err(Box::pin(self.let_go(error)).await),
        };
        self.end(verb, result).await
    }

    /// Does the steps in order. Returns why the new version failed, if it did: the rest is not done then.
    async fn steps(&mut self, plan: &Plan, cursor: usize) -> Result<Option<Failure>, Error> {
        self.split = plan.steps[..cursor.min(plan.steps.len())].iter().rev().find_map(Step::routed).cloned();
        for (index, step) in plan.steps.iter().enumerate().skip(cursor) {
            let idle = self.is_idle(step)?;
            if !idle {
                if let Some(text) = self.news(step)? {
                    self.output.event(&Event::Step { text });
                }
                self.listen()?;
                self.act(step).await?;
            }
            if let Step::Verify { checks, port } = step
                && let Some(failure) = Box::pin(self.verify(checks, *port)).await?
            {
                return Ok(Some(failure));
            }
            if let Step::Smoke { test } = step
                && let Some(failure) = Box::pin(self.smoke(test, plan.share_before(index))).await?
            {
                return Ok(Some(failure));
            }
            if let Step::Fault { gate } = step
                && let Some(failure) = Box::pin(self.stand(gate)).await?
            {
                return Ok(Some(failure));
            }
            if let Step::Route { split, .. } = step {
                self.split = Some(split.clone());
            }
            if idle {
                continue;
            }
            if let Some(failure) = self.wait(step).await? {
                return Ok(Some(failure));
            }
            if index + 1 < plan.steps.len() {
                self.lock.advance(self.cluster, index + 1).await?;
            }
        }
        Ok(None)
    }

    /// Whether a step of a router has nothing to do, because its state is there and in force.
    fn is_idle(&mut self, step: &Step) -> Result<bool, Error> {
        if !self.settled || !matches!(step, Step::Route { .. } | Step::Own { .. } | Step::Publish { .. }) {
            return Ok(false);
        }
        let observed = self.observed()?;
        let situation = Situation::of(&observed);
        let nothing = step::work(step, &situation, &self.options.run, 0)?.mutations.is_empty();
        let clock = self.cluster.clock();
        let ready_for = |pod: &Pod| self.cache.ready_for(pod, clock);
        Ok(nothing && step::progress(step, &situation, &ready_for) == step::Progress::Done)
    }

    /// Writes the outcome and frees the lock, whatever happened.
    async fn end(&mut self, verb: Verb, result: Result<(), Error>) -> Result<(), Error> {
        let result = result.map_err(|error| self.not_before_a_write(error));
        let state = match &result {
            Ok(()) => State::Done,
            Err(error) if error.kind == Kind::Locked => return self.follow(verb, error.clone()).await,
            // The way back is a plan of its own, and what was read back says that it is through.
            Err(_) if self.undone => State::Done,
            Err(error) => State::after(error.kind),
        };
        if result.as_ref().is_err_and(|error| error.kind != Kind::Locked) {
            self.loosen().await;
            self.retreat().await;
        }
        // The newest ReplicaSet may be younger than what the watches have brought, and the history goes by its hash.
        if self.observed().is_ok_and(|observed| Situation::of(&observed).current.is_none()) {
            self.refresh().await.ok();
        }
        let observed = self.observed();
        let left = observed.as_ref().map(Left::of);
        if state == State::Done && left.as_ref().is_ok_and(|left| !left.routed) {
            self.traffic = None;
        }
        let left = left.unwrap_or_default();
        let outcome = match &observed {
            Ok(observed) => self.outcome(verb, observed, &result),
            Err(_) => None,
        };
        if outcome.as_ref().is_some_and(|outcome| outcome.ending == Ending::Unjudged) {
            self.note(NOTHING_TO_JUDGE);
        }
        let is_noted = match (&observed, &outcome) {
            (Ok(observed), Some(outcome)) => Box::pin(self.note_origin(observed, outcome)).await,
            _ => false,
        };
        let signalled = result.as_ref().is_err_and(|error| error.kind == Kind::Interrupted);
        let released = tokio::select! {
            biased;
            released = self.lock.release(self.cluster, state, left, outcome.as_ref()) => released,
            () = tokio::time::sleep(FAREWELL), if signalled => Ok(()),
            // The second signal: at once. The lock runs out by itself.
            () = self.stop.received() => Ok(()),
        };
        // A note on the Deployment counts as a change of it (`PrepareForUpdate`, `pkg/registry/apps/deployment/strategy.go`): whoever
        // looks next is to find the rollout complete.
        if result.is_ok() && is_noted {
            self.is_seen_within(NOTED).await.ok();
        }
        // The step's own error says more than a lock that could not be freed: it runs out by itself.
        result.and(released)
    }

    /// A refusal half way is none before the first write: what is there is to be gone on with, or taken back.
    fn not_before_a_write(&self, error: Error) -> Error {
        if error.kind != Kind::Refused || !self.wrote {
            return error;
        }
        let ways = [self.way_on(), self.id.command("abort")];
        let missing: Vec<String> = ways.into_iter().filter(|way| !error.next.contains(way)).collect();
        missing.into_iter().fold(error.after_a_write(), Error::next)
    }

    /// Tells how the run ended, with the workload as it is now.
    pub(crate) async fn conclude(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        let status = self.picture(&result).await;
        self.tell(result, status)
    }

    fn tell(&self, result: Result<(), Error>, status: Option<WorkloadStatus>) -> Result<(), Error> {
        let told = self.output.finished(&result, status, self.begun.elapsed().as_secs_f64());
        result.and(told)
    }

    /// Returns the workload as it is after a run, if it is still there.
    ///
    /// It is read: the watches of several kinds are not equally far, so the Deployment may be complete while most of
    /// its pods look as if they were not.
    pub(crate) async fn picture(&mut self, result: &Result<(), Error>) -> Option<WorkloadStatus> {
        // Who was told to end does so, and who has no answer gets none.
        let is_quiet = |error: &Error| matches!(error.kind, Kind::Interrupted | Kind::Cluster);
        if !result.as_ref().is_err_and(is_quiet) {
            // Without an answer the watches' picture has to do.
            drop(tokio::time::timeout(LAST_LOOK, self.read_all()).await);
        }
        self.seen()
    }

    async fn read_all(&mut self) -> Result<(), Error> {
        self.reread().await?;
        if let Some(traffic) = &self.traffic {
            self.cache
                .renew_traffic_objects(self.cluster.traffic_objects(&self.cluster.namespace, traffic).await?);
        }
        Ok(())
    }

    /// Returns the workload as the watches have it.
    fn seen(&mut self) -> Option<WorkloadStatus> {
        self.observed().ok().map(|observed| WorkloadStatus::brief(&observed))
    }

    /// Returns the Lease as it was last read.
    pub(crate) fn lease(&self) -> Option<&serde_json::Value> {
        self.lock.lease()
    }

    /// Tells something that is no danger.
    pub(crate) fn note(&self, text: &str) {
        self.output.event(&Event::note(text));
    }

    /// Tells something to look at.
    pub(crate) fn warn(&self, text: &str) {
        self.output.event(&Event::warning(text));
    }

    /// Ends a run that has nothing to do.
    pub(crate) fn nothing(&mut self, sentence: &str) -> Result<(), Error> {
        self.note(sentence);
        let status = self.seen();
        self.tell(Ok(()), status)
    }

    /// Writes what would be done.
    pub(crate) fn dry_run(&self, plan: &Plan) -> Result<(), Error> {
        self.output.plan(plan, self.id.kind)
    }
}

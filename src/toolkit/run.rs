//! Hypothesis, method, hypothesis, rollbacks.

use std::pin::Pin;
use std::time::Duration;

use futures::future::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::json;
use tokio::time::{Instant, interval};

use super::activity::Ended;
use super::steady::Look;
use super::{Place, Why, moment, network};
use crate::brief;
use crate::engine::Engine;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::experiment::{
    Activity, ActivityKind, Course, HypothesisStrategy, Journal, JournalStatus, RollbackStrategy, Run,
    RunStatus,
};
use crate::output::Channel;
use crate::world::Signals;

/// How often the lock is looked after.
const RENEW: Duration = Duration::from_secs(1);

/// How an experiment is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Whether pods have to be as they should at once after the method.
    pub(crate) strict: bool,
    /// How long they may take otherwise.
    pub(crate) limit: Duration,
    /// When rollbacks are played.
    pub(crate) rollbacks: RollbackStrategy,
    /// When the hypothesis is looked at.
    pub(crate) hypothesis: HypothesisStrategy,
}

/// One run of an experiment.
pub(crate) struct Runner<'r, 'a> {
    pub(crate) place: &'r Place<'a>,
    pub(crate) plan: Plan,
    pub(crate) output: &'r Channel<'r>,
    pub(crate) stop: Signals,
    /// The workload whose lock is ours meanwhile.
    pub(crate) engine: Option<&'r mut Engine<'a>>,
    pub(crate) journal: Journal,
    pub(crate) course: Course,
}

/// Why the method was left.
enum Stop {
    Signal,
    Broken(Look),
    Lost(Error),
}

type Background<'f> = FuturesUnordered<Pin<Box<dyn Future<Output = (usize, Ended)> + 'f>>>;

impl Runner<'_, '_> {
    /// Runs it to its end. What it came to stands in `course` and `journal`.
    ///
    /// # Errors
    /// The lock was lost, or the server does not answer.
    pub(crate) async fn run(&mut self) -> Result<(), Error> {
        let begin = Instant::now();
        self.course.is_dry = self.place.experiment.is_played();
        self.course.is_measured = self.place.has_probes() && self.plan.hypothesis != HypothesisStrategy::Skip;
        let result = Box::pin(self.all()).await;
        self.course.victims = self.place.done.borrow().victims.len();
        self.journal.deviated = self.course.deviation.is_some();
        self.journal.end = moment();
        self.journal.duration = begin.elapsed().as_secs_f64();
        self.journal.rollout_plus = json!({
            "victims": self.place.done.borrow().victims,
            "recoveredSeconds": self.course.recovered.map(|time| time.as_secs_f64()),
            "deviation": self.course.deviation,
            "refused": self.course.refused,
            "nobody": self.course.nobody,
            "failed": self.course.failed,
            "notPutBack": self.course.left,
        });
        result
    }

    async fn all(&mut self) -> Result<(), Error> {
        if self.plan.hypothesis.before() && self.place.has_probes() {
            self.step("looking whether the hypothesis holds");
            let place = self.place;
            let look = match self.meanwhile(place.look(), false, &mut FuturesUnordered::new()).await {
                Ok(look) => look,
                Err(stop) => return self.stopped(stop),
            };
            self.journal.steady_states.before = Some(look.state());
            if let Some(why) = look.broken() {
                self.course.unsteady = Some(why);
                self.journal.status =
                    if raises(&look) { JournalStatus::Failed } else { JournalStatus::Completed };
                return Ok(());
            }
        }
        let is_over = match Box::pin(self.method()).await {
            Ok(()) => false,
            Err(stop) => {
                self.stopped(stop)?;
                true
            }
        };
        if !is_over && self.plan.hypothesis.after() && self.place.has_probes() {
            self.after().await?;
        }
        Box::pin(self.roll_back()).await
    }

    /// Plays the method, and looks meanwhile at what users would notice.
    async fn method(&mut self) -> Result<(), Stop> {
        let place = self.place;
        let mut background: Background<'_> = FuturesUnordered::new();
        for activity in &place.experiment.method {
            let index = self.journal.run.len();
            self.step(&format!("{} '{}'", activity.kind.name(), brief::line(&activity.name, 80)));
            if activity.background {
                self.journal.run.push(pending(activity));
                background.push(async move { (index, place.play(activity).await) }.boxed_local());
                continue;
            }
            let ended = match self.meanwhile(place.play(activity), true, &mut background).await {
                Ok(ended) => ended,
                Err(stop) => {
                    // It may have done what it had to, and what followed stopped the rest.
                    self.journal.run.push(pending(activity));
                    return Err(stop);
                }
            };
            self.note(activity, &ended);
            self.journal.run.push(ended.run);
        }
        let rest = background.collect::<Vec<_>>();
        for (index, ended) in self.meanwhile(rest, true, &mut FuturesUnordered::new()).await? {
            self.note_at(index, ended);
        }
        Ok(())
    }

    /// Looks until all holds again, or once if that is asked.
    async fn after(&mut self) -> Result<(), Error> {
        self.step("looking whether the hypothesis holds");
        let place = self.place;
        let patience = if self.plan.strict { Duration::ZERO } else { self.plan.limit };
        let waited = self.meanwhile(place.look_until(patience), false, &mut FuturesUnordered::new()).await;
        let (look, time) = match waited {
            Ok(looked) => looked,
            Err(stop) => return self.stopped(stop),
        };
        self.journal.steady_states.after = Some(look.state());
        match look.broken() {
            None => self.course.recovered = Some(time),
            Some(why) => {
                self.journal.status =
                    if raises(&look) { JournalStatus::Failed } else { JournalStatus::Completed };
                self.course.deviation.get_or_insert(why);
            }
        }
        Ok(())
    }

    /// Plays the rollbacks, whatever happened, and puts back what is left.
    async fn roll_back(&mut self) -> Result<(), Error> {
        let place = self.place;
        let plays = match self.plan.rollbacks {
            RollbackStrategy::Default | RollbackStrategy::Always => true,
            RollbackStrategy::Never => false,
            RollbackStrategy::Deviated => self.course.deviation.is_some(),
        };
        let rollbacks = if plays { &place.experiment.rollbacks[..] } else { &[] };
        for activity in rollbacks {
            self.step(&format!("rollback '{}'", brief::line(&activity.name, 80)));
            let ended = place.play(activity).await;
            if let Some(why) = &ended.why {
                self.output.event(&Event::warning(format!("rollback '{}': {}", activity.name, why.text())));
            }
            self.journal.rollbacks.push(ended.run);
        }
        let puts_back = !place.done.borrow().undo.is_empty();
        self.course.left = network::put_back(place).await;
        let is_undone = !rollbacks.is_empty() || puts_back;
        if is_undone && place.has_probes() && self.plan.hypothesis.after() && !self.course.interrupted {
            let (look, _) = place.look_until(self.plan.limit).await;
            self.course.lasting = look.broken();
        }
        Ok(())
    }

    /// Takes note of what an activity of the method came to.
    fn note(&mut self, activity: &Activity, ended: &Ended) {
        let name = brief::line(&activity.name, 80);
        if let Some(why) = &ended.why {
            let text = format!("'{name}': {}", why.text());
            self.output.event(&Event::warning(text.clone()));
            if activity.kind == ActivityKind::Action {
                let place = match why {
                    Why::Failed(_) => &mut self.course.failed,
                    Why::Refused(_) => &mut self.course.refused,
                    Why::Nobody(_) => &mut self.course.nobody,
                };
                place.get_or_insert(text);
            }
        }
        // Chaos Toolkit does not look at it there.
        if activity.kind == ActivityKind::Probe && ended.run.tolerance_met == Some(false) && !self.plan.strict
        {
            let output = brief::line(&ended.run.output.to_string(), 120);
            self.course.deviation.get_or_insert(format!("{name}: its output is {output}"));
        }
    }

    /// Takes note of one that went on in the background.
    fn note_at(&mut self, index: usize, ended: Ended) {
        let place = self.place;
        if let Some(activity) = place.experiment.method.get(index) {
            self.note(activity, &ended);
        }
        if let Some(run) = self.journal.run.get_mut(index) {
            *run = ended.run;
        }
    }

    fn step(&self, text: &str) {
        self.output.event(&Event::Step { text: text.to_owned() });
    }

    fn stopped(&mut self, stop: Stop) -> Result<(), Error> {
        match stop {
            Stop::Signal => {
                self.course.interrupted = true;
                self.journal.status = JournalStatus::Interrupted;
            }
            Stop::Broken(look) => {
                self.course.deviation = look.broken();
                self.journal.status =
                    if raises(&look) { JournalStatus::Failed } else { JournalStatus::Completed };
                self.journal.steady_states.during.push(look.state());
            }
            Stop::Lost(error) if error.kind == Kind::Locked => return Err(error),
            Stop::Lost(error) => {
                self.course.refused.get_or_insert(error.message);
            }
        }
        Ok(())
    }

    /// Does something while the rest goes on: activities in the background, the lock, looks, signals.
    async fn meanwhile<T>(
        &mut self,
        work: impl Future<Output = T>,
        is_method: bool,
        background: &mut Background<'_>,
    ) -> Result<T, Stop> {
        let place = self.place;
        let looks = is_method && place.has_probes() && (!self.plan.strict || self.plan.hypothesis.during());
        let watch = async { if looks { place.watch().await } else { std::future::pending().await } };
        tokio::pin!(work, watch);
        let mut renew = interval(RENEW);
        loop {
            tokio::select! {
                biased;
                () = self.stop.received() => return Err(Stop::Signal),
                done = &mut work => return Ok(done),
                broken = &mut watch => return Err(Stop::Broken(broken)),
                Some((index, ended)) = background.next() => self.note_at(index, ended),
                _ = renew.tick() => {
                    if let Some(engine) = &mut self.engine {
                        engine.renew_for_experiment().await.map_err(Stop::Lost)?;
                    }
                }
            }
        }
    }
}

/// Whether a probe failed, and not only its output was wrong: Chaos Toolkit calls the experiment failed then.
fn raises(look: &Look) -> bool {
    look.probes.iter().any(|ended| ended.why.is_some())
}

/// What the journal says of an activity that has not ended.
fn pending(activity: &Activity) -> Run {
    Run {
        activity: activity.document.clone(),
        output: serde_json::Value::Null,
        start: moment(),
        status: RunStatus::Failed,
        end: moment(),
        duration: 0.0,
        exception: vec!["the experiment was stopped while it ran".to_owned()],
        tolerance_met: None,
    }
}

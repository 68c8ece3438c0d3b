//! Judges the new version while a step is waited for.

use std::time::Duration;

use futures::future::{join_all, try_join};
use tokio::time::Instant;

use super::Engine;
use crate::brief;
use crate::cli::OnFailure;
use crate::cluster::labels;
use crate::error::Error;
use crate::event::Event;
use crate::health::{Failure, Signal, State, Tolerances, Verdict, View, Watch};
use crate::model::ClusterEvent;
use crate::situation::{Observed, Situation};
use crate::status;

/// How soon events are asked for again while something is wrong; then three times that, and so on. They only explain.
const ASK_AGAIN: Duration = Duration::from_secs(5);
const ASK_SELDOM: Duration = Duration::from_secs(120);

/// How long reading events may take while something is wrong, and when only the name of a failure waits for it: the
/// server goes over all events of the namespace, seconds where thousands of pods change.
const EXPLAINING: Duration = Duration::from_secs(2);
const NAMING: Duration = Duration::from_millis(400);

/// How long the reading may take that confirms a failure; the lock has to be renewed meanwhile.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// What passes sooner is not worth a word.
const LASTING: Duration = Duration::from_secs(2);

/// What was seen of the new version so far.
pub(super) struct Guard {
    watch: Watch,
    born: Instant,
    events: Vec<ClusterEvent>,
    asked: Option<Instant>,
    ask_again: Duration,
    told: bool,
    policy: OnFailure,
}

/// What a look at the new version says.
#[derive(Default)]
pub(super) struct Look {
    /// It failed, and that matters.
    pub(super) failure: Option<Failure>,
    /// What is wrong and may pass, for people.
    pub(super) trouble: Option<String>,
    /// When to look again although nothing changed.
    pub(super) wake: Option<Instant>,
    /// A failure was seen and is not confirmed yet: nothing is done before that.
    pub(super) is_open: bool,
}

impl Guard {
    /// Begins with what is there before the first write.
    pub(super) fn new(before: &Observed, tolerances: Tolerances, policy: OnFailure) -> Self {
        let situation = Situation::of(before);
        let watch = Watch::new(&View::of(&situation, &[], false), tolerances);
        Self {
            watch,
            born: Instant::now(),
            events: Vec::new(),
            asked: None,
            ask_again: ASK_AGAIN,
            told: false,
            policy,
        }
    }

    pub(super) fn policy(&self) -> OnFailure {
        self.policy
    }
}

impl Engine<'_> {
    /// Judges the new version as it is now.
    pub(super) async fn judge(&mut self, observed: &Observed, soaking: bool) -> Look {
        let mut verdict = self.look(observed, soaking);
        let mut fresh = None;
        if verdict.failure.is_some() && !self.guard.told {
            // Nothing is undone by what a watch said that may have died since.
            let Ok(Ok(read)) = tokio::time::timeout(SECOND_LOOK, self.reread()).await else {
                let wake = Some(Instant::now() + Duration::from_secs(1));
                return Look { wake, is_open: true, ..Look::default() };
            };
            self.guard.watch.doubt();
            verdict = self.look(&read, soaking);
            if verdict.failure.is_none() {
                // How far the step is has to be seen anew too.
                return Look { wake: Some(Instant::now()), is_open: true, ..Look::default() };
            }
            fresh = Some(read);
        }
        let observed = fresh.as_ref().unwrap_or(observed);
        // A failure is to be called by its right name.
        let every = if verdict.failure.is_some() { Duration::from_secs(1) } else { self.guard.ask_again };
        let due = self.guard.asked.is_none_or(|asked| asked.elapsed() >= every);
        if due && self.ask(observed, &verdict).await {
            verdict = self.look(observed, soaking);
        }
        let curious_at = self.guard.watch.curious_at(&verdict, self.guard.born.elapsed());
        let Verdict { state, failure, pending, wake } = verdict;
        let next_ask = self.guard.asked.filter(|_| !pending.is_empty());
        let next_ask = next_ask.and_then(|asked| ahead(asked + self.guard.ask_again, Instant::now()));
        let in_time = [wake, curious_at].into_iter().flatten().min().map(|at| self.guard.born + at);
        let wake = [in_time, next_ask].into_iter().flatten().min();
        let now = self.guard.born.elapsed();
        let lasting =
            |signal: &&Signal| now.saturating_sub(self.guard.watch.memory.since(signal, now)) >= LASTING;
        let trouble = pending.iter().filter(|_| state != State::Healthy).find(lasting).map(|signal| {
            let pod = signal.pod.as_ref().map(|pod| format!("{pod}: ")).unwrap_or_default();
            format!("{pod}{}: {}", signal.rule.reason, brief::line(&signal.message, status::MESSAGE))
        });
        let failure = match self.guard.policy {
            OnFailure::Continue => {
                if let Some(failure) = failure.filter(|_| !self.guard.told) {
                    self.guard.told = true;
                    self.output.event(&Event::Verdict(failure.clone()));
                    self.proof(observed, &failure).whole().await;
                }
                None
            }
            OnFailure::Abort | OnFailure::Hold => failure,
        };
        Look { failure, trouble, wake, is_open: false }
    }

    fn look(&mut self, observed: &Observed, soaking: bool) -> Verdict {
        let situation = Situation::of(observed);
        let view = View::of(&situation, &self.guard.events, soaking);
        self.guard.watch.look(&view, self.guard.born.elapsed())
    }

    /// Reads the workload anew, without the watches.
    pub(super) async fn reread(&mut self) -> Result<Observed, Error> {
        let name = &self.options.name;
        let Some(deployment) = self.cluster.deployment(name).await? else {
            return Err(self.cluster.not_found(name).await);
        };
        let labels = labels(&deployment.spec.selector)?;
        let (replica_sets, pods) =
            try_join(self.cluster.replica_sets(&labels), self.cluster.pods(&deployment)).await?;
        self.cache.renew(deployment, replica_sets, pods);
        self.observed()
    }

    /// Reads events about what has trouble. Returns whether there are any.
    async fn ask(&mut self, observed: &Observed, verdict: &Verdict) -> bool {
        let situation = Situation::of(observed);
        let view = View::of(&situation, &self.guard.events, false);
        let curious = self.guard.watch.curious(&view, verdict, self.guard.born.elapsed());
        if curious.is_empty() {
            self.guard.ask_again = ASK_AGAIN;
            return false;
        }
        if self.guard.asked.is_some() {
            self.guard.ask_again = (self.guard.ask_again * 3).min(ASK_SELDOM);
        }
        self.guard.asked = Some(Instant::now());
        let known = |uid: &&String| {
            observed.workload.uid() == **uid || observed.pods.iter().any(|pod| pod.uid() == **uid)
        };
        let there = curious.iter().filter(known);
        let within = if verdict.failure.is_some() { NAMING } else { EXPLAINING };
        let readings = there.map(|uid| tokio::time::timeout(within, self.cluster.events_of(uid)));
        let read = join_all(readings).await.into_iter().filter_map(|reading| reading.ok()?.ok());
        let read: Vec<_> = read.collect();
        // Who may not read events, or cannot for now, judges by what was read before, or without.
        if !read.is_empty() {
            self.guard.events = read.concat();
        }
        !self.guard.events.is_empty()
    }
}

/// A time that has come wakes nobody: if there was anything to ask about, it was asked just now. Whoever went on waking for
/// it would look again and again without a pause.
fn ahead(at: Instant, now: Instant) -> Option<Instant> {
    Some(at).filter(|at| *at > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_ask_that_has_passed_wakes_nobody() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        assert_eq!(ahead(now + second, now), Some(now + second));
        assert_eq!([ahead(now, now), ahead(now, now + second)], [None, None]);
    }
}

//! Judges the new version while a step is waited for.

use std::time::Duration;

use futures::future::{join, join_all, try_join};
use tokio::time::Instant;

use super::Engine;
use crate::brief;
use crate::cli::OnFailure;
use crate::cluster::{Cluster, labels};
use crate::error::Error;
use crate::event::Event;
use crate::health::{Failure, Signal, State, Tolerances, Verdict, View, Watch};
use crate::model::ClusterEvent;
use crate::situation::{Observed, Situation};
use crate::status;

/// How soon events are asked for again while something is wrong; then three times that, and so on. They only explain.
const ASK_AGAIN: Duration = Duration::from_secs(5);
const ASK_SELDOM: Duration = Duration::from_secs(120);

/// How long reading events may take while something is wrong, and when only the name of a failure waits for it, beside
/// the reading that confirms it: the server goes over all events of the namespace, seconds where thousands of pods
/// change.
const EXPLAINING: Duration = Duration::from_secs(2);
const NAMING: Duration = Duration::from_millis(800);

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

    /// Keeps the events that were read. Returns whether there were any.
    fn learn(&mut self, read: &[Vec<ClusterEvent>]) -> bool {
        let is_new = !read.is_empty();
        if is_new {
            self.events = read.concat();
        }
        is_new && !self.events.is_empty()
    }
}

impl Engine<'_> {
    /// Judges the new version as it is now.
    pub(super) async fn judge(&mut self, observed: &Observed, soaking: bool) -> Look {
        let mut verdict = self.look(observed, soaking);
        let mut fresh = None;
        if verdict.failure.is_some() && !self.guard.told {
            // Nothing is undone by what a watch said that may have died since. A failure is to be called by its right name,
            // which events tell; a busy server takes its time for both.
            let about = self.due(observed, &verdict, Duration::from_secs(1));
            let naming = events_about(self.cluster, about, NAMING);
            let (read, events) = join(tokio::time::timeout(SECOND_LOOK, self.reread()), naming).await;
            self.guard.learn(&events);
            let Ok(Ok(read)) = read else {
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
        if verdict.failure.is_none() {
            let about = self.due(observed, &verdict, self.guard.ask_again);
            let events = events_about(self.cluster, about, EXPLAINING).await;
            if self.guard.learn(&events) {
                verdict = self.look(observed, soaking);
            }
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

    /// Names what has trouble and is to be asked about now, by uid, if it is `every` since the last time.
    fn due(&mut self, observed: &Observed, verdict: &Verdict, every: Duration) -> Vec<String> {
        if self.guard.asked.is_some_and(|asked| asked.elapsed() < every) {
            return Vec::new();
        }
        let situation = Situation::of(observed);
        let view = View::of(&situation, &self.guard.events, false);
        let mut curious = self.guard.watch.curious(&view, verdict, self.guard.born.elapsed());
        if curious.is_empty() {
            self.guard.ask_again = ASK_AGAIN;
            return curious;
        }
        if self.guard.asked.is_some() {
            self.guard.ask_again = (self.guard.ask_again * 3).min(ASK_SELDOM);
        }
        self.guard.asked = Some(Instant::now());
        curious
            .retain(|uid| observed.workload.uid() == uid || observed.pods.iter().any(|pod| pod.uid() == uid));
        curious
    }
}

/// Reads the events about these objects. Who may not read them, or cannot for now, judges by what was read before, or
/// without.
async fn events_about(cluster: &Cluster, uids: Vec<String>, within: Duration) -> Vec<Vec<ClusterEvent>> {
    let readings = uids.iter().map(|uid| tokio::time::timeout(within, cluster.events_of(uid)));
    join_all(readings).await.into_iter().filter_map(|reading| reading.ok()?.ok()).collect()
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

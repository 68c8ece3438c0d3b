//! Compares the metrics of both versions while the new one serves: reads beside all else, never instead of it.

use std::pin::Pin;

use tokio::time::Instant;

use super::Engine;
use super::verify::goes;
use crate::analysis::Judged;
use crate::cli::OnFailure;
use crate::comparison::{Comparison, Finding, Next};
use crate::event::{self, Event, Outlook};
use crate::health::Failure;
use crate::plan::{Analyze, OnInconclusive};
use crate::reading::Readings;
use crate::situation::{Observed, Situation};

/// A reading under way.
pub(super) type Reading<'a> = Option<Pin<Box<dyn Future<Output = Readings> + 'a>>>;

/// What the metrics mean for a step.
#[derive(Default)]
pub(super) struct Compared {
    /// Whether the step may end as far as the metrics say.
    pub(super) is_good: bool,
    /// Why it is given up.
    pub(super) failure: Option<Failure>,
    /// How it stands, in few words.
    pub(super) key: String,
    /// The same with the numbers of now.
    pub(super) text: String,
    /// When to look again although nothing changed.
    pub(super) wake: Option<Instant>,
}

impl<'a> Engine<'a> {
    /// Begins with the metrics at a share, or those of a rolling update.
    pub(super) fn begin_comparison(&mut self, asked: &Analyze, situation: &Situation<'_>, rolls: bool) {
        let hash = situation.canary.map(|canary| canary.hash().to_owned()).unwrap_or_default();
        let journal = self.lock.journal();
        let step = journal.as_ref().map_or(0, |journal| journal.cursor);
        if let Some(comparison) = &mut self.comparison {
            comparison.at_another_share(step);
            return;
        }
        let noted = journal.and_then(|journal| journal.compared);
        let comparison = Comparison::new(asked, &hash, step, noted).rolling(rolls);
        if let Some(anew) = comparison.begins_anew() {
            self.output.event(&Event::warning(anew));
        }
        self.comparison = Some(comparison);
    }

    /// Judges by what was read so far, and begins to read what is due. `meanwhile`: what goes on, for people; `is_over`: the
    /// versions do not serve beside each other any more.
    pub(super) fn compare(
        &mut self,
        observed: &Observed,
        reading: &mut Reading<'a>,
        meanwhile: &str,
        is_over: bool,
    ) -> Compared {
        let situation = Situation::of(observed);
        let Some(comparison) = &mut self.comparison else { return Compared::default() };
        let now = self.begun.elapsed();
        if is_over {
            comparison.end();
        }
        let finding = comparison.finding(now);
        let (key, text) = comparison.brief(meanwhile);
        let clock = self.cluster.clock();
        let cache = &self.cache;
        let mut wake = None;
        if reading.is_none() && !is_over {
            match comparison.next(&situation, |pod| cache.ready_for(pod, clock), now) {
                Next::Wait(at) => wake = Some(self.begun + at),
                Next::Ask(asked) => *reading = Some(Box::pin(self.cluster.metrics(*asked))),
            }
        }
        let (is_good, failure) = match finding {
            Finding::Open => (false, None),
            Finding::Good { .. } => (true, None),
            Finding::Worse { sentence, pods } => (false, Some(Failure::metrics_worse(sentence, pods))),
            Finding::NotEnough { sentence } => match self.on_inconclusive() {
                OnInconclusive::Abort | OnInconclusive::Hold => {
                    (false, Some(Failure::not_enough_data(sentence)))
                }
                OnInconclusive::Promote => {
                    self.once(&format!("not enough data to tell whether it is worse: {sentence}"));
                    (true, None)
                }
            },
        };
        let failure = match self.guard.policy() {
            OnFailure::Continue if failure.is_some() => {
                self.once(&failure.map(|failure| failure.sentence()).unwrap_or_default());
                return Compared { is_good: true, failure: None, key, text, wake };
            }
            OnFailure::Abort | OnFailure::Hold | OnFailure::Continue => failure,
        };
        Compared { is_good, failure, key, text, wake }
    }

    /// Takes in what was read.
    pub(super) fn take_metrics(&mut self, mut read: Readings) {
        // Of a pod that ends or lost its node the version is not to blame.
        if !read.probe.is_empty()
            && let Ok(observed) = self.observed()
        {
            read.probe.retain(|(target, _)| !goes(&observed, &target.uid));
        }
        let Some(comparison) = &mut self.comparison else { return };
        comparison.take(read, self.begun.elapsed());
        self.lock.keep(comparison.record().clone());
        let judged = comparison.judged();
        let picture = comparison.record().analysis.picture(judged);
        let Judged { metrics, seconds, .. } = judged.clone();
        let missing = comparison.missing();
        let limits = comparison.limits();
        self.output.event(&Event::Look { seconds, metrics, limits, missing, picture });
    }

    /// Tells what the metrics came to at a share.
    pub(super) fn tell_comparison(&self) {
        if let Some(compared) = self.compared() {
            self.output.event(&Event::Analysis(Box::new(compared)));
        }
    }

    /// Returns what the metrics came to; nothing if that is not known yet.
    pub(super) fn compared(&self) -> Option<event::Compared> {
        let comparison = self.comparison.as_ref()?;
        let (verdict, text) = match comparison.finding(self.begun.elapsed()) {
            Finding::Good { sentence } => (Outlook::Good, sentence),
            Finding::Worse { sentence, .. } => (Outlook::Worse, sentence),
            Finding::NotEnough { sentence } => (Outlook::NotEnoughData, sentence),
            // Something else ended the step.
            Finding::Open => return None,
        };
        let limits = comparison.limits();
        let counts = comparison.record().analysis.clone();
        Some(event::Compared::new(verdict, text, comparison.settings(), counts, limits))
    }

    /// What is done where the metrics do not tell.
    pub(super) fn on_inconclusive(&self) -> OnInconclusive {
        self.comparison.as_ref().map(Comparison::on_inconclusive).unwrap_or_default()
    }

    fn once(&mut self, text: &str) {
        if self.comparison.as_mut().is_some_and(Comparison::is_news) {
            self.output.event(&Event::warning(text));
        }
    }
}

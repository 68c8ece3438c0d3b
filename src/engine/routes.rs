//! What a run does about routes beside the steps of its plan.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Engine;
use crate::error::{Error, Kind};
use crate::journal::Verb;
use crate::plan::Step;
use crate::router::kept;
use crate::situation::Situation;
use crate::step;
use crate::strategy;
use crate::traffic::Split;

/// For how long the controller of a route that has just been made, or was heard a moment ago, may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

impl Engine<'_> {
    /// Waits until it is known that every route is served as it is: one may have been made a moment ago.
    pub(crate) async fn hear_routes(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + ANSWER;
        let mut told = false;
        while let Some((target, why)) = strategy::unanswered(&self.observed()?) {
            if !told {
                told = true;
                self.note(&format!("{target}: {why}: waiting for it, {} s at most", ANSWER.as_secs()));
            }
            tokio::select! {
                biased;
                () = self.stop.received() => return Err(self.interrupted("stopped by a signal", Kind::Interrupted)),
                () = sleep_until(deadline) => break,
                changed = self.cache.changed() => changed?,
            }
        }
        Ok(())
    }

    /// Takes note of who answers for the routes as they are before a step changes them.
    pub(super) fn listen(&mut self) -> Result<(), Error> {
        let observed = self.observed()?;
        self.answered = step::is_answered(&Situation::of(&observed));
        Ok(())
    }

    /// Returns when a step on the way back goes on although no status confirms it: whoever does not serve the route any
    /// more must not keep us from it. `None`: it waits for that.
    pub(super) fn patience(&self, step: &Step, begin: Instant) -> Option<Instant> {
        let Step::Route { grace, .. } = step else { return None };
        let goes_back = self.lock.journal().is_some_and(|journal| journal.verb == Verb::Abort);
        let grace = Duration::from_secs(*grace);
        goes_back.then(|| begin + if self.answered { grace.max(ANSWER) } else { grace })
    }

    /// Returns what is to be told of a step: of several that change a route, the first after which requests go another
    /// way.
    pub(super) fn news(&mut self, step: &Step) -> Result<Option<String>, Error> {
        let (Step::Route { split, .. } | Step::Own { split, .. }) = step else {
            return Ok(Some(step.title(self.id.kind)));
        };
        let before = match self.told.take() {
            Some(told) => Some(told),
            None => self.is_own()?.then(|| Split::undone(&split.service, &split.namespace)),
        };
        self.told = Some(split.clone());
        let is_same = before.is_some_and(|before| before.is_same_way(split));
        Ok((!is_same).then(|| format!("route: {}", split.way())))
    }

    /// Whether all routes are as their user wrote them.
    fn is_own(&mut self) -> Result<bool, Error> {
        let observed = self.observed()?;
        let Some(traffic) = &observed.traffic else { return Ok(true) };
        Ok(observed.traffic_objects.routes(traffic).all(|(_, route)| kept(route).is_none()))
    }

    /// Takes the share from whoever has no pods: see [`strategy::retreat`].
    pub(super) async fn retreat(&mut self) {
        let Ok(observed) = self.observed() else { return };
        let plan = strategy::retreat(&observed);
        if plan.steps.is_empty() {
            return;
        }
        self.warn(strategy::RETREATING);
        for step in &plan.steps {
            if let Err(error) = self.act(step).await {
                self.warn(&format!("these requests fail: {}", error.message));
                return;
            }
        }
    }
}

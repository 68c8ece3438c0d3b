//! What a run does after another took its lock: it writes no more and ends with the true outcome.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Engine;
use super::noted::Left;
use crate::aftermath::{self, Fate};
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::journal::{State, Verb};
use crate::situation::{Observed, Situation};
use crate::strategy;

const LOOK_EVERY: Duration = Duration::from_secs(5);

impl Engine<'_> {
    /// Watches until the other run is through, and tells what became of our version.
    pub(super) async fn follow(&mut self, verb: Verb, lost: Error) -> Result<(), Error> {
        self.output.event(&Event::warning(lost.message.clone()));
        let deadline = Instant::now() + self.options.timeout;
        let mine = self.lock.way_home().cloned();
        let mut read = None;
        loop {
            let free = self.lock.look(self.cluster).await?;
            let version = self.lock.version();
            if free && read.as_ref() != Some(&version) {
                // What the watches have brought so far may be older than the end of the other run; what comes later they bring.
                self.refresh().await?;
                read = Some(version);
            }
            let observed = self.observed()?;
            let situation = Situation::of(&observed);
            let id = observed.workload.id();
            if free && self.landed_late(&situation) {
                return self.retract(&observed).await;
            }
            if free {
                match aftermath::fate(verb, &situation, mine.as_ref(), &self.options.run.id) {
                    Fate::Met(sentence) => {
                        self.output.event(&Event::note(format!("{id}: {sentence}")));
                        return Ok(());
                    }
                    Fate::Missed(sentence) => {
                        let message = format!("{id}: {sentence}; {}", lost.message);
                        return Err(Error::new(Kind::VersionFailed, message));
                    }
                    Fate::Stuck(why) => {
                        let message = format!("{}, and is not through: {why}", lost.message);
                        return Err(Error::new(Kind::Deadline, message).next(id.command("status")));
                    }
                    Fate::Open => {}
                }
            }
            if Instant::now() >= deadline {
                return Err(Error::new(Kind::Deadline, format!("{}, and is not through yet", lost.message))
                    .next(id.command("status")));
            }
            let wake = deadline.min(Instant::now() + LOOK_EVERY);
            loop {
                tokio::select! {
                    biased;
                    () = self.stop.received() => return Err(lost),
                    () = sleep_until(wake) => break,
                    changed = self.cache.changed() => changed?,
                }
            }
        }
    }
}

impl Engine<'_> {
    /// Whether a hold of this run is there although another run has aborted it: the write was on its way, and nothing had
    /// changed that it relied on.
    fn landed_late(&self, situation: &Situation<'_>) -> bool {
        let record = situation.hold.as_ref().and_then(|hold| hold.record.as_ref());
        let journal = situation.observed.journal.as_ref();
        record.is_some_and(|record| record.run.id == self.options.run.id)
            && journal.is_some_and(|now| {
                now.run.id != self.options.run.id && now.verb == Verb::Abort && now.state == State::Done
            })
    }

    /// Takes such a hold off again, with the lock that is free now.
    async fn retract(&mut self, observed: &Observed) -> Result<(), Error> {
        let id = observed.workload.id();
        self.output.event(&Event::note(format!("{id}: the hold came after the abort: taking it off")));
        let plan = strategy::abort(observed);
        self.lock.take(self.cluster, Verb::Abort, plan.clone(), 0, observed).await?;
        let result = Box::pin(self.steps(&plan, 0)).await;
        let left = self.observed().map_or(Left { held: true, ..Left::default() }, |now| Left::of(&now));
        let state = if result.is_ok() && !left.held { State::Done } else { State::Interrupted };
        let released = self.lock.release(self.cluster, state, left, None).await;
        result.map(|_| ()).and(released)?;
        let sentence = format!("{id}: the version was aborted by another run");
        Err(Error::new(Kind::VersionFailed, sentence).next(id.command("status")))
    }
}

//! What a run does after another took its lock: it writes no more and ends with the true outcome.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Engine;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::model::{Phase, Situation, fingerprint};

const LOOK_EVERY: Duration = Duration::from_secs(5);

impl Engine<'_> {
    /// Watches until the other run is through, and tells what became of our version.
    pub(super) async fn follow(&mut self, lost: Error) -> Result<(), Error> {
        self.output.event(&Event::warning(lost.message.clone()));
        let deadline = Instant::now() + self.options.timeout;
        let mine = self.lock.canary();
        loop {
            let free = self.lock.look(self.cluster).await?;
            let observed = self.observed()?;
            let situation = Situation::of(&observed);
            let ours = mine.as_deref() == Some(fingerprint(&observed.deployment.spec.template).as_str());
            let id = observed.deployment.id();
            match situation.phase {
                Phase::Held | Phase::Idle if free && ours => {
                    let what = if situation.phase == Phase::Idle { "promoted" } else { "held" };
                    self.output.event(&Event::note(format!("{id}: the version is {what} by another run")));
                    return Ok(());
                }
                Phase::Held | Phase::Idle if free => {
                    return Err(Error::new(
                        Kind::VersionFailed,
                        format!("{id}: the canary was aborted; {}", lost.message),
                    ));
                }
                _ => {}
            }
            if Instant::now() >= deadline {
                return Err(Error::new(Kind::Deadline, format!("{}, and is not through yet", lost.message))
                    .next(format!("kubectl rollout-plus status {} -n {}", id.name, id.namespace)));
            }
            let wake = deadline.min(Instant::now() + LOOK_EVERY);
            loop {
                tokio::select! {
                    changed = self.mirror.changed() => changed?,
                    () = sleep_until(wake) => break,
                    () = self.stop.received() => return Err(lost),
                }
            }
        }
    }
}

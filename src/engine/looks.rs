//! Looks at the metrics of two versions that serve, and changes nothing.

use std::time::Duration;

use tokio::time::Instant;

use super::Engine;
use super::compare::Reading;
use super::telling::{Line, Telling};
use crate::comparison::{Comparison, Next};
use crate::error::{Error, Kind};
use crate::event::{Compared, Event};
use crate::model::Revision;
use crate::plan::Analyze;
use crate::situation::Situation;
use crate::status::WorkloadStatus;

/// What decides how the requests are shared: within a look it has to stay as it is.
type Share = (Option<u8>, u32, u32);

impl Engine<'_> {
    /// Looks until it is known whether the new version is worse, or time is over. Nothing is written.
    ///
    /// # Errors
    /// [`Kind::Refused`] if there are no two versions that serve beside each other, or no metrics of them.
    pub(crate) async fn look_at_both(&mut self, asked: &Analyze) -> Result<Compared, Error> {
        let mut reading: Reading<'_> = None;
        let mut telling = Telling::new(Instant::now());
        let mut share: Option<Share> = None;
        let mut first = None;
        let looks = Duration::from_secs(asked.warm_up.saturating_add(asked.limit));
        let deadline = self.begun.elapsed() + looks + self.options.timeout;
        loop {
            let observed = self.observed()?;
            let situation = Situation::of(&observed);
            let id = observed.workload.id();
            if observed.switches() {
                let message = format!("{id} is held by blue-green: one version gets all of the requests");
                return Err(Error::refused(message).next(id.command("status")));
            }
            // Whoever takes the hold off, or puts another version in its place, ends it.
            let of = |canary: &Revision| (canary.hash().to_owned(), situation.hold.is_some());
            let canary =
                situation.canary.filter(|canary| first.get_or_insert_with(|| of(canary)) == &of(canary));
            let both = canary.zip(situation.stable);
            if both.is_none() && share.is_none() {
                let message = format!("one version of {id} serves alone: there is nothing to compare");
                return Err(Error::refused(message)
                    .next(format!("{} --image IMAGE --weight 10", id.command("canary"))));
            }
            let rolls = situation.hold.is_none();
            let now_shared = both.map(|(canary, stable)| {
                let asked = situation.hold.as_ref().and_then(|hold| hold.record.as_ref()?.asked);
                (asked.filter(|_| !rolls), pods(canary, rolls), pods(stable, rolls))
            });
            match (both, &mut self.comparison) {
                (Some((canary, _)), None) => {
                    self.comparison = Some(Comparison::new(asked, canary.hash(), 0, None).rolling(rolls));
                }
                (Some(_), Some(comparison)) if now_shared != share => comparison.at_another_share(0),
                (None, Some(comparison)) => comparison.end(),
                (Some(_), Some(_)) | (None, None) => {}
            }
            share = now_shared.or(share);
            if let Some(compared) = self.compared() {
                return Ok(compared);
            }
            let now = self.begun.elapsed();
            let Some(comparison) = &mut self.comparison else {
                return Err(Error::new(Kind::NotEnoughData, format!("{id}: nothing was compared")));
            };
            if now >= deadline {
                let warm_up = asked.warm_up;
                let message =
                    format!("{id}: no pod of the new version was Ready for {warm_up} s (--warm-up)");
                return Err(Error::new(Kind::NotEnoughData, message).next(id.command("status")));
            }
            if comparison.reads_nothing() {
                let why = comparison.missing().unwrap_or_default();
                let flag = if asked.compares() { "--metrics-port PORT" } else { "--probe-port PORT" };
                return Err(Error::refused(format!("{id}: {why}")).next(flag));
            }
            let (key, text) = comparison.brief("both versions serve");
            let mut wake = telling.heartbeat();
            if reading.is_none() {
                let (cache, clock) = (&self.cache, self.cluster.clock());
                match comparison.next(&situation, |pod| cache.ready_for(pod, clock), now) {
                    Next::Wait(at) => wake = wake.min(self.begun + at),
                    Next::Ask(asked) => reading = Some(Box::pin(self.cluster.metrics(*asked))),
                }
            }
            let now = Instant::now();
            match telling.line(&key, Some(&text), observed.workload.is_complete(), now) {
                Line::Now(text) => {
                    let status = Box::new(WorkloadStatus::brief(&observed));
                    self.output.event(&Event::Progress { text, status });
                }
                Line::At(next) => wake = wake.min(next),
                Line::None => {}
            }
            if self.until(wake, now + super::wait::pace(observed.pods.len()), &mut reading).await? {
                return Err(Error::new(Kind::Interrupted, "stopped by a signal; nothing was changed"));
            }
        }
    }
}

/// A rolling update changes how many there are all the time, and each look counts the pods that it has.
fn pods(version: &Revision, rolls: bool) -> u32 {
    if rolls { 0 } else { version.replicas() }
}

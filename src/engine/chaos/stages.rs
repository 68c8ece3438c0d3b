//! The stages of a trial: the fault, looks while it is on, its end, and looks until all is as before.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::super::Engine;
use super::steady::{self, Sample, Tallies};
use super::{Attempt, Chosen, Target, takes};
use crate::chaos::{Candidate, Fault};
use crate::error::{Error, Kind};
use crate::journal::FaultRecord;
use crate::scrub::Scrubber;
use crate::situation::Situation;
use crate::words::counted;

/// How often it is looked whether all holds.
const EVERY: Duration = Duration::from_secs(1);
/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The fault is on until then.
    On { until: Instant },
    /// It is over since then, and as many pods as before are to be Ready within the limit.
    Over { since: Instant, limit: Duration, least: Duration },
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Time is over.
    InTime,
    /// As many pods as before are Ready, for the first time after so long.
    Recovered(Duration),
    /// What has to hold did not.
    Broken,
}

/// Why a trial did not come to its end.
#[derive(Debug)]
pub(super) struct Stopped {
    pub(super) error: Error,
    /// The fault is still on: what is noted of it is for whoever comes next.
    pub(super) is_left: bool,
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self { error, is_left: false }
    }
}

impl<'a> Engine<'a> {
    /// Makes the fault, looks, undoes it, and looks until all is as before. Returns how long that took, or what is missing.
    pub(super) async fn stages(
        &mut self,
        asked: &Attempt,
        target: &Target,
        chosen: &Chosen,
        port: Option<u16>,
        record: &FaultRecord,
        seen: &mut Tallies,
    ) -> Result<(Option<Duration>, Option<String>), Stopped> {
        let begun = Instant::now();
        let made = self.inject(asked, target, chosen).await;
        let mut since = begun;
        if asked.fault.lasts() {
            let on = match made {
                Ok(()) => {
                    let stage = Stage::On { until: begun + asked.lasting };
                    Box::pin(self.watch_fault(asked, target, chosen, port, stage, seen)).await
                }
                Err(error) => Err(error),
            };
            if on.as_ref().is_err_and(|error| error.kind == Kind::Locked) {
                return on.map(|_| (None, None)).map_err(Stopped::from);
            }
            since = Instant::now();
            self.end_fault(record).await.map_err(|error| Stopped { error, is_left: true })?;
            match on {
                Ok(Ended::Broken) => return Ok((None, None)),
                Ok(Ended::InTime | Ended::Recovered(_)) => {}
                Err(error) => {
                    let message = format!("{}; the fault is undone", error.message);
                    return Err(Error { message, ..error }.into());
                }
            }
        } else {
            made?;
        }
        let least = if asked.fault.lasts() { Duration::ZERO } else { asked.lasting };
        let stage = Stage::Over { since, limit: asked.limit, least };
        match Box::pin(self.watch_fault(asked, target, chosen, port, stage, seen)).await? {
            Ended::Recovered(time) => {
                let samples = self.ask_all(asked, port, &chosen.victims)?.await;
                seen.note(samples);
                Ok((Some(time), None))
            }
            Ended::InTime => {
                let lacking = self.after_fault(target, chosen)?;
                let (ready, wanted) = (lacking.wanted - lacking.missing, lacking.wanted);
                Ok((None, Some(format!("{ready} of {wanted} Ready"))))
            }
            Ended::Broken => Ok((None, None)),
        }
    }

    /// Hits one pod after the other. Before each it is looked whether enough are left: others scale and drain at the same time.
    async fn inject(&mut self, asked: &Attempt, target: &Target, chosen: &Chosen) -> Result<(), Error> {
        for (index, victim) in chosen.victims.iter().enumerate() {
            let pods = self.read_pods(target).await?;
            let hit = &chosen.victims[..=index];
            let left = pods.serving.iter().filter(|pod| !hit.iter().any(|hit| hit.uid == pod.uid)).count();
            if left < usize::try_from(asked.aim.min_ready).unwrap_or(usize::MAX) {
                let message = format!(
                    "{}: only {left} pods would be left Ready, because others went meanwhile; {} hit so far",
                    self.id,
                    counted(index, &target.noun)
                );
                return Err(Error::new(Kind::Infrastructure, message).next(self.id.command("status")));
            }
            self.lock.renew_for_fault(self.cluster).await?;
            if asked.deletes {
                self.cluster.delete_pod(victim, None).await.map_err(Error::after_a_write)?;
                continue;
            }
            for sent in self.fault_requests(asked, victim)? {
                self.cluster.hit(victim, &sent, false).await?;
            }
        }
        Ok(())
    }

    /// Looks every second until a stage is over.
    async fn watch_fault(
        &mut self,
        asked: &Attempt,
        target: &Target,
        chosen: &Chosen,
        port: Option<u16>,
        stage: Stage,
        seen: &mut Tallies,
    ) -> Result<Ended, Error> {
        let cluster = self.cluster;
        let is_on = matches!(stage, Stage::On { .. });
        let mut is_taken = !is_on;
        let mut recovered = None;
        let mut next = Instant::now();
        loop {
            let now = Instant::now();
            let state = self.after_fault(target, chosen)?;
            let end = match stage {
                Stage::On { until } => {
                    let others = state.serving;
                    if others < usize::try_from(asked.aim.min_ready).unwrap_or(usize::MAX) {
                        let message = format!(
                            "{}: only {others} pods that were not hit are Ready, because others went meanwhile",
                            self.id
                        );
                        return Err(Error::new(Kind::Infrastructure, message).next(self.id.command("status")));
                    }
                    until
                }
                Stage::Over { since, limit, least } => {
                    if state.missing == 0 {
                        let time = *recovered.get_or_insert_with(|| now.duration_since(since));
                        if now >= since + least {
                            return Ok(Ended::Recovered(time));
                        }
                    }
                    // What came back is looked at for as long as was asked for, however long that is.
                    if recovered.is_some() { since + least } else { since + limit }
                }
            };
            if now >= end {
                if !is_taken {
                    return Err(self.did_not_take(asked));
                }
                return Ok(recovered.map_or(Ended::InTime, Ended::Recovered));
            }
            self.lock.renew_for_fault(cluster).await?;
            let looking = self.ask_all(asked, port, &chosen.victims)?;
            let (at, fault, hit) = (next, asked.fault, &chosen.victims);
            let known = is_taken;
            let look = async move {
                sleep_until(at).await;
                let took = if known { Ok(true) } else { takes::is_seen(cluster, fault, hit, port).await };
                (looking.await, took)
            };
            tokio::pin!(look);
            let (samples, took) = loop {
                tokio::select! {
                    biased;
                    () = self.stop.received() => {
                        return Err(Error::new(Kind::Interrupted, format!("{}: stopped by a signal", self.id)));
                    }
                    done = &mut look => break done,
                    changed = self.cache.changed() => {
                        changed?;
                        if let Stage::Over { since, .. } = stage
                            && recovered.is_none()
                            && self.after_fault(target, chosen)?.missing == 0
                        {
                            recovered = Some(since.elapsed());
                        }
                    }
                }
            };
            next = Instant::now() + EVERY;
            is_taken |= took?;
            let observed = self.observed()?;
            seen.note(samples.into_iter().filter(|sample| sample.counts(&observed)).collect());
            if seen.first().is_some() {
                return Ok(Ended::Broken);
            }
        }
    }

    fn did_not_take(&self, asked: &Attempt) -> Error {
        let why = match asked.fault {
            Fault::CutPods => {
                "the pods still answer: nothing in this cluster enforces NetworkPolicies, or another policy lets requests in"
            }
            Fault::SlowPods => "the kubelet has not taken the CPU away",
            Fault::FailPods | Fault::KillPods => {
                "the pods were Ready to its end, or others took them away: containers have terminationGracePeriodSeconds to stop, so let it last longer"
            }
        };
        let message = format!("{}: {} did not take: {why}", self.id, asked.fault.name());
        Error::new(Kind::NotEnoughData, message)
    }

    /// Asks all that has to hold. Nobody is asked who was hit.
    pub(super) fn ask_all(
        &mut self,
        asked: &Attempt,
        port: Option<u16>,
        hit: &[Candidate],
    ) -> Result<impl Future<Output = Vec<Sample>> + use<'a>, Error> {
        let observed = self.observed()?;
        let questions = steady::questions(&asked.steady, port, &Situation::of(&observed), hit);
        let scrubber = Scrubber::new(&observed.workload.spec.template);
        let cluster = self.cluster;
        Ok(async move { steady::look(cluster, questions, &scrubber).await })
    }
}

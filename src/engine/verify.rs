//! Asks the new version through its preview or pod by pod, by way of the API server: nothing in the cluster has to be reached.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::Engine;
use crate::cli::OnFailure;
use crate::cluster::{Asked, Reply};
use crate::duration;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::health::Failure;
use crate::model::Pod;
use crate::plan::{Check, Step};
use crate::scrub::Scrubber;
use crate::situation::{Observed, Situation};
use crate::step::{self, Progress};
use crate::traffic::Role;
use crate::words::counted;

const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// CI systems end silent jobs.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// How often containers of each pod have ended, by uid.
pub(super) type Ends = BTreeMap<String, i64>;

/// Counts how often containers of the new version's pods have ended.
pub(super) fn ends(situation: &Situation<'_>) -> Ends {
    let pods = situation.canary.into_iter().flat_map(|canary| situation.pods_of(canary));
    pods.map(|pod| (pod.uid().to_owned(), ended(pod))).collect()
}

fn ended(pod: &Pod) -> i64 {
    pod.containers().map(|(_, status, _)| status.ends()).sum()
}

/// Returns why all of the traffic has to go back at once: each pod of the version that has it is not Ready, or has ended
/// since the switch, and those of the former one are Ready. Nobody gains by a grace then.
pub(super) fn dark(step: &Step, situation: &Situation<'_>, before: &Ends) -> Option<Failure> {
    if !matches!(step, Step::Soak { .. }) || !situation.observed.switches() {
        return None;
    }
    let (stable, canary) = (situation.stable?, situation.canary?);
    let is_ready = |pod: &&Pod| pod.is_ready() && !pod.is_terminating();
    let ready = |set| situation.pods_of(set).filter(is_ready).count();
    let lasts = |pod: &Pod| before.get(pod.uid()).is_none_or(|before| ended(pod) <= *before);
    let serves = situation.pods_of(canary).any(|pod| is_ready(&pod) && lasts(pod) || pod.is_cut_off());
    if serves || ready(stable) == 0 {
        return None;
    }
    Some(Failure::dark(situation.pods_of(canary).map(|pod| pod.name().to_owned()).collect()))
}

/// What is waited for where the version that is live has no Ready pod that was not asked.
fn awaited(situation: &Situation<'_>) -> Step {
    if situation.hold.is_some() { Step::AwaitCanary } else { Step::AwaitRollout }
}

/// Whether a pod answers wrongly because it ends or its node is lost, and not because of its version.
pub(super) fn goes(observed: &Observed, uid: &str) -> bool {
    let pod = observed.pods.iter().find(|pod| pod.uid() == uid);
    pod.is_none_or(|pod| pod.is_terminating() || pod.is_cut_off())
}

impl Engine<'_> {
    /// Whether it matters that a pod is not Ready any more.
    pub(super) fn minds_darkness(&self) -> bool {
        self.guard.policy() != OnFailure::Continue && !Failure::dark_is_tolerated(&self.options.tolerances)
    }

    /// Returns why the new version failed, if some answer is not what it should be, and that matters. `port`: each of its
    /// pods is asked there, else its preview.
    pub(super) async fn verify(
        &mut self,
        checks: &[Check],
        port: Option<u16>,
    ) -> Result<Option<Failure>, Error> {
        let failure = match port {
            Some(port) => self.verify_pods(checks, port).await?,
            None => self.verify_preview(checks).await?,
        };
        self.minded(failure).await
    }

    /// Returns a failure that matters; one that does not is told.
    pub(super) async fn minded(&mut self, failure: Option<Failure>) -> Result<Option<Failure>, Error> {
        match (failure, self.guard.policy()) {
            (Some(failure), OnFailure::Continue) => {
                self.output.event(&Event::Verdict(failure.clone()));
                let observed = self.observed()?;
                self.proof(&observed, &failure).whole().await;
                Ok(None)
            }
            (failure, OnFailure::Abort | OnFailure::Hold | OnFailure::Continue) => Ok(failure),
        }
    }

    async fn verify_preview(&mut self, checks: &[Check]) -> Result<Option<Failure>, Error> {
        let Some(traffic) = self.traffic.clone() else { return Ok(None) };
        let scrubber = Scrubber::new(&self.observed()?.workload.spec.template);
        let service = Role::Preview.service(&traffic.service);
        let preview = Asked::Service(service.clone());
        for check in checks {
            match self.ask_thrice(&preview, check, &scrubber).await? {
                Verified::Right(_) => self.note(&check.to_string()),
                Verified::Gone => {}
                Verified::Wrong(why) => {
                    let message = format!("{} of service/{service} {why}", check.path);
                    return Ok(Some(Failure::wrong_answer(message, Vec::new())));
                }
            }
        }
        Ok(None)
    }

    /// Reads the workload anew, without the watches: what a cache does not know yet would be told of another version.
    ///
    /// # Errors
    /// Another client has ended what was waited for.
    pub(super) async fn reread_version(&mut self) -> Result<Observed, Error> {
        let observed = self.reread().await?;
        let situation = Situation::of(&observed);
        let clock = self.cluster.clock();
        match step::progress(&awaited(&situation), &situation, &|pod| self.cache.ready_for(pod, clock)) {
            Progress::Halted(error) => Err(self.explain_halt(error).await),
            Progress::Done | Progress::Waiting(..) => Ok(observed),
        }
    }

    /// Asks each pod of the live version that is Ready, also one that comes while others are asked.
    async fn verify_pods(&mut self, checks: &[Check], port: u16) -> Result<Option<Failure>, Error> {
        let end = Instant::now() + self.options.timeout;
        let mut asked = BTreeSet::new();
        let (mut right, mut slowest) = (0_u32, 0);
        let mut told = Instant::now();
        loop {
            let observed = self.reread_version().await?;
            let situation = Situation::of(&observed);
            let is_due = |pod: &&Pod| pod.is_ready() && !asked.contains(pod.uid());
            let live = situation.current.into_iter().flat_map(|live| situation.pods_of(live));
            let due: Vec<&Pod> = live.filter(is_due).collect();
            if due.is_empty() {
                if right > 0 {
                    let pods = counted(right, "new pod");
                    self.note(&format!("{pods} answered as asked, within {slowest} ms at most"));
                    return Ok(None);
                }
                if situation.workload().replicas() == 0 {
                    self.warn("there is no pod that could be asked: nothing is verified");
                    return Ok(None);
                }
                if Instant::now() >= end {
                    let time = duration::short(self.options.timeout);
                    let why = format!("no new pod was Ready to be asked within {time}");
                    return Err(self.interrupted(&why, Kind::Deadline));
                }
                self.pause(PAUSE).await?;
                if let Some(failure) = Box::pin(self.wait(&awaited(&situation))).await? {
                    return Ok(Some(failure));
                }
                continue;
            }
            let scrubber = Scrubber::new(&observed.workload.spec.template);
            for pod in due {
                if Instant::now() >= end {
                    let time = duration::short(self.options.timeout);
                    let why = format!("not all new pods could be asked within {time}: {right} answered");
                    return Err(self.interrupted(&why, Kind::Deadline));
                }
                if told.elapsed() >= SIGN_OF_LIFE {
                    told = Instant::now();
                    self.note(&format!("{} answered as asked so far", counted(right, "new pod")));
                }
                asked.insert(pod.uid().to_owned());
                match self.ask_pod(pod.name(), port, checks, &scrubber).await? {
                    Verified::Right(millis) => {
                        right += 1;
                        slowest = slowest.max(millis);
                    }
                    Verified::Gone => {}
                    Verified::Wrong(why) => {
                        if goes(&self.reread().await?, pod.uid()) {
                            continue;
                        }
                        return Ok(Some(Failure::wrong_answer(why, vec![pod.name().to_owned()])));
                    }
                }
            }
        }
    }

    async fn ask_pod(
        &mut self,
        pod: &str,
        port: u16,
        checks: &[Check],
        scrubber: &Scrubber,
    ) -> Result<Verified, Error> {
        let whom = Asked::Pod(pod.to_owned(), port);
        let mut slowest = 0;
        for check in checks {
            match self.ask_thrice(&whom, check, scrubber).await? {
                Verified::Right(millis) => slowest = slowest.max(millis),
                Verified::Gone => return Ok(Verified::Gone),
                Verified::Wrong(why) => {
                    return Ok(Verified::Wrong(format!("{} on port {port} {why}", check.path)));
                }
            }
        }
        Ok(Verified::Right(slowest))
    }

    /// Asks until the answer is right, three times at most. An API server that does not answer gets as many.
    async fn ask_thrice(
        &mut self,
        whom: &Asked,
        check: &Check,
        scrubber: &Scrubber,
    ) -> Result<Verified, Error> {
        let mut tries = 0;
        loop {
            self.lock.confirm(self.cluster).await?;
            let reply = tokio::select! {
                biased;
                reply = self.cluster.ask(whom, &check.path) => reply,
                () = self.stop.received() => {
                    return Err(self.interrupted("stopped by a signal", Kind::Interrupted));
                }
            };
            let result = match reply {
                Ok(Reply::Answer(answer)) => match check.fault(&answer, scrubber) {
                    None => return Ok(Verified::Right(answer.millis)),
                    Some(why) => Ok(Verified::Wrong(why)),
                },
                Ok(Reply::Silence(time)) => {
                    Ok(Verified::Wrong(format!("did not answer within {}", duration::short(time))))
                }
                Ok(Reply::Gone) => return Ok(Verified::Gone),
                Err(error) => Err(error),
            };
            tries += 1;
            if tries == TRIES {
                return result;
            }
            self.pause(PAUSE).await?;
        }
    }
}

/// What came of asking.
enum Verified {
    /// As asked; the slowest answer took so many milliseconds.
    Right(u64),
    /// Not as asked, as the end of a sentence.
    Wrong(String),
    /// The pod is gone.
    Gone,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rollout_plus_core::fixtures::idle;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_pod_that_goes_says_nothing_of_its_version() {
        let observed = |metadata: &Value, ready: &str, containers: &str| {
            let condition = |type_: &str, status: &str| json!({"type": type_, "status": status});
            let conditions = [condition("Ready", ready), condition("ContainersReady", containers)];
            let mut pod =
                json!({"metadata": metadata, "status": {"phase": "Running", "conditions": conditions}});
            pod["metadata"]["uid"] = json!("p1");
            Observed { pods: vec![Arc::new(serde_json::from_value(pod).unwrap())], ..idle() }
        };
        let stays = json!({"name": "web-1"});
        assert!(!goes(&observed(&stays, "True", "True"), "p1"));
        assert!(!goes(&observed(&stays, "False", "False"), "p1"), "its version may be why");
        assert!(goes(&observed(&stays, "False", "True"), "p1"), "its node is lost");
        assert!(goes(&observed(&stays, "True", "True"), "p2"), "it is gone");
        let ends = json!({"name": "web-1", "deletionTimestamp": "2026-01-01T00:00:00Z"});
        assert!(goes(&observed(&ends, "True", "True"), "p1"), "it ends");
    }
}

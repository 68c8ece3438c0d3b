//! Waiting for a step: on changes, on time, on signals, never without a deadline.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Engine;
use super::compare::{Compared, Reading};
use super::guard::Look;
use super::telling::{Line, Telling};
use super::verify::{dark, ends};
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::health::Failure;
use crate::journal::Journal;
use crate::model::{Condition, Workload};
use crate::plan::{SmokeTest, Step};
use crate::reading::Readings;
use crate::situation::Situation;
use crate::status::WorkloadStatus;
use crate::step::{self, Progress};
use crate::traffic::Traffic;

/// However long changes keep coming, they are looked at after this time.
const LAG: Duration = Duration::from_millis(300);

/// For how long the nodes' proxies may send requests to where a Service pointed before.
const PROXIES: Duration = Duration::from_secs(2);

/// For how long the controller may take to see the newest spec before we call the cluster broken.
const CONTROLLER_PATIENCE: Duration = Duration::from_secs(60);

/// For how long the same is waited for before a run: the run may be what helps.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// For how long it is waited for before a run that counts pods, if nothing says why the controller does not act: another
/// controller manager takes over within some 20 s (`LeaderElectionConfiguration`: lease of 15 s, tries each 2 s).
const ELECTION: Duration = Duration::from_secs(30);

/// Returns after what time changes are looked at again. A look goes over all pods, and they change for the longer the
/// more there are: so the looks of a rollout cost about the same per pod, however many there are.
pub(super) fn pace(pods: usize) -> Duration {
    const LEAST: Duration = Duration::from_millis(100);
    const MOST: Duration = Duration::from_millis(300);
    let pods = u32::try_from(pods).unwrap_or(u32::MAX);
    (LEAST + Duration::from_micros(100).saturating_mul(pods)).min(MOST)
}

impl<'a> Engine<'a> {
    /// Waits until a step is done.
    ///
    /// Returns why the new version failed, if it did.
    pub(crate) async fn wait(&mut self, step: &Step) -> Result<Option<Failure>, Error> {
        let begin = Instant::now();
        let soak = match step {
            Step::Soak { seconds, .. } => Duration::from_secs(*seconds),
            Step::Route { grace, .. } | Step::Own { grace, .. } => Duration::from_secs(*grace),
            Step::Pin { .. } => PROXIES,
            // Some data planes drop a whole route that names a Service whose pods they do not know.
            Step::Publish { .. } => self.traffic.as_ref().and_then(Traffic::grace).unwrap_or(PROXIES),
            // The root, which may get requests after that, has just forgotten the pods that went.
            Step::AwaitStable | Step::AwaitRollout => {
                self.traffic.as_ref().and_then(Traffic::grace).unwrap_or_default()
            }
            Step::Hold { .. }
            | Step::Stop
            | Step::AwaitCanary
            | Step::Update { .. }
            | Step::Follow { .. }
            | Step::Release
            | Step::Restore
            | Step::Withdraw
            | Step::Freeze
            | Step::Verify { .. }
            | Step::Fault { .. }
            | Step::Smoke { .. } => Duration::ZERO,
        };
        let mut soaked = begin + soak;
        // Whoever asks for so many Ready seconds waits for them: the timeout is for all else.
        let least = step::least(step, &Situation::of(&self.observed()?));
        self.granted += least;
        let asked = step.analyze();
        let rolls = matches!(step, Step::Follow { .. });
        let mut compares = false;
        let looks = asked.filter(|_| !rolls).map_or(0, |asked| asked.warm_up.saturating_add(asked.limit));
        let allowed = least + Duration::from_secs(looks) + self.options.timeout;
        let mut reading = None;
        let deadline = soaked + allowed;
        let deadline = match self.options.deadline.filter(|_| step.is_guarded()) {
            Some(whole) => deadline.min(whole + self.granted),
            None => deadline,
        };
        let patience = self.patience(step, begin);
        let mut telling = Telling::new(begin);
        let mut stop = false;
        let mut before = None;
        let mut followed = None;
        loop {
            let observed = self.observed()?;
            let situation = Situation::of(&observed);
            let now = Instant::now();
            let mut wake = deadline.min(telling.heartbeat()).min(self.lock.renew_at());
            let clock = self.cluster.clock();
            let mut progress = step::progress(step, &situation, &|pod| self.cache.ready_for(pod, clock));
            if step.is_guarded()
                && !matches!(progress, Progress::Halted(_))
                && let Some(error) = self.split.as_ref().and_then(|split| step::halted(&situation, split))
            {
                progress = Progress::Halted(error);
            }
            // What is waited for may come late, and a data plane hears of it no sooner.
            if progress == Progress::Done && !matches!(step, Step::Soak { .. }) {
                soaked = *followed.get_or_insert(now + soak);
            }
            let mut look = Look::default();
            if step.is_guarded() && !matches!(progress, Progress::Halted(_)) {
                look = Box::pin(self.judge(&observed, matches!(step, Step::Soak { .. }))).await;
                wake = look.wake.map_or(wake, |at| wake.min(at));
                let before = before.get_or_insert_with(|| ends(&situation));
                if look.failure.is_none() && self.minds_darkness() {
                    look.failure = dark(step, &situation, before);
                }
            }
            let mut detail = None;
            let mut compared = Compared { is_good: true, ..Compared::default() };
            let is_done = progress == Progress::Done;
            // A rolling update shows its new version some time after it began.
            if let Some(asked) = asked.filter(|_| !compares && (is_done || situation.canary.is_some())) {
                self.begin_comparison(asked, &situation, rolls);
                compares = true;
            }
            let serves = is_done || rolls && compares && matches!(progress, Progress::Waiting(..));
            if asked.is_some() && serves && look.failure.is_none() && !look.is_open {
                let meanwhile = match &progress {
                    Progress::Waiting(text, _) => text,
                    Progress::Done | Progress::Halted(_) => "the canary serves",
                };
                compared = self.compare(&observed, &mut reading, meanwhile, rolls && is_done);
                wake = compared.wake.map_or(wake, |at| wake.min(at));
                look.failure = compared.failure.take();
            }
            // Whoever may go on early does so when the metrics say it.
            let is_over = now >= soaked || asked.is_some_and(|asked| asked.early_pass);
            let mut text = match progress {
                Progress::Done if is_over && compared.is_good && look.failure.is_none() && !look.is_open => {
                    if asked.is_some() {
                        self.tell_comparison();
                    }
                    return Ok(None);
                }
                Progress::Done if asked.is_some() => {
                    if now < soaked {
                        wake = wake.min(soaked);
                    }
                    detail = Some(compared.text);
                    compared.key
                }
                Progress::Done => {
                    // What is open then is waited for by its own time.
                    if now < soaked {
                        wake = wake.min(soaked);
                    }
                    if matches!(step, Step::Soak { .. }) {
                        "the canary serves"
                    } else {
                        "giving the data plane time to follow"
                    }
                    .to_owned()
                }
                Progress::Waiting(text, _) if patience.is_some_and(|at| now >= at) && !stop => {
                    self.warn(&format!("{text}: going back without its answer"));
                    return Ok(None);
                }
                Progress::Waiting(text, in_time) => {
                    let text = if compared.key.is_empty() {
                        text
                    } else {
                        detail = Some(compared.text);
                        compared.key
                    };
                    wake = patience.map_or(wake, |at| wake.min(at));
                    if let Some(left) = in_time {
                        wake = wake.min(now + left.max(Duration::from_millis(20)));
                    }
                    text
                }
                Progress::Halted(error) => return Err(self.explain_halt(error).await),
            };
            if stop {
                return Err(self.interrupted("stopped by a signal", Kind::Interrupted));
            }
            if let Some(failure) = look.failure {
                if asked.is_some() {
                    self.tell_comparison();
                }
                return Ok(Some(failure));
            }
            if let Some(trouble) = &look.trouble {
                text = format!("{text}; {trouble}");
            }
            if now >= deadline {
                return Err(self.interrupted(
                    &format!("not done within {}: {text}", crate::duration::short(allowed)),
                    Kind::Deadline,
                ));
            }
            if now >= self.lock.renew_at() {
                self.lock.renew(self.cluster).await?;
                continue;
            }
            match telling.line(&text, detail.as_deref(), observed.workload.is_complete(), now) {
                Line::Now(text) => {
                    let status = Box::new(WorkloadStatus::brief(&observed));
                    self.output.event(&Event::Progress { text, status });
                }
                Line::At(next) => wake = wake.min(next),
                Line::None => {}
            }
            let next = now + pace(observed.pods.len());
            stop = self.until(wake, next, &mut reading).await?;
        }
    }

    /// Takes changes in until it is time for the next look: at `next` if there are any, else at `wake`. Returns whether a
    /// signal came.
    pub(super) async fn until(
        &mut self,
        wake: Instant,
        next: Instant,
        reading: &mut Reading<'a>,
    ) -> Result<bool, Error> {
        loop {
            let at = if self.cache.is_touched() { wake.min(next) } else { wake };
            tokio::select! {
                biased;
                () = self.stop.received() => return Ok(true),
                // What is there comes before the look.
                changed = self.cache.changed() => changed?,
                scraped = read(reading) => {
                    *reading = None;
                    self.take_metrics(scraped);
                    return Ok(false);
                }
                () = sleep_until(at) => return Ok(false),
            }
            if Instant::now() >= next + LAG {
                return Ok(false);
            }
        }
    }

    /// Waits until the controller has seen the newest spec: before that the ReplicaSets mean nothing.
    pub(crate) async fn wait_until_seen(&mut self) -> Result<(), Error> {
        if self.is_seen_within(CONTROLLER_PATIENCE).await? {
            return Ok(());
        }
        Err(self.unseen(CONTROLLER_PATIENCE)?)
    }

    /// Gives the controller a moment to see what was changed just before the run, and goes on without: whoever goes back
    /// must not wait for it to see what is to be undone.
    pub(super) async fn give_the_controller_time(&mut self) -> Result<(), Error> {
        if !self.is_seen_within(FIRST_LOOK).await? {
            let late = self.unseen(FIRST_LOOK)?;
            self.warn(&late.message);
        }
        Ok(())
    }

    /// Refuses to count pods that the controller may be about to change.
    pub(crate) async fn refuse_what_is_unseen(&mut self) -> Result<(), Error> {
        let observed = self.observed()?;
        if observed.workload.is_observed() {
            return Ok(());
        }
        if failure(&observed.workload).is_some() {
            return Err(self.unseen(FIRST_LOOK)?);
        }
        if self.is_seen_within(ELECTION.saturating_sub(FIRST_LOOK)).await? {
            return Ok(());
        }
        Err(self.unseen(ELECTION)?)
    }

    pub(super) async fn is_seen_within(&mut self, patience: Duration) -> Result<bool, Error> {
        let deadline = Instant::now() + patience;
        loop {
            if self.observed()?.workload.is_observed() {
                return Ok(true);
            }
            tokio::select! {
                biased;
                () = self.stop.received() => return Err(self.interrupted("stopped by a signal", Kind::Interrupted)),
                () = sleep_until(deadline) => return Ok(false),
                changed = self.cache.changed() => changed?,
            }
        }
    }

    fn unseen(&mut self, patience: Duration) -> Result<Error, Error> {
        let why = failure(&self.observed()?.workload).map(|why| format!(": {why}")).unwrap_or_default();
        Ok(Error::new(
            Kind::Infrastructure,
            format!(
                "{} has not acted on the last change of {} for {} s{why}",
                self.id.controller(),
                self.id,
                patience.as_secs()
            ),
        )
        .next(self.id.kubectl("describe")))
    }

    pub(super) fn interrupted(&self, why: &str, kind: Kind) -> Error {
        let id = &self.id;
        Error::new(kind, format!("{id}: {why}; what is there stays as it is"))
            .next(self.way_on())
            .next(id.command("abort"))
    }

    /// Returns what goes on with this run.
    pub(super) fn way_on(&self) -> String {
        let journal = self.lock.journal();
        let has_tests = |journal: &Journal| {
            journal.plan.steps.iter().skip(journal.cursor).any(|step| step.test().is_some())
        };
        let tested = journal.filter(has_tests);
        // `resume` runs no program that only the Lease names.
        tested.map_or_else(
            || self.id.command("resume"),
            |journal| SmokeTest::again(&self.id, journal.verb.name()),
        )
    }

    /// Whoever was taken over tells what became of the workload, not that a patch of his was refused.
    pub(super) async fn explain_halt(&mut self, error: Error) -> Error {
        match self.lock.renew(self.cluster).await {
            Err(lost) if lost.kind == Kind::Locked => lost,
            _ => error,
        }
    }
}

/// Waits for what is read; for ever where nothing is.
async fn read(reading: &mut Reading<'_>) -> Readings {
    match reading {
        Some(reading) => reading.await,
        None => std::future::pending().await,
    }
}

/// What the controller says of why it cannot act.
fn failure(workload: &Workload) -> Option<String> {
    let conditions = ["ReplicaFailure", "Progressing"].map(|type_| workload.condition(type_));
    let is_failure =
        |condition: &&Condition| (condition.type_ == "ReplicaFailure") == (condition.status == "True");
    conditions.into_iter().flatten().find(is_failure).and_then(|condition| condition.message.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_rarer_the_more_pods_there_are_and_no_verdict_waits_for_one() {
        assert_eq!(pace(0), Duration::from_millis(100));
        assert_eq!(pace(1000), Duration::from_millis(200));
        assert!(pace(usize::MAX) + LAG <= Duration::from_millis(600));
    }
}

//! What the server would refuse is refused before the first write.

use std::time::Duration;

use super::Engine;
use super::tries::Tries;
use crate::cluster::Failure;
use crate::error::{Error, Kind};
use crate::plan::{Plan, Step};
use crate::situation::{Observed, Situation};
use crate::step::{self, Mutation};
use crate::traffic::Split;

const TRIES: u32 = 3;

/// Returns the step after which routes say the most: a limit of theirs would be met there.
fn fullest(steps: &[Step]) -> Option<&Step> {
    let says = |step: &&Step| {
        let words = |split: &Split| {
            split.backends().len() + split.matches.len() + usize::from(split.mirror.is_some())
        };
        step.routed().map(words)
    };
    steps.iter().filter(|step| step.routed().is_some()).max_by_key(says)
}

impl Engine<'_> {
    /// Has the server judge a plan from a step on. Where an object is not as it was read, it is read and planned anew. Returns
    /// the plan that passed.
    ///
    /// # Errors
    /// What the planner refuses; what the server calls invalid is [`Kind::Usage`].
    pub(crate) async fn rehearse(
        &mut self,
        plan: Plan,
        cursor: usize,
        planner: &impl Fn(&Observed) -> Result<Plan, Error>,
    ) -> Result<Plan, Error> {
        let mut plan = plan;
        let mut tries = Tries::within(self.options.timeout);
        while let Err(failure) = self.rehearse_once(plan.steps.get(cursor..).unwrap_or_default()).await? {
            let again = if failure.is_conflict() { tries.next() } else { None };
            let Some(pause) = again else { return Err(judged(failure)) };
            self.pause(pause).await?;
            self.refresh().await?;
            plan = planner(&self.observed()?)?;
        }
        Ok(plan)
    }

    /// Sends the first write of a plan and of the Deployment, and all that routes are going to say, with `dryRun=All`.
    async fn rehearse_once(&mut self, steps: &[Step]) -> Result<Result<(), Failure>, Error> {
        let observed = self.observed()?;
        let situation = Situation::of(&observed);
        // What comes later is decided by what is there by then.
        let told = [steps.first(), steps.iter().find(|step| step.holds()), fullest(steps)];
        let is_told = |step: &&Step| told.iter().flatten().any(|told| std::ptr::eq(*told, *step));
        for step in steps.iter().filter(is_told) {
            for mutation in &step::work(step, &situation, &self.options.run, 0)?.mutations {
                let rehearsed = self.rehearse_write(mutation).await;
                self.pass_on();
                if rehearsed.is_err() {
                    return Ok(rehearsed);
                }
            }
        }
        Ok(Ok(()))
    }

    async fn rehearse_write(&self, mutation: &Mutation) -> Result<(), Failure> {
        let mut tries = 0;
        loop {
            let sent = match mutation {
                Mutation::PatchWorkload { patch } => {
                    self.cluster.rehearse_deployment(&self.options.name, patch).await
                }
                Mutation::Create { target, object } => {
                    self.cluster.create(target, object, true).await.map(|_| ())
                }
                Mutation::Patch { target, patch } => self.cluster.rehearse(target, patch).await,
                Mutation::ScaleRevision { .. } | Mutation::Delete { .. } => return Ok(()),
            };
            // A dry run changes nothing, so it may be sent again whatever became of it.
            if sent.as_ref().is_err_and(|failure| failure.code() == 0) && tries < TRIES {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(300) * tries).await;
                continue;
            }
            return sent;
        }
    }
}

fn judged(failure: Failure) -> Error {
    let is_invalid = matches!(failure.code(), 400 | 422) && !failure.is_conflict();
    let error = failure.into_error();
    if is_invalid { Error { kind: Kind::Usage, ..error } } else { error }
}

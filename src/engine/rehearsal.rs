//! What the server would refuse is refused before the first write.

use std::time::Duration;

use super::Engine;
use crate::error::{Error, Kind};
use crate::model::Situation;
use crate::plan::{Plan, Step};
use crate::step::{self, Mutation};
use crate::traffic::Split;

const TRIES: u32 = 3;

/// Returns the step after which routes say the most: a limit of theirs would be met there.
fn fullest(plan: &Plan) -> Option<&Step> {
    let says = |step: &&Step| {
        let words = |split: &Split| {
            split.backends().len() + split.matches.len() + usize::from(split.mirror.is_some())
        };
        step.routed().map(words)
    };
    plan.steps.iter().filter(|step| step.routed().is_some()).max_by_key(says)
}

impl Engine<'_> {
    /// Sends the first write of a plan and of the Deployment, and all that routes are going to say, with `dryRun=All`.
    pub(crate) async fn rehearse(&mut self, plan: &Plan) -> Result<(), Error> {
        let observed = self.observed()?;
        let situation = Situation::of(&observed);
        let first = |step: &&Step| matches!(step, Step::Hold { .. } | Step::Stop);
        // What comes later is decided by what is there by then.
        let told = [plan.steps.first(), plan.steps.iter().find(first), fullest(plan)];
        let is_told = |step: &&Step| told.iter().flatten().any(|told| std::ptr::eq(*told, *step));
        for step in plan.steps.iter().filter(is_told) {
            for mutation in &step::work(step, &situation, &self.options.run, 0)?.mutations {
                let rehearsed = self.rehearse_write(mutation).await;
                self.pass_on();
                rehearsed?;
            }
        }
        Ok(())
    }

    async fn rehearse_write(&self, mutation: &Mutation) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            let sent = match mutation {
                Mutation::PatchDeployment { patch } => {
                    self.cluster.rehearse_deployment(&self.options.name, patch).await
                }
                Mutation::Create { target, object } => {
                    self.cluster.create(target, object, true).await.map(|_| ())
                }
                Mutation::Patch { target, patch } => self.cluster.rehearse(target, patch).await,
                Mutation::ScaleReplicaSet { .. } | Mutation::Delete { .. } => return Ok(()),
            };
            let Err(failure) = sent else { return Ok(()) };
            let code = failure.code();
            // A dry run changes nothing, so it may be sent again whatever became of it.
            if code == 0 && tries < TRIES {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(300) * tries).await;
                continue;
            }
            let mut error = failure.into_error();
            if code == 422 || code == 400 {
                error.kind = Kind::Usage;
            }
            return Err(error);
        }
    }
}

//! What the server would refuse is refused before the first write.

use std::time::Duration;

use super::Engine;
use crate::error::{Error, Kind};
use crate::model::Situation;
use crate::plan::{Plan, Step};
use crate::step::{self, Mutation};

const TRIES: u32 = 3;

impl Engine<'_> {
    /// Sends the first write of a plan, and of each route and each Deployment, with `dryRun=All`.
    pub(crate) async fn rehearse(&mut self, plan: &Plan) -> Result<(), Error> {
        let observed = self.observed()?;
        let situation = Situation::of(&observed);
        let mut told = Vec::new();
        for (index, step) in plan.steps.iter().enumerate() {
            let kind = std::mem::discriminant(step);
            // What comes later is decided by what is there by then.
            if index > 0 && (told.contains(&kind) || !matches!(step, Step::Route { .. } | Step::Hold { .. }))
            {
                continue;
            }
            told.push(kind);
            for mutation in &step::work(step, &situation, &self.options.run, 0)?.mutations {
                self.rehearse_write(mutation).await?;
            }
        }
        Ok(())
    }

    async fn rehearse_write(&self, mutation: &Mutation) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            let sent = match mutation {
                Mutation::PatchDeployment { patch } => {
                    self.cluster.patch_deployment(&self.options.name, patch, true).await.map(|_| ())
                }
                Mutation::Create { target, object } => {
                    self.cluster.create(target, object, true).await.map(|_| ())
                }
                Mutation::Patch { target, patch } => {
                    self.cluster.patch(target, patch, true).await.map(|_| ())
                }
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

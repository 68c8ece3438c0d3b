//! How a run ended, for the history.

use super::Engine;
use crate::error::Error;
use crate::health::Class;
use crate::journal::{self, Ending, Outcome, Verb};
use crate::model::{Revision, fingerprint};
use crate::situation::{Observed, Situation};

impl Engine<'_> {
    /// Returns what goes into the history; nothing if the run changed nothing.
    pub(super) fn outcome(
        &self,
        verb: Verb,
        observed: &Observed,
        result: &Result<(), Error>,
    ) -> Option<Outcome> {
        let journal = self.lock.journal()?;
        // Who only ended a fault has neither brought a version nor taken one back.
        let snapshot = journal.snapshot.as_ref().filter(|_| !journal.plan.steps.is_empty())?;
        let version = version(observed, &snapshot.canary);
        let failure = journal.failure.as_ref();
        let ending = match result {
            Ok(())
                if verb == Verb::Abort && failure.is_none_or(|failure| failure.class == Class::Undecided) =>
            {
                Ending::Aborted
            }
            Ok(()) if verb == Verb::Abort => Ending::Failed,
            Ok(()) if Situation::of(observed).hold.is_some() => Ending::Held,
            Ok(()) if observed.workload.replicas() == 0 => Ending::Unjudged,
            Ok(()) => Ending::Healthy,
            Err(error) => Ending::after(error.kind),
        };
        let run = &self.options.run;
        Some(Outcome {
            verb,
            ending,
            reason: failure.map(|failure| failure.reason.clone()),
            revision: version.and_then(Revision::revision),
            hash: version.map(|rs| rs.hash().to_owned()).unwrap_or_default(),
            from: snapshot.stable.clone(),
            who: run.holder.clone(),
            commit: run.commit.clone(),
            link: run.link.clone(),
            author: run.author.clone(),
            began: run.since.clone(),
            seconds: self.begun.elapsed().as_secs(),
        })
    }

    /// Notes on the workload where its version comes from. The history has it in any case. Returns whether that made a new
    /// generation of it.
    pub(super) async fn note_origin(&mut self, observed: &Observed, outcome: &Outcome) -> bool {
        let former = self.lock.lease().map(journal::outcomes).unwrap_or_default();
        let workload = &observed.workload;
        let annotations = workload.metadata.annotations.as_ref();
        let patch = journal::note_origin(workload.uid(), annotations, outcome, &former);
        if patch.is_empty() {
            return false;
        }
        match self.cluster.change_deployment(&self.options.name, &patch).await {
            Ok((now, _)) => {
                let is_new = now.generation() != workload.generation();
                self.cache.learn(now);
                is_new
            }
            Err(failure) => {
                self.warn(&format!(
                    "where the version comes from is not noted on it: {}",
                    failure.into_error()
                ));
                false
            }
        }
    }
}

fn version<'a>(observed: &'a Observed, canary: &str) -> Option<&'a Revision> {
    observed.revisions.iter().find(|rs| fingerprint(&rs.spec.template) == canary)
}

//! What is done about a version that failed: told, proven, then undone, by the same engine as all else.

use super::Engine;
use crate::cli::OnFailure;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::health::{Class, Failure};
use crate::model::Situation;
use crate::plan::{self, Plan, Step};
use crate::record::Verb;

impl Engine<'_> {
    /// Ends a run whose version failed. Always an error: the version's, or that of a way back that is blocked.
    pub(super) async fn give_up(&mut self, failure: Failure) -> Result<(), Error> {
        self.output.event(&Event::Verdict(failure.clone()));
        let observed = self.observed()?;
        self.prove(&observed, &failure).await;
        let id = observed.deployment.id();
        let kind = match failure.class {
            Class::Version => Kind::VersionFailed,
            Class::Infrastructure => Kind::Infrastructure,
        };
        let failed = format!("{id}: the new version failed: {}", failure.sentence());
        let verb = |verb: &str| format!("kubectl rollout-plus {verb} {} -n {}", id.name, id.namespace);
        let situation = Situation::of(&observed);
        let (plan, done) = match self.guard.policy() {
            OnFailure::Abort => (plan::abort(&observed), "the former version is back"),
            OnFailure::Hold | OnFailure::Continue => {
                let plan = plan::stop(&situation);
                let held = situation.hold.is_some() || !plan.steps.is_empty();
                (plan, if held { "it is held where it stands" } else { "it has no pods that could be held" })
            }
        };
        if self.guard.policy() == OnFailure::Abort && situation.is_on_stable_template() {
            let error = Error::new(
                kind,
                format!("{failed}; it is the version that was there before: nothing to go back to"),
            );
            return Err(error.next(verb("history")).next(verb("rollback")));
        }
        match self.carry_out(plan, &failure).await {
            Ok(()) if self.guard.policy() == OnFailure::Abort => {
                Err(Error::new(kind, format!("{failed}; {done}")))
            }
            Ok(()) => Err(Error::new(kind, format!("{failed}; {done}")).next(verb("abort"))),
            Err(error) => {
                let mut error = error;
                error.message = format!("{failed}; undoing it: {}", error.message);
                if error.next.is_empty() {
                    error = error.next(verb("abort"));
                }
                Err(error)
            }
        }
    }

    /// Gives a Service its own selector back whose pods somebody's newer version takes away at this very time.
    pub(super) async fn loosen(&mut self) {
        let Ok(observed) = self.observed() else { return };
        let situation = Situation::of(&observed);
        let Some((service, hash)) = situation.loose_pin() else { return };
        if situation.current.is_some_and(|current| current.hash() == hash) {
            return;
        }
        self.warn(&format!(
            "service/{service} is given its own selector back: the pods that it has alone may go"
        ));
        if let Err(error) = self.act(&Step::Pin { role: None }).await {
            self.warn(&format!("service/{service} stays pinned: {}", error.message));
        }
    }

    /// Writes down what is to be done, and does it.
    async fn carry_out(&mut self, plan: Plan, failure: &Failure) -> Result<(), Error> {
        let verb = match self.guard.policy() {
            OnFailure::Abort => Verb::Abort,
            OnFailure::Hold | OnFailure::Continue => Verb::Canary,
        };
        self.lock.turn_back(self.cluster, verb, plan.clone(), failure).await?;
        Box::pin(self.steps(&plan, 0)).await?;
        self.undone = true;
        Ok(())
    }
}

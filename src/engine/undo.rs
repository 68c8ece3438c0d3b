//! What is done about a version that failed: told, proven, then undone, by the same engine as all else.

use super::Engine;
use crate::aftermath::Aftermath;
use crate::cli::OnFailure;
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::health::{Class, Failure};
use crate::journal::Verb;
use crate::model::same_template;
use crate::plan::{OnInconclusive, Plan, Step};
use crate::situation::{Phase, Situation};
use crate::strategy;

impl Engine<'_> {
    /// Ends a run whose version failed. Always an error: the version's, or that of a way back that is blocked.
    pub(super) async fn give_up(&mut self, failure: Failure) -> Result<(), Error> {
        self.output.event(&Event::Verdict(failure.clone()));
        let observed = self.observed()?;
        let mut proof = self.proof(&observed, &failure);
        proof.ahead().await;
        let id = observed.workload.id();
        let kind = failure.class.kind();
        let failed = format!("{id}: {}: {}", failure.told(), failure.sentence());
        let verb = |verb: &str| id.command(verb);
        let situation = Situation::of(&observed);
        let (live, home) = (observed.workload.spec.template.clone(), situation.home().cloned());
        let policy = self.policy_on(&failure);
        let plan = match policy {
            OnFailure::Abort => strategy::undo(&observed),
            OnFailure::Hold | OnFailure::Continue => strategy::stop(&situation),
        };
        let before = match &home {
            None => Some("no former version is known"),
            Some(home) if same_template(home, &live) => Some("it is the version that was there before"),
            Some(_) => None,
        };
        if let Some(before) = before.filter(|_| policy == OnFailure::Abort) {
            let error = Error::new(kind, format!("{failed}; {before}: nothing to go back to"));
            proof.whole().await;
            return Err(error.next(verb("history")).next(verb("rollback")));
        }
        if plan.steps.is_empty() && situation.hold.is_none() {
            let (state, way) = if situation.phase == Phase::Idle {
                ("its rollout is complete", "rollback")
            } else {
                ("it has no pods that could be held", "abort")
            };
            let message = format!("{failed}; {state}");
            proof.whole().await;
            return Err(Error::new(kind, message).next(verb(way)));
        }
        if let Err(mut error) = proof.beside(self.carry_out(plan, policy, Some(&failure))).await {
            error.message = format!("{failed}; undoing it: {}", error.message);
            if error.next.is_empty() {
                error = error.next(verb("abort"));
            }
            return Err(error);
        }
        if let Err(error) = self.refresh().await {
            let message = format!("{failed}; what became of it could not be read: {}", error.message);
            return Err(Error::new(kind, message).next(verb("status")));
        }
        let observed = self.observed()?;
        let after = Aftermath::of(&Situation::of(&observed), home.as_ref(), &live);
        let error = Error::new(kind, format!("{failed}; {}", after.sentence(id.kind)));
        Err(match after {
            Aftermath::Back => {
                self.undone = true;
                error
            }
            Aftermath::Held { .. } => {
                self.undone = policy != OnFailure::Abort;
                error.next(verb("abort"))
            }
            Aftermath::Returning { .. } | Aftermath::Another { .. } => error.next(verb("status")),
            Aftermath::Live => error.next(verb("abort")),
        })
    }

    /// Returns what is done about a failure.
    fn policy_on(&self, failure: &Failure) -> OnFailure {
        match failure.class {
            Class::Version | Class::Infrastructure => self.guard.policy(),
            Class::Undecided => match self.on_inconclusive() {
                OnInconclusive::Abort => OnFailure::Abort,
                OnInconclusive::Hold => OnFailure::Hold,
                OnInconclusive::Promote => OnFailure::Continue,
            },
        }
    }

    /// Takes off a hold whose canary another client took away by putting the stable template back: under it the stable
    /// pods never count as Available, and every later rollout would wait for them.
    pub(super) async fn let_go(&mut self, error: Error) -> Error {
        if error.kind != Kind::VersionFailed || self.guard.policy() != OnFailure::Abort {
            return error;
        }
        let Ok(observed) = self.observed() else { return error };
        let situation = Situation::of(&observed);
        if !situation.is_taken_back() {
            return error;
        }
        let (id, live) = (observed.workload.id(), observed.workload.spec.template.clone());
        if let Err(lost) = self.lock.reread(self.cluster).await {
            return lost;
        }
        let result = Box::pin(self.carry_out(strategy::abort(&observed), OnFailure::Abort, None)).await;
        let after = self.observed();
        let held = after.as_ref().map(|after| Situation::of(after).hold.is_some());
        match (result, held) {
            (Ok(()), Ok(false)) => {
                let back = after.is_ok_and(|after| same_template(&live, &after.workload.spec.template));
                self.undone = back;
                let mut error = error;
                error.message = format!("{}; the hold is off", error.message);
                error.next = vec![id.command("status")];
                error
            }
            (Ok(()), Ok(true) | Err(_)) => error,
            (Err(lost), _) if lost.kind == Kind::Locked => lost,
            (Err(failed), _) => {
                let mut error = error;
                error.message = format!("{}; taking the hold off: {}", error.message, failed.message);
                error
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
    async fn carry_out(
        &mut self,
        plan: Plan,
        policy: OnFailure,
        failure: Option<&Failure>,
    ) -> Result<(), Error> {
        let verb = match policy {
            OnFailure::Abort => Verb::Abort,
            OnFailure::Hold | OnFailure::Continue => Verb::Canary,
        };
        self.lock.turn_back(self.cluster, verb, plan.clone(), failure).await?;
        Box::pin(self.steps(&plan, 0)).await?;
        Ok(())
    }
}

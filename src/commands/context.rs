//! What all verbs that change a workload have in common: open, plan, do, tell.

use serde_json::Value;
use tokio::time::Instant;

use crate::ci::Build;
use crate::cli::{DryRun, GlobalArgs, GuardArgs, PreflightArgs};
use crate::cluster::{Cluster, Sources};
use crate::commands::check::{self, Passed};
use crate::engine::{Engine, Options};
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::health::Tolerances;
use crate::journal::{RunRef, Verb};
use crate::model::{Strategy, deployment_name};
use crate::output::Output;
use crate::plan::{Analyze, Plan, SmokeTest};
use crate::preflight::Subject;
use crate::situation::{Observed, Situation};
use crate::strategy::{self, Trial};
use crate::world::{random, timestamp};

/// What a verb is run with.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(super) global: &'a GlobalArgs,
    pub(super) environment: &'a Environment,
    pub(super) output: &'a Output,
    /// Whether it is one of several.
    pub(super) among_others: bool,
    /// When all of them have to be done, if they have one deadline.
    pub(super) deadline: Option<Instant>,
}

impl<'a> Context<'a> {
    /// Returns what the CI system says.
    pub(super) fn build(&self) -> Build {
        Build::of(self.environment)
    }

    /// Reads the workload that a verb is about. Nothing is written.
    pub(super) async fn open(
        &self,
        cluster: &'a Cluster,
        name: &str,
        guard: &GuardArgs,
    ) -> Result<Engine<'a>, Error> {
        let options = Options {
            name: deployment_name(name)?.to_owned(),
            timeout: self.global.timeout,
            deadline: self.deadline,
            wait_lock: self.global.wait_lock,
            run: run(self.environment),
            on_failure: guard.on_failure,
            tolerances: Tolerances::parse(&guard.tolerate)?,
            among_others: self.among_others,
        };
        self.output.report_to(guard.told.report.clone())?;
        Box::pin(Engine::start(cluster, self.output, options)).await
    }

    /// Returns who is asked for metrics beside the API server, and what is run. A dry run of what is only
    /// proposed takes no token along.
    ///
    /// # Errors
    /// What is wrong with an address, a file, a program or a token.
    pub(super) fn sources(&self, analyze: Option<&Analyze>, tests: &[SmokeTest]) -> Result<Sources, Error> {
        let is_only_shown = self.global.dry_run.is_some();
        let sources = match analyze {
            Some(asked) if is_only_shown && asked.login().is_some() && self.build().is_pull_request() => {
                Sources::proposed()
            }
            Some(asked) => Sources::of(asked, self.environment)?,
            None => Sources::default(),
        };
        sources.with_tests(tests, self.environment)
    }

    /// Replaces the version by a template, after the preflight.
    pub(super) async fn roll(
        &self,
        cluster: &Cluster,
        engine: &mut Engine<'a>,
        verb: Verb,
        template: &Value,
        trial: &Trial,
        preflight: &PreflightArgs,
    ) -> Result<(), Error> {
        let observed = engine.observed()?;
        let planner = |observed: &Observed| strategy::tried(template, trial, observed);
        let plan = planner(&observed)?;
        // The version that is live already is only followed.
        let passed = if plan.only_follows() {
            Passed::nothing_new()
        } else {
            let mut subject = Subject::of(&Situation::of(&observed), &plan, Strategy::Rolling);
            subject.goes_back = verb.goes_back();
            check::preflight(cluster, &subject, &preflight.force, engine.output()).await?
        };
        self.carry_out(engine, verb, passed, 0, planner).await
    }

    /// Returns why a command is refused, after no request goes any more to pods that are gone: that is
    /// wrong whatever was asked.
    pub(super) async fn refused(&self, engine: &mut Engine<'a>, verb: Verb, error: Error) -> Error {
        let lost = engine.observed().is_ok_and(|observed| !strategy::retreat(&observed).steps.is_empty());
        if self.global.dry_run.is_some() || !lost {
            return error;
        }
        engine.warn(strategy::RETREATING);
        match Box::pin(engine.run(verb, 0, |observed| Ok(strategy::retreat(observed)))).await {
            Ok(()) => error,
            Err(other) => Error { message: format!("{}; {}", error.message, other.message), ..error },
        }
    }

    /// Shows or does what `planner` wants, from a step on, and tells the end.
    pub(super) async fn carry_out(
        &self,
        engine: &mut Engine<'a>,
        verb: Verb,
        _: Passed,
        cursor: usize,
        planner: impl Fn(&Observed) -> Result<Plan, Error>,
    ) -> Result<(), Error> {
        match verb {
            // These count pods.
            Verb::Canary | Verb::BlueGreen => engine.refuse_what_is_unseen().await?,
            // These put a template or settings in place, which may be what helps.
            Verb::Promote | Verb::Abort | Verb::Rolling | Verb::Rollback | Verb::Restart => {}
        }
        let mut plan = match planner(&engine.observed()?) {
            Ok(plan) => plan,
            Err(error) => return Err(self.refused(engine, verb, error).await),
        };
        let is_rehearsed = match self.global.dry_run {
            Some(depth) => depth == DryRun::Server,
            // Whoever goes back must not be kept by what the server thinks of it now.
            None => !verb.takes_over() && cursor == 0,
        };
        if is_rehearsed {
            plan = match engine.rehearse(plan, cursor, &planner).await {
                Ok(plan) => plan,
                Err(error) if error.kind == Kind::Refused => {
                    return Err(self.refused(engine, verb, error).await);
                }
                Err(error) => return Err(error),
            };
        }
        if self.global.dry_run.is_some() {
            plan.steps.drain(..cursor.min(plan.steps.len()));
            return engine.dry_run(&plan);
        }
        let result = Box::pin(engine.run(verb, cursor, planner)).await;
        engine.conclude(result).await
    }
}

/// Says who runs.
fn run(environment: &Environment) -> RunRef {
    let since = timestamp();
    let build = Build::of(environment);
    RunRef {
        id: format!("{:08x}", random() & 0xffff_ffff),
        holder: environment.holder(build.repo.as_deref()),
        since: format!("{}Z", since.split('.').next().unwrap_or_default()),
        link: build.link,
        commit: build.commit,
        author: build.author,
    }
}

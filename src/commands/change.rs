//! `promote`, `abort`, `resume`: what ends or goes on with something that is in flight.

use crate::cli::{DryRun, GlobalArgs, deployment_name};
use crate::cluster::connect;
use crate::engine::{Engine, Options};
use crate::environment::{Environment, timestamp};
use crate::error::Error;
use crate::model::{Observed, RunRef};
use crate::output::Output;
use crate::plan::{self, Plan};
use crate::record::Verb;

/// Promotes or aborts.
pub(super) async fn run(
    name: &str,
    verb: Verb,
    global: &GlobalArgs,
    environment: &Environment,
    output: &mut Output,
) -> Result<(), Error> {
    let name = deployment_name(name)?;
    let cluster = connect(global).await?;
    let mut engine = Engine::start(&cluster, output, options(name, global, environment)).await?;
    let observed = engine.observed()?;
    let locked = observed.lock.as_ref().is_some_and(|lock| lock.holder.is_some());
    let plan = plan_of(verb, &observed)?;
    if plan.steps.is_empty() && !locked {
        return engine.report(Some(&format!(
            "nothing is in flight for {}: nothing to {}",
            observed.deployment.id(),
            verb.name()
        )));
    }
    if let Some(depth) = global.dry_run {
        return engine.dry_run(&plan, depth == DryRun::Server).await;
    }
    engine.run(verb, 0, |observed| plan_of(verb, observed)).await?;
    engine.report(None)
}

/// Goes on with the plan in the journal.
pub(super) async fn resume(
    name: &str,
    global: &GlobalArgs,
    environment: &Environment,
    output: &mut Output,
) -> Result<(), Error> {
    let name = deployment_name(name)?;
    let cluster = connect(global).await?;
    let mut engine = Engine::start(&cluster, output, options(name, global, environment)).await?;
    let observed = engine.observed()?;
    let Some(journal) = observed
        .journal
        .clone()
        .filter(|journal| journal.is_open() && journal.cursor < journal.plan.steps.len())
    else {
        return engine.report(Some(&format!(
            "nothing was interrupted for {}: nothing to resume",
            observed.deployment.id()
        )));
    };
    if let Some(depth) = global.dry_run {
        let rest = Plan { steps: journal.plan.steps[journal.cursor..].to_vec() };
        return engine.dry_run(&rest, depth == DryRun::Server).await;
    }
    let plan = journal.plan.clone();
    engine.run(journal.verb, journal.cursor, |_| Ok(plan.clone())).await?;
    engine.report(None)
}

fn plan_of(verb: Verb, observed: &Observed) -> Result<Plan, Error> {
    match verb {
        Verb::Promote => plan::promote(observed),
        Verb::Canary | Verb::Abort => Ok(plan::abort(observed)),
    }
}

/// Says who runs and how long it may take.
pub(super) fn options(name: &str, global: &GlobalArgs, environment: &Environment) -> Options {
    use std::hash::{BuildHasher, Hasher};
    // Not secret, only unlikely to come twice.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    let since = timestamp();
    Options {
        name: name.to_owned(),
        timeout: global.timeout,
        wait_lock: global.wait_lock,
        run: RunRef {
            id: format!("{:08x}", random & 0xffff_ffff),
            holder: environment.holder(),
            since: format!("{}Z", since.split('.').next().unwrap_or_default()),
            link: environment.build_link(),
        },
    }
}

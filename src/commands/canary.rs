//! `canary`: give a new version a share of the traffic, or change the share.

use crate::check::{Strategy, Subject};
use crate::cli::{CanaryArgs, DryRun, GlobalArgs, deployment_name};
use crate::cluster::connect;
use crate::commands::change::options;
use crate::commands::check::preflight;
use crate::engine::Engine;
use crate::environment::Environment;
use crate::error::Error;
use crate::model::Situation;
use crate::output::Output;
use crate::plan::{self, CanaryRequest};
use crate::record::Verb;
use crate::share::Size;
use crate::source;

/// Runs the verb.
pub(super) async fn run(
    args: &CanaryArgs,
    global: &GlobalArgs,
    environment: &Environment,
    output: &mut Output,
) -> Result<(), Error> {
    let name = deployment_name(&args.name)?;
    let sizes = sizes(args)?;
    let cluster = connect(global).await?;
    let mut engine = Engine::start(&cluster, output, options(name, global, environment)).await?;
    let observed = engine.observed()?;
    let template = match &args.filename {
        Some(path) => Some(source::from_manifest(&cluster, name, path).await?),
        None if args.image.is_empty() => None,
        None => Some(source::from_images(&observed.deployment, &args.image)?),
    };
    let request = CanaryRequest {
        template,
        sizes,
        wait_seconds: args.step_wait.as_secs(),
        promote: args.promote,
        exact: args.exact,
        shrink: args.shrink_stable,
    };
    let plan = plan::canary(&request, &observed)?;
    let situation = Situation::of(&observed);
    // Another share for a version that is held already brings nothing new to judge.
    if request.template.is_some() || situation.hold.is_none() {
        let mut subject = Subject::of(&situation, &plan, Strategy::Canary);
        // The hold itself says how the share comes out; a dry run does not get that far.
        subject.sizing = subject.sizing.filter(|_| global.dry_run.is_some());
        preflight(&cluster, &subject, &args.preflight.force, engine.output()).await?;
    }
    if let Some(depth) = global.dry_run {
        return engine.dry_run(&plan, depth == DryRun::Server).await;
    }
    engine.rehearse(&plan).await?;
    engine.run(Verb::Canary, 0, |observed| plan::canary(&request, observed)).await?;
    engine.report(None)
}

fn sizes(args: &CanaryArgs) -> Result<Vec<Size>, Error> {
    if let Some(pods) = args.canary_replicas {
        return Ok(vec![Size::Pods(pods)]);
    }
    if let Some(weight) = args.weight {
        return Ok(vec![Size::Weight(weight)]);
    }
    if !args.steps.is_sorted_by(|a, b| a < b) {
        return Err(Error::usage("--steps must rise: write for example --steps 10,25,50"));
    }
    Ok(args.steps.iter().copied().map(Size::Weight).collect())
}

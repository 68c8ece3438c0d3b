//! The verbs: observe, plan, engine, output.

mod analyze;
mod apply;
mod blue_green;
mod bootstrap;
mod canary;
mod change;
mod chaos;
mod check;
mod completion;
mod context;
mod delete;
mod doctor;
mod experiment;
mod external;
mod gate;
mod get;
mod history;
mod import;
mod pipeline;
mod ready;
mod rollback;
mod rolling;
mod routing;
mod scale;
mod status;
mod tag;
mod wait;
mod watch;

use std::ffi::OsString;
use std::sync::Arc;

use crate::ci::{self, Build};
use crate::cli::{Cli, Command, OutputFormat};
use crate::cluster::connect;
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::output::{self, Card, Output};
use crate::world::{World, within};

use context::Context;

/// Runs a command line in a world, or a step of a CI pipeline where there is none, and returns the exit code of the
/// process.
pub async fn run(argv: Vec<OsString>, environment: &Environment, world: Arc<dyn World>) -> u8 {
    within(world, started(argv, environment)).await
}

async fn started(argv: Vec<OsString>, environment: &Environment) -> u8 {
    if let Some(words) = completion::asked(&argv) {
        completion::complete(&words, environment);
        return 0;
    }
    if ci::is_step(argv.len().saturating_sub(1), environment) {
        return pipeline::run(environment).await;
    }
    let mut cli = match Cli::read(argv) {
        Ok(cli) => cli,
        Err(error) => {
            output::usage(&error, environment);
            return if error.use_stderr() { Kind::Usage.exit_code() } else { 0 };
        }
    };
    cli.global.environment = Arc::new(environment.clone());
    execute(&cli, environment).await
}

/// Runs a command and returns its exit code.
async fn execute(cli: &Cli, environment: &Environment) -> u8 {
    let output = Output::new(cli.global.output, cli.tells_events(), environment);
    if let (Some(card), Some(path)) = (&cli.global.card, environment.get("DRONE_CARD_PATH")) {
        let (path, template) = (path.to_owned(), card.template.clone());
        output.card_to(Card { path, template, link: Build::of(environment).link });
    }
    let result = Box::pin(dispatch(cli, environment, &output)).await;
    let reported = output.write_reports();
    if result.is_err() || cli.global.card.as_ref().is_some_and(|card| card.is_last) {
        output.write_card();
    }
    // A report that cannot be written must not hide how the rollout ended.
    match result.and(reported) {
        Ok(()) => 0,
        Err(error) => {
            output.error(&error);
            error.kind.exit_code()
        }
    }
}

async fn dispatch(cli: &Cli, environment: &Environment, output: &Output) -> Result<(), Error> {
    let global = &cli.global;
    if global.output == OutputFormat::Sarif && !matches!(cli.command, Command::Check(_)) {
        return Err(Error::usage("only 'check' prints SARIF").next("-o json"));
    }
    let context = Context { global, environment, output, among_others: false, deadline: None };
    match &cli.command {
        Command::Status(args) => status::run(args, global, &connect(global).await?, output).await,
        Command::History(args) => history::run(args, &connect(global).await?, output).await,
        Command::Check(args) => check::run(args, global, output).await,
        Command::Analyze(args) => Box::pin(analyze::run(args, context)).await,
        Command::Chaos(args) => Box::pin(chaos::run(args, context)).await,
        Command::Get(args) => get::run(args, global, &connect(global).await?, output).await,
        Command::Delete(args) => delete::run(args, global, &connect(global).await?, output).await,
        Command::Wait(args) => wait::run(args, &connect(global).await?, output).await,
        Command::Scale(args) => scale::scale(args, global, &connect(global).await?, output).await,
        Command::Pause(args) => scale::pause(args, true, global, &connect(global).await?, output).await,
        Command::Unpause(args) => scale::pause(args, false, global, &connect(global).await?, output).await,
        Command::Import(args) => import::run(args, output),
        Command::Tag(args) => tag::run(args, &Build::of(environment), output),
        Command::Bootstrap(args) => Box::pin(bootstrap::run(args, context)).await,
        Command::Completion(args) => completion::run(*args, output),
        Command::Doctor(args) => doctor::run(args, global, environment, output).await,
        Command::Apply(args) => apply::run(args, context).await,
        Command::Canary(args) => canary::run(args, context).await,
        Command::BlueGreen(args) => blue_green::run(args, context).await,
        Command::Rolling(args) => rolling::run(args, context).await,
        Command::Restart(args) => rolling::restart(args, context).await,
        Command::Rollback(args) => rollback::run(args, context).await,
        Command::Promote(args) => change::promote(args, context).await,
        Command::Abort(args) => change::abort(args, context).await,
        Command::Resume(args) => change::resume(args, context).await,
    }
}

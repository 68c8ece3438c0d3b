//! The verbs: observe, plan, engine, output.

mod canary;
mod change;
mod check;
mod status;

use std::ffi::OsString;

use clap::Parser;

use crate::cli::{Cli, Command, GlobalArgs, OutputFormat};
use crate::cluster::connect;
use crate::environment::Environment;
use crate::error::{Error, Kind};
use crate::output::{self, Output};
use crate::record::Verb;

/// Runs a command line and returns the exit code of the process.
pub async fn run(argv: Vec<OsString>, environment: &Environment) -> u8 {
    let cli = match Cli::try_parse_from(argv) {
        Ok(cli) => cli,
        Err(error) => {
            output::usage(&error);
            return if error.use_stderr() { Kind::Usage.exit_code() } else { 0 };
        }
    };
    let mut output = Output::new(cli.global.output, environment);
    match dispatch(cli, environment, &mut output).await {
        Ok(()) => 0,
        Err(error) => {
            output.error(&error);
            error.kind.exit_code()
        }
    }
}

async fn dispatch(cli: Cli, environment: &Environment, output: &mut Output) -> Result<(), Error> {
    let global: &GlobalArgs = &cli.global;
    if global.output == OutputFormat::Sarif && !matches!(cli.command, Command::Check(_)) {
        return Err(Error::usage("only 'check' prints SARIF").next("-o json"));
    }
    match &cli.command {
        Command::Status(args) => status::run(args, &connect(global).await?, output).await,
        Command::Check(args) => check::run(args, global, output).await,
        Command::Canary(args) => canary::run(args, global, environment, output).await,
        Command::Promote(args) => change::run(&args.name, Verb::Promote, global, environment, output).await,
        Command::Abort(args) => change::run(&args.name, Verb::Abort, global, environment, output).await,
        Command::Resume(args) => change::resume(&args.name, global, environment, output).await,
    }
}

//! Arguments of `analyze`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, Args, Command};

use super::ComparedArgs;
use crate::duration;

/// Arguments of `analyze`.
#[derive(Clone, Debug, Args)]
#[command(mut_arg("replay", alone))]
pub struct AnalyzeArgs {
    /// The Deployment of which two versions serve: NAME, deployment/NAME or deploy/NAME
    #[arg(required_unless_present = "replay")]
    pub name: Option<String>,
    /// Judge once more what a run has counted: its -o json, or its json report
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// What is compared.
    #[command(flatten)]
    pub compared: ComparedArgs,
    /// Longest time of looks; then there is not enough data
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "10m")]
    pub analysis_time: Duration,
}

/// What was counted before was counted by the flags of then.
fn alone(replay: Arg) -> Arg {
    let compared = ComparedArgs::augment_args(Command::new(""));
    let flags = compared.get_arguments().map(|flag| flag.get_id().clone());
    replay.conflicts_with_all(flags).conflicts_with_all(["name", "analysis_time"])
}

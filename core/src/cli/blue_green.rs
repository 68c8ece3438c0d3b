//! Arguments of `blue-green`.

use std::time::Duration;

use clap::Args;

use super::{AnalysisArgs, FirstArgs, GateArgs, GuardArgs, PreflightArgs, RouterArgs, SmokeArgs, SourceArgs};
use crate::duration;
use crate::plan::{Check, OnInconclusive};
use crate::router::Choice;

/// Arguments of `blue-green`.
#[derive(Clone, Debug, Args)]
pub struct BlueGreenArgs {
    /// The Deployment: NAME, deployment/NAME or deploy/NAME
    pub name: String,
    /// The new version.
    #[command(flatten)]
    pub source: SourceArgs,
    /// What the new version has to answer before the switch, through its preview.
    #[arg(
        long,
        value_name = "CHECK",
        help = "What the new version has to answer before the switch, through its preview: PATH[=STATUS][~TEXT][<300ms] (repeatable)"
    )]
    pub verify: Vec<Check>,
    /// What is run against it after that.
    #[command(flatten)]
    pub smoke: SmokeArgs,
    /// What it has to stand before the switch.
    #[command(flatten)]
    pub gate: GateArgs,
    /// Switch and finish; otherwise `promote` does
    #[arg(long)]
    pub auto_promote: bool,
    /// What is done where there is no other version.
    #[command(flatten)]
    pub first: FirstArgs,
    /// For how long the new version is judged after the switch, with a way back in one patch
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "30s")]
    pub soak: Duration,
    /// What the metrics are to tell in that time.
    #[command(flatten)]
    pub analysis: AnalysisArgs,
    /// Longest time of looks after the switch; then there is not enough data
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "10m", requires = "looks")]
    pub analysis_time: Duration,
    /// What to do when there is not enough data
    #[arg(long, value_enum, value_name = "ACTION", default_value = "abort", requires = "looks")]
    pub on_inconclusive: OnInconclusive,
    /// The router that brings the traffic: auto, none (the Service itself is switched), or its name
    #[arg(long, value_name = "ROUTER", default_value = "auto")]
    pub router: Choice,
    /// The Service whose traffic is switched, where there are several
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// What the router itself does not tell.
    #[command(flatten)]
    pub settings: RouterArgs,
    /// What is done about a failure.
    #[command(flatten)]
    pub guard: GuardArgs,
    /// What may be wrong all the same.
    #[command(flatten)]
    pub preflight: PreflightArgs,
}

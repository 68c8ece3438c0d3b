//! Arguments of `canary`.

use std::time::Duration;

use clap::Args;

use super::{AnalysisArgs, GateArgs, GuardArgs, PreflightArgs, SourceArgs, TrafficArgs, VerifyArgs, weight};
use crate::duration;
use crate::plan::OnInconclusive;

/// What is done about the first version of all.
#[derive(Clone, Copy, Debug, Args)]
pub struct FirstArgs {
    /// Take the Deployment's first version for rolled out: there is no other to compare it with
    #[arg(long)]
    pub or_first: bool,
}

/// How long metrics are looked at, share by share.
#[derive(Clone, Copy, Debug, Args)]
pub struct LooksArgs {
    /// Longest time of looks at one share; then there is not enough data
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "10m", requires = "looks")]
    pub analysis_time: Duration,
    /// Go on before --step-wait is over, as soon as the canary is known not to be worse
    #[arg(long, requires = "looks")]
    pub early_pass: bool,
}

/// Arguments of `canary`.
#[derive(Clone, Debug, Args)]
pub struct CanaryArgs {
    /// The Deployment: NAME, deployment/NAME or deploy/NAME
    pub name: String,
    /// Share of the traffic for the new version, in percent (0 and 100 take a router)
    #[arg(short, long, value_name = "PERCENT", value_parser = weight, required_unless_present_any = ["steps", "canary_replicas", "header", "cookie", "mirror"], conflicts_with = "steps", allow_hyphen_values = true)]
    pub weight: Option<u8>,
    /// The new version.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Shares to go through, rising, each once the one before is healthy
    #[arg(long, value_name = "PERCENT,...", value_delimiter = ',', value_parser = weight, allow_hyphen_values = true)]
    pub steps: Vec<u8>,
    /// Time between two steps
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "0s")]
    pub step_wait: Duration,
    /// Promote after the last step
    #[arg(long)]
    pub promote: bool,
    /// What is done where there is no other version.
    #[command(flatten)]
    pub first: FirstArgs,
    /// Refuse a share that cannot be met exactly
    #[arg(long)]
    pub exact: bool,
    /// Number of canary pods: instead of a share, or beside it with a router
    #[arg(long, value_name = "PODS", value_parser = clap::value_parser!(u32).range(1..))]
    pub canary_replicas: Option<u32>,
    /// Take stable pods away to meet the share; they grow back only by abort
    #[arg(long)]
    pub shrink_stable: bool,
    /// What the metrics are to tell.
    #[command(flatten)]
    pub analysis: AnalysisArgs,
    /// How long they are looked at.
    #[command(flatten)]
    pub looks: LooksArgs,
    /// What to do when there is not enough data
    #[arg(long, value_enum, value_name = "ACTION", default_value = "abort", requires = "looks")]
    pub on_inconclusive: OnInconclusive,
    /// What new pods have to answer.
    #[command(flatten)]
    pub verify: VerifyArgs,
    /// What it has to stand.
    #[command(flatten)]
    pub gate: GateArgs,
    /// The share of --weight or --steps at which it has to stand that [default: the last]
    #[arg(long, value_name = "PERCENT", value_parser = weight, requires = "chaos")]
    pub chaos_at: Option<u8>,
    /// How the traffic is split.
    #[command(flatten)]
    pub traffic: TrafficArgs,
    /// What is done about a failure.
    #[command(flatten)]
    pub guard: GuardArgs,
    /// What may be wrong all the same.
    #[command(flatten)]
    pub preflight: PreflightArgs,
}

//! Arguments of `promote`.

use std::time::Duration;

use clap::Args;

use super::{AnalysisArgs, TargetArgs};
use crate::duration;
use crate::plan::OnInconclusive;

/// Arguments of `promote`.
#[derive(Clone, Debug, Args)]
pub struct PromoteArgs {
    /// What is promoted.
    #[command(flatten)]
    pub target: TargetArgs,
    /// What the metrics of a blue-green version are to tell after its switch.
    #[command(flatten)]
    pub analysis: AnalysisArgs,
    /// Longest time of looks after the switch of a blue-green version; then there is not enough data
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "10m", requires = "looks")]
    pub analysis_time: Duration,
    /// What to do when there is not enough data
    #[arg(long, value_enum, value_name = "ACTION", default_value = "abort", requires = "looks")]
    pub on_inconclusive: OnInconclusive,
}

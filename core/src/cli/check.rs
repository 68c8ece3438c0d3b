//! Flags of the preflight and of `check`.

use std::path::PathBuf;

use clap::Args;

use super::NewImage;
use super::strategy::one_of;
use crate::model::Strategy;
use crate::preflight;

/// Flags of every verb that a preflight comes before.
#[derive(Clone, Debug, Default, Args)]
pub struct PreflightArgs {
    /// Go on although these rules refuse
    #[arg(long, value_name = "RPnnn,...", value_delimiter = ',', value_parser = preflight::rule_id, num_args = 0..=1, default_missing_value = "")]
    pub force: Vec<String>,
}

/// Arguments of `check`.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// The Deployment: NAME, deployment/NAME or deploy/NAME; all of the manifest if left out
    #[arg(required_unless_present = "filename")]
    pub name: Option<String>,
    /// New image, for the container named or the only one (repeatable)
    #[arg(long, value_name = "[CONTAINER=]IMAGE", conflicts_with_all = ["filename", "offline"])]
    pub image: Vec<NewImage>,
    /// Manifest with the new version: a file, a directory, or - for stdin
    #[arg(short, long, value_name = "FILE")]
    pub filename: Option<PathBuf>,
    /// How the new version is to come in
    #[arg(long, default_value = "canary", value_parser = one_of(&[Strategy::Canary, Strategy::Rolling]))]
    pub strategy: Strategy,
    /// Share of the traffic that the canary is to get, in percent (1 to 99)
    #[arg(short, long, value_name = "PERCENT", value_parser = super::weight, allow_hyphen_values = true)]
    pub weight: Option<u8>,
    /// Make no connection: judge what the manifest alone tells
    #[arg(long, requires = "filename")]
    pub offline: bool,
    /// What may be wrong all the same.
    #[command(flatten)]
    pub preflight: PreflightArgs,
}

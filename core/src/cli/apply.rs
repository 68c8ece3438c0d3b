//! Arguments of `apply`.

use std::path::PathBuf;

use clap::Args;

use super::strategy::one_of;
use super::{GuardArgs, NewImage, PreflightArgs, TagPolicyArgs, weight};
use crate::model::Strategy;

/// Arguments of `apply`.
#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
#[derive(Clone, Debug, Args)]
pub struct ApplyArgs {
    /// Manifests: a file, a directory, or - for stdin (repeatable)
    #[arg(
        short,
        long,
        value_name = "FILE",
        required_unless_present = "kustomize",
        conflicts_with = "kustomize"
    )]
    pub filename: Vec<PathBuf>,
    /// A directory that kubectl or kustomize builds the manifests of
    #[arg(short, long, value_name = "DIRECTORY")]
    pub kustomize: Option<PathBuf>,
    /// A Deployment that another command rolls out: made if it is not there yet, and else left alone (repeatable)
    #[arg(long, value_name = "NAME")]
    pub except: Vec<String>,
    /// With --except: new image of these Deployments, for the container named or the only one (repeatable)
    #[arg(long, value_name = "[CONTAINER=]IMAGE", requires = "except")]
    pub image: Vec<NewImage>,
    /// Make the namespace first, if it is not there
    #[arg(long, conflicts_with = "prune")]
    pub create_namespace: bool,
    /// How Deployments get a new version
    #[arg(long, default_value = "rolling", value_parser = one_of(&[Strategy::Rolling, Strategy::Canary]))]
    pub strategy: Strategy,
    /// With --strategy canary: share of the traffic for the new versions, in percent (1 to 99)
    #[arg(short, long, value_name = "PERCENT", value_parser = weight, allow_hyphen_values = true)]
    pub weight: Option<u8>,
    /// With --strategy canary: promote once the canaries are healthy
    #[arg(long)]
    pub promote: bool,
    /// What is done about a failure.
    #[command(flatten)]
    pub guard: GuardArgs,
    /// What may be wrong all the same.
    #[command(flatten)]
    pub preflight: PreflightArgs,
    /// If one workload fails, take those back that became healthy
    #[arg(long)]
    pub atomic: bool,
    /// Delete what was applied with the label of -l and is no longer in the input
    #[arg(long, requires = "selector")]
    pub prune: bool,
    /// The label that all objects have, for --prune
    #[arg(short = 'l', long, value_name = "LABELS", requires = "prune")]
    pub selector: Option<String>,
    /// Show what would change, and write nothing
    #[arg(long)]
    pub diff: bool,
    /// What the tags of workloads have to be.
    #[command(flatten)]
    pub tags: TagPolicyArgs,
    /// Take fields that somebody else owns
    #[arg(long)]
    pub force_conflicts: bool,
}

//! The command line, written as people type it: `kubectl rollout-plus ...`.

mod analysis;
mod analyze;
mod apply;
mod blue_green;
mod bootstrap;
mod canary;
mod chaos;
mod check;
mod completion;
mod doctor;
mod effect;
mod gate;
mod get;
mod guard;
mod image;
mod import;
mod inputs;
mod kubectl;
mod line;
mod promote;
mod strategy;
mod tag;
mod traffic;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::credentials::Credentials;
use crate::duration;
use crate::environment::Environment;
use crate::plan::OnInconclusive;
use crate::status::Goal;

pub use analysis::{AnalysisArgs, ComparedArgs, Looking, PROMETHEUS_TOKEN};
pub use analyze::AnalyzeArgs;
pub use bootstrap::{BootstrapAction, BootstrapArgs, TokenArgs, WantedArgs};
pub use canary::{CanaryArgs, FirstArgs, LooksArgs};
pub use chaos::{ChaosAction, ChaosArgs, ExitCodes, ExperimentArgs, FaultArgs, RunningArgs};
pub use check::{CheckArgs, PreflightArgs};
pub use completion::{CompletionArgs, Shell};
pub use doctor::DoctorArgs;
pub use effect::Effect;
pub use gate::{GateArgs, Ordeal};
pub use get::GetArgs;
pub use guard::{CardArgs, GuardArgs, OnFailure, Report, ReportArgs, ReportForm};
pub use image::NewImage;
pub use import::ImportArgs;
pub use kubectl::{DeleteArgs, PauseArgs, ScaleArgs, WaitArgs};
pub use promote::PromoteArgs;

pub use apply::ApplyArgs;
pub use blue_green::BlueGreenArgs;
pub use tag::{TagArgs, TagPolicyArgs};
pub use traffic::{RouterArgs, TrafficArgs};
pub use verify::{SmokeArgs, VerifyArgs};

/// Canary a Deployment with nothing installed in the cluster
///
/// The Deployment itself is held half way: the new version gets the share that you ask for, the stable pods
/// stay whole, and one patch goes forward or back.
#[derive(Debug, Parser)]
#[command(name = "kubectl rollout-plus", bin_name = "kubectl rollout-plus", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Flags of all verbs.
    #[command(flatten)]
    pub global: GlobalArgs,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Apply manifests, and roll their workloads out
    Apply(ApplyArgs),
    /// Give a new version a share of the traffic, or change the share
    Canary(Box<CanaryArgs>),
    /// Start a whole second set, try it, and switch all traffic at once
    BlueGreen(Box<BlueGreenArgs>),
    /// Replace the version pod by pod, and go back if the new one fails
    Rolling(Box<RollingArgs>),
    /// Make the canary the only version
    Promote(Box<PromoteArgs>),
    /// Go back to the stable version
    Abort(TargetArgs),
    /// Go on with a run that was interrupted
    Resume(TargetArgs),
    /// Go back to the last version that was healthy, or to a revision
    Rollback(RollbackArgs),
    /// Replace all pods by new ones of the same version
    Restart(RestartArgs),
    /// Show revisions: images, commit, who, how they ended
    History(HistoryArgs),
    /// Show what is held, by whom, and what share it has
    Status(StatusArgs),
    /// Judge a rollout without starting it
    Check(CheckArgs),
    /// Compare the metrics of two versions that serve, and change nothing
    Analyze(Box<AnalyzeArgs>),
    /// Try how a version stands a fault: on one pod, and always undone
    Chaos(Box<ChaosArgs>),
    /// Read what there is for Argo Rollouts or Flagger: print an analysis file, and the command line that does the same
    Import(ImportArgs),
    /// Print the tag for the image that this CI build makes, or judge images by it
    Tag(TagArgs),
    /// Show objects as kubectl does
    #[command(hide = true)]
    Get(GetArgs),
    /// Delete objects as kubectl does
    #[command(hide = true)]
    Delete(DeleteArgs),
    /// Wait for objects as kubectl does
    #[command(hide = true)]
    Wait(WaitArgs),
    /// Set the number of pods as kubectl does
    #[command(hide = true)]
    Scale(ScaleArgs),
    /// Pause the rollouts of a Deployment as kubectl does
    #[command(hide = true)]
    Pause(PauseArgs),
    /// Let them go on
    #[command(hide = true)]
    Unpause(PauseArgs),
    /// Say which credential is used, whether the server takes it, and what is wrong with it
    Doctor(DoctorArgs),
    /// Make an account for CI with exactly the rights that it needs, and a token that can be revoked
    Bootstrap(Box<BootstrapArgs>),
    /// Print a script that completes command lines in a shell
    Completion(CompletionArgs),
}

/// Flags of all verbs.
#[derive(Clone, Debug, Args)]
pub struct GlobalArgs {
    /// Namespace of the workload
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Context of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Kubeconfig file to use
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// User to impersonate
    #[arg(long = "as", global = true, value_name = "USER")]
    pub impersonate: Option<String>,
    /// Group to impersonate (repeatable)
    #[arg(long = "as-group", global = true, value_name = "GROUP", requires = "impersonate")]
    pub impersonate_groups: Vec<String>,
    /// Longest time for one request [default, and for 0: 10s to read, 15s to write]
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration::parse)]
    pub request_timeout: Option<Duration>,
    /// Longest time to wait for pods in one step, beside minReadySeconds; 0 or less: no limit
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration::timeout, default_value = "10m", allow_hyphen_values = true)]
    pub timeout: Duration,
    /// Longest time to wait while another run holds the lock
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration::parse, default_value = "0s")]
    pub wait_lock: Duration,
    /// Form of the data on stdout
    #[arg(short, long, global = true, value_enum, default_value = "human")]
    pub output: OutputFormat,
    /// Show what would be done; `server` also has the API server check it
    #[arg(long, global = true, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    pub dry_run: Option<DryRun>,
    /// The environment, for what the kubeconfig leaves open.
    #[arg(skip)]
    pub environment: Arc<Environment>,
    /// Credentials that came as values, and not on the command line.
    #[arg(skip)]
    pub credentials: Credentials,
    /// The card that a step makes.
    #[arg(skip)]
    pub card: Option<CardArgs>,
}

/// Form of the data on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A tree or a table.
    Human,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
    /// SARIF 2.1.0, of `check` alone.
    Sarif,
}

/// How far a dry run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// Nothing is sent but reads.
    Client,
    /// The first write is sent with `dryRun=All`.
    Server,
}

/// One workload.
#[derive(Clone, Debug, Args)]
pub struct TargetArgs {
    /// The Deployment: NAME, deployment/NAME or deploy/NAME
    pub name: String,
    /// What is done about a failure.
    #[command(flatten)]
    pub guard: GuardArgs,
}

/// Arguments of `restart`.
#[derive(Clone, Debug, Args)]
pub struct RestartArgs {
    /// The Deployment: NAME, deployment/NAME or deploy/NAME
    pub name: String,
    /// What is done about a failure.
    #[command(flatten)]
    pub guard: GuardArgs,
    /// What may be wrong all the same.
    #[command(flatten)]
    pub preflight: PreflightArgs,
}

/// Where a new version comes from.
#[derive(Clone, Debug, Default, Args)]
pub struct SourceArgs {
    /// New image, for the container named or the only one; in place of the manifest's, if there is one (repeatable)
    #[arg(long, value_name = "[CONTAINER=]IMAGE")]
    pub image: Vec<NewImage>,
    /// Manifests that have the new version's pod template: a file, a directory, or - for stdin (repeatable)
    #[arg(short, long, value_name = "FILE", conflicts_with = "kustomize")]
    pub filename: Vec<PathBuf>,
    /// A directory that kubectl or kustomize builds these manifests of
    #[arg(short, long, value_name = "DIRECTORY")]
    pub kustomize: Option<PathBuf>,
    /// Put the digest behind the tag of new images: the one that pods of this namespace have pulled
    #[arg(long, value_name = "NAMESPACE")]
    pub pin_digest: Option<String>,
    /// What its tags have to be.
    #[command(flatten)]
    pub tags: TagPolicyArgs,
}

/// Arguments of `rolling`.
#[derive(Clone, Debug, Args)]
pub struct RollingArgs {
    /// The Deployment: NAME, deployment/NAME or deploy/NAME
    pub name: String,
    /// The new version.
    #[command(flatten)]
    pub source: SourceArgs,
    /// What the metrics are to tell.
    #[command(flatten)]
    pub analysis: AnalysisArgs,
    /// What to do when there is not enough data: hold leaves the new version
    #[arg(long, value_enum, value_name = "ACTION", default_value = "hold", requires = "looks")]
    pub on_inconclusive: OnInconclusive,
    /// What its pods have to answer.
    #[command(flatten)]
    pub verify: VerifyArgs,
    /// What is done about a failure.
    #[command(flatten)]
    pub guard: GuardArgs,
    /// What may be wrong all the same.
    #[command(flatten)]
    pub preflight: PreflightArgs,
}

/// Arguments of `rollback`.
#[derive(Clone, Debug, Args)]
pub struct RollbackArgs {
    /// The Deployment: NAME, deployment/NAME or deploy/NAME
    pub name: String,
    /// The revision to go back to [default: the last that was healthy]
    #[arg(long, value_name = "N")]
    pub to_revision: Option<u64>,
    /// What is done about a failure.
    #[command(flatten)]
    pub guard: GuardArgs,
    /// What may be wrong all the same.
    #[command(flatten)]
    pub preflight: PreflightArgs,
}

/// Arguments of `history`.
#[derive(Clone, Debug, Args)]
pub struct HistoryArgs {
    /// The Deployment: NAME, deployment/NAME or deploy/NAME
    pub name: String,
    /// Show one revision with its pod template
    #[arg(long, value_name = "N")]
    pub revision: Option<u64>,
}

impl GlobalArgs {
    /// Returns the longest time for one request; for 0, with which kubectl sets none, our own.
    pub fn request_timeout(&self) -> Option<Duration> {
        self.request_timeout.filter(|time| !time.is_zero())
    }
}

/// Arguments of `status`.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// The Deployment; all of the namespace if left out
    pub name: Option<String>,
    /// Keep showing changes: a live picture, a line for each in a pipe, or events with -o json
    #[arg(short, long)]
    pub watch: bool,
    /// Wait until all are so, for --timeout at most; healthy ends at once when a version fails
    #[arg(long, value_enum, value_name = "STATE")]
    pub until: Option<Goal>,
    /// All namespaces
    #[arg(short = 'A', long, conflicts_with = "name")]
    pub all_namespaces: bool,
    /// Only Deployments with these labels
    #[arg(short = 'l', long, value_name = "LABELS", conflicts_with = "name")]
    pub selector: Option<String>,
}

fn weight(text: &str) -> Result<u8, String> {
    let number = text.trim_end_matches('%').trim().parse::<u8>().ok().filter(|weight| *weight <= 100);
    number.ok_or_else(|| "not a whole percentage from 0 to 100".into())
}

#[cfg(test)]
mod help;
#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn weights_are_whole_percentages() {
        assert_eq!(weight("10"), Ok(10));
        assert_eq!(weight("10%"), Ok(10));
        for text in ["101", "-1", "NaN", "", "1.5", "1e1", "256"] {
            assert!(weight(text).is_err(), "{text}");
        }
    }
}

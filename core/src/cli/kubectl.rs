//! Arguments of the verbs that stand for lines of kubectl in a pipeline: small, and hidden from people, who have kubectl.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::duration;

/// Arguments of `delete`.
#[derive(Clone, Debug, Args)]
pub struct DeleteArgs {
    /// KIND NAME or KIND/NAME, as kubectl takes them
    #[arg(required_unless_present = "filename", conflicts_with = "filename", value_name = "KIND NAME")]
    pub what: Vec<String>,
    /// Manifests with what is to be deleted (repeatable)
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<PathBuf>,
    /// What is not there is no error
    #[arg(long)]
    pub ignore_not_found: bool,
}

/// Arguments of `wait`.
#[derive(Clone, Debug, Args)]
pub struct WaitArgs {
    /// KIND NAME or KIND/NAME, as kubectl takes them; with -l or --all KIND
    #[arg(required = true, value_name = "KIND NAME")]
    pub what: Vec<String>,
    /// What is waited for: condition=NAME[=VALUE], or delete
    #[arg(long = "for", value_name = "WHAT")]
    pub awaited: String,
    /// Only objects with these labels
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub selector: Option<String>,
    /// All objects of the kind
    #[arg(long, conflicts_with = "selector")]
    pub all: bool,
    /// Longest time
    #[arg(long = "within", value_name = "DURATION", value_parser = duration::patience, default_value = "30s", allow_hyphen_values = true)]
    pub patience: Duration,
}

/// Arguments of `scale`.
#[derive(Clone, Debug, Args)]
pub struct ScaleArgs {
    /// The Deployment: NAME, deployment/NAME or deploy/NAME
    pub name: String,
    /// How many pods it is to have
    #[arg(long, value_name = "N")]
    pub replicas: u32,
}

/// Arguments of `pause` and `unpause`.
#[derive(Clone, Debug, Args)]
pub struct PauseArgs {
    /// The Deployment: NAME, deployment/NAME or deploy/NAME
    pub name: String,
}

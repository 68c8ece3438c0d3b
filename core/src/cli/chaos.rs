//! Arguments of `chaos`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::{GateArgs, GuardArgs, ReportArgs};
use crate::chaos::{Fault, Group, HowMany};
use crate::duration;
use crate::experiment::{Danger, RollbackStrategy};
use crate::plan::Steady;

/// Arguments of `chaos`.
#[derive(Clone, Debug, Args)]
pub struct ChaosArgs {
    /// What is done.
    #[command(subcommand)]
    pub action: ChaosAction,
}

/// What `chaos` does.
#[derive(Clone, Debug, Subcommand)]
pub enum ChaosAction {
    /// Run an experiment of Chaos Toolkit as it is: what has to hold is looked at before, while and after
    Run(ExperimentArgs),
    /// Say what is wrong with an experiment, what would be refused, and who would be hit; nothing is changed
    Check(ExperimentArgs),
    /// Evict pods, and see how soon others take their place
    KillPods(FaultArgs),
    /// Take the image of a pod's container away for a while, so that it does not run
    FailPods(FaultArgs),
    /// Leave pods hardly any CPU for a while
    SlowPods(FaultArgs),
    /// Cut pods off the network for a while (by a network policy)
    CutPods(FaultArgs),
}

/// Whom a fault hits, and what has to hold all the same.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct FaultArgs {
    /// The Deployment: NAME, deployment/NAME or deploy/NAME
    pub name: String,
    /// Hit pods of the canary [default, if there is one]
    #[arg(long, conflicts_with = "stable")]
    pub canary: bool,
    /// Hit pods of the stable version
    #[arg(long)]
    pub stable: bool,
    /// Do the same to pods of the stable version first, and put both side by side
    #[arg(long, conflicts_with_all = ["stable", "canary"])]
    pub compare: bool,
    /// Delete the pods of kill-pods; they are evicted otherwise, so that disruption budgets count
    #[arg(long)]
    pub delete: bool,
    /// Hit so many pods [default: as labels of kube-monkey on the Deployment say, or 1]
    #[arg(long, value_name = "N", conflicts_with = "percent", value_parser = clap::value_parser!(u32).range(1..))]
    pub count: Option<u32>,
    /// Hit so many pods of a hundred, rounded up
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub percent: Option<u8>,
    /// How long the fault lasts [default: 30s]; of kill-pods: for how long it is looked at least
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    pub lasting: Option<Duration>,
    /// What has to be answered all the time: an address, or a path that each pod is asked for through the API server (repeatable)
    #[arg(long, value_name = "URL[=STATUS]|PATH[=STATUS]")]
    pub steady: Vec<Steady>,
    /// The port of the pods for paths and for cut-pods, by number or name [default: the first of their template]
    #[arg(long, value_name = "PORT")]
    pub steady_port: Option<String>,
    /// Pods that stay Ready, of those that get the same requests
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub min_ready: u32,
    /// How soon as many pods have to be Ready as before
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration::parse)]
    pub recover_within: Duration,
    /// Where the run is told again.
    #[command(flatten)]
    pub told: ReportArgs,
}

/// Arguments of `chaos run` and `chaos check`.
#[derive(Clone, Debug, Args)]
pub struct ExperimentArgs {
    /// The experiment: JSON or YAML
    pub file: PathBuf,
    /// The Deployment whose lock is taken meanwhile [default: that of the pods that are hit, where they have one]
    pub name: Option<String>,
    /// Give a setting of the experiment a value (repeatable)
    #[arg(long, value_name = "NAME[:TYPE]=VALUE")]
    pub var: Vec<String>,
    /// Read values from a file: JSON or YAML with configuration and secrets, or lines of NAME=VALUE (repeatable)
    #[arg(long, value_name = "FILE")]
    pub var_file: Vec<PathBuf>,
    /// Allow what is dangerous: no-selector, all, namespace, scale, restart, network (repeatable)
    #[arg(long, value_name = "DANGER", value_delimiter = ',', value_parser = Danger::read)]
    pub allow: Vec<Danger>,
    /// Run an experiment without its controls, which are Python code
    #[arg(long)]
    pub ignore_controls: bool,
    /// How an experiment is run.
    #[command(flatten)]
    pub running: RunningArgs,
    /// Where the run is told again.
    #[command(flatten)]
    pub told: ReportArgs,
}

impl ExperimentArgs {
    /// Returns what is asked for where an experiment stands between a canary and its promotion.
    pub fn of_gate(file: &Path, name: &str, gate: &GateArgs, guard: &GuardArgs) -> Self {
        Self {
            file: file.to_owned(),
            name: Some(name.to_owned()),
            var: Vec::new(),
            var_file: Vec::new(),
            allow: Vec::new(),
            ignore_controls: false,
            running: RunningArgs {
                strict: false,
                recover_within: gate.chaos_recover_within,
                min_ready: gate.chaos_min_ready,
                delete: false,
                rollback_strategy: None,
                journal_path: JOURNAL.into(),
                exit_codes: ExitCodes::Own,
            },
            told: guard.told.clone(),
        }
    }
}

/// Where Chaos Toolkit puts its journal.
const JOURNAL: &str = "journal.json";

/// How an experiment is run.
#[derive(Clone, Debug, Args)]
pub struct RunningArgs {
    /// Look at pods once after the method, as Chaos Toolkit does, and do not wait for them to recover
    #[arg(long)]
    pub strict: bool,
    /// How soon what is asked of pods has to hold again
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration::parse)]
    pub recover_within: Duration,
    /// Pods that stay Ready, of those that an action picks from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub min_ready: u32,
    /// Delete pods as Chaos Toolkit does; they are evicted otherwise, so that disruption budgets count
    #[arg(long)]
    pub delete: bool,
    /// Play the rollbacks: default is at every end, also after a signal
    #[arg(long, value_name = "STRATEGY", value_parser = one_of(RollbackStrategy::ALL, RollbackStrategy::name))]
    pub rollback_strategy: Option<RollbackStrategy>,
    /// Where the journal goes, in the form of Chaos Toolkit
    #[arg(long, value_name = "FILE", default_value = JOURNAL)]
    pub journal_path: PathBuf,
    /// How the process ends: own has the codes of this program, chaostoolkit has 0 and 1 as it has them
    #[arg(long, value_enum, value_name = "WHOSE", default_value = "own")]
    pub exit_codes: ExitCodes,
}

/// Whose exit codes are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExitCodes {
    /// Those of this program.
    Own,
    /// 0, or 1 for what did not complete or deviated.
    Chaostoolkit,
}

/// Reads one of the names of an enum.
fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync {
    move |text| {
        let found = all.into_iter().find(|one| name(*one) == text);
        found.ok_or_else(|| format!("'{text}' is none of {}", all.map(name).join(", ")))
    }
}

impl FaultArgs {
    /// Returns how long a fault lasts.
    pub fn lasting(&self, fault: Fault) -> Duration {
        self.lasting.unwrap_or(fault.lasting())
    }

    /// Returns whom it hits, if that is said.
    pub const fn group(&self) -> Option<Group> {
        match (self.canary, self.stable) {
            (true, _) => Some(Group::Canary),
            (false, true) => Some(Group::Stable),
            (false, false) => None,
        }
    }

    /// Returns how many are hit, if that is said.
    pub fn how_many(&self) -> Option<HowMany> {
        self.percent.map(HowMany::Percent).or(self.count.map(HowMany::Count))
    }
}

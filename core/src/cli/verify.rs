//! Flags of verbs that ask new pods.

use clap::Args;

use crate::plan::{Check, SmokeTest};
use crate::strategy::VerifyRequest;

/// What each new pod has to answer.
#[derive(Clone, Debug, Default, Args)]
pub struct VerifyArgs {
    /// What each new pod has to answer through the API server.
    #[arg(
        long,
        value_name = "CHECK",
        help = "What each new pod has to answer through the API server: PATH[=STATUS][~TEXT][<300ms] (repeatable)"
    )]
    pub verify: Vec<Check>,
    /// Port of the pods that is asked [default: where the Service sends requests, or the first of the pods]
    #[arg(long, value_name = "PORT", requires = "verify")]
    pub verify_port: Option<String>,
    /// What is run against them.
    #[command(flatten)]
    pub smoke: SmokeArgs,
}

/// What is run against the new version.
#[derive(Clone, Debug, Default, Args)]
pub struct SmokeArgs {
    /// Program of this machine that tests the new version, with its arguments; exit code 0 passes (repeatable)
    #[arg(long, value_name = "COMMAND")]
    pub verify_command: Vec<SmokeTest>,
}

impl VerifyArgs {
    /// Returns what is asked.
    pub fn asked(&self) -> VerifyRequest {
        let (checks, port) = (self.verify.clone(), self.verify_port.clone());
        VerifyRequest { checks, port, tests: self.smoke.verify_command.clone() }
    }
}

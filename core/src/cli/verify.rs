//! Flags of verbs that ask new pods.

use clap::Args;

use crate::plan::Check;
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
}

impl VerifyArgs {
    /// Returns what is asked.
    pub fn asked(&self) -> VerifyRequest {
        VerifyRequest { checks: self.verify.clone(), port: self.verify_port.clone() }
    }
}

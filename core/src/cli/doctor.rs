//! Arguments of `doctor`.

use clap::Args;

/// Arguments of `doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// Judge `KUBERNETES_SERVER`, `KUBERNETES_CERT` and `KUBERNETES_TOKEN` instead of the kubeconfig
    #[arg(long, conflicts_with_all = ["kubeconfig", "context"])]
    pub environment: bool,
}

//! Arguments of `get`.

use clap::Args;

/// Arguments of `get`.
#[derive(Clone, Debug, Args)]
pub struct GetArgs {
    /// KIND, KIND NAME or KIND/NAME, as kubectl takes them
    #[arg(required = true, value_name = "KIND [NAME]")]
    pub what: Vec<String>,
    /// All namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Only objects with these labels
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub selector: Option<String>,
    /// All columns
    #[arg(long, conflicts_with = "names")]
    pub wide: bool,
    /// Names alone
    #[arg(long)]
    pub names: bool,
}

//! Arguments of `bootstrap`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::strategy::one_of;
use crate::chaos::Fault;
use crate::delivery::Destination;
use crate::duration;
use crate::model::Strategy;
use crate::prometheus::Server;
use crate::router::Choice;

/// Arguments of `bootstrap`.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct BootstrapArgs {
    /// What to do with accounts that there are.
    #[command(subcommand)]
    pub action: Option<BootstrapAction>,
    /// Name of the ServiceAccount, and of its Role and RoleBinding
    #[arg(required = true)]
    pub name: Option<String>,
    /// What it is for.
    #[command(flatten)]
    pub wanted: WantedArgs,
    /// Its first token.
    #[command(flatten)]
    pub token: TokenArgs,
    /// Print the objects as YAML, for an administrator to apply, and change nothing
    #[arg(long, conflicts_with_all = ["deliver", "show"])]
    pub print: bool,
}

/// What can be done with accounts that there are.
#[derive(Clone, Debug, Subcommand)]
pub enum BootstrapAction {
    /// Show the tokens: until when they are valid, and where they were delivered to
    List {
        /// The ServiceAccount; all of the namespace if left out
        name: Option<String>,
    },
    /// Make a new token, deliver and prove it, and only then revoke the others
    Rotate {
        /// The ServiceAccount
        name: String,
        /// The new token.
        #[command(flatten)]
        token: TokenArgs,
    },
    /// Revoke one token, or all of them with the account and its rights
    Revoke {
        /// The ServiceAccount
        name: String,
        /// This token alone, by the name that `list` shows
        #[arg(long, value_name = "NAME")]
        token: Option<String>,
    },
    /// Prove a credential (that of --kubeconfig): it may do what is needed, and nothing dangerous
    Verify {
        /// The ServiceAccount
        name: String,
        /// What it is for.
        #[command(flatten)]
        wanted: WantedArgs,
    },
}

/// What an account is for.
#[derive(Clone, Debug, Default, Args)]
pub struct WantedArgs {
    /// Manifests that are going to be applied: a file, a directory, or - for stdin (repeatable)
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<PathBuf>,
    /// A Deployment (repeatable) [default: those of the manifests, else all of the namespace]
    #[arg(long, value_name = "NAME", conflicts_with = "filename")]
    pub deployment: Vec<String>,
    /// How new versions come in
    #[arg(long, value_name = "STRATEGY,...", value_delimiter = ',', default_value = "rolling", value_parser = one_of(&Strategy::ALL))]
    pub strategy: Vec<Strategy>,
    /// The router that splits the traffic: auto, none, or its name
    #[arg(long, value_name = "ROUTER", default_value = "auto")]
    pub router: Choice,
    /// The Service whose traffic is split, where there are several
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Also what `blue-green --verify` takes: to ask Services through the API server
    #[arg(long)]
    pub previews: bool,
    /// Also what --analyze takes: to read the metrics of pods through the API server
    #[arg(long)]
    pub analyze: bool,
    /// Also what reading this Prometheus takes: service:NAMESPACE/NAME:PORT
    #[arg(long, value_name = "SERVER")]
    pub prometheus: Option<Server>,
    /// Also what these faults take: of `chaos`, or of --chaos
    #[arg(long, value_enum, value_name = "FAULT,...", value_delimiter = ',')]
    pub chaos: Vec<Fault>,
    /// Also what `canary --verify` and `rolling --verify` take: to ask pods through the API server
    #[arg(long)]
    pub verify: bool,
}

/// A token, and where it goes.
#[derive(Clone, Debug, Args)]
pub struct TokenArgs {
    /// For how long it is valid; the server may give less
    #[arg(long, value_name = "DURATION", value_parser = lifetime, default_value = "90d")]
    pub expires_in: Duration,
    /// A token that never expires, of the kind that Kubernetes made before 1.24
    #[arg(long, conflicts_with = "expires_in")]
    pub long_lived: bool,
    /// The address by which CI reaches the API server [default: that of the kubeconfig]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// The CA of that address [default: that of the kubeconfig]
    #[arg(long, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// Where the credential goes (repeatable).
    #[arg(long, value_name = "FORM=PLACE", help = DELIVER)]
    pub deliver: Vec<Destination>,
    /// Print the credential as a kubeconfig
    #[arg(long)]
    pub show: bool,
}

impl TokenArgs {
    /// Whether a Secret is read for it: one that the token controller fills, or one that it is delivered to.
    pub fn reads_secrets(&self) -> bool {
        self.long_lived || self.deliver.iter().any(|target| matches!(target, Destination::Secret(_)))
    }
}

/// The help of `--deliver`.
const DELIVER: &str = "Where the credential goes: kubeconfig=FILE, dotenv=FILE, json=FILE, secret=NAME, \
    drone=OWNER/REPO, drone-org=NAME, drone-encrypted=OWNER/REPO:FILE, woodpecker=OWNER/REPO[:IMAGE,...], \
    woodpecker-org=NAME[:IMAGE,...], github=OWNER/REPO, gitlab=GROUP/PROJECT (repeatable). CI systems are reached by \
    DRONE_SERVER and DRONE_TOKEN, WOODPECKER_SERVER and WOODPECKER_TOKEN, GITHUB_TOKEN, GITLAB_TOKEN";

/// Reads for how long a token is valid: days, too. The API takes 10 minutes to 2^32 seconds.
fn lifetime(text: &str) -> Result<Duration, String> {
    let duration = match text.strip_suffix('d').map(str::parse::<u64>) {
        Some(Ok(days)) => Duration::from_secs(days.saturating_mul(24 * 3600)),
        _ => duration::parse(text)?,
    };
    match duration.as_secs() {
        600..=4_294_967_296 => Ok(duration),
        _ => Err("a token is valid for 10 minutes at least, and for 49710 days at most".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_those_of_the_api() {
        assert_eq!(lifetime("90d"), Ok(Duration::from_secs(7_776_000)));
        assert_eq!(lifetime("1h"), Ok(Duration::from_secs(3600)));
        for text in ["9m", "0d", "99999d", "18446744073709551615d", "d", "-1d"] {
            assert!(lifetime(text).is_err(), "{text}");
        }
    }
}

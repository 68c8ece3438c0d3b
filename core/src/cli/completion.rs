//! Arguments of `completion`.

use clap::{Args, ValueEnum};

/// Arguments of `completion`.
#[derive(Clone, Copy, Debug, Args)]
pub struct CompletionArgs {
    /// The shell that the script is for
    #[arg(value_enum)]
    pub shell: Shell,
}

/// A shell that can be told what completes a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// Z shell.
    Zsh,
    /// fish.
    Fish,
}

//! Arguments of `import`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::import::Options;

/// Arguments of `import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// Manifests of Argo Rollouts or Flagger: files, directories, or - for stdin
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
    /// Value of an argument of the templates (repeatable)
    #[arg(long = "arg", value_name = "NAME=VALUE", value_parser = argument)]
    pub arguments: Vec<(String, String)>,
    /// Compare the raw counters with stable's where a query is a ratio of rates, in place of its limit
    #[arg(long)]
    pub compare: bool,
}

impl ImportArgs {
    /// Returns what is added to the files.
    pub fn options(&self) -> Options {
        Options { arguments: self.arguments.iter().cloned().collect(), compare: self.compare }
    }
}

fn argument(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "not NAME=VALUE".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_has_a_name_and_may_have_an_empty_value() {
        assert_eq!(argument("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(argument("a="), Ok(("a".into(), String::new())));
        assert!(argument("=b").is_err() && argument("a").is_err());
    }
}

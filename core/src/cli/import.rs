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
    use clap::CommandFactory as _;

    use super::*;
    use crate::apply::Document;
    use crate::cli::Cli;
    use crate::import::import;

    #[test]
    fn an_argument_has_a_name_and_may_have_an_empty_value() {
        assert_eq!(argument("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(argument("a="), Ok(("a".into(), String::new())));
        assert!(argument("=b").is_err() && argument("a").is_err());
    }

    /// Without the flags of an analysis that the verb does not have.
    fn known(words: Vec<String>) -> Vec<String> {
        let cli = Cli::command();
        let canary = cli.find_subcommand("canary").unwrap();
        let has = |flag: &str| canary.get_arguments().any(|one| one.get_long() == flag.strip_prefix("--"));
        let mut known = Vec::new();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            if ["--analyze", "--analysis", "--max-error-rate", "--slower-than"].contains(&word.as_str())
                && !has(&word)
            {
                words.next_if(|value| !value.starts_with("--"));
            } else {
                known.push(word);
            }
        }
        known
    }

    #[test]
    fn a_command_line_of_an_import_can_be_typed() {
        let mut count = 0;
        for text in [
            include_str!("../../tests/analysis/argo/rollout-steps.yaml"),
            include_str!("../../tests/analysis/flagger/canary-builtin.yaml"),
            include_str!("../../tests/analysis/flagger/canary-template.yaml"),
        ] {
            let objects: Vec<serde_json::Value> = serde_saphyr::from_multiple(text).unwrap();
            let document = |object| Document { file: None, origin: "t".into(), object };
            let documents: Vec<Document> = objects.into_iter().map(document).collect();
            for line in import(&documents, &Options::default()).commands {
                // Whoever types it puts the image in.
                let words = shlex::split(&line.replace("CONTAINER=IMAGE", "web=shop/web:v2")).unwrap();
                let words = known(words.into_iter().skip(1).collect());
                assert!(Cli::read(words).is_ok(), "{line}");
                count += 1;
            }
        }
        assert_eq!(count, 4);
    }
}

//! Parsing a command line.

use std::cell::RefCell;
use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches};

use super::Cli;

thread_local! {
    /// To build it takes longer than to parse with it, and a step of a pipeline parses several lines.
    static DEFINITION: RefCell<clap::Command> = RefCell::new(Cli::command());
}

impl Cli {
    /// Parses a command line.
    ///
    /// # Errors
    /// What clap has to say, be it help.
    pub fn read<W: Into<OsString> + Clone>(line: impl IntoIterator<Item = W>) -> Result<Self, clap::Error> {
        DEFINITION.with_borrow_mut(|definition| {
            let mut matches = definition.try_get_matches_from_mut(line)?;
            Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(definition))
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn a_line_is_parsed_the_same_whatever_was_parsed_before() {
        let lines = [
            "canary web --image a --weight 10",
            "canary web --weight 10 -n shop",
            "canary --weigth 10",
            "abort web --timeout 3s",
            "status -A",
            "status --help",
            "none",
            "--version",
            "canary web --image a --weight 10 --promote",
        ];
        for line in lines.iter().chain(&lines) {
            let words = || std::iter::once("kubectl rollout-plus").chain(line.split(' '));
            let told = |parsed: Result<Cli, clap::Error>| match parsed {
                Ok(cli) => format!("{cli:?}"),
                Err(error) => error.render().to_string(),
            };
            assert_eq!(told(Cli::read(words())), told(Cli::try_parse_from(words())), "{line}");
        }
    }
}

//! `-h` and `--help` of everything that can be typed, held in snapshots.

use clap::{Command, CommandFactory};
use insta::assert_snapshot;

use super::Cli;

/// As wide as help becomes.
const WIDTH: usize = 100;

/// The words that lead to each verb, from the definition that parses them: none can be forgotten.
fn verbs(command: &Command, words: &[&str]) -> Vec<String> {
    let below = command.get_subcommands().flat_map(|verb| {
        let words = [words, &[verb.get_name()]].concat();
        verbs(verb, &words)
    });
    std::iter::once(words.join(" ")).chain(below).collect()
}

fn help(verb: &str, flag: &str) -> String {
    let line = ["kubectl rollout-plus"].into_iter().chain(verb.split_whitespace()).chain([flag]);
    let command = Cli::command().term_width(WIDTH);
    command.try_get_matches_from(line).unwrap_err().render().to_string()
}

#[test]
fn of_every_verb() {
    for verb in verbs(&Cli::command(), &[]) {
        let (short, long) = (help(&verb, "-h"), help(&verb, "--help"));
        let more = if long == short { String::new() } else { format!("\n$ --help\n{long}") };
        let name = if verb.is_empty() { "no verb".to_owned() } else { verb };
        let text = format!("$ -h\n{short}{more}");
        assert_snapshot!(name.replace(' ', "_"), text);
    }
}

//! What fits at the end of a command line: verbs, flags and values, from the same definition that parses it.
//!
//! The protocol is that of kubectl for plugins: the words so far, of which the last is completed and may be empty.

#[cfg(test)]
mod tests;

use clap::{Arg, Command, ValueHint};

/// What fits, and what only somebody else knows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fits {
    /// Each with what it means.
    pub words: Vec<(String, String)>,
    /// What else fits.
    pub asks: Option<Asks>,
    /// What stands before each word that `asks` brings: `deployment/`.
    pub prefix: String,
    /// The flags that say which cluster, namespace and user it is about.
    pub place: Vec<String>,
}

/// Values that are not in the definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Names of Deployments of the namespace.
    Deployments,
    /// Names of namespaces.
    Namespaces,
    /// Names of contexts of the kubeconfig.
    Contexts,
    /// Files: the shell knows them.
    Files,
}

/// The flags that lead to a cluster, and whom it takes us for.
const PLACE: [&str; 5] = ["namespace", "context", "kubeconfig", "as", "as-group"];

/// Returns what fits for the last word.
pub fn fits(command: &mut Command, words: &[String]) -> Fits {
    // Flags of all verbs are known to the verbs only after that.
    command.build();
    let (last, before) = words.split_last().map_or(("", &[][..]), |(last, before)| (last.as_str(), before));
    let mut walk = Walk { command, position: 0, awaiting: None, only_names: false, fits: Fits::default() };
    for word in before {
        walk.pass(word);
    }
    walk.end(last)
}

/// Where in the definition the words have led to.
struct Walk<'a> {
    command: &'a Command,
    /// How many names came since the verb.
    position: usize,
    /// The flag whose value is next.
    awaiting: Option<&'a Arg>,
    /// After `--` nothing is a flag.
    only_names: bool,
    fits: Fits,
}

impl<'a> Walk<'a> {
    fn pass(&mut self, word: &str) {
        if let Some(flag) = self.awaiting.take() {
            self.note(flag, word);
        } else if self.only_names || !word.starts_with('-') || word == "-" {
            match self.command.find_subcommand(word).filter(|_| self.position == 0 && !self.only_names) {
                Some(verb) => self.command = verb,
                None => self.position += 1,
            }
        } else if word == "--" {
            self.only_names = true;
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let flag = self.long(name);
            match value {
                Some(value) => flag.into_iter().for_each(|flag| self.note(flag, value)),
                None => self.awaiting = flag.filter(|flag| takes_next_word(flag)),
            }
        } else {
            self.pass_short(&word[1..]);
        }
    }

    /// Several flags of one letter may be in one word; the rest after one that takes a value is its value.
    fn pass_short(&mut self, letters: &str) {
        for (at, letter) in letters.char_indices() {
            let flag = self.command.get_arguments().find(|flag| flag.get_short() == Some(letter));
            let Some(flag) = flag.filter(|flag| takes_value(flag)) else { continue };
            let value = &letters[at + letter.len_utf8()..];
            if value.is_empty() {
                self.awaiting = Some(flag);
            } else {
                self.note(flag, value.strip_prefix('=').unwrap_or(value));
            }
            return;
        }
    }

    fn long(&self, name: &str) -> Option<&'a Arg> {
        self.command.get_arguments().find(|flag| flag.get_long() == Some(name))
    }

    fn note(&mut self, flag: &Arg, value: &str) {
        if let Some(name) = flag.get_long().filter(|name| PLACE.contains(name)) {
            self.fits.place.push(format!("--{name}={value}"));
        }
    }

    fn end(mut self, last: &str) -> Fits {
        if let Some(flag) = self.awaiting {
            self.values(flag, last);
        } else if self.only_names || !last.starts_with('-') {
            self.names(last);
        } else if let Some((name, value)) = last.strip_prefix("--").and_then(|long| long.split_once('=')) {
            // The shell has the flag itself: only what comes after it is asked for.
            if let Some(flag) = self.long(name) {
                self.values(flag, value);
            }
        } else {
            self.flags(last);
        }
        self.fits
    }

    fn flags(&mut self, last: &str) {
        let flags = self.command.get_arguments().filter(|flag| !flag.is_hide_set());
        let named = flags.filter_map(|flag| Some((format!("--{}", flag.get_long()?), help(flag.get_help()))));
        self.fits.words.extend(named.filter(|(name, _)| name.starts_with(last)));
    }

    fn names(&mut self, last: &str) {
        if self.position == 0 && !self.only_names {
            let verbs = self.command.get_subcommands().filter(|verb| !verb.is_hide_set());
            let named = verbs.map(|verb| (verb.get_name().to_owned(), help(verb.get_about())));
            self.fits.words.extend(named.filter(|(name, _)| name.starts_with(last)));
        }
        if let Some(name) = self.command.get_positionals().nth(self.position) {
            self.values(name, last);
        }
    }

    fn values(&mut self, arg: &Arg, last: &str) {
        // Of a list the last member is completed, and the others stay in the word.
        let is_list = arg.get_value_delimiter().is_some();
        let start = last.rfind(',').filter(|_| is_list).map_or(0, |comma| comma + 1);
        let (kept, member) = last.split_at(start);
        let known = arg.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
        let known = known.filter(|value| value.get_name().starts_with(member));
        let words = known.map(|value| (format!("{kept}{}", value.get_name()), help(value.get_help())));
        self.fits.words.extend(words);
        self.fits.asks = self.asks(arg);
        if self.fits.asks == Some(Asks::Deployments) {
            let kind = member.split_once('/').map_or("", |(kind, _)| &member[..=kind.len()]);
            self.fits.prefix = format!("{kept}{kind}");
        }
    }

    fn asks(&self, arg: &Arg) -> Option<Asks> {
        match (arg.get_long(), arg.get_id().as_str()) {
            (Some("namespace"), _) => Some(Asks::Namespaces),
            (Some("context"), _) => Some(Asks::Contexts),
            (Some("deployment"), _) => Some(Asks::Deployments),
            // That of `bootstrap` and of what it does is an account's.
            (None, "name") if !self.is_about_accounts() => Some(Asks::Deployments),
            _ => matches!(arg.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath)
                .then_some(Asks::Files),
        }
    }

    fn is_about_accounts(&self) -> bool {
        self.command.get_bin_name().is_some_and(|name| name.split(' ').any(|word| word == "bootstrap"))
    }
}

fn takes_value(flag: &Arg) -> bool {
    flag.get_action().takes_values()
}

fn takes_next_word(flag: &Arg) -> bool {
    takes_value(flag) && !flag.is_require_equals_set()
}

/// The first line of a help text.
fn help(text: Option<&clap::builder::StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}

//! Words that complete a command line, for kubectl and shells.

use crate::world;

/// The last line tells the shell what else to do: nothing, or to complete files if there are no words. It is a
/// `ShellCompDirective` of cobra's, as kubectl reads it.
const NOTHING_ELSE: &str = ":4";
const FILES: &str = ":0";

/// Prints a word with its meaning on each line.
pub(crate) fn completions(words: &[(String, String)], files: bool) {
    let mut text = String::new();
    // A word with a control character would become part of the user's command line.
    let harmless = |word: &str| !word.is_empty() && !word.contains(char::is_control);
    for (word, meaning) in words.iter().filter(|(word, _)| harmless(word)) {
        text.push_str(word);
        if harmless(meaning) {
            text.push('\t');
            text.push_str(meaning);
        }
        text.push('\n');
    }
    text.push_str(if files { FILES } else { NOTHING_ELSE });
    text.push('\n');
    // A closed pipe is the reader's choice.
    world::stdout(&text).unwrap_or(());
}

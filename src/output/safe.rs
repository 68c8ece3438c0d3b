//! Text from the cluster must not steer what reads it: a terminal (CVE-2021-25743), or a CI system that looks for
//! commands in what a step prints.

use std::fmt::Write;

/// Returns a line with control and direction-changing characters made visible, and commands to CI systems broken.
///
/// GitHub's runner takes `##[` anywhere in a line and `::` after leading blanks (`ActionCommand.TryParse` and
/// `TryParseV2` of actions/runner), Azure's agent `##vso[` anywhere (`Command.TryParse` of azure-pipelines-agent)
/// and others write `##NAME[` likewise.
pub(super) fn safe(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        let bidirectional =
            matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let commands = match letter {
            '#' => is_command(&text[at..]),
            ':' => text[at..].starts_with("::") && text[..at].trim().is_empty(),
            _ => false,
        };
        if letter.is_control() || bidirectional || commands {
            escaped.extend(letter.escape_unicode());
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// Returns JSON that means the same and in which no CI system finds a command: `#` stands in strings only, where JSON
/// has an escape for it, and each line of it begins with something else than `::`.
pub(super) fn safe_json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        if letter == '#' && is_command(&text[at..]) {
            // Writing to a String cannot fail.
            write!(escaped, "\\u{:04x}", u32::from(letter)).unwrap_or(());
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// Whether a CI system would find a command in a line of a document.
pub(super) fn has_command(text: &str) -> bool {
    let inside = text.char_indices().any(|(at, letter)| letter == '#' && is_command(&text[at..]));
    inside || text.lines().any(|line| line.trim_start().starts_with("::"))
}

/// Whether `##name[` begins here; a name may lack.
fn is_command(text: &str) -> bool {
    let name =
        text.strip_prefix("##").map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric()));
    name.is_some_and(|rest| rest.starts_with('['))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn escapes_are_shown_and_plain_text_stays() {
        assert_eq!(safe("a\u{1b}[31mb\r\u{9b}\u{202e}"), "a\\u{1b}[31mb\\u{d}\\u{9b}\\u{202e}");
        assert_eq!(safe("größer 10 %"), "größer 10 %");
    }

    #[test]
    fn commands_to_ci_systems_are_broken() {
        for text in [
            "x ##[set-env name=A]b",
            "##vso[task.setvariable variable=A]b",
            "###VSO[x]",
            "##teamcity[buildStop]",
            "  ::add-mask::a",
            "\t::stop-commands::x",
        ] {
            let safe = safe(text);
            assert!(!has_command(&safe), "{safe}");
            assert!(has_command(text) && safe.len() > text.len(), "{text}");
        }
        for text in ["## Title", "a::b::c", "std::fs::read: no", "#[derive]", "# [x]", "## [x]", "10:00::"] {
            assert_eq!((safe(text).as_str(), has_command(text)), (text, false));
        }
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = json!({"a": ["##vso[x]y", "##[z]", "# a", "\\##[b"], "##[k]": 1});
        let text = safe_json(&value.to_string());
        assert!(!has_command(&text), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    proptest! {
        #[test]
        fn nothing_that_steers_is_left(text: String) {
            prop_assert!(!safe(&text).chars().any(char::is_control));
        }

        #[test]
        fn no_command_is_left(text in "[ \t#:\\[a]{0,12}") {
            prop_assert!(!has_command(&safe(&text)), "{}", safe(&text));
            prop_assert!(!has_command(&safe_json(&json!([text]).to_string())));
        }
    }
}

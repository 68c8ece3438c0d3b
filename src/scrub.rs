//! Takes what looks like a secret out of text that is about to be shown: logs and messages of other programs.

use regex_lite::{Captures, Regex};
use serde_json::Value;

const MASK: &str = "***";

/// Names of settings that hold secrets.
const NAMES: &str =
    r"password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential";

/// Patterns whose group `s` is the secret, or else the whole match.
const PATTERNS: [&str; 6] = [
    r"(?i)\b(?:bearer|basic)\s+(?P<s>[A-Za-z0-9._~+/=-]{6,})",
    r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@]+:(?P<s>[^\s/@]+)@",
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abps]-|sk_live_|dckr_pat_)[A-Za-z0-9_-]{10,}",
    // Docker Hub names the account and its token.
    r"pull rate limit as (?P<s>.+)",
];

/// Masks secrets in text.
pub struct Scrubber {
    patterns: Vec<Regex>,
    literals: Vec<String>,
}

impl Scrubber {
    /// Knows the usual forms of secrets, and the values that a pod template gives to variables whose names
    /// say that they are secret.
    pub fn new(template: &Value) -> Self {
        let assignment = format!(r#"(?i)[\w.-]*(?:{NAMES})s?["']?\s*[:=]\s*["']?(?P<s>[^\s"',;&]{{3,}})"#);
        let patterns = PATTERNS.iter().map(|text| Regex::new(text)).chain([Regex::new(&assignment)]);
        Self { patterns: patterns.filter_map(Result::ok).collect(), literals: literals(template) }
    }

    /// Returns the lines with secrets masked; the lines of a private key become one.
    pub fn lines<'a>(&self, lines: impl Iterator<Item = &'a str>) -> Vec<String> {
        let mut clean = Vec::new();
        let mut in_key = false;
        for line in lines {
            let begins = line.contains("-----BEGIN") && line.contains("PRIVATE KEY");
            if begins && !in_key {
                clean.push(MASK.to_owned());
            }
            in_key = (in_key || begins) && !line.contains("-----END");
            if !in_key && !line.contains("PRIVATE KEY-----") {
                clean.push(self.text(line));
            }
        }
        clean
    }

    /// Returns a line with secrets masked.
    pub fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for literal in &self.literals {
            text = text.replace(literal.as_str(), MASK);
        }
        for pattern in &self.patterns {
            let masked =
                pattern.replace_all(&text, |found: &Captures<'_>| match (found.get(0), found.name("s")) {
                    (Some(all), Some(secret)) => {
                        let (before, after) = (secret.start() - all.start(), secret.end() - all.start());
                        format!("{}{MASK}{}", &all.as_str()[..before], &all.as_str()[after..])
                    }
                    _ => MASK.to_owned(),
                });
            text = masked.into_owned();
        }
        text
    }
}

fn literals(template: &Value) -> Vec<String> {
    let Ok(name) = Regex::new(&format!("(?i){NAMES}")) else { return Vec::new() };
    let mut found: Vec<String> = ["containers", "initContainers"]
        .iter()
        .flat_map(|list| template["spec"][list].as_array().into_iter().flatten())
        .flat_map(|container| container["env"].as_array().into_iter().flatten())
        .filter(|variable| variable["name"].as_str().is_some_and(|text| name.is_match(text)))
        .filter_map(|variable| variable["value"].as_str())
        // Masking every "1" would hide more than secrets.
        .filter(|value| value.len() >= 4)
        .map(str::to_owned)
        .collect();
    found.sort_by_key(|value| std::cmp::Reverse(value.len()));
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn scrubber() -> Scrubber {
        let env = json!([{"name": "DB_PASSWORD", "value": "hunter22"}, {"name": "MODE", "value": "fast"}]);
        Scrubber::new(&json!({"spec": {"containers": [{"env": env}]}}))
    }

    #[test]
    fn what_looks_like_a_secret_is_masked() {
        for (text, clean) in [
            ("Authorization: Bearer abcdef123456", "Authorization: Bearer ***"),
            ("connect postgres://app:s3cret@db:5432/x", "connect postgres://app:***@db:5432/x"),
            ("DB_PASSWORD=hunter2x MODE=fast", "DB_PASSWORD=*** MODE=fast"),
            (r#"{"api_key": "abc123", "n": 1}"#, r#"{"api_key": "***", "n": 1}"#),
            ("the word hunter22 alone", "the word *** alone"),
            ("AKIAABCDEFGHIJKLMNOP", "***"),
            ("got eyJhbGciOiJI.eyJzdWIiOiIx.sig", "got ***"),
            (
                "You have reached your pull rate limit as 'bob': dckr_jti_x. Try",
                "You have reached your pull rate limit as ***",
            ),
            ("listening on 8080, fast", "listening on 8080, fast"),
        ] {
            assert_eq!(scrubber().text(text), clean);
        }
    }

    #[test]
    fn a_private_key_becomes_one_line() {
        let log = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----\nb";
        assert_eq!(scrubber().lines(log.lines()), ["a", "***", "b"]);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text: String) {
            scrubber().text(&text);
        }
    }
}

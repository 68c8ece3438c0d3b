//! Takes what looks like a secret out of text that is about to be shown: logs and messages of other programs.

mod keys;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};
use serde_json::Value;

/// Stands where a secret stood.
pub const MASK: &str = "***";

/// Names of settings that hold secrets.
const NAMES: &str =
    r"password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential";

/// Patterns whose group `s` is the secret, or else the whole match.
const PATTERNS: [&str; 9] = [
    r"(?i)\b(?:bearer|basic)\s+(?P<s>[A-Za-z0-9._~+/=-]{6,})",
    r#"(?i)\bauthorization["']?\s*[:=]\s*["']?(?:[a-z]+\s+)?(?P<s>[^\s"',;]{3,})"#,
    // A password may hold `/`, `@` and `:` although RFC 3986 has them escaped: it goes on to the last `@`.
    r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"']*:(?P<s>[^\s"'<>]+)@"#,
    // A token in place of the user.
    r#"[A-Za-z][A-Za-z0-9+.-]*://(?P<s>[^\s/:@"'<>]+)@"#,
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abps]-|sk_live_|dckr_pat_)[A-Za-z0-9_-]{10,}",
    // Docker Hub names the account and its token.
    r"pull rate limit as (?P<s>.+)",
    r"(?P<run>[A-Za-z0-9+/]{60,}={0,2})",
];

static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    // The kubelet writes `volume "db-secret" : configmap "x" not found`: after a quoted name and a space only what is
    // quoted is a value.
    let quote = r#"\\?["']"#;
    let assigned = format!(
        r#"(?i)[\w.-]*(?:{NAMES})s?(?:\s*[:=]\s*(?:{quote})?|{quote}[:=]\s*(?:{quote})?|{quote}\s+[:=]\s*{quote})(?P<s>[^\s"',;&]{{3,}})"#
    );
    let flag = format!(r#"(?i)(?:^|\s)--?[\w-]*(?:{NAMES})s?\s+["']?(?P<s>[^\s"']{{3,}})"#);
    let all = PATTERNS.into_iter().chain([assigned.as_str(), flag.as_str()]);
    all.filter_map(|text| Regex::new(text).ok()).collect()
});

static SECRET_NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("(?i){NAMES}")).ok());

/// Whether a variable of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    SECRET_NAME.as_ref().is_some_and(|pattern| pattern.is_match(name))
}

thread_local! {
    /// Lines that have none of the forms: thousands of pods say the same, at each look. What has one is not kept.
    static PLAIN: RefCell<HashSet<String>> = RefCell::default();
}

/// As many lines are remembered at most.
const MEMORY: usize = 1000;

/// Masks secrets in text.
#[derive(Clone, Debug, Default)]
pub struct Scrubber {
    /// The longest first.
    literals: Vec<String>,
}

impl Scrubber {
    /// Knows the usual forms of secrets, and the values that an object, or a part of one, gives to variables whose
    /// names say that they are secret.
    pub fn new(object: &Value) -> Self {
        let mut found = BTreeSet::new();
        variables(object, &mut found);
        Self::knowing(found)
    }

    /// Knows the usual forms of secrets, and these values. One of less than 4 bytes is passed over.
    pub fn knowing<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        // Masking every "1" would hide more than secrets.
        let long = values.into_iter().filter(|value| value.len() >= 4);
        let mut literals: Vec<String> = long.map(str::to_owned).collect();
        literals.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { literals }
    }

    /// Returns the lines with secrets masked; the lines of a private key become one.
    pub fn lines<'a>(&self, lines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let lines: Vec<&str> = lines.into_iter().collect();
        let shown = keys::without(&lines).into_iter();
        shown.map(|line| line.map_or_else(|| MASK.to_owned(), |line| self.line(line))).collect()
    }

    /// Returns a text, of one line or more, with secrets masked.
    pub fn text(&self, text: &str) -> String {
        self.lines(text.split('\n')).join("\n")
    }

    /// Returns a text with only those values masked that the object itself gives.
    pub fn known(&self, text: &str) -> String {
        self.literals.iter().fold(text.to_owned(), |text, literal| text.replace(literal.as_str(), MASK))
    }

    fn line(&self, line: &str) -> String {
        let line = self.known(line);
        PLAIN.with_borrow_mut(|plain| {
            if plain.contains(&line) {
                return line;
            }
            let clean =
                FORMS.iter().fold(line.clone(), |text, form| form.replace_all(&text, masked).into_owned());
            if clean == line {
                if plain.len() == MEMORY {
                    plain.clear();
                }
                plain.insert(line);
            }
            clean
        })
    }
}

/// What containerd says of a registry: "failed to fetch anonymous token: unexpected status".
const NO_SECRET: &str = "unexpected";

fn masked(found: &Captures<'_>) -> String {
    let Some(all) = found.get(0) else { return MASK.to_owned() };
    let is_plain = found.name("run").is_some_and(|run| !keys::is_material(run.as_str()));
    match found.name("s") {
        Some(secret) if secret.as_str() == NO_SECRET => all.as_str().to_owned(),
        Some(secret) => {
            let (before, after) = (secret.start() - all.start(), secret.end() - all.start());
            format!("{}{MASK}{}", &all.as_str()[..before], &all.as_str()[after..])
        }
        None if is_plain => all.as_str().to_owned(),
        None => MASK.to_owned(),
    }
}

/// Finds the values of variables with secret names wherever pods are described, in kinds too that nobody has heard of
/// yet.
fn variables<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            if let (Some(name), Some(value)) = (value["name"].as_str(), value["value"].as_str())
                && is_secret_name(name)
            {
                found.insert(value);
            }
            fields.values().for_each(|field| variables(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| variables(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
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
            ("authorization=abcdef123456", "authorization=***"),
            ("connect postgres://app:s3cret@db:5432/x", "connect postgres://app:***@db:5432/x"),
            ("DB_PASSWORD=hunter2x MODE=fast", "DB_PASSWORD=*** MODE=fast"),
            (r#"{"api_key": "abc123", "n": 1}"#, r#"{"api_key": "***", "n": 1}"#),
            (r#""{\"password\":\"abc123\",\"n\":1}""#, r#""{\"password\":\"***",\"n\":1}""#),
            ("mysql --password hunter2x -h db", "mysql --password *** -h db"),
            ("password : abc123", "password : ***"),
            (r#""token" : "abc123""#, r#""token" : "***""#),
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
    fn a_password_in_an_address_is_masked_whatever_is_in_it() {
        for (text, clean) in [
            ("redis://:s3cret@cache:6379/0", "redis://:***@cache:6379/0"),
            ("clone https://ghx_0123456789@git.example/a.git", "clone https://***@git.example/a.git"),
            ("postgres://app:pa/ss:w@rd@db/x?a=b", "postgres://app:***@db/x?a=b"),
            ("amqp://:a/b@mq and more", "amqp://:***@mq and more"),
            (r#"{"url":"https://tok@h/x","to":"a@b.c"}"#, r#"{"url":"https://***@h/x","to":"a@b.c"}"#),
        ] {
            assert_eq!(scrubber().text(text), clean);
        }
        for text in [
            "GET http://web:8080/users, bob@example.com",
            "https://registry.example/@scope/package",
            "pull docker://registry.example/a/b@sha256:0123",
            "https://example.com/?mail=a@b.c",
        ] {
            assert_eq!(scrubber().text(text), text);
        }
    }

    #[test]
    fn words_of_the_kubelet_and_of_containerd_stay() {
        for text in [
            r#"MountVolume.SetUp failed for volume "db-secret" : configmap "db-secret" not found"#,
            "couldn't find key password in Secret shop/db",
            "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to \
             https://auth.example/token?scope=repository%3Aa: 403 Forbidden",
        ] {
            assert_eq!(scrubber().text(text), text);
        }
    }

    #[test]
    fn variables_are_found_wherever_pods_are_described() {
        let containers = json!([{"env": [{"name": "API_TOKEN", "value": "opensesame"}]}]);
        for object in [
            json!({"spec": {"containers": containers}}),
            json!({"spec": {"template": {"spec": {"initContainers": containers}}}}),
            json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": containers}}}}}}),
            json!({"spec": {"ephemeralContainers": containers}}),
        ] {
            assert_eq!(Scrubber::new(&object).text("it is opensesame"), "it is ***", "{object}");
        }
    }

    #[test]
    fn a_private_key_becomes_one_line() {
        let log = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----\nb";
        assert_eq!(scrubber().lines(log.lines()), ["a", "***", "b"]);
        assert_eq!(scrubber().text(log), "a\n***\nb");
    }

    #[test]
    fn a_digest_is_no_secret() {
        let digest = "0123456789abcdef".repeat(4);
        let text = format!("pulled web@sha256:{digest} as containerd://{digest}\n{digest}");
        assert_eq!(scrubber().text(&text), text);
    }

    #[test]
    fn a_line_that_is_remembered_is_masked_by_the_secrets_of_each_object() {
        for _ in 0..2 {
            assert_eq!(Scrubber::default().text("the word hunter22 alone"), "the word hunter22 alone");
            assert_eq!(scrubber().text("the word hunter22 alone"), "the word *** alone");
            assert_eq!(scrubber().text("DB_PASSWORD=abc123"), "DB_PASSWORD=***");
        }
        assert!(!PLAIN.with_borrow(|plain| plain.contains("DB_PASSWORD=abc123")));
        for number in 0..=MEMORY {
            scrubber().text(&format!("line {number}"));
        }
        assert!(PLAIN.with_borrow(HashSet::len) <= MEMORY);
    }

    #[test]
    fn what_is_clean_stays_so() {
        let once = scrubber().text("DB_PASSWORD=hunter2x postgres://a:b@c --token abcdef");
        assert_eq!(scrubber().text(&once), once);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text: String) {
            scrubber().text(&text);
        }
    }
}

//! Private keys, whole or in part: of a log only the end is read, and of a container's last words too.

/// The shortest line that counts as part of a key: PEM has 64 letters a line (RFC 7468).
const LINE: usize = 40;

/// Returns the lines, with `None` for each block that belongs to a key.
pub(super) fn without<'a>(lines: &[&'a str]) -> Vec<Option<&'a str>> {
    let mut shown: Vec<Option<&str>> = Vec::new();
    let mut in_key = false;
    // Whether the line before was of a key that nothing marks.
    let mut in_bytes = false;
    // Where the last key ended: an END without its BEGIN says that all since then may be of a key.
    let mut after = 0;
    let hide = |shown: &mut Vec<Option<&str>>| {
        if shown.last() != Some(&None) {
            shown.push(None);
        }
    };
    for line in lines {
        let marks = |mark: &str| line.rfind(mark).filter(|_| line.contains("PRIVATE KEY"));
        let (begins, ends) = (marks("-----BEGIN"), marks("-----END"));
        if ends.is_some() && begins.is_none() && !in_key {
            shown.truncate(after);
        }
        if in_key || begins.is_some() || ends.is_some() {
            hide(&mut shown);
            // The last mark of a line decides.
            in_key = if ends == begins { in_key } else { begins > ends };
            if !in_key {
                after = shown.len();
            }
            in_bytes = false;
        } else if is_material(line.trim()) || in_bytes && is_rest(line.trim()) {
            hide(&mut shown);
            in_bytes = true;
        } else {
            shown.push(Some(line));
            in_bytes = false;
        }
    }
    shown
}

/// Whether a word looks like bytes in base64, long enough for a key. Digests are hexadecimal, words and paths lack
/// digits or capitals.
pub(super) fn is_material(word: &str) -> bool {
    let has = |is: fn(&char) -> bool| word.chars().any(|c| is(&c));
    word.len() >= LINE
        && is_base64(word)
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_digit)
}

/// The last line of a key is shorter than the others.
fn is_rest(word: &str) -> bool {
    !word.is_empty() && is_base64(word)
}

fn is_base64(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";

    #[test]
    fn an_end_without_a_begin_hides_all_before_it() {
        let lines = ["noise", "abc/def", "-----END PRIVATE KEY-----", "b"];
        assert_eq!(without(&lines), [None, Some("b")]);
        let twice = [
            "-----BEGIN PRIVATE KEY-----",
            "x",
            "-----END PRIVATE KEY-----",
            "a",
            "y",
            "-----END EC PRIVATE KEY-----",
            "b",
        ];
        assert_eq!(without(&twice), [None, Some("b")]);
    }

    #[test]
    fn a_part_without_either_is_known_by_its_letters() {
        assert_eq!(
            without(&["a", PART, PART, "Zx8=", "done with it"]),
            [Some("a"), None, Some("done with it")]
        );
        let path = "usr/local/lib/some/very/long/path/without/any/digit/or/dot";
        let digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        assert_eq!(without(&[path, digest]), [Some(path), Some(digest)]);
    }

    #[test]
    fn a_begin_without_an_end_hides_the_rest() {
        assert_eq!(without(&["a", "key: -----BEGIN PRIVATE KEY-----", "x", "y"]), [Some("a"), None]);
    }

    #[test]
    fn a_key_in_one_line_hides_that_line() {
        let json = r#"{"key":"-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n"}"#;
        assert_eq!(without(&["a", json, "b"]), [Some("a"), None, Some("b")]);
    }

    #[test]
    fn a_certificate_is_no_key() {
        let lines = ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"];
        assert_eq!(without(&lines), [Some(lines[0]), Some(lines[1])]);
    }
}

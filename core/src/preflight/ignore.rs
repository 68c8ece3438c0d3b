//! Silencing warnings by an annotation, with a reason.

/// Annotation on a Deployment: `RP010: the program drains by itself, RP013: one zone`. Entries are apart by
/// commas or line ends; a reason may have commas of its own.
pub const IGNORE_ANNOTATION: &str = "rollout-plus/ignore";

/// A rule that is to be silent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ignore {
    pub(super) rule: String,
    /// Empty if none was given: then the entry does not count.
    pub(super) reason: String,
}

/// Reads the annotation. Text before the first rule belongs to nothing and is dropped.
pub(super) fn parse(text: &str) -> Vec<Ignore> {
    let mut found: Vec<Ignore> = Vec::new();
    for piece in text.split([',', '\n']).map(str::trim).filter(|piece| !piece.is_empty()) {
        let (head, reason) = piece.split_once(':').unwrap_or((piece, ""));
        let head = head.trim();
        let is_rule = head
            .strip_prefix("RP")
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
        if is_rule {
            found.push(Ignore { rule: head.to_owned(), reason: reason.trim().to_owned() });
        } else if let Some(last) = found.last_mut() {
            let comma = if last.reason.is_empty() { "" } else { ", " };
            last.reason = format!("{}{comma}{piece}", last.reason);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_apart_by_commas_and_lines() {
        let read = |text: &str| parse(text).into_iter().map(|i| (i.rule, i.reason)).collect::<Vec<_>>();
        let pair = |rule: &str, reason: &str| (rule.to_owned(), reason.to_owned());
        assert_eq!(read("RP010: drains by itself"), [pair("RP010", "drains by itself")]);
        assert_eq!(
            read("RP010: a, b, RP013: c\nRP002"),
            [pair("RP010", "a, b"), pair("RP013", "c"), pair("RP002", "")]
        );
        assert_eq!(read("because: RP010"), []);
        assert_eq!(read(""), []);
    }
}

//! Text from the cluster must not steer a terminal (CVE-2021-25743).

/// Returns the text with control and direction-changing characters made visible.
pub(super) fn safe(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        let bidirectional =
            matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if letter.is_control() || bidirectional {
            escaped.extend(letter.escape_unicode());
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::safe;

    #[test]
    fn escapes_are_shown_and_plain_text_stays() {
        assert_eq!(safe("a\u{1b}[31mb\r\u{9b}\u{202e}"), "a\\u{1b}[31mb\\u{d}\\u{9b}\\u{202e}");
        assert_eq!(safe("größer 10 %"), "größer 10 %");
    }

    proptest! {
        #[test]
        fn nothing_that_steers_is_left(text: String) {
            prop_assert!(!safe(&text).chars().any(char::is_control));
        }
    }
}

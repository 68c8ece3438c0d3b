//! Long text made short for people.

/// Returns the text, cut to so many letters.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns the text in one line of so many letters: line ends and indents become blanks.
pub fn line(text: &str, most: usize) -> String {
    cut(&text.split_whitespace().collect::<Vec<_>>().join(" "), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_and_the_rest_is_marked() {
        assert_eq!((cut("größer", 6).as_str(), cut("größer", 5).as_str()), ("größer", "größe…"));
        assert_eq!((line(" a\n\t b ", 9).as_str(), line("", 3).as_str()), ("a b", ""));
    }
}

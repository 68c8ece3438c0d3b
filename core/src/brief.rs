//! Long text made short for people.

/// Returns the text, cut to so many letters.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns the text in one line of so many letters: line ends and indents become blanks, and the middle goes, because a
/// chain of errors says at its begin what was done and at its end why it failed.
pub fn line(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let letters: Vec<char> = line.chars().collect();
    if letters.len() <= most {
        return line;
    }
    let tail = most / 2;
    let head: String = letters.iter().take(most - tail).collect();
    let tail: String = letters.iter().skip(letters.len() - tail).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_and_the_rest_is_marked() {
        assert_eq!((cut("größer", 6).as_str(), cut("größer", 5).as_str()), ("größer", "größe…"));
        assert_eq!((line(" a\n\t b ", 9).as_str(), line("", 3).as_str()), ("a b", ""));
        assert_eq!(line("pull größer:\n  not found", 15), "pull grö…t found");
    }
}

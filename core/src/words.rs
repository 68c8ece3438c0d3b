//! Numbers before their nouns, and command lines.

use std::fmt::Display;

/// Returns a number of things: "1 pod", "2 pods".
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Returns words as a person would type them into a shell: what the shell would read is quoted.
pub fn typed(words: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty()
            && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./:=,@%+".contains(letter))
    };
    let quoted = words.iter().map(|word| match shlex::try_quote(word) {
        Ok(quoted) if !plain(word) => quoted.into_owned(),
        _ => word.clone(),
    });
    quoted.collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!([0_u32, 1, 2].map(|count| counted(count, "pod")), ["0 pods", "1 pod", "2 pods"]);
        assert_eq!(counted(1_usize, "canary pod"), "1 canary pod");
    }

    #[test]
    fn a_line_can_be_typed() {
        let words = ["get", "--selector=a in (b)", "", "it's", "--image=a:1"].map(str::to_owned);
        let line = typed(&words);
        assert_eq!(shlex::split(&line).unwrap(), words);
        assert!(line.starts_with("get ") && line.ends_with(" --image=a:1"), "{line}");
    }
}

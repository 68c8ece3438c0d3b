//! Numbers before their nouns.

use std::fmt::Display;

/// Returns a number of things: "1 pod", "2 pods".
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!([0_u32, 1, 2].map(|count| counted(count, "pod")), ["0 pods", "1 pod", "2 pods"]);
        assert_eq!(counted(1_usize, "canary pod"), "1 canary pod");
    }
}

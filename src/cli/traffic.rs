//! Flags that say how traffic is split.

use clap::Args;

use crate::traffic::{Choice, Match};

/// How the traffic is split.
#[derive(Clone, Debug, Default, Args)]
pub struct TrafficArgs {
    /// The router that splits the traffic: auto, none, or its name
    #[arg(long, value_name = "ROUTER", default_value = "auto")]
    pub router: Choice,
    /// The Service whose traffic is split, where there are several
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Requests with this header go to the new version (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub header: Vec<(String, String)>,
    /// Requests with this cookie go to the new version (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub cookie: Vec<(String, String)>,
    /// Give the new version a copy of so many of the requests, and drop its answers
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub mirror: Option<u8>,
    /// Keep clients that use the Service without the router on the stable pods
    #[arg(long)]
    pub isolate: bool,
}

impl TrafficArgs {
    /// Returns the requests that go to the new version whatever the weights say.
    pub fn matches(&self) -> Vec<Match> {
        let header =
            |(name, value): &(String, String)| Match::Header { name: name.clone(), value: value.clone() };
        let cookie =
            |(name, value): &(String, String)| Match::Cookie { name: name.clone(), value: value.clone() };
        self.header.iter().map(header).chain(self.cookie.iter().map(cookie)).collect()
    }
}

/// Reads `NAME=VALUE`. A name is a token (RFC 9110, 5.6.2); a value is printable ASCII.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let token = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    if name.is_empty() || !name.chars().all(token) {
        return Err("not a name that HTTP allows".into());
    }
    if value.is_empty() || !value.chars().all(|letter| (' '..='~').contains(&letter)) {
        return Err("the value must be printable ASCII, and not empty".into());
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_what_http_allows() {
        assert_eq!(pair("X-Beta=a=b"), Ok(("X-Beta".into(), "a=b".into())));
        for text in ["X-Beta", "=1", "X Beta=1", "X=", "X=a\nb", "Ü=1"] {
            assert!(pair(text).is_err(), "{text}");
        }
    }
}

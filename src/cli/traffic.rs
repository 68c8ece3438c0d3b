//! Flags that say how traffic is split.

use std::time::Duration;

use clap::Args;

use crate::duration;
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
    /// What the router itself does not tell.
    #[command(flatten)]
    pub settings: RouterArgs,
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

/// How a router is set up, where nothing in the cluster says so. Kept until the end of the rollout.
#[derive(Clone, Debug, Default, Args)]
pub struct RouterArgs {
    /// What the annotations of ingress-nginx begin with: --annotations-prefix of its controller
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    pub annotation_prefix: Option<String>,
    /// For how long the router may need to follow a change, instead of its own grace; too short a time loses requests
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub router_grace: Option<Duration>,
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

/// Reads the prefix of an annotation's name: a DNS subdomain (`IsDNS1123Subdomain` of k8s.io/apimachinery).
fn prefix(text: &str) -> Result<String, String> {
    let legal = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let label = |label: &str| {
        !label.is_empty() && label.chars().all(legal) && !label.starts_with('-') && !label.ends_with('-')
    };
    if text.len() > 253 || !text.split('.').all(label) {
        return Err("write it as nginx.ingress.kubernetes.io, without a slash".into());
    }
    Ok(text.to_owned())
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
    fn a_prefix_is_a_dns_name() {
        for text in ["nginx.ingress.kubernetes.io", "a", "in-ner.8.x"] {
            assert_eq!(prefix(text).as_deref(), Ok(text));
        }
        for text in ["", "a/", "a/canary", ".a", "a..b", "-a", "a-.b", "A", "a b", &"a".repeat(254)] {
            assert!(prefix(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pairs_are_what_http_allows() {
        assert_eq!(pair("X-Beta=a=b"), Ok(("X-Beta".into(), "a=b".into())));
        for text in ["X-Beta", "=1", "X Beta=1", "X=", "X=a\nb", "Ü=1"] {
            assert!(pair(text).is_err(), "{text}");
        }
    }
}

//! Flags that say how traffic is split.

use std::time::Duration;

use clap::Args;

use crate::duration;
use crate::router::Choice;
use crate::traffic::Match;

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
    /// Requests with this header go to the new version (repeatable; `none`: no header does any more)
    #[arg(long, value_name = "NAME=VALUE", value_parser = named)]
    pub header: Vec<Named>,
    /// Requests with this cookie go to the new version (repeatable; `none`: no cookie does any more)
    #[arg(long, value_name = "NAME=VALUE", value_parser = named)]
    pub cookie: Vec<Named>,
    /// Give the new version a copy of so many of the requests, and drop its answers (0: no copies any more)
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub mirror: Option<u8>,
    /// Keep clients that use the Service without the router on the stable pods
    #[arg(long)]
    pub isolate: bool,
}

/// What `--header` or `--cookie` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// None: those that were named before go.
    Nothing,
    /// A name with its value.
    Pair(String, String),
}

/// How a router is set up, where nothing in the cluster says so. Kept until the end of the rollout.
#[derive(Clone, Debug, Default, Args)]
pub struct RouterArgs {
    /// What the annotations of ingress-nginx or haproxy-ingress begin with: --annotations-prefix of its controller
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    pub annotation_prefix: Option<String>,
    /// For how long the router may need to follow a change, instead of its own grace; too short a time loses requests
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub router_grace: Option<Duration>,
}

impl TrafficArgs {
    /// Returns the requests that go to the new version whatever the weights say, where those that were named `before`
    /// stay unless others of their kind take their place.
    pub fn matches(&self, before: &[Match]) -> Vec<Match> {
        let header = |name: &str, value: &str| Match::Header { name: name.into(), value: value.into() };
        let cookie = |name: &str, value: &str| Match::Cookie { name: name.into(), value: value.into() };
        let is_header = |one: &Match| matches!(one, Match::Header { .. });
        let headers = renewed(&self.header, header, before.iter().filter(|one| is_header(one)));
        let cookies = renewed(&self.cookie, cookie, before.iter().filter(|one| !is_header(one)));
        [headers, cookies].concat()
    }

    /// Returns the share of the requests that the new version gets a copy of, which stays until another is named.
    pub fn mirror(&self, before: Option<u8>) -> Option<u8> {
        self.mirror.or(before).filter(|percent| *percent > 0)
    }
}

fn renewed<'m>(
    named: &[Named],
    make: impl Fn(&str, &str) -> Match,
    before: impl Iterator<Item = &'m Match>,
) -> Vec<Match> {
    if named.is_empty() {
        return before.cloned().collect();
    }
    let pairs = named.iter().filter_map(|one| match one {
        Named::Nothing => None,
        Named::Pair(name, value) => Some(make(name, value)),
    });
    pairs.collect()
}

fn named(text: &str) -> Result<Named, String> {
    if text == "none" {
        return Ok(Named::Nothing);
    }
    pair(text).map(|(name, value)| Named::Pair(name, value))
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
    fn what_was_named_before_stays_until_it_is_named_again() {
        let header = |value: &str| Match::Header { name: "X-Beta".into(), value: value.into() };
        let cookie = Match::Cookie { name: "who".into(), value: "me".into() };
        let before = [header("1"), cookie.clone()];
        let mut args = TrafficArgs::default();
        assert_eq!(args.matches(&before), before);
        args.header = vec![named("X-Beta=2").unwrap()];
        assert_eq!(args.matches(&before), [header("2"), cookie.clone()]);
        args.header = vec![named("none").unwrap()];
        assert_eq!(args.matches(&before), [cookie]);
        assert_eq!(args.mirror(Some(5)), Some(5));
        args.mirror = Some(0);
        assert_eq!(args.mirror(Some(5)), None);
    }

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

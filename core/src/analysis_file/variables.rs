//! Variables of queries and addresses: `${canary.pods}` and so on.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// All variables, in the order in which they are told.
pub const VARIABLES: [&str; 7] =
    ["namespace", "deployment", "canary.pods", "stable.pods", "canary.hash", "stable.hash", "window"];

/// What the variables stand for.
#[derive(Clone, Copy, Debug)]
pub struct Variables<'v> {
    /// The namespace.
    pub namespace: &'v str,
    /// The Deployment's name.
    pub deployment: &'v str,
    /// The canary's pods by name, those that were replaced in this run too.
    pub canary_pods: &'v [String],
    /// The stable version's.
    pub stable_pods: &'v [String],
    /// The canary's pod-template-hash.
    pub canary_hash: &'v str,
    /// The stable version's.
    pub stable_hash: &'v str,
    /// How far a query looks back.
    pub window: Duration,
}

/// Puts values in place of variables.
///
/// Pods become an alternation of exact names for an anchored regular expression: a prefix would be that of both versions.
/// Where there are none it is `-`, which is no pod's name: the empty expression would match what has no such label.
///
/// # Errors
/// The first that there is not, and all that there are.
pub fn resolve(text: &str, variables: &Variables<'_>) -> Result<String, String> {
    filled(text, |name| value(name, variables))
}

/// The same for an address: values are written so that none ends what it stands in.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_address(text: &str, variables: &Variables<'_>) -> Result<String, String> {
    let encoded = |value: String| utf8_percent_encode(&value, RESERVED).to_string();
    filled(text, |name| value(name, variables).map(encoded))
}

fn value(name: &str, variables: &Variables<'_>) -> Result<String, String> {
    let pods = |names: &[String]| match names {
        [] => "-".to_owned(),
        some => some.iter().map(|name| name.replace('.', "[.]")).collect::<Vec<_>>().join("|"),
    };
    Ok(match name {
        "namespace" => variables.namespace.to_owned(),
        "deployment" => variables.deployment.to_owned(),
        "canary.pods" => pods(variables.canary_pods),
        "stable.pods" => pods(variables.stable_pods),
        "canary.hash" => variables.canary_hash.to_owned(),
        "stable.hash" => variables.stable_hash.to_owned(),
        "window" => format!("{}s", variables.window.as_secs().max(1)),
        other => return Err(stranger(other)),
    })
}

/// Puts what is given in place of variables.
pub(super) fn filled(text: &str, value: impl Fn(&str) -> Result<String, String>) -> Result<String, String> {
    let mut filled = String::new();
    for part in parts(text) {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Variable(name) => filled.push_str(&value(name)?),
        }
    }
    Ok(filled)
}

/// Returns the variables of a text.
pub(super) fn names(text: &str) -> Vec<&str> {
    let name = |part| match part {
        Part::Variable(name) => Some(name),
        Part::Text(_) => None,
    };
    parts(text).into_iter().filter_map(name).collect()
}

/// Says which variable of a text there is not, if any.
pub fn unknown(text: &str) -> Option<String> {
    names(text).into_iter().find(|name| !VARIABLES.contains(name)).map(stranger)
}

fn stranger(name: &str) -> String {
    let known = VARIABLES.map(|name| format!("${{{name}}}")).join(" ");
    format!("there is no variable ${{{}}}: there are {known}", crate::brief::cut(name, 40))
}

enum Part<'t> {
    Text(&'t str),
    Variable(&'t str),
}

/// Parts of a text; a variable without an end has no name.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        parts.push(Part::Text(before));
        let (name, behind) = after.split_once('}').unwrap_or(("", ""));
        parts.push(Part::Variable(name));
        rest = behind;
    }
    parts.push(Part::Text(rest));
    parts
}

//! Variables of queries and addresses: `${canary.pods}` and so on.

use std::time::Duration;

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
    let pods = |names: &[String]| match names {
        [] => "-".to_owned(),
        some => some.iter().map(|name| name.replace('.', "[.]")).collect::<Vec<_>>().join("|"),
    };
    let mut resolved = String::new();
    for part in parts(text) {
        match part {
            Part::Text(text) => resolved.push_str(text),
            Part::Variable("namespace") => resolved.push_str(variables.namespace),
            Part::Variable("deployment") => resolved.push_str(variables.deployment),
            Part::Variable("canary.pods") => resolved.push_str(&pods(variables.canary_pods)),
            Part::Variable("stable.pods") => resolved.push_str(&pods(variables.stable_pods)),
            Part::Variable("canary.hash") => resolved.push_str(variables.canary_hash),
            Part::Variable("stable.hash") => resolved.push_str(variables.stable_hash),
            Part::Variable("window") => {
                resolved.push_str(&variables.window.as_secs().max(1).to_string());
                resolved.push('s');
            }
            Part::Variable(name) => return Err(stranger(name)),
        }
    }
    Ok(resolved)
}

/// Says which variable of a text there is not, if any.
pub fn unknown(text: &str) -> Option<String> {
    parts(text).into_iter().find_map(|part| match part {
        Part::Variable(name) if !VARIABLES.contains(&name) => Some(stranger(name)),
        Part::Variable(_) | Part::Text(_) => None,
    })
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

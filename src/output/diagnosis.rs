//! What `doctor` found, for people.

use jiff::Timestamp;

use crate::credentials::{Diagnosis, distance};
use crate::output::safe::safe;

/// Returns one line for each thing that was found out.
pub(super) fn render(found: &Diagnosis, now: Timestamp) -> String {
    let mut lines = vec![format!("credential  {}, from {}", found.credential, found.origin)];
    if let Some(expires) = found.expires {
        let far = if expires > now { format!("in {}", distance(now, expires)) } else { "over".into() };
        lines.push(format!("valid       until {expires} ({far})"));
    }
    let authorities = if found.authorities.is_empty() {
        "any CA that this system trusts".into()
    } else {
        format!("the CA {}", found.authorities.join("; "))
    };
    let trust = if found.verified { format!("trusted by {authorities}") } else { "not verified".to_owned() };
    lines.push(format!("server      {}, {trust}", found.server));
    lines.extend(found.notes.iter().map(|note| format!("note        {note}")));
    if let Some(user) = &found.user {
        lines.push(format!("taken as    {user}"));
    }
    if let Some(version) = &found.version {
        lines.push(format!("version     {version}"));
    }
    lines.push(format!(
        "result      {}",
        if found.problem.is_some() { "the credential does not work" } else { "the credential works" }
    ));
    lines.iter().map(|line| safe(line)).collect::<Vec<_>>().join("\n")
}

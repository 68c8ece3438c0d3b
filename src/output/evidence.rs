//! The proof of a failure, for people.

use crate::evidence::Evidence;

/// Returns the lines.
pub(super) fn lines(evidence: &Evidence) -> Vec<String> {
    let mut lines = Vec::new();
    let mut fact = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            lines.push(format!("  {name}: {value}"));
        }
    };
    fact("pod", evidence.pod.as_deref());
    let restarts = match evidence.restarts {
        0 => String::new(),
        1 => ", restarted once".to_owned(),
        more => format!(", restarted {more} times"),
    };
    let container = evidence.container.as_ref().map(|container| {
        format!("{container} ({}){restarts}", evidence.image.as_deref().unwrap_or("image not known"))
    });
    fact("container", container.as_deref());
    fact("state", evidence.state.as_deref());
    fact("limits", evidence.limits.as_ref().map(ToString::to_string).as_deref());
    for (title, block) in [
        ("events", &evidence.events),
        ("log before the last restart", &evidence.previous_log),
        ("log", &evidence.log),
        ("could not be read", &evidence.missing),
    ] {
        if !block.is_empty() {
            lines.push(format!("  {title}:"));
            lines.extend(block.iter().map(|line| format!("    {line}")));
        }
    }
    lines
}

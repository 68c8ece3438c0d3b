//! Markdown, for a comment or a job summary.

use serde_json::Value;

use super::{by_workload, evidence, of_type};

/// Returns the document.
pub(super) fn render(events: &[Value]) -> String {
    let mut lines = vec!["# Rollout".to_owned()];
    for (name, events) in by_workload(events) {
        let finished = of_type(&events, "finished").last().copied().cloned().unwrap_or_default();
        let good = finished["exitCode"] == 0;
        let seconds = finished["seconds"].as_f64().unwrap_or(0.0);
        let outcome = if good { "succeeded" } else { "failed" };
        lines.push(format!("\n## {}: {outcome} in {seconds:.0} s", plain(&name)));
        if let Some(message) = finished["error"]["message"].as_str() {
            lines.push(format!("\n{}", plain(message)));
        }
        for next in finished["error"]["next"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            lines.push(format!("\nNext: {}", plain(next)));
        }
        for event in of_type(&events, "evidence") {
            lines.push("\n```text".to_owned());
            // A fence in a log must not end ours.
            lines.extend(evidence(event).iter().map(|line| line.replace("```", "'''")));
            lines.push("```".to_owned());
        }
        lines.push("\n| time | what |\n|---|---|".to_owned());
        for event in events.iter().filter(|event| event["type"] != "progress") {
            if let Some(text) = event["text"].as_str() {
                lines.push(format!(
                    "| {} | {} |",
                    plain(event["time"].as_str().unwrap_or_default()),
                    plain(text)
                ));
            }
        }
    }
    lines.join("\n")
}

/// Text that cannot become markup.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in super::super::safe::safe(text).chars() {
        if matches!(letter, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~') {
            plain.push('\\');
        }
        plain.push(letter);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failure_and_its_proof_are_there_and_nothing_is_markup() {
        let text = render(&super::super::example());
        assert!(
            text.contains("shop/web: failed in 4 s") || text.contains("shop/web: failed in 3 s"),
            "{text}"
        );
        assert!(text.contains("a | b") && text.matches("```").count() == 2, "{text}");
        assert_eq!(plain("<b>|"), "\\<b\\>\\|");
    }
}

//! Markdown, for a comment or a job summary.

use serde_json::{Value, json};

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
        for event in of_type(&events, "analysis") {
            lines.extend(analysis(event));
        }
        lines.extend(faults(&of_type(&events, "fault")));
        for event in of_type(&events, "experiment") {
            lines.extend(experiment(event));
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

/// What metrics came to: a table, and what was counted, for `analyze --replay`.
fn analysis(event: &Value) -> Vec<String> {
    let verdict = event["verdict"].as_str().unwrap_or_default().replace('-', " ");
    let head = "| metric | canary | stable | evidence that it is worse | that it is not | so far |";
    let mut lines =
        vec![format!("\nMetrics: {verdict}\n"), head.to_owned(), "|---|---|---|---|---|---|".into()];
    for metric in event["metrics"].as_array().into_iter().flatten() {
        let of = |side: &str| format!("{} of {}", metric[side]["bad"], metric[side]["requests"]);
        let name = metric["name"].as_str().unwrap_or_default();
        let bound =
            metric["bound"].as_f64().map(|seconds| format!(", above {} ms", (seconds * 1000.0).round()));
        let number = |key: &str| metric[key].as_f64().unwrap_or_default().min(1e6).round().to_string();
        lines.push(format!(
            "| {}{} | {} | {} | {} of {} | {} of 20 | {} |",
            plain(name),
            bound.unwrap_or_default(),
            of("canary"),
            of("stable"),
            number("evidence"),
            number("needed"),
            number("forSame"),
            plain(metric["state"].as_str().unwrap_or_default())
        ));
    }
    for limit in event["limits"].as_array().into_iter().flatten() {
        let text = |key: &str| plain(limit[key].as_str().unwrap_or_default());
        lines.push(format!("| {} | {} | | | | {} |", text("name"), text("measured"), text("state")));
    }
    let counted = json!({"type": "analysis", "settings": event["settings"], "counts": event["counts"]});
    lines.push(format!("\n```json\n{counted}\n```"));
    lines
}

/// What faults showed that were made on purpose: a table.
fn faults(events: &[&Value]) -> Vec<String> {
    if events.is_empty() {
        return Vec::new();
    }
    let head = "\n| fault | pods | recovered in | wrong answers to users | of other pods of the version | of the other version | verdict |";
    let mut lines = vec![head.to_owned(), "|---|---|---|---|---|---|---|".into()];
    for event in events {
        let victims: Vec<&str> =
            event["victims"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let tally = |side: &str| match event[side]["asked"].as_u64() {
            None | Some(0) => String::new(),
            Some(asked) => format!("{} of {asked}", event[side]["failed"]),
        };
        let recovered = event["recoveredSeconds"].as_f64().map(|seconds| format!("{seconds:.1} s"));
        lines.push(format!(
            "| {} | {}: {} | {} | {} | {} | {} | {} |",
            plain(event["fault"].as_str().unwrap_or_default()),
            plain(event["group"].as_str().unwrap_or_default()),
            plain(&victims.join(", ")),
            recovered.unwrap_or_default(),
            tally("users"),
            tally("experiment"),
            tally("control"),
            plain(event["verdict"].as_str().unwrap_or_default())
        ));
    }
    lines
}

/// What an experiment came to, activity by activity: a table.
fn experiment(event: &Value) -> Vec<String> {
    let text = |value: &Value| plain(value.as_str().unwrap_or_default());
    let head = "| part | activity | result | what |".to_owned();
    let mut lines =
        vec![format!("\nExperiment: {}\n", text(&event["title"])), head, "|---|---|---|---|".into()];
    for told in event["activities"].as_array().into_iter().flatten() {
        let part = [&told["part"], &told["name"], &told["state"], &told["text"]].map(text);
        lines.push(format!("| {} |", part.join(" | ")));
    }
    if let Some(more) = event["leftOut"].as_u64().filter(|more| *more > 0) {
        lines.push(format!("\n{more} more are not told."));
    }
    lines
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
    fn what_metrics_came_to_is_a_table_with_its_counts() {
        let metric = json!({"name": "slow", "bound": 0.25, "canary": {"requests": 100, "bad": 40}, "stable": {"requests": 300, "bad": 3},
            "evidence": 2e9, "needed": 200.0, "forSame": 0.001, "state": "worse"});
        let limit = json!({"name": "queue", "measured": "7", "state": "good"});
        let event = json!({"verdict": "worse", "metrics": [metric], "limits": [limit],
            "settings": {"margin": 1.25, "maxErrorRate": null}, "counts": crate::analysis::Analysis::default()});
        let text = analysis(&event).join("\n");
        insta::assert_snapshot!(text.trim_start(), @r#"
        Metrics: worse

        | metric | canary | stable | evidence that it is worse | that it is not | so far |
        |---|---|---|---|---|---|
        | slow, above 250 ms | 40 of 100 | 3 of 300 | 1000000 of 200 | 0 of 20 | worse |
        | queue | 7 | | | | good |

        ```json
        {"counts":{"errors":{"looks":[],"pods":{},"scatter":{"count":0,"squares":0,"sum":0},"stable":{"chi":0,"freedom":0,"seen":0}},"millis":0,"slow":{}},"settings":{"margin":1.25,"maxErrorRate":null},"type":"analysis"}
        ```
        "#);
        assert!(crate::analysis::replay(&text).is_ok(), "{text}");
    }

    #[test]
    fn what_was_tried_is_a_table() {
        insta::assert_snapshot!(render(&super::super::tried()));
    }

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

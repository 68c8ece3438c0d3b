//! JUnit XML: a suite for each workload, a case for its rollout, and one for each fault and activity of an experiment.

use std::fmt::Write;

use quick_xml::escape::escape;
use serde_json::Value;

use super::{by_workload, evidence, of_type};

/// Returns the document.
pub(super) fn render(events: &[Value]) -> String {
    let mut text =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"rollout-plus\">\n");
    for (name, events) in by_workload(events) {
        let finished = of_type(&events, "finished").last().copied().cloned().unwrap_or_default();
        let failed = finished["exitCode"] != 0;
        let seconds = finished["seconds"].as_f64().unwrap_or(0.0);
        let name = escape(&name).into_owned();
        let tried = tried(&events);
        let ended = |tag: &str| tried.iter().filter(|case| case.ended == tag).count();
        let failures = ended("failure") + usize::from(failed);
        // Where nothing was waited for, nothing was rolled out.
        let is_rollout = tried.is_empty() || !of_type(&events, "progress").is_empty();
        let whole = if is_rollout { "rollout" } else { "chaos" };
        let head = format!(
            "<testsuite name=\"{name}\" tests=\"{}\" failures=\"{failures}\" errors=\"{}\" skipped=\"{}\" time=\"{seconds:.3}\">\n",
            tried.len() + 1,
            ended("error"),
            ended("skipped")
        );
        text.push_str(&head);
        for case in &tried {
            text.push_str(&case.element(&name));
        }
        let head = format!("<testcase classname=\"{name}\" name=\"{whole}\" time=\"{seconds:.3}\">\n");
        text.push_str(&head);
        if failed {
            let verdict = of_type(&events, "verdict").last().copied().cloned().unwrap_or_default();
            let message = finished["error"]["message"].as_str().unwrap_or("it did not end");
            let kind = verdict["reason"].as_str().unwrap_or("error");
            let proof: Vec<String> =
                of_type(&events, "evidence").iter().flat_map(|event| evidence(event)).collect();
            text.push_str(&element("failure", &[("type", kind), ("message", message)], &proof.join("\n")));
        }
        let lines = |event: &Value| {
            let picture = event["picture"].as_array().into_iter().flatten();
            let all = picture.chain([&event["text"]]).filter_map(Value::as_str).map(str::to_owned);
            all.collect::<Vec<_>>()
        };
        let said: Vec<String> = events.iter().flat_map(|event| lines(event)).collect();
        text.push_str(&element("system-out", &[], &said.join("\n")));
        text.push_str("</testcase>\n</testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// A case beside that of the whole.
struct Case {
    name: String,
    seconds: f64,
    /// The element that says how it ended, unless it ended well.
    ended: &'static str,
    kind: String,
    text: String,
}

impl Case {
    fn element(&self, suite: &str) -> String {
        let name = escape(legal(&self.name));
        let head = format!("<testcase classname=\"{suite}\" name=\"{name}\" time=\"{:.3}\">\n", self.seconds);
        let ended = match self.ended {
            "" => element("system-out", &[], &self.text),
            "skipped" => element("skipped", &[("message", &self.text)], ""),
            tag => element(tag, &[("type", &self.kind), ("message", &self.text)], ""),
        };
        format!("{head}{ended}</testcase>\n")
    }
}

/// Returns what was tried: each fault on each version, each probe and action of an experiment.
fn tried(events: &[&Value]) -> Vec<Case> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut cases = Vec::new();
    for event in events {
        if event["type"] == "fault" {
            let ended = match event["verdict"].as_str() {
                Some("deviated") => "failure",
                Some("environment") => "error",
                _ => "",
            };
            cases.push(Case {
                name: format!("{} on {} pods", word(&event["fault"]), word(&event["group"])),
                seconds: event["recoveredSeconds"].as_f64().unwrap_or_default(),
                ended,
                kind: word(&event["verdict"]),
                text: word(&event["text"]),
            });
        }
        for told in event["activities"].as_array().into_iter().flatten() {
            let ended = match told["state"].as_str() {
                Some("failed") => "failure",
                Some("unknown") => "skipped",
                _ => "",
            };
            cases.push(Case {
                name: format!("{}: {}", word(&told["part"]), word(&told["name"])),
                seconds: told["seconds"].as_f64().unwrap_or_default(),
                ended,
                kind: word(&told["kind"]),
                text: word(&told["text"]),
            });
        }
    }
    cases
}

fn element(name: &str, attributes: &[(&str, &str)], content: &str) -> String {
    let mut text = format!("<{name}");
    for (key, value) in attributes {
        // Writing to a String cannot fail.
        write!(text, " {key}=\"{}\"", escape(legal(value))).unwrap_or(());
    }
    format!("{text}>{}</{name}>\n", escape(legal(content)))
}

/// XML 1.0 has no control characters but tab and line ends.
fn legal(text: &str) -> String {
    text.lines().map(crate::output::safe::safe).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use quick_xml::Reader;
    use quick_xml::events::Event;

    use super::*;

    #[test]
    fn the_document_is_xml_and_holds_the_failure() {
        let text = render(&super::super::example());
        let mut reader = Reader::from_str(&text);
        while reader.read_event().unwrap() != Event::Eof {}
        assert!(text.contains("failures=\"1\"") && text.contains("type=\"CrashLoopBackOff\""), "{text}");
        assert!(text.contains("a | b") && !text.contains('\u{1b}'));
    }

    #[test]
    fn what_was_tried_has_a_case_each() {
        let text = render(&super::super::tried());
        let mut reader = Reader::from_str(&text);
        while reader.read_event().unwrap() != Event::Eof {}
        insta::assert_snapshot!(text);
    }
}

//! JUnit XML: a suite for each workload, a case for its rollout.

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
        let head = format!(
            "<testsuite name=\"{name}\" tests=\"1\" failures=\"{0}\" time=\"{seconds:.3}\">\n<testcase classname=\"{name}\" name=\"rollout\" time=\"{seconds:.3}\">\n",
            u8::from(failed)
        );
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
}

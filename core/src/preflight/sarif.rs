//! Findings as SARIF 2.1.0, the form in which code hosts take them.

use serde_json::{Value, json};

use crate::preflight::{Finding, Level, RULES, Report};

/// Returns the document.
pub fn sarif(report: &Report) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": {"text": rule.title},
                "properties": {"alike": rule.alike},
            })
        })
        .collect();
    let results: Vec<Value> = report.findings.iter().map(result).collect();
    let notifications: Vec<Value> = report
        .not_checked
        .iter()
        .map(|not| {
            json!({
                "level": "note",
                "message": {"text": format!("not checked: {}", not.why)},
                "associatedRule": {"id": not.rule},
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "kubectl-rollout-plus",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": notifications}],
            "results": results,
        }],
    })
}

fn result(finding: &Finding) -> Value {
    let level = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "note",
    };
    let name = [finding.object.as_str(), finding.path.as_str()].join(" ");
    let mut location = json!({"logicalLocations": [{"fullyQualifiedName": name.trim(), "kind": "resource"}]});
    if let Some(file) = &finding.file {
        location["physicalLocation"] = json!({"artifactLocation": {"uri": uri(file)}});
    }
    json!({
        "ruleId": finding.rule,
        "ruleIndex": RULES.iter().position(|rule| rule.id == finding.rule),
        "level": level,
        "message": {"text": format!("{}. To do: {}", finding.sentence(), finding.fix)},
        "locations": [location],
    })
}

/// A relative path as a URI reference (RFC 3986).
fn uri(path: &str) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(text, "%{byte:02X}").unwrap_or(());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::NotChecked;

    #[test]
    fn levels_places_and_rules_are_in_the_document() {
        let mut finding = Finding::error("spec.replicas", "is 0", "scale");
        finding.rule = "RP006".into();
        finding.object = "deployment/web".into();
        finding.file = Some("k8s/my web.yaml".into());
        let not = NotChecked { rule: "RP014".into(), object: "deployment/web".into(), why: "offline".into() };
        let document =
            sarif(&Report { findings: vec![finding], not_checked: vec![not], ..Report::default() });
        let run = &document["runs"][0];
        let result = &run["results"][0];
        assert_eq!((&result["ruleId"], &result["level"]), (&json!("RP006"), &json!("error")));
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "RP006");
        let location = &result["locations"][0];
        assert_eq!(location["physicalLocation"]["artifactLocation"]["uri"], "k8s/my%20web.yaml");
        assert_eq!(location["logicalLocations"][0]["fullyQualifiedName"], "deployment/web spec.replicas");
        let notice = &run["invocations"][0]["toolExecutionNotifications"][0];
        assert_eq!(notice["associatedRule"]["id"], "RP014");
    }
}

//! RP003: the selector and the labels. And how label selectors match.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::preflight::{Facts, Finding, Judged, Subject};

/// Whether a `LabelSelector` matches labels; none at all matches nothing, an empty one everything.
pub(super) fn matches(selector: &Value, labels: &BTreeMap<String, String>) -> bool {
    let Some(selector) = selector.as_object() else { return false };
    let equal = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let expressions = selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
    equal.into_iter().all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str())
        && expressions.into_iter().all(|expression| {
            let label = expression["key"].as_str().and_then(|key| labels.get(key));
            let mut values = expression["values"].as_array().into_iter().flatten();
            let mut listed = || values.any(|value| value.as_str() == label.map(String::as_str));
            match expression["operator"].as_str().unwrap_or_default() {
                "In" => label.is_some() && listed(),
                "NotIn" => label.is_none() || !listed(),
                "Exists" => label.is_some(),
                "DoesNotExist" => label.is_none(),
                _ => false,
            }
        })
}

/// The API server refuses both, but only when the manifest is applied.
pub(super) fn selector(subject: &Subject, _: &Facts) -> Judged {
    let wanted = serde_json::to_value(&subject.deployment.spec.selector).unwrap_or_default();
    let mut found = Vec::new();
    if let Some(live) = &subject.live
        && live.spec.selector != subject.deployment.spec.selector
    {
        found.push(Finding::error(
            "spec.selector",
            "differs from the live Deployment's, and the API does not let it change",
            "keep the live selector, or make a Deployment of another name",
        ));
    }
    let empty = wanted.as_object().is_none_or(|selector| {
        selector
            .values()
            .all(|part| part.as_object().is_none_or(serde_json::Map::is_empty) && !part.is_array())
    });
    if empty {
        found.push(Finding::error("spec.selector", "is empty", "select the labels of the template"));
    } else if !matches(&wanted, &subject.labels()) {
        found.push(Finding::error(
            "spec.template.metadata.labels",
            "are not selected by spec.selector: the Deployment would not find its own pods",
            "give the template the labels of spec.selector",
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::fixtures::{facts, subject};

    #[test]
    fn selectors_match_like_the_api() {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        for (selector, expected) in [
            (json!(null), false),
            (json!({}), true),
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "web", "tier": "a"}}), false),
            (json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["x", "web"]}]}), true),
            (json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}), false),
            (json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}), true),
            (json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}), false),
            (json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}), true),
        ] {
            assert_eq!(matches(&selector, &labels), expected, "{selector}");
        }
    }

    #[test]
    fn a_selector_that_misses_the_template_or_moved_is_found() {
        assert_eq!(selector(&subject(), &facts()), Ok(vec![]));
        let mut other = subject();
        other.deployment.spec.template["metadata"]["labels"] = json!({"app": "other"});
        assert_eq!(selector(&other, &facts()).unwrap()[0].path, "spec.template.metadata.labels");
        let mut moved = subject();
        moved.deployment.spec.selector.match_labels =
            Some([("app".into(), "web".into()), ("tier".into(), "front".into())].into());
        let found = selector(&moved, &facts()).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].why.contains("live"), "{found:?}");
        let mut none = subject();
        none.deployment.spec.selector.match_labels = None;
        none.live = None;
        assert_eq!(selector(&none, &facts()).unwrap()[0].why, "is empty");
    }
}

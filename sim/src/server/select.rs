//! Label and field selectors of queries.

use serde_json::Value;

/// Whether labels fit a selector in the form of a query (`pkg/labels/selector.go` of kubernetes/apimachinery).
pub fn labels(object: &Value, selector: &str) -> bool {
    let labels = &object["metadata"]["labels"];
    requirements(selector).iter().all(|one| requirement(labels, one))
}

/// Splits at the commas that are not in parentheses.
fn requirements(selector: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut from) = (0, 0);
    for (at, letter) in selector.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(selector[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(selector[from..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn requirement(labels: &Value, text: &str) -> bool {
    let has = |name: &str| labels[name].as_str();
    let among = |list: &str, value: &str| {
        list.trim().trim_matches(['(', ')']).split(',').any(|one| one.trim() == value)
    };
    if let Some((name, list)) = text.split_once(" notin ") {
        return has(name.trim()).is_none_or(|value| !among(list, value));
    }
    if let Some((name, list)) = text.split_once(" in ") {
        return has(name.trim()).is_some_and(|value| among(list, value));
    }
    if let Some((name, value)) = text.split_once("!=") {
        return has(name.trim()) != Some(value.trim());
    }
    if let Some((name, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return has(name.trim()) == Some(value.trim());
    }
    match text.strip_prefix('!') {
        Some(name) => has(name.trim()).is_none(),
        None => has(text).is_some(),
    }
}

/// Whether fields fit: `metadata.name=web,involvedObject.uid=...`.
pub fn fields(object: &Value, selector: &str) -> bool {
    selector.split(',').filter(|part| !part.is_empty()).all(|part| {
        let (name, value, wanted) = match part.split_once("!=") {
            Some((name, value)) => (name, value, false),
            None => part
                .split_once('=')
                .map_or((part, "", true), |(name, value)| (name, value.trim_start_matches('='), true)),
        };
        let found = object.pointer(&format!("/{}", name.replace('.', "/"))).and_then(Value::as_str);
        (found.unwrap_or_default() == value) == wanted
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_select() {
        let object = json!({"metadata": {"name": "a", "labels": {"app": "web", "tier": "front"}}});
        for (selector, wanted) in [
            ("app=web", true),
            ("app=web,tier in (back,front)", true),
            ("app in (web),tier notin (front)", false),
            ("app!=web", false),
            ("none!=web", true),
            ("!app", false),
            ("app", true),
            ("", true),
        ] {
            assert_eq!(labels(&object, selector), wanted, "{selector}");
        }
        assert!(fields(&object, "metadata.name=a") && !fields(&object, "metadata.name=b"));
    }
}

//! What `wait` waits for, and whether an object is so (`kubectl wait`, `pkg/cmd/wait` in kubectl).

use serde_json::Value;

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A condition of the status has a value.
    Condition {
        /// Its type; case does not matter.
        name: String,
        /// Its status, `True` if none was named; case does not matter.
        value: String,
    },
    /// The object is gone.
    Deletion,
}

impl Awaited {
    /// Reads `condition=NAME`, `condition=NAME=VALUE` or `delete`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("delete") {
            return Some(Self::Deletion);
        }
        let (name, value) = match text.strip_prefix("condition=")?.split_once('=') {
            Some((name, value)) => (name, value),
            None => (text.strip_prefix("condition=")?, "True"),
        };
        let plain = |text: &str| !text.is_empty() && text.chars().all(|letter| !letter.is_control());
        (plain(name) && plain(value)).then(|| Self::Condition { name: name.into(), value: value.into() })
    }

    /// Whether an object is so; `None` is one that is not there. What a controller said of an older spec does not count.
    pub fn is_so(&self, object: Option<&Value>) -> bool {
        let Self::Condition { name, value } = self else { return object.is_none() };
        let Some(object) = object else { return false };
        let conditions = object["status"]["conditions"].as_array();
        let same = |field: &Value, text: &str| field.as_str().is_some_and(|is| is.eq_ignore_ascii_case(text));
        let found = conditions.into_iter().flatten().find(|condition| same(&condition["type"], name));
        let Some(condition) = found else { return false };
        let generation = object["metadata"]["generation"].as_i64().unwrap_or_default();
        let seen = [&condition["observedGeneration"], &object["status"]["observedGeneration"]];
        let seen = seen.into_iter().find_map(Value::as_i64).unwrap_or(generation);
        seen >= generation && same(&condition["status"], value)
    }

    /// Returns it for people.
    pub fn words(&self) -> String {
        match self {
            Self::Deletion => "gone".to_owned(),
            Self::Condition { name, value } if value.eq_ignore_ascii_case("true") => name.clone(),
            Self::Condition { name, value } => format!("{name}={value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_kubectl_takes_is_read() {
        let condition =
            |name: &str, value: &str| Some(Awaited::Condition { name: name.into(), value: value.into() });
        assert_eq!(Awaited::parse("condition=Available"), condition("Available", "True"));
        assert_eq!(Awaited::parse("condition=ready=false"), condition("ready", "false"));
        assert_eq!(Awaited::parse("delete"), Some(Awaited::Deletion));
        for text in ["", "condition=", "condition==a", "jsonpath={.spec}", "create", "Available"] {
            assert_eq!(Awaited::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_condition_of_an_older_spec_does_not_count() {
        let object = |seen: i64, status: &str| {
            json!({"metadata": {"generation": 2}, "status": {"observedGeneration": seen,
                "conditions": [{"type": "Available", "status": status}]}})
        };
        let available = Awaited::parse("condition=available").unwrap();
        assert!(available.is_so(Some(&object(2, "True"))));
        assert!(!available.is_so(Some(&object(1, "True"))) && !available.is_so(Some(&object(2, "False"))));
        assert!(!available.is_so(None) && !available.is_so(Some(&json!({}))));
        assert!(Awaited::Deletion.is_so(None) && !Awaited::Deletion.is_so(Some(&json!({}))));
        let pod = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        assert!(Awaited::parse("condition=ready").unwrap().is_so(Some(&pod)), "pods have no generation");
    }
}

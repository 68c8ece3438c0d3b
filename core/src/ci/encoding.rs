//! How CI systems write settings into variables, read back.
//!
//! Woodpecker: `ParamsToEnv` in `pipeline/frontend/yaml/compiler/settings/params.go`. Drone: `engine/compiler/step.go`
//! and `internal/encoder/encoder.go` in drone-runner-docker.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ci::PREFIX;

/// Returns the settings of an environment as they were written, by name: lower case, with `_` for `-` and `.`, which
/// Woodpecker replaces and Drone keeps. Of two spellings of a name the one that is not empty counts.
pub(super) fn variables(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, value) in environment {
        let Some(name) = name.strip_prefix(PREFIX) else { continue };
        let kept: &mut String = found.entry(name.to_lowercase().replace(['-', '.'], "_")).or_default();
        if kept.is_empty() {
            kept.clone_from(value);
        }
    }
    found
}

/// Reads a list: JSON, a member a line, or members between commas. Members that are empty are left out.
///
/// # Errors
/// Says what is no list of plain values.
pub(super) fn list(text: &str) -> Result<Vec<String>, String> {
    let text = text.trim();
    if text.starts_with('[') {
        let members: Vec<Value> =
            serde_json::from_str(text).map_err(|error| format!("is no JSON list: {error}"))?;
        let members: Result<Vec<Option<String>>, String> = members.iter().map(scalar).collect();
        return Ok(members?.into_iter().flatten().filter(|member| !member.is_empty()).collect());
    }
    let between = if text.contains('\n') { '\n' } else { ',' };
    Ok(text.split(between).map(str::trim).filter(|member| !member.is_empty()).map(str::to_owned).collect())
}

/// Reads a list whose members may also be given as a map: `{"a": 1}` is `a=1`.
///
/// # Errors
/// Says what is neither.
pub(super) fn pairs(text: &str) -> Result<Vec<String>, String> {
    if !text.trim().starts_with('{') {
        return list(text);
    }
    let map: BTreeMap<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("is no JSON map: {error}"))?;
    let pair = |(name, value): (&String, &Value)| Ok(scalar(value)?.map(|value| format!("{name}={value}")));
    let pairs: Result<Vec<Option<String>>, String> = map.iter().map(pair).collect();
    Ok(pairs?.into_iter().flatten().collect())
}

/// Reads `true` or `false`.
///
/// # Errors
/// Says what is neither.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("is neither true nor false".into()),
    }
}

/// Whether a secret was named in a list or a map, where Drone puts no value in.
pub(super) fn names_a_secret(text: &str) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::Object(map) => map.contains_key("from_secret") || map.values().any(within),
            Value::Array(list) => list.iter().any(within),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
    text.contains("from_secret") && serde_json::from_str(text).is_ok_and(|value| within(&value))
}

fn scalar(value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Bool(_) | Value::Number(_) => Ok(Some(value.to_string())),
        Value::Array(_) | Value::Object(_) => {
            Err("has a list or a map within, where a plain value is needed".into())
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A CI system's rules of writing, as far as they differ.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(in crate::ci) enum Writer {
        Woodpecker,
        Drone,
    }

    impl Writer {
        /// Writes settings as the system does.
        pub(in crate::ci) fn write(self, settings: &BTreeMap<String, Value>) -> BTreeMap<String, String> {
            let written = settings.iter().filter_map(|(name, value)| {
                let mut name = format!("PLUGIN_{}", name.to_uppercase());
                if self == Self::Woodpecker {
                    name = name.replace(['-', '.'], "_");
                }
                Some((name, self.value(value)?))
            });
            written.collect()
        }

        fn value(self, value: &Value) -> Option<String> {
            Some(match value {
                Value::Null => return None,
                Value::String(text) => text.clone(),
                Value::Array(list) if list.is_empty() && self == Self::Drone => return None,
                Value::Array(list) if list.iter().all(|one| !one.is_array() && !one.is_object()) => {
                    let plain = |one: &Value| scalar(one).unwrap().unwrap_or_default();
                    list.iter().map(plain).collect::<Vec<_>>().join(",")
                }
                other => other.to_string(),
            })
        }
    }

    const WRITERS: [Writer; 2] = [Writer::Woodpecker, Writer::Drone];

    /// What may stand in a map: quotes, commas, newlines and nothing, too.
    fn plain() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,9}".prop_map(Value::from),
            "[a-z,\n\"'$ -]{0,9}".prop_map(Value::from),
        ]
    }

    fn map(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
        prop::collection::btree_map("[a-zA-Z.-]{1,9}", values, 1..5)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    fn value() -> impl Strategy<Value = Value> {
        let member = prop_oneof![
            4 => "[a-zA-Z0-9./:=_-]{1,9}".prop_map(Value::from),
            1 => Just(Value::Null),
        ];
        let nested = prop_oneof![map(plain()), prop::collection::vec(plain(), 0..3).prop_map(Value::from)];
        prop_oneof![
            Just(Value::Null),
            "\\PC{1,20}".prop_map(Value::from),
            "[a-z\"'$()\\\\\n -]{1,20}".prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            prop::collection::vec(member, 0..5).prop_map(Value::from),
            map(plain()),
            prop::collection::vec(nested.boxed(), 1..3).prop_map(Value::from),
            map(map(plain())),
        ]
    }

    fn is_nested(value: &Value) -> bool {
        let holds = |one: &Value| one.is_array() || one.is_object();
        match value {
            Value::Array(list) => list.iter().any(holds),
            Value::Object(map) => map.values().any(holds),
            _ => false,
        }
    }

    fn members_of(list: &[Value]) -> Vec<String> {
        list.iter().filter_map(|one| scalar(one).unwrap()).collect()
    }

    fn pairs_of(value: &Value) -> Vec<String> {
        let map = value.as_object().unwrap().iter();
        map.filter_map(|(name, value)| Some(format!("{name}={}", scalar(value).unwrap()?))).collect()
    }

    proptest! {
        #[test]
        fn any_map_of_settings_comes_back(settings in prop::collection::btree_map("[a-z][a-z0-9_.-]{0,9}[a-z]", value(), 0..8)) {
            for writer in WRITERS {
                let read = variables(&writer.write(&settings));
                for (name, value) in &settings {
                    let name = name.replace(['-', '.'], "_");
                    // Two spellings of one name may be in one map.
                    if settings.keys().filter(|other| other.replace(['-', '.'], "_") == name).count() > 1 {
                        continue;
                    }
                    let text = read.get(&name).map(String::as_str);
                    if value.is_null() {
                        prop_assert_eq!(text, None);
                        continue;
                    }
                    let text = text.unwrap_or_default();
                    match value {
                        nested if is_nested(nested) => {
                            prop_assert_eq!(serde_json::from_str::<Value>(text).unwrap(), nested.clone());
                            prop_assert!(pairs(text).is_err(), "it is no list of plain values");
                        }
                        Value::Bool(given) => prop_assert_eq!(switch(text), Ok(*given)),
                        Value::Array(given) => prop_assert_eq!(list(text), Ok(members_of(given))),
                        Value::Object(_) => prop_assert_eq!(pairs(text), Ok(pairs_of(value))),
                        other => prop_assert_eq!(text, scalar(other).unwrap().unwrap()),
                    }
                }
            }
        }

        #[test]
        fn a_member_with_commas_comes_back_as_json(members in prop::collection::vec("\\PC{1,9}", 1..5)) {
            prop_assert_eq!(list(&serde_json::to_string(&members).unwrap()), Ok(members));
        }
    }

    #[test]
    fn lists_come_in_three_forms() {
        let all = Ok(vec!["a".to_owned(), "b=1".to_owned()]);
        for text in ["a,b=1", " a , b=1,", "a\nb=1\n", r#"["a", "b=1", null, ""]"#] {
            assert_eq!(list(text), all, "{text}");
        }
        assert_eq!(list("a,b\nc"), Ok(vec!["a,b".into(), "c".into()]), "a member a line keeps its commas");
        assert_eq!(list("[1, true]"), Ok(vec!["1".into(), "true".into()]));
        assert!(list("[1").is_err() && list("[[1]]").is_err() && pairs("{\"a\": {}}").is_err());
        assert_eq!(list(""), Ok(Vec::new()));
    }

    #[test]
    fn nothing_and_nothing_in_a_list_are_not_set() {
        let settings = [("a".to_owned(), Value::Null), ("b".to_owned(), Value::Array(Vec::new()))].into();
        assert_eq!(variables(&Writer::Drone.write(&settings)), BTreeMap::new());
        assert_eq!(variables(&Writer::Woodpecker.write(&settings)), [("b".to_owned(), String::new())].into());
    }

    #[test]
    fn secrets_that_were_not_put_in_are_seen() {
        assert!(names_a_secret(r#"{"a": [{"from_secret": "n"}]}"#));
        assert!(!names_a_secret("a text about from_secret") && !names_a_secret(r#"["from_secret"]"#));
    }
}

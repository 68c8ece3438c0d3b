//! What an object says: JSON, some of it in texts of annotations.

use serde_json::Value;

use super::is_ours;

/// Returns a member of an object as text.
pub fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Returns an object that is written as text: annotations have no other way.
pub(crate) fn embedded(text: &str) -> Option<Value> {
    text.trim_start().starts_with('{').then(|| serde_json::from_str(text).ok()).flatten()
}

/// Whether some text in a value is so.
pub(crate) fn mentions(value: &Value, is: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(word) => is(word) || embedded(word).is_some_and(|value| mentions(&value, is)),
        Value::Array(list) => list.iter().any(|value| mentions(value, is)),
        Value::Object(members) => members.values().any(|value| mentions(value, is)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether an object says just what is wanted. What names a Service of ours is all ours: a member that is not wanted is
/// left over from what was asked before. Elsewhere it is the server's, which fills in defaults.
pub(crate) fn says_just(live: &Value, wanted: &Value, root: &str) -> bool {
    match (live, wanted) {
        (Value::Object(members), Value::Object(asked)) => {
            let has_more = members.keys().any(|key| !asked.contains_key(key));
            !(has_more && mentions(live, &|word| is_ours(word, root)))
                && asked
                    .iter()
                    .all(|(key, wanted)| members.get(key).is_some_and(|live| says_just(live, wanted, root)))
        }
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len()
                && live.iter().zip(wanted).all(|(live, wanted)| says_just(live, wanted, root))
        }
        _ => live == wanted,
    }
}

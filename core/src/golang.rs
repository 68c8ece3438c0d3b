//! JSON as Go writes it.

use serde_json::Value;

/// Returns JSON with the letters escaped that Go escapes: a `test` of a JSON Patch compares texts and not what they mean
/// (`lazyNode.equal` in evanphx/json-patch), and what the server and kubectl wrote, they wrote with Go.
pub fn json(value: &Value) -> String {
    let escapes = [
        ('&', r"\u0026"),
        ('<', r"\u003c"),
        ('>', r"\u003e"),
        ('\u{2028}', r"\u2028"),
        ('\u{2029}', r"\u2029"),
    ];
    escapes.into_iter().fold(value.to_string(), |text, (letter, escape)| text.replace(letter, escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_escaped_and_mean_the_same() {
        let value =
            serde_json::json!([{"op": "test", "path": "/spec/match", "value": "Host(`a`) && <b>\u{2028}"}]);
        let text = json(&value);
        insta::assert_snapshot!(text, @r#"[{"op":"test","path":"/spec/match","value":"Host(`a`) \u0026\u0026 \u003cb\u003e\u2028"}]"#);
        assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(value));
    }
}

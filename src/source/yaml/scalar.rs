//! What a scalar means (`resolve.go` of go-yaml v2).

use serde_json::{Number, Value};

/// A scalar, read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    /// Signed, and up to the largest that an unsigned number of 64 bits can have.
    Int(i128),
    Float(f64),
    Text(String),
    /// `<<`, as a key.
    Merge,
}

impl Scalar {
    /// Reads a scalar. `tag` is the short name of its tag, if it has one.
    pub(super) fn read(text: &str, plain: bool, tag: Option<&str>) -> Result<Self, String> {
        let as_text = || Ok(Self::Text(text.to_owned()));
        let is = match tag {
            None if !plain => return as_text(),
            None => return Ok(resolved(text)),
            Some("int" | "float" | "bool" | "null") => resolved(text),
            Some("binary") => return binary(text),
            // Of its own accord it would be a number; whoever writes a tag means another thing.
            Some(_) => return as_text(),
        };
        match (tag, is) {
            (Some("float"), Self::Int(number)) => Ok(Self::Float(as_float(number))),
            (Some("int"), is @ Self::Int(_))
            | (Some("float"), is @ Self::Float(_))
            | (Some("bool"), is @ Self::Bool(_))
            | (Some("null"), is @ Self::Null) => Ok(is),
            (tag, _) => Err(format!("'{text}' is no !!{}", tag.unwrap_or_default())),
        }
    }

    /// Returns it as JSON has it.
    pub(super) fn value(self) -> Result<Value, String> {
        match self {
            Self::Null => Ok(Value::Null),
            Self::Bool(is) => Ok(Value::Bool(is)),
            Self::Int(number) => Number::from_i128(number).map(Value::Number).ok_or_else(too_large),
            // Go writes a whole number without a point, and the server then takes it for an integer.
            Self::Float(number) => match whole(number) {
                Some(whole) => Ok(Value::from(whole)),
                None => Number::from_f64(number).map(Value::Number).ok_or_else(too_large),
            },
            Self::Text(text) => Ok(Value::String(text)),
            Self::Merge => Ok(Value::from("<<")),
        }
    }

    /// Returns it as a key: JSON knows texts only.
    pub(super) fn key(&self) -> Result<String, String> {
        match self {
            Self::Null => Err("a key is null".to_owned()),
            Self::Bool(is) => Ok(is.to_string()),
            Self::Int(number) => Ok(number.to_string()),
            Self::Float(number) => Ok(number.to_string()),
            Self::Text(text) => Ok(text.clone()),
            Self::Merge => Ok("<<".to_owned()),
        }
    }
}

fn too_large() -> String {
    "JSON has no such number".to_owned()
}

/// What a plain text without a tag means.
fn resolved(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        "<<" => return Scalar::Merge,
        _ => {}
    }
    let number = match text.as_bytes().first() {
        Some(b'.') => float(text).map(Scalar::Float),
        Some(b'+' | b'-' | b'0'..=b'9') => {
            let text = text.replace('_', "");
            int(&text).map(Scalar::Int).or_else(|| float(&text).map(Scalar::Float))
        }
        _ => None,
    };
    number.unwrap_or_else(|| Scalar::Text(text.to_owned()))
}

/// Reads what Go's `ParseInt` and `ParseUint` take with base 0.
fn int(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    // Rust would take another sign here.
    if !digits.starts_with(|digit: char| digit.is_ascii_alphanumeric()) {
        return None;
    }
    let number = i128::from(u64::from_str_radix(digits, radix).ok()?);
    let number = if negative { -number } else { number };
    let signed = negative || text.starts_with('+');
    (!signed || i64::try_from(number).is_ok()).then_some(number)
}

/// Reads `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn float(text: &str) -> Option<f64> {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let begins = rest.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.');
    let legal = rest.chars().all(|letter| letter.is_ascii_digit() || ".eE+-".contains(letter));
    (begins && legal && rest != ".").then(|| text.parse().ok()).flatten()
}

fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation, reason = "it is whole, and within what is exact")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

#[allow(clippy::cast_precision_loss, reason = "that is what the tag asks for")]
fn as_float(number: i128) -> f64 {
    number as f64
}

fn binary(text: &str) -> Result<Scalar, String> {
    use base64::Engine as _;
    let packed: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Scalar::Text).ok_or_else(|| "!!binary is no text in base64".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        Scalar::read(text, true, None).unwrap().value().unwrap()
    }

    /// Each was read by kubectl 1.36 (`kubectl create --dry-run=client -o json`).
    #[test]
    fn plain_scalars_are_those_of_yaml_1_1() {
        for (text, is) in [
            ("0400", json!(256)),
            ("0644", json!(420)),
            ("0o644", json!(420)),
            ("-010", json!(-8)),
            ("08", json!(8)),
            ("0755_", json!(493)),
            ("0x1F", json!(31)),
            ("0b101", json!(5)),
            ("1_000", json!(1000)),
            ("+5", json!(5)),
            ("0", json!(0)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("1e3", json!(1000)),
            ("1.5", json!(1.5)),
            ("8.0", json!(8)),
            (".5", json!(0.5)),
            ("5.", json!(5)),
            ("yes", json!(true)),
            ("y", json!(true)),
            ("Off", json!(false)),
            ("N", json!(false)),
            ("~", json!(null)),
            ("", json!(null)),
            ("yES", json!("yES")),
            ("1:30", json!("1:30")),
            ("2001-01-01", json!("2001-01-01")),
            ("1.2.3", json!("1.2.3")),
            ("0x", json!("0x")),
            ("-", json!("-")),
            ("-+5", json!("-+5")),
            ("500m", json!("500m")),
            ("1Gi", json!("1Gi")),
            ("12e", json!("12e")),
            ("infinity", json!("infinity")),
        ] {
            assert_eq!(value(text), is, "{text}");
        }
    }

    #[test]
    fn quotes_and_tags_decide() {
        let read = |text: &str, plain, tag| Scalar::read(text, plain, tag).and_then(Scalar::value);
        assert_eq!(read("0400", false, None), Ok(json!("0400")));
        assert_eq!(read("0400", true, Some("str")), Ok(json!("0400")));
        assert_eq!(read("0400", false, Some("int")), Ok(json!(256)));
        assert_eq!(read("3", true, Some("float")), Ok(json!(3)));
        assert_eq!(read("on", true, Some("bool")), Ok(json!(true)));
        assert_eq!(read("aGVs\nbG8=", false, Some("binary")), Ok(json!("hello")));
        assert_eq!(read("5", true, Some("!")), Ok(json!("5")));
        assert!(read("web", true, Some("int")).is_err());
        assert!(read(".inf", true, None).is_err(), "JSON does not have it");
    }
}

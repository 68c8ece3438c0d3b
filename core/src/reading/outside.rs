//! What the answers of others than Prometheus measure.

use serde_json::Value;

use crate::analysis_file::JsonPath;
use crate::brief;
use crate::condition::Measured;

/// The longest that is told of where an answer leads, in letters.
const TOLD: usize = 100;

/// Returns what the answer to a web request measures: all of it, or what is at a path.
///
/// `leads`: where a redirect leads.
///
/// # Errors
/// What of it is no answer, for people.
pub fn of_web(
    status: u16,
    leads: Option<&str>,
    body: &[u8],
    json_path: Option<&str>,
) -> Result<Measured, String> {
    match (status, leads) {
        (200..=299, _) => {}
        (300..=399, Some(leads)) => {
            return Err(format!("HTTP {status} to {}: it is not followed", brief::line(leads, TOLD)));
        }
        (_, _) => return Err(format!("HTTP {status}")),
    }
    let value: Value = serde_json::from_slice(body).map_err(|_| "the answer is not JSON".to_owned())?;
    match json_path {
        None => Ok(Measured::Json(value)),
        Some(path) => Ok(Measured::Json(JsonPath::read(path)?.find(&value)?.clone())),
    }
}

/// Returns what a program measures that ended well: the number or the JSON that it printed.
///
/// # Errors
/// It printed something else.
pub fn of_program(text: &[u8]) -> Result<Measured, String> {
    let text = String::from_utf8_lossy(text);
    let text = text.trim();
    // As `bc` and others write numbers; infinity and what is no number are none.
    let number = || text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Measured::Scalar);
    let json = || serde_json::from_str(text).ok().map(Measured::Json);
    number().or_else(json).ok_or_else(|| "it printed neither a number nor JSON".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_one_value_or_none() {
        let of = |status, body: &str, path| of_web(status, None, body.as_bytes(), path);
        let body = r#"{"data": {"ok": true}, "all": [1, 2]}"#;
        assert_eq!(of(200, body, Some("{$.data.ok}")), Ok(Measured::Json(json!(true))));
        assert_eq!(of(204, "[1]", None), Ok(Measured::Json(json!([1]))));
        for (status, body, path, why) in [
            (500, body, Some("{$.data.ok}"), "HTTP 500"),
            (199, body, None, "HTTP 199"),
            (302, body, None, "HTTP 302"),
            (200, "<html>", None, "the answer is not JSON"),
            (200, "", None, "the answer is not JSON"),
            (200, "{\"a\": 1} 2", None, "the answer is not JSON"),
            (200, body, Some("{$.data.no}"), "the answer has nothing at {$.data.no}"),
            (200, body, Some("{$.all[*]}"), "the answer has 2 values at {$.all[*]}"),
        ] {
            assert_eq!(of(status, body, path), Err(why.to_owned()), "{status} {body}");
        }
        let elsewhere = of_web(302, Some("https://login.example/"), b"", None);
        assert_eq!(elsewhere, Err("HTTP 302 to https://login.example/: it is not followed".into()));
    }

    #[test]
    fn a_program_prints_a_number_or_json() {
        for (text, number) in [("0.5\n", 0.5), (" -3 ", -3.0), (".50", 0.5), ("1e3", 1000.0)] {
            assert_eq!(of_program(text.as_bytes()), Ok(Measured::Scalar(number)), "{text}");
        }
        assert_eq!(of_program(b"{\"ok\": true}\n"), Ok(Measured::Json(json!({"ok": true}))));
        assert_eq!(of_program(b"null"), Ok(Measured::Json(json!(null))));
        for text in [b"".as_slice(), b"ok", b"NaN", b"inf", b"1 2", b"0.5 %", b"\xff"] {
            assert_eq!(of_program(text), Err("it printed neither a number nor JSON".into()), "{text:?}");
        }
    }
}

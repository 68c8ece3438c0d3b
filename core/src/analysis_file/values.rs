//! Values of an analysis file: times, latencies, names, labels, places.

use std::collections::BTreeMap;
use std::time::Duration;

use super::variables;
use crate::duration;

/// Headers that carry a secret, in small letters.
pub const SECRET_HEADERS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// Headers that say how a request is sent.
const OF_CONNECTIONS: [&str; 8] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// How the names of headers begin that tell an API server who asks.
const OF_USERS: [&str; 2] = ["impersonate-", "x-remote-"];

/// Variables of which the command line says what they stand for.
const OF_HOSTS: [&str; 2] = ["namespace", "deployment"];

/// Reads a time between two looks: 5 seconds at least, which is what pods can be asked for, and an hour at most.
///
/// # Errors
/// A sentence that says what is accepted.
pub fn span(text: &str) -> Result<Duration, String> {
    let read = duration::parse(text)?;
    let within = (5..=3600).contains(&read.as_secs());
    if within { Ok(read) } else { Err(format!("'{text}' is not within 5s and 1h")) }
}

/// Writes a time as it is read.
pub(super) fn written(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60, seconds % 60) {
        (hours @ 1.., _, 0) if seconds.is_multiple_of(3600) => format!("{hours}h"),
        (_, minutes @ 1.., 0) => format!("{minutes}m"),
        _ => format!("{seconds}s"),
    }
}

/// Reads a latency with its unit, in seconds.
///
/// # Errors
/// A sentence that says what is accepted.
pub fn latency(text: &str) -> Result<f64, String> {
    let wrong = || format!("'{text}' is not a latency: write for example 250ms or 1.5s");
    let (digits, unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(digits), _) => (digits, 1000.0),
        (None, Some(digits)) => (digits, 1.0),
        (None, None) => return Err(wrong()),
    };
    let plain = digits.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    let seconds = digits.parse::<f64>().ok().filter(|_| plain).ok_or_else(wrong)? / unit;
    if seconds > 0.0 && seconds <= 3600.0 { Ok(seconds) } else { Err(wrong()) }
}

/// Writes a latency as it is read.
pub(super) fn written_latency(seconds: f64) -> String {
    if seconds < 1.0 { format!("{}ms", (seconds * 1e6).round() / 1000.0) } else { format!("{seconds}s") }
}

/// Reads a metric's name: what fits into a report and a file's name.
///
/// # Errors
/// A sentence that says what is accepted.
pub fn name(text: &str) -> Result<String, String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_. ".contains(letter);
    let plain = !text.trim().is_empty() && text.len() <= 63 && text.chars().all(fits);
    if plain {
        Ok(text.to_owned())
    } else {
        Err("letters, digits, '-', '_' and '.' are wanted, 63 at most".to_owned())
    }
}

/// Reads the name of a counter or histogram (prometheus.io: data model).
pub(super) fn family(text: &str) -> Result<String, String> {
    let is_first = |letter: char| letter.is_ascii_alphabetic() || letter == '_' || letter == ':';
    let fits =
        text.starts_with(is_first) && text.chars().all(|letter| is_first(letter) || letter.is_ascii_digit());
    if fits && text.len() <= 200 {
        Ok(text.to_owned())
    } else {
        Err(format!("'{}' is not the name of a metric", crate::brief::cut(text, 40)))
    }
}

/// Checks labels and their regular expressions.
pub(super) fn labels(given: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
    for (label, pattern) in &given {
        let is_first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
        let fits =
            label.starts_with(is_first) && label.chars().all(|one| is_first(one) || one.is_ascii_digit());
        if !fits || label.len() > 100 {
            return Err(format!("'{}' is not the name of a label", crate::brief::cut(label, 40)));
        }
        let read = (pattern.len() <= 500).then(|| regex_lite::Regex::new(&format!("^(?:{pattern})$")));
        match read {
            Some(Ok(_)) => {}
            Some(Err(_)) => return Err(format!("{label}: '{pattern}' is not a regular expression")),
            None => return Err(format!("{label}: the regular expression is longer than 500 bytes")),
        }
    }
    Ok(given)
}

/// Checks headers: their form, and that none is secret.
pub(super) fn headers(given: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
    for (name, value) in &given {
        let lower = name.to_ascii_lowercase();
        if SECRET_HEADERS.contains(&lower.as_str()) {
            return Err(format!("{name} is secret, and this file is not: use tokenFile"));
        }
        if OF_CONNECTIONS.contains(&lower.as_str()) || OF_USERS.iter().any(|begin| lower.starts_with(begin)) {
            return Err(format!("{name} cannot be given here"));
        }
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(format!("'{}' is not the name of a header", crate::brief::cut(name, 40)));
        }
        if http::HeaderValue::from_str(value).is_err() {
            return Err(format!("{name}: its value cannot be sent"));
        }
    }
    Ok(given)
}

/// Checks a web address: its scheme and host, and that it has no password.
pub(super) fn address(text: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "'{}' is not an address: write for example http://prometheus.monitoring:9090",
            crate::brief::cut(text, 80)
        )
    };
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).ok_or_else(wrong)?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains('@') {
        return Err("the address has a password in it, and this file is not secret: use tokenFile".to_owned());
    }
    let plain =
        !host.is_empty() && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    if plain { Ok(text.to_owned()) } else { Err(wrong()) }
}

/// Checks the address of a web request, in which there may be variables. Its host is one that the command line says: what
/// pods and revisions are called is up to others.
pub(super) fn web_address(text: &str) -> Result<String, String> {
    let text = address(text)?;
    if let Some(why) = variables::unknown(&text) {
        return Err(why);
    }
    let rest = text.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some(name) = variables::names(host).into_iter().find(|name| !OF_HOSTS.contains(name)) {
        let known = OF_HOSTS.map(|name| format!("${{{name}}}")).join(" and ");
        return Err(format!("${{{name}}} cannot stand in the host: {known} can"));
    }
    let filled = variables::filled(&text, |_| Ok("x".to_owned()))?;
    match filled.parse::<http::Uri>() {
        Ok(_) => Ok(text),
        Err(_) => Err(format!("'{}' cannot be sent", crate::brief::cut(&text, 80))),
    }
}

/// Whether a token may go to an address: nobody on the way can read it.
pub fn is_private(address: &str) -> bool {
    let uri = address.parse::<http::Uri>().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    address.starts_with("https://") || matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// Checks where a Prometheus is.
pub(super) fn server(text: &str) -> Result<String, String> {
    let Some(place) = text.strip_prefix("service:") else { return address(text) };
    let is_name = |name: &str| {
        let fits = |letter: char| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-' || letter == '.'
        };
        !name.is_empty() && name.len() <= 253 && name.chars().all(fits)
    };
    let parts = place.split_once('/').and_then(|(namespace, rest)| Some((namespace, rest.split_once(':')?)));
    match parts {
        Some((namespace, (name, port))) if [namespace, name, port].into_iter().all(is_name) => {
            Ok(text.to_owned())
        }
        _ => Err(format!("'{}' is not of the form service:NAMESPACE/NAME:PORT", crate::brief::cut(text, 80))),
    }
}

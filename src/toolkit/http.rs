//! The http provider: a request of an experiment, and its answer as Chaos Toolkit has it.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Map, Value, json};

use crate::brief;
use crate::cluster::HttpRequest;
use crate::experiment::{Body, Request};

/// The largest answer that is read, in bytes.
const MOST: usize = 1024 * 1024;
/// The longest that an answer is waited for where the experiment sets no limit.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest that is told of what went wrong, in letters.
const SAID: usize = 300;

/// Sends a request, again as often as the experiment allows it.
///
/// # Errors
/// Why there was no answer.
pub(super) async fn ask(request: &Request) -> Result<Value, String> {
    let http = http_request(request)?;
    let patience = match (request.connect_timeout, request.read_timeout) {
        (None, None) => PATIENCE,
        // There each part may take so long; whoever writes 3 means 3.
        (connect, read) => connect.max(read).unwrap_or(PATIENCE),
    };
    let mut tries = 0;
    loop {
        let answer = match tokio::time::timeout(patience, http.send(MOST)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", patience.as_secs_f64())),
        };
        match answer {
            Ok(answer) => return Ok(output(&answer)),
            Err(why) if tries >= request.max_retries.min(10) => return Err(brief::line(&why, SAID)),
            Err(_) => tries += 1,
        }
    }
}

fn http_request(request: &Request) -> Result<HttpRequest, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let wrong = || format!("header {name} cannot be sent");
        let name: HeaderName = name.parse().map_err(|_| wrong())?;
        headers.insert(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    let mut url = request.url.clone();
    let mut add = |query: &str| {
        if !query.is_empty() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(query);
        }
    };
    let encoded = |pairs: &[(String, String)]| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(pairs).finish()
    };
    let is_get = request.method == "GET";
    let body = match &request.body {
        Body::Empty => Vec::new(),
        Body::Query(pairs) => {
            add(&encoded(pairs));
            Vec::new()
        }
        Body::Raw(text) if is_get => {
            add(text);
            Vec::new()
        }
        Body::Raw(text) => text.clone().into_bytes(),
        Body::Form(pairs) => {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.entry(CONTENT_TYPE).or_insert(form);
            encoded(pairs).into_bytes()
        }
        Body::Json(value) => value.to_string().into_bytes(),
    };
    let method = Method::from_bytes(request.method.as_bytes());
    let method = method.map_err(|_| format!("{} is no method", brief::line(&request.method, 20)))?;
    Ok(HttpRequest { method, url, headers, body, verify_tls: request.verify_tls })
}

/// The answer; its body is read as JSON if it says that it is just that (`chaoslib/provider/http.py`).
fn output(answer: &http::Response<Vec<u8>>) -> Value {
    let headers: Map<String, Value> = answer
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned().into())
        })
        .collect();
    let text = String::from_utf8_lossy(answer.body());
    let is_json = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let parsed = if is_json { serde_json::from_str(&text).ok() } else { None };
    let body = parsed.unwrap_or_else(|| Value::from(text.into_owned()));
    json!({"status": answer.status().as_u16(), "headers": headers, "body": body})
}

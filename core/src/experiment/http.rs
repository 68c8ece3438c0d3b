//! The http provider (`chaoslib/provider/http.py`).

use std::time::Duration;

use serde_json::{Map, Value};

use super::activity::{fault, seconds};
use super::node::{Content, Fault, Node, object};
use super::python;
use super::substitute::Values;

/// A request as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// The address.
    pub url: String,
    /// The method in capitals; GET if the file says none.
    pub method: String,
    /// Headers.
    pub headers: Map<String, Value>,
    /// Seconds, or two of them: to connect and between two reads.
    pub timeout: Option<Value>,
    /// The query of a GET, the body of others: a map, a list or a text.
    pub arguments: Option<Value>,
    /// Whether certificates are verified.
    pub verify_tls: bool,
    /// How often a connection is tried again.
    pub max_retries: u64,
}

/// A request to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The address without what is in `body`.
    pub url: String,
    /// The method in capitals.
    pub method: String,
    /// Headers; the caller adds `Content-Type` for a form.
    pub headers: Vec<(String, String)>,
    /// How long connecting may last, if the file says it.
    pub connect_timeout: Option<Duration>,
    /// How long the server may be silent, if the file says it.
    pub read_timeout: Option<Duration>,
    /// What is sent.
    pub body: Body,
    /// Whether certificates are verified.
    pub verify_tls: bool,
    /// How often a connection is tried again.
    pub max_retries: u64,
}

/// What is sent with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// Pairs for the address' query.
    Query(Vec<(String, String)>),
    /// Pairs of a form.
    Form(Vec<(String, String)>),
    /// JSON.
    Json(Value),
    /// A text: a whole query of a GET, the body of others.
    Raw(String),
}

impl Http {
    pub(super) fn read(node: &Node) -> Result<Self, Fault> {
        let text = |key: &str| match node.get(key) {
            None => Ok(None),
            Some(given) => match given.text() {
                Some(text) => Ok(Some(text.to_owned())),
                None => Err(fault(given, format!("{key} has to be a text"))),
            },
        };
        let url = text("url")?.filter(|url| !url.is_empty());
        let headers = match node.get("headers").map(|given| (&given.content, given)) {
            None => Map::new(),
            Some((Content::Map(pairs), _)) => object(pairs),
            Some((_, given)) => return Err(fault(given, "headers have to be a map of names to values")),
        };
        let verify_tls = match node.get("verify_tls") {
            None => true,
            Some(given) => given.flag().ok_or_else(|| fault(given, "verify_tls has to be true or false"))?,
        };
        let max_retries = match node.get("max_retries") {
            None => 0,
            Some(given) => given
                .value()
                .as_u64()
                .filter(|number| *number <= 100)
                .ok_or_else(|| fault(given, "max_retries has to be a number from 0 to 100"))?,
        };
        let timeout = node.get("timeout").map(Node::value);
        if let Some((timeout, given)) = timeout.as_ref().zip(node.get("timeout"))
            && !timeout.as_str().is_some_and(|text| text.contains('$'))
        {
            times(timeout).map_err(|why| fault(given, why))?;
        }
        Ok(Self {
            url: url.ok_or_else(|| fault(node, "the http provider has no url"))?,
            method: text("method")?.unwrap_or_else(|| "GET".into()).to_ascii_uppercase(),
            headers,
            timeout,
            arguments: node.get("arguments").map(Node::value),
            verify_tls,
            max_retries,
        })
    }

    /// Returns the request with all variables filled in.
    ///
    /// # Errors
    /// What cannot be sent.
    pub fn request(&self, values: &Values) -> Result<Request, String> {
        let headers: Vec<(String, String)> = self
            .headers
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), python::text(&values.fill(value))))
            .collect();
        let (connect_timeout, read_timeout) = match &self.timeout {
            Some(timeout) => times(&values.fill(timeout))?,
            None => (None, None),
        };
        let arguments = self.arguments.as_ref().map(|given| values.fill_arguments(given));
        let is_json = headers
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case("content-type") && value == "application/json");
        let body = match arguments {
            None => Body::Empty,
            Some(arguments) if !python::is_true(&arguments) => Body::Empty,
            Some(arguments) if is_json && self.method != "GET" => Body::Json(arguments),
            Some(Value::String(text)) => Body::Raw(text),
            Some(arguments) if self.method == "GET" => Body::Query(pairs(&arguments)?),
            Some(arguments) => Body::Form(pairs(&arguments)?),
        };
        Ok(Request {
            url: python::text(&values.fill_text(&self.url)),
            method: self.method.clone(),
            headers,
            connect_timeout,
            read_timeout,
            body,
            verify_tls: self.verify_tls,
            max_retries: self.max_retries,
        })
    }
}

/// Reads one number of seconds for both times, or two.
fn times(timeout: &Value) -> Result<(Option<Duration>, Option<Duration>), String> {
    let time = |value: &Value| {
        let given = Some(value).filter(|value| !value.is_null());
        given.map(seconds).transpose().map_err(|why| format!("timeout: {why}"))
    };
    match timeout.as_array().map(Vec::as_slice) {
        Some([connect, read]) => Ok((time(connect)?, time(read)?)),
        Some(_) => Err("timeout: a list needs two numbers, to connect and to read".into()),
        None => time(timeout).map(|time| (time, time)),
    }
}

/// Makes pairs as requests does: a list gives its name once for each value, null none.
fn pairs(arguments: &Value) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let mut add = |name: &str, value: &Value| match value {
        Value::Null => {}
        Value::Array(values) => {
            let values = values.iter().filter(|value| !value.is_null());
            found.extend(values.map(|value| (name.to_owned(), python::text(value))));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            found.push((name.to_owned(), python::text(value)));
        }
    };
    match arguments {
        Value::Object(map) => map.iter().for_each(|(name, value)| add(name, value)),
        Value::Array(list) => {
            for pair in list {
                match pair.as_array().map(Vec::as_slice) {
                    Some([name, value]) => add(&python::text(name), value),
                    _ => return Err("arguments: a list has to be of pairs".into()),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err("arguments have to be a map, a list of pairs or a text".into());
        }
    }
    Ok(found)
}

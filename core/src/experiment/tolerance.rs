//! What the output of a probe has to be (`chaoslib/hypothesis.py`).
//!
//! Read more generously than there: a regular expression or range without `target` on the output of a request or a
//! program is about its body, its stdout or its status, where chaoslib crashes without a journal. A target whose value is
//! no text is searched as JSON.

use std::cmp::Ordering;

use regex_lite::{Regex, RegexBuilder};
use serde_json::Value;

use super::activity::{Activity, Part, fault};
use super::json_path::JsonPath;
use super::node::{Content, Fault, Node};
use super::python;
use super::substitute::Values;
use crate::brief;

/// What an output has to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Tolerance {
    /// The output itself.
    Flag(bool),
    /// The output, or the `status` of it.
    Whole(i64),
    /// The output.
    Text(String),
    /// Two numbers: the output is between them. Otherwise, and of a `status`: it is one of these.
    List(Vec<Value>),
    /// A regular expression is found.
    Regex {
        /// The field of the output that is meant.
        target: Option<String>,
        /// What is searched.
        pattern: String,
    },
    /// A number is between both, or is one of them.
    Range {
        /// The field of the output that is meant.
        target: Option<String>,
        /// The least.
        low: f64,
        /// The most.
        high: f64,
    },
    /// A path leads to something.
    JsonPath {
        /// The field of the output that is meant.
        target: Option<String>,
        /// The path.
        path: String,
        /// To exactly so many values.
        count: Option<u64>,
        /// To exactly these values, or to one that is this. It comes before the count.
        expect: Option<Value>,
    },
    /// A probe that gets the output as its argument `value`, and whose own output is true.
    Probe(Box<Activity>),
}

impl Tolerance {
    pub(super) fn read(node: &Node) -> Result<Self, Fault> {
        match &node.content {
            Content::Scalar(Value::Bool(flag)) => Ok(Self::Flag(*flag)),
            Content::Scalar(Value::String(text)) => Ok(Self::Text(text.clone())),
            Content::Scalar(Value::Number(number)) => match number.as_i64() {
                Some(whole) => Ok(Self::Whole(whole)),
                None => Err(fault(
                    node,
                    "a number with a fraction has to be a range: {type: range, range: [LOW, HIGH]}",
                )),
            },
            Content::List(items) => Ok(Self::List(items.iter().map(Node::value).collect())),
            Content::Map(_) => Self::of_type(node),
            Content::Scalar(_) => {
                Err(fault(node, "it has to be true, false, a whole number, a text, a list or a map"))
            }
        }
    }

    fn of_type(node: &Node) -> Result<Self, Fault> {
        let target = node.get("target").and_then(Node::text).filter(|target| !target.is_empty());
        let target = target.map(str::to_owned);
        let text = |key: &str| {
            let text = node.get(key).and_then(Node::text).filter(|text| !text.trim().is_empty());
            text.ok_or_else(|| fault(node, format!("it has no {key}, which has to be a text")))
        };
        match node.get("type").and_then(Node::text) {
            Some("probe") => Ok(Self::Probe(Box::new(Activity::read(node, Part::Tolerance)?))),
            Some("regex") => {
                let pattern = text("pattern")?;
                if !pattern.contains("${") {
                    regex(pattern).map_err(|why| fault(node, why))?;
                }
                Ok(Self::Regex { target, pattern: pattern.to_owned() })
            }
            Some("range") => {
                let wrong = || fault(node, "it has no range, which has to be a list of two numbers");
                let bounds = node.get("range").and_then(Node::items).ok_or_else(wrong)?;
                match bounds.iter().map(|bound| python::number(&bound.value())).collect::<Vec<_>>().as_slice()
                {
                    [Some(low), Some(high)] => Ok(Self::Range { target, low: *low, high: *high }),
                    _ => Err(wrong()),
                }
            }
            Some("jsonpath") => {
                let path = text("path")?.trim();
                if !path.contains("${") {
                    JsonPath::read(path).map_err(|why| fault(node, why))?;
                }
                let count = match node.get("count") {
                    None => None,
                    Some(given) => Some(
                        given
                            .value()
                            .as_u64()
                            .ok_or_else(|| fault(given, "count has to be a whole number"))?,
                    ),
                };
                let expect =
                    node.pairs().iter().find(|(key, _)| key == "expect").map(|(_, node)| node.value());
                Ok(Self::JsonPath { target, path: path.to_owned(), count, expect })
            }
            _ => Err(fault(node, "its type has to be probe, regex, jsonpath or range")),
        }
    }

    /// Returns the probe that judges, if it is one.
    pub fn probe(&self) -> Option<&Activity> {
        match self {
            Self::Probe(activity) => Some(activity),
            Self::Flag(_)
            | Self::Whole(_)
            | Self::Text(_)
            | Self::List(_)
            | Self::Regex { .. }
            | Self::Range { .. }
            | Self::JsonPath { .. } => None,
        }
    }

    /// Returns it with variables filled in: in a text, a pattern, a path and what a path is expected to lead to.
    ///
    /// # Errors
    /// What the variables make of it is no tolerance.
    pub fn filled(&self, values: &Values) -> Result<Self, String> {
        match self {
            Self::Text(text) => Self::read(&Node::of(&values.fill_text(text), 0))
                .map_err(|fault| format!("tolerance: {}", fault.why)),
            Self::Regex { target, pattern } => {
                Ok(Self::Regex { target: target.clone(), pattern: python::text(&values.fill_text(pattern)) })
            }
            Self::JsonPath { target, path, count, expect } => Ok(Self::JsonPath {
                target: target.clone(),
                path: python::text(&values.fill_text(path)),
                count: *count,
                expect: expect.as_ref().map(|expect| values.fill(expect)),
            }),
            Self::Flag(_) | Self::Whole(_) | Self::List(_) | Self::Range { .. } | Self::Probe(_) => {
                Ok(self.clone())
            }
        }
    }

    /// Whether an output is within the tolerance; variables have to be filled in.
    ///
    /// # Errors
    /// Why it cannot be said: the output has another form, or the pattern or path is wrong. Chaos Toolkit crashes there;
    /// as little as with it is the hypothesis met. A probe judges itself: it has to be run.
    pub fn met(&self, output: &Value) -> Result<bool, String> {
        match self {
            Self::Flag(flag) => Ok(python::equal(output, &Value::Bool(*flag))),
            Self::Text(text) => Ok(output.as_str() == Some(text)),
            Self::Whole(whole) => Ok(python::equal(status(output).unwrap_or(output), &(*whole).into())),
            Self::List(list) => match (status(output), list.as_slice()) {
                (None, [low, high]) => between(low, output, high),
                (status, all) => Ok(all.iter().any(|one| python::equal(one, status.unwrap_or(output)))),
            },
            Self::Regex { target, pattern } => {
                let searched = targeted(output, target.as_deref(), &["body", "stdout"]);
                if searched.is_null() {
                    return Ok(false);
                }
                let text = searched.as_str().map_or_else(|| searched.to_string(), str::to_owned);
                Ok(regex(pattern)?.is_match(&text))
            }
            Self::Range { target, low, high } => {
                let value = targeted(output, target.as_deref(), &["status"]);
                let number = match value.as_str() {
                    Some(text) => text.trim().parse().ok(),
                    None => python::number(value),
                };
                Ok(number.is_some_and(|number| (*low..=*high).contains(&number)))
            }
            Self::JsonPath { target, path, count, expect } => {
                let value = targeted(output, target.as_deref(), &[]);
                let parsed = value.as_str().and_then(|text| serde_json::from_str(text).ok());
                let path = JsonPath::read(path)?;
                let found = path.find(parsed.as_ref().unwrap_or(value))?;
                Ok(match (expect, count) {
                    (Some(Value::Array(expected)), _) => {
                        let pairs = || found.iter().zip(expected);
                        found.len() == expected.len() && pairs().all(|(a, b)| python::equal(a, b))
                    }
                    (Some(expected), _) => {
                        found.len() == 1 && found.iter().all(|one| python::equal(one, expected))
                    }
                    (None, Some(count)) => u64::try_from(found.len()) == Ok(*count),
                    (None, None) => !found.is_empty(),
                })
            }
            Self::Probe(probe) => Err(format!("the probe '{}' judges it", brief::line(&probe.name, 60))),
        }
    }
}

/// Returns the status of the output of a request or a program.
fn status(output: &Value) -> Option<&Value> {
    output.as_object()?.get("status")
}

/// Returns the field that is meant; without a target, the first of these if the output is of a request or a program.
fn targeted<'v>(output: &'v Value, target: Option<&str>, fields: &[&str]) -> &'v Value {
    let Some(map) = output.as_object() else { return output };
    let found = match target {
        Some(target) => map.get(target),
        None if map.contains_key("status") => fields.iter().find_map(|field| map.get(*field)),
        None => None,
    };
    found.unwrap_or(output)
}

/// Whether `low <= value <= high`, for numbers and for texts.
fn between(low: &Value, value: &Value, high: &Value) -> Result<bool, String> {
    let ordered = |a: &Value, b: &Value| match (python::number(a), python::number(b), a.as_str(), b.as_str())
    {
        (Some(a), Some(b), ..) => Some(a.partial_cmp(&b).is_some_and(Ordering::is_le)),
        (_, _, Some(a), Some(b)) => Some(a <= b),
        _ => None,
    };
    let both = ordered(low, value).zip(ordered(value, high));
    both.map(|(low, high)| low && high).ok_or_else(|| {
        let shown = brief::line(&value.to_string(), 60);
        format!("{shown} cannot be compared with {low} and {high}")
    })
}

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 1000;

/// Reads a regular expression of Python as far as it is the same here.
pub(super) fn regex(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN {
        return Err(format!("the pattern is longer than {MAX_PATTERN} bytes"));
    }
    for (form, what) in [
        ("(?=", "look-ahead"),
        ("(?!", "look-ahead"),
        ("(?<=", "look-behind"),
        ("(?<!", "look-behind"),
        ("(?P=", "a back reference"),
    ] {
        if pattern.contains(form) {
            return Err(format!("the pattern has {what} {form}...), which is not supported"));
        }
    }
    // Python's end of the text.
    let pattern = pattern.replace(r"\Z", r"\z");
    RegexBuilder::new(&pattern)
        .size_limit(1 << 20)
        .build()
        .map_err(|error| format!("the pattern is wrong: {}", brief::line(&error.to_string(), 120)))
}

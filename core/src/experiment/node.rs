//! A document with the line of every value, keys in the order of the file.

mod json;
mod yaml;

use serde_json::{Map, Value};

use crate::brief;
use crate::error::Error;

/// As many levels are read at most: what walks a document calls itself for each. Experiments have about ten.
const MAX_DEPTH: usize = 32;

/// As many values are read at most; an alias of YAML counts as what it stands for.
const MAX_VALUES: usize = 100_000;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// The line in the file, from 1.
    pub(super) line: u64,
    pub(super) content: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    /// Neither list nor map.
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// What a document is refused for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line, where it is known.
    pub(super) line: Option<u64>,
    pub(super) why: String,
}

impl Fault {
    fn twice(key: &str, line: u64) -> Self {
        Self { line: Some(line), why: format!("the key '{}' is there twice", brief::line(key, 60)) }
    }
}

/// Reads JSON or YAML; the name of the file decides, and where it says nothing, the text.
pub(super) fn read(text: &str, file: &str) -> Result<Node, Fault> {
    let text = text.trim_start_matches('\u{feff}');
    let ends = |ending: &str| file.to_ascii_lowercase().ends_with(ending);
    if ends(".json") {
        return json::read(text);
    }
    if ends(".yaml") || ends(".yml") || !text.trim_start().starts_with('{') {
        return yaml::read(text);
    }
    json::read(text).or_else(|fault| yaml::read(text).map_err(|_| fault))
}

impl Node {
    /// Returns the value without lines.
    pub(super) fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Content::Map(pairs) => Value::Object(object(pairs)),
        }
    }

    /// Returns the value of a key; a null is as good as no key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let found = self.pairs().iter().find(|(name, _)| name == key).map(|(_, node)| node);
        found.filter(|node| node.content != Content::Scalar(Value::Null))
    }

    /// Returns the pairs of a map, none of anything else.
    pub(super) fn pairs(&self) -> &[(String, Self)] {
        if let Content::Map(pairs) = &self.content { pairs } else { &[] }
    }

    /// Returns the values of a list.
    pub(super) fn items(&self) -> Option<&[Self]> {
        if let Content::List(items) = &self.content { Some(items) } else { None }
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.content, Content::Map(_))
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Content::Scalar(Value::String(text)) = &self.content { Some(text) } else { None }
    }

    pub(super) fn flag(&self) -> Option<bool> {
        if let Content::Scalar(Value::Bool(flag)) = &self.content { Some(*flag) } else { None }
    }
}

/// Returns pairs as a map without lines.
pub(super) fn object(pairs: &[(String, Node)]) -> Map<String, Value> {
    pairs.iter().map(|(key, node)| (key.clone(), node.value())).collect()
}

impl Node {
    /// Returns a value as if it stood in one line.
    pub(super) fn of(value: &Value, line: u64) -> Self {
        let content = match value {
            Value::Array(items) => Content::List(items.iter().map(|item| Self::of(item, line)).collect()),
            Value::Object(fields) => {
                Content::Map(fields.iter().map(|(key, field)| (key.clone(), Self::of(field, line))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Content::Scalar(value.clone())
            }
        };
        Self { line, content }
    }
}

impl Fault {
    /// Returns it as an error of a file.
    pub(super) fn at(&self, file: &str) -> Error {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        Error::usage(format!("{file}{line}: {}", self.why))
    }
}

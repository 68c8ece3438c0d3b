//! Settings and secrets: what the file says of them (`chaoslib/configuration.py`, `secret.py`).

mod load;

use serde_json::Value;

use super::activity::{Activity, Part};
use super::node::{Fault, Node};
use super::python;
use crate::brief;
use crate::listed::listed;

/// One setting under `configuration`.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Where its value comes from.
    pub source: SettingSource,
    /// The line in the file.
    pub line: u64,
}

/// Where the value of a setting comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingSource {
    /// The file.
    Plain(Value),
    /// A variable of the environment.
    Environment {
        /// Its name.
        key: String,
        /// The value where the variable is not set.
        default: Option<Value>,
        /// What it becomes.
        kind: VariableType,
    },
    /// A probe that runs before the experiment.
    Probe(Box<Activity>),
}

/// A value under `secrets`.
#[derive(Clone, Debug, PartialEq)]
pub struct Secret {
    /// The name by which it is filled in: the last key.
    pub name: String,
    /// Where its value comes from.
    pub source: SecretSource,
    /// The line in the file.
    pub line: u64,
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum SecretSource {
    /// The file.
    Plain(Value),
    /// A variable of the environment.
    Environment(String),
    /// A vault: refused.
    Vault,
}

listed! {
    /// What the text of a variable becomes (`chaoslib/__init__.py: convert_to_type`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum VariableType {
        /// The text.
        #[default]
        Text,
        /// A whole number.
        Integer,
        /// A number.
        Number,
        /// Bytes; here the text.
        Bytes,
        /// False for false, 0 and no.
        Flag,
        /// What the text is as JSON.
        Json,
    }
}

impl VariableType {
    /// Returns its names in files and in `--var`.
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Text => &["str", "string"],
            Self::Integer => &["int", "integer"],
            Self::Number => &["float", "number"],
            Self::Bytes => &["bytes"],
            Self::Flag => &["bool"],
            Self::Json => &["json"],
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// A sentence with the names that are known.
    pub fn read(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.names().contains(&name));
        found.ok_or_else(|| {
            format!("'{}' is none of str, int, float, bytes, bool, json", brief::line(name, 40))
        })
    }

    /// Returns a text as this.
    ///
    /// # Errors
    /// A sentence without the text, which may be a secret.
    pub fn convert(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Text | Self::Bytes => Ok(text.into()),
            Self::Integer => {
                text.trim().parse::<i64>().map(Value::from).map_err(|_| "it is not a whole number".into())
            }
            Self::Number => match text.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(number.into()),
                _ => Err("it is not a number".into()),
            },
            Self::Flag => Ok((!["false", "0", "no"].contains(&text.to_lowercase().as_str())).into()),
            Self::Json if text.is_empty() => Ok(text.into()),
            Self::Json => serde_json::from_str(text).map_err(|_| "it is not JSON".into()),
        }
    }

    /// The same of a default, which need not be a text.
    fn of_default(self, default: &Value) -> Result<Value, String> {
        match (self, default) {
            (_, Value::String(text)) => self.convert(text),
            (Self::Integer, Value::Number(number)) => match number.as_f64().map(f64::trunc) {
                #[allow(clippy::cast_possible_truncation, reason = "as int() does")]
                Some(whole) if number.is_f64() => Ok((whole as i64).into()),
                _ => Ok(default.clone()),
            },
            (Self::Number, Value::Number(number)) => Ok(number.as_f64().into()),
            (Self::Flag, other) => Ok(python::is_true(other).into()),
            (Self::Text | Self::Integer | Self::Number | Self::Bytes | Self::Json, other) => {
                Ok(other.clone())
            }
        }
    }
}

pub(super) fn settings(experiment: &Node) -> Result<Vec<Setting>, Fault> {
    let pairs = experiment.get("configuration").map(Node::pairs).unwrap_or_default();
    pairs.iter().map(|(name, node)| setting(name, node)).collect()
}

fn setting(name: &str, node: &Node) -> Result<Setting, Fault> {
    let shown = brief::line(name, 60);
    let wrong = |why: String| Fault { line: Some(node.line), why: format!("configuration {shown}: {why}") };
    let source = match node.get("type").and_then(Node::text) {
        Some("env") => {
            let key = node.get("key").and_then(Node::text).ok_or_else(|| wrong("it has no key".into()))?;
            let kind =
                node.get("env_var_type").map(|kind| VariableType::read(kind.text().unwrap_or_default()));
            let default = node.pairs().iter().find(|(key, _)| key == "default").map(|(_, node)| node.value());
            let kind = kind.transpose().map_err(|why| wrong(format!("env_var_type: {why}")))?;
            SettingSource::Environment { key: key.to_owned(), default, kind: kind.unwrap_or_default() }
        }
        Some("probe") => {
            // A probe of a setting needs no name with Chaos Toolkit.
            let mut node = node.clone();
            if node.get("name").is_none()
                && let super::node::Content::Map(pairs) = &mut node.content
            {
                let content = super::node::Content::Scalar(name.into());
                pairs.push(("name".into(), Node { line: node.line, content }));
            }
            let probe = Activity::read(&node, Part::Configuration);
            SettingSource::Probe(Box::new(probe.map_err(|fault| Fault {
                line: fault.line,
                why: format!("configuration {shown}: {}", fault.why),
            })?))
        }
        _ => SettingSource::Plain(node.value()),
    };
    Ok(Setting { name: name.to_owned(), source, line: node.line })
}

pub(super) fn secrets(experiment: &Node) -> Vec<Secret> {
    let mut found = Vec::new();
    if let Some(secrets) = experiment.get("secrets") {
        leaves(secrets, &mut found);
    }
    found
}

fn leaves(node: &Node, found: &mut Vec<Secret>) {
    for (name, node) in node.pairs() {
        let source = match node.get("type").and_then(Node::text) {
            Some("env") => {
                SecretSource::Environment(node.get("key").and_then(Node::text).unwrap_or_default().to_owned())
            }
            Some("vault") => SecretSource::Vault,
            _ if node.is_map() => {
                leaves(node, found);
                continue;
            }
            _ => SecretSource::Plain(node.value()),
        };
        found.push(Secret { name: name.clone(), source, line: node.line });
    }
}

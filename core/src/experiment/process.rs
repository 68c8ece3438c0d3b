//! The process provider (`chaoslib/provider/process.py`).

use std::time::Duration;

use serde_json::Value;

use super::activity::{fault, seconds};
use super::node::{Content, Fault, Node};
use super::python;
use super::substitute::Values;

/// A program as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// The program: a path, or a name that is looked up.
    pub path: String,
    /// Its arguments.
    pub arguments: ProcessArguments,
    /// Seconds after which it is ended; without it, it has as long as it wants.
    pub timeout: Option<Value>,
}

/// The forms that arguments of a program have.
#[derive(Clone, Debug, PartialEq)]
pub enum ProcessArguments {
    /// One by one.
    List(Vec<Value>),
    /// Names and values, in the order of the file; each becomes two arguments.
    Map(Vec<(String, Value)>),
    /// A line for the shell.
    Line(String),
}

/// A command to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A program with arguments.
    Program {
        /// The program: a path, or a name to look up in `PATH`; a `~` at its begin is the home directory.
        path: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// A line for `/bin/sh -c`: the program, found as above, a blank, and the rest.
    Shell {
        /// The program, as in the other form.
        path: String,
        /// What stands after it, for the shell to read.
        rest: String,
    },
}

impl Process {
    pub(super) fn read(node: &Node) -> Result<Self, Fault> {
        let path = node.get("path").and_then(Node::text).filter(|path| !path.is_empty());
        let path = path.ok_or_else(|| fault(node, "the process provider has no path"))?.to_owned();
        let arguments = match node.get("arguments") {
            None => ProcessArguments::List(Vec::new()),
            Some(given) => match &given.content {
                Content::List(items) => ProcessArguments::List(items.iter().map(Node::value).collect()),
                Content::Map(pairs) => ProcessArguments::Map(
                    pairs.iter().map(|(name, value)| (name.clone(), value.value())).collect(),
                ),
                Content::Scalar(Value::String(line)) => ProcessArguments::Line(line.clone()),
                Content::Scalar(_) => {
                    return Err(fault(given, "arguments have to be a list, a map or a text"));
                }
            },
        };
        Ok(Self { path, arguments, timeout: node.get("timeout").map(Node::value) })
    }

    /// Returns the command with all variables filled in.
    ///
    /// # Errors
    /// Which argument is neither a text nor a number.
    pub fn command(&self, values: &Values) -> Result<Command, String> {
        let path = self.path.clone();
        let list = match &self.arguments {
            ProcessArguments::Line(line) => match values.fill_arguments(&Value::String(line.clone())) {
                Value::String(rest) => return Ok(Command::Shell { path, rest }),
                Value::Array(list) => list,
                Value::Object(map) => {
                    map.into_iter().flat_map(|(name, value)| [name.into(), value]).collect()
                }
                other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => vec![other],
            },
            ProcessArguments::List(list) => list.iter().map(|item| values.fill_arguments(item)).collect(),
            ProcessArguments::Map(pairs) => {
                let pair = |(name, value): &(String, Value)| {
                    [Value::from(name.clone()), values.fill_arguments(value)]
                };
                pairs.iter().flat_map(pair).collect()
            }
        };
        // chaoslib leaves out what is null or empty.
        let given = list.iter().filter(|item| !item.is_null() && item.as_str() != Some(""));
        let text = |item: &Value| match item {
            Value::Array(_) | Value::Object(_) => {
                Err("arguments: each has to be a text or a number".to_owned())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(python::text(item)),
        };
        Ok(Command::Program { path, arguments: given.map(text).collect::<Result<_, _>>()? })
    }

    /// Returns after how long it is ended, if the file says it.
    ///
    /// # Errors
    /// Why it is no time.
    pub fn time_limit(&self, values: &Values) -> Result<Option<Duration>, String> {
        let limit = self.timeout.as_ref().map(|timeout| seconds(&values.fill(timeout)));
        limit.transpose().map_err(|why| format!("timeout: {why}"))
    }
}

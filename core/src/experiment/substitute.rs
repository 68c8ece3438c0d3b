//! `${name}` replaced by the values of settings and secrets (`chaoslib/__init__.py: substitute`).
//!
//! A text that is nothing but `${name}` becomes the value with its type; elsewhere values are written as Python writes
//! them. `$name` counts too, `$$` is a dollar sign, and what is not known stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::activity::Activity;
use super::python;
use crate::scrub::Scrubber;

/// The values of settings and secrets by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    pub(super) settings: BTreeMap<String, Value>,
    /// Secrets by name; settings come before them.
    pub(super) secrets: BTreeMap<String, Value>,
    /// What must not be shown, also what no name leads to.
    pub(super) hidden: BTreeSet<String>,
    /// Settings that a probe finds out, in the order of the file.
    pub(super) dynamic: Vec<(String, Activity)>,
    /// Those of them whose probe has not been run.
    pub(super) pending: BTreeSet<String>,
}

impl Values {
    /// Returns the settings whose value a probe finds out, in the order in which the probes have to run.
    ///
    /// What of an output becomes the value says [`Values::set_output`].
    pub fn dynamic(&self) -> &[(String, Activity)] {
        &self.dynamic
    }

    /// Gives a setting the value that its probe found: of a request the body, of a program what it printed without blanks
    /// around it, of a function all (`chaoslib/configuration.py: load_dynamic_configuration`).
    ///
    /// # Errors
    /// A program that ended with another status than 0.
    pub fn set_output(&mut self, name: &str, output: &Value) -> Result<(), String> {
        use super::activity::Provider;
        let activity = self.dynamic.iter().find(|(known, _)| known == name).map(|(_, activity)| activity);
        let value = match activity.map(|activity| &activity.provider) {
            Some(Provider::Http(_)) => output["body"].clone(),
            Some(Provider::Process(_)) if output["status"] != 0 => {
                return Err(format!("its program ended with status {}", output["status"]));
            }
            Some(Provider::Process(_)) => output["stdout"].as_str().unwrap_or_default().trim().into(),
            Some(Provider::Function(_)) | None => output.clone(),
        };
        self.pending.remove(name);
        self.settings.insert(name.to_owned(), value);
        Ok(())
    }

    /// Returns a setting's value.
    pub fn setting(&self, name: &str) -> Option<&Value> {
        self.settings.get(name)
    }

    /// Returns what masks the secrets. A secret of less than 4 bytes is not masked: it would be found everywhere.
    pub fn scrubber(&self) -> Scrubber {
        Scrubber::knowing(self.hidden.iter().map(String::as_str))
    }

    /// Whether a value names a setting that is not known yet.
    pub fn waits_for_a_probe(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self
                .pending
                .iter()
                .any(|name| text.contains(&format!("${{{name}}}")) || text.contains(&format!("${name}"))),
            Value::Array(items) => items.iter().any(|item| self.waits_for_a_probe(item)),
            Value::Object(fields) => fields.values().any(|field| self.waits_for_a_probe(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Returns a value with all texts in it filled in; keys stay as they are.
    pub fn fill(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.fill_text(text),
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(key, field)| (key.clone(), self.fill(field))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// The same for arguments, which chaoslib leaves alone where an experiment has neither settings nor secrets: `$$` is
    /// two dollar signs then.
    pub(super) fn fill_arguments(&self, value: &Value) -> Value {
        if self.settings.is_empty() && self.secrets.is_empty() { value.clone() } else { self.fill(value) }
    }

    /// Returns a text filled in.
    pub fn fill_text(&self, text: &str) -> Value {
        if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
            && let Some(value) = self.known(name)
        {
            return value.clone();
        }
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            filled.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                filled.push('$');
                rest = after;
                continue;
            }
            let (name, length) = name_at(after);
            if let Some(value) = self.known(name) {
                filled.push_str(&python::text(value));
                rest = after.get(length..).unwrap_or_default();
            } else {
                filled.push('$');
                rest = after;
            }
        }
        filled.push_str(rest);
        filled.into()
    }

    fn known(&self, name: &str) -> Option<&Value> {
        self.settings.get(name).or_else(|| self.secrets.get(name))
    }
}

/// Returns the name after a dollar sign and the length of it with its braces; an empty one if there is none.
fn name_at(text: &str) -> (&str, usize) {
    let (inner, braces) = match text.strip_prefix('{') {
        Some(inner) => (inner, 2),
        None => (text, 0),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = inner.find(|c| !is_name(c)).unwrap_or(inner.len());
    let (name, after) = inner.split_at(end);
    let whole = braces == 0 || after.starts_with('}');
    let starts = name.starts_with(|c: char| !c.is_ascii_digit());
    if whole && starts { (name, end + braces) } else { ("", 0) }
}

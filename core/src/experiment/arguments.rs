//! Arguments of a function: each is asked for by its name, and what was not is refused.

use serde_json::{Map, Value};

use super::activity::Call;
use super::moment::Moment;
use super::substitute::Values;
use crate::brief;

/// The arguments of one call, filled in.
pub(super) struct Arguments<'a> {
    call: &'a Call,
    values: &'a Values,
    asked: Vec<&'static str>,
}

impl<'a> Arguments<'a> {
    pub(super) fn of(call: &'a Call, values: &'a Values) -> Self {
        Self { call, values, asked: Vec::new() }
    }

    /// Returns an argument filled in; null is as good as none.
    pub(super) fn value(&mut self, name: &'static str) -> Option<Value> {
        self.asked.push(name);
        let given = self.call.arguments.get(name)?;
        Some(self.values.fill_arguments(given)).filter(|value| !value.is_null())
    }

    /// Knows an argument that does not count here.
    pub(super) fn passed_over(&mut self, name: &'static str) {
        self.asked.push(name);
    }

    /// Whether the type of an argument cannot be told yet, because a probe finds out its value.
    fn waits(&self, name: &str) -> bool {
        self.call.arguments.get(name).is_some_and(|given| self.values.waits_for_a_probe(given))
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        wanted: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.value(name) else { return Ok(None) };
        match read(&value) {
            Some(read) => Ok(Some(read)),
            None if self.waits(name) => Ok(None),
            None => {
                let shown = brief::line(&value.to_string(), 60);
                Err(format!("argument '{name}' has to be {wanted}, and it is {shown}"))
            }
        }
    }

    /// Reads a text; a number is written as one.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, String> {
        self.read(name, "a text", |value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        })
    }

    /// The same where the function cannot be called without it.
    pub(super) fn wanted(&mut self, name: &'static str) -> Result<String, String> {
        let missing = || format!("argument '{name}' is missing");
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(missing)
    }

    /// Reads a namespace; upstream's default is `default`, whatever the kubeconfig says.
    pub(super) fn namespace(&mut self) -> Result<String, String> {
        Ok(self.text("ns")?.unwrap_or_else(|| "default".into()))
    }

    /// Reads true or false; the environment gives them as text.
    pub(super) fn flag(&mut self, name: &'static str, default: bool) -> Result<bool, String> {
        let read = self.read(name, "true or false", |value| match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
        });
        Ok(read?.unwrap_or(default))
    }

    /// Reads a whole number; the environment gives it as text.
    pub(super) fn whole(&mut self, name: &'static str) -> Result<Option<i64>, String> {
        self.read(name, "a whole number", |value| match value {
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                value.as_i64()
            }
        })
    }

    /// Reads a number; the environment gives it as text.
    pub(super) fn number(&mut self, name: &'static str) -> Result<Option<f64>, String> {
        let read = self.read(name, "a number", |value| match value {
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                value.as_f64()
            }
        })?;
        Ok(read.filter(|number| number.is_finite()))
    }

    /// Reads a moment; an empty text is none.
    pub(super) fn moment(&mut self, name: &'static str) -> Result<Option<Moment>, String> {
        match self.text(name)?.filter(|text| !text.trim().is_empty()) {
            None => Ok(None),
            Some(_) if self.waits(name) => Ok(None),
            Some(text) => Moment::read(&text).map(Some).map_err(|why| format!("argument '{name}': {why}")),
        }
    }

    /// Reads a list.
    pub(super) fn list(&mut self, name: &'static str) -> Result<Option<Vec<Value>>, String> {
        self.read(name, "a list", |value| value.as_array().cloned())
    }

    /// Reads a map.
    pub(super) fn map(&mut self, name: &'static str) -> Result<Option<Map<String, Value>>, String> {
        self.read(name, "a map", |value| value.as_object().cloned())
    }

    /// Refuses what was not asked for.
    pub(super) fn end(&self) -> Result<(), String> {
        let is_strange = |name: &&String| !self.asked.contains(&name.as_str());
        let Some(stranger) = self.call.arguments.keys().find(is_strange) else { return Ok(()) };
        let stranger = brief::line(stranger, 60);
        let likeness = |known: &&&str| strsim::jaro_winkler(&stranger, known);
        let nearest = self.asked.iter().filter(|known| likeness(known) > 0.7);
        let nearest = nearest.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        Err(match nearest {
            Some(nearest) => format!("there is no argument '{stranger}': is {nearest} meant?"),
            None => format!("there is no argument '{stranger}': known are {}", self.asked.join(", ")),
        })
    }
}

//! The values of settings and secrets.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{SecretSource, SettingSource};
use crate::brief;
use crate::error::Error;
use crate::experiment::node::Node;
use crate::experiment::{Experiment, Given, Values};
use crate::scrub::is_secret_name;

impl Values {
    /// Returns the values of an experiment's settings and secrets.
    ///
    /// `variable` looks a variable of the environment up; one that is set and empty counts as set. Variables of files that
    /// were given come before it. Probes of settings are left to the caller ([`Values::dynamic`]); a vault is left to
    /// [`crate::experiment::findings`].
    ///
    /// # Errors
    /// A usage error that names every variable that is not set, or what is not of its type.
    pub fn load(
        experiment: &Experiment,
        given: &Given,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let variable = |key: &str| given.environment.get(key).cloned().or_else(|| variable(key));
        let mut values = Self::default();
        let mut missing = BTreeMap::new();
        given.known(experiment)?;
        for setting in &experiment.configuration {
            let place = format!("configuration {}", brief::line(&setting.name, 60));
            let wrong =
                |why: &str| Error::usage(format!("{}:{}: {place}: {why}", experiment.file, setting.line));
            // A file of variables may hold the whole definition of a setting.
            let swapped = match given.configuration.get(&setting.name) {
                Some(value) => Some(
                    super::setting(&setting.name, &Node::of(value, setting.line))
                        .map_err(|fault| wrong(&fault.why))?,
                ),
                None => None,
            };
            let is_secret = is_secret_name(&setting.name);
            match &swapped.as_ref().unwrap_or(setting).source {
                SettingSource::Plain(value) => {
                    if is_secret {
                        values.hide(value);
                    }
                    values.settings.insert(setting.name.clone(), value.clone());
                }
                SettingSource::Environment { key, default, kind } => {
                    let value = match (variable(key), default) {
                        (Some(text), _) => kind.convert(&text),
                        (None, Some(default)) => kind.of_default(default),
                        (None, None) => {
                            missing.insert(key.clone(), (place, setting.line));
                            continue;
                        }
                    };
                    let value = value.map_err(|why| wrong(&format!("variable {key}: {why}")))?;
                    if is_secret || is_secret_name(key) {
                        values.hide(&value);
                    }
                    values.settings.insert(setting.name.clone(), value);
                }
                SettingSource::Probe(activity) => {
                    values.pending.insert(setting.name.clone());
                    values.dynamic.push((setting.name.clone(), activity.as_ref().clone()));
                }
            }
        }
        for secret in &experiment.secrets {
            let value = match (given.secret(&secret.name), &secret.source) {
                (Some(value), _) | (None, SecretSource::Plain(value)) => value.clone(),
                (None, SecretSource::Vault) => continue,
                (None, SecretSource::Environment(key)) => {
                    let Some(text) = variable(key) else {
                        let place = format!("secret {}", brief::line(&secret.name, 60));
                        missing.insert(key.clone(), (place, secret.line));
                        continue;
                    };
                    text.into()
                }
            };
            values.hide(&value);
            values.secrets.entry(secret.name.clone()).or_insert(value);
        }
        refuse_missing(experiment, &missing)?;
        Ok(values)
    }

    fn hide(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                self.hidden.insert(text.clone());
            }
            Value::Number(number) => {
                self.hidden.insert(number.to_string());
            }
            Value::Array(items) => items.iter().for_each(|item| self.hide(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.hide(field)),
            Value::Null | Value::Bool(_) => {}
        }
    }
}

fn refuse_missing(experiment: &Experiment, missing: &BTreeMap<String, (String, u64)>) -> Result<(), Error> {
    if missing.is_empty() {
        return Ok(());
    }
    let place = |(key, (place, line)): (&String, &(String, u64))| {
        format!("{} ({place}, line {line})", brief::line(key, 80))
    };
    let all: Vec<String> = missing.iter().map(place).collect();
    let (verb, what) = if all.len() == 1 { ("is", "the variable") } else { ("are", "the variables") };
    let message = format!("{}: {what} {} {verb} not set", experiment.file, all.join(", "));
    let keys: Vec<String> = missing.keys().map(|key| format!("{key}=...")).collect();
    Err(Error::usage(message).next(format!("export {}", keys.join(" "))))
}

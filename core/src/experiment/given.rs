//! What the command line gives to an experiment: `--var` and `--var-file` (`chaoslib/__init__.py: merge_vars`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::configuration::VariableType;
use super::{Experiment, MAX_BYTES, node};
use crate::brief;
use crate::error::Error;

/// Values from outside of the experiment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// Settings by name.
    pub(super) configuration: Map<String, Value>,
    /// The names among them that were given one by one: each has to be known.
    named: Vec<String>,
    /// Secrets, as they would stand in the experiment.
    secrets: Map<String, Value>,
    /// Variables that come before those of the environment.
    pub(super) environment: BTreeMap<String, String>,
}

impl Given {
    /// Takes `NAME[:TYPE]=VALUE`.
    ///
    /// # Errors
    /// A usage error without the value, which may be a secret.
    pub fn variable(&mut self, text: &str) -> Result<(), Error> {
        let wrong = |why: &str| Error::usage(format!("--var: {why}"));
        let (name, value) = text.split_once('=').ok_or_else(|| wrong("NAME[:TYPE]=VALUE is wanted"))?;
        let (name, kind) = match name.rsplit_once(':') {
            Some((name, kind)) => (name, VariableType::read(kind).map_err(|why| wrong(&why))?),
            None => (name, VariableType::Text),
        };
        if name.is_empty() {
            return Err(wrong("NAME[:TYPE]=VALUE is wanted"));
        }
        let value = kind.convert(value).map_err(|why| wrong(&format!("{}: {why}", brief::line(name, 60))))?;
        self.configuration.insert(name.to_owned(), value);
        self.named.push(name.to_owned());
        Ok(())
    }

    /// Takes the text of a file: JSON or YAML with `configuration` and `secrets`, or lines of `NAME=VALUE` for the
    /// environment where its name ends otherwise.
    ///
    /// # Errors
    /// A usage error that names file and line, without values.
    pub fn file(&mut self, text: &str, file: &str) -> Result<(), Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::usage(format!("{file}: it is larger than 1 MiB")));
        }
        let ending = file.to_ascii_lowercase();
        if ![".json", ".yaml", ".yml"].iter().any(|known| ending.ends_with(known)) {
            return self.lines(text, file);
        }
        if text.trim().is_empty() {
            return Ok(());
        }
        let read = node::read(text, file).map_err(|fault| fault.at(file))?;
        let Value::Object(mut parts) = read.value() else {
            return Err(Error::usage(format!("{file}: it has to be a map with configuration and secrets")));
        };
        for (part, into) in [("configuration", &mut self.configuration), ("secrets", &mut self.secrets)] {
            match parts.remove(part) {
                None | Some(Value::Null) => {}
                Some(Value::Object(values)) => into.extend(values),
                Some(_) => return Err(Error::usage(format!("{file}: {part} has to be a map"))),
            }
        }
        Ok(())
    }

    fn lines(&mut self, text: &str, file: &str) -> Result<(), Error> {
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = line.split_once('=').ok_or_else(|| {
                Error::usage(format!("{file}:{}: NAME=VALUE is wanted, or a comment after #", index + 1))
            })?;
            self.environment.insert(name.to_owned(), value.to_owned());
        }
        Ok(())
    }

    /// Returns a secret that was given, wherever it stands.
    pub(super) fn secret(&self, name: &str) -> Option<&Value> {
        let group = |value: &'_ Value| value.as_object().is_some_and(|group| group.contains_key(name));
        let plain = self.secrets.get(name).filter(|value| !value.is_object());
        plain.or_else(|| self.secrets.values().find(|value| group(value)).map(|group| &group[name]))
    }

    /// Refuses a setting that the experiment does not have: Chaos Toolkit would go on without a word, and without it.
    pub(super) fn known(&self, experiment: &Experiment) -> Result<(), Error> {
        let is_known = |name: &String| experiment.configuration.iter().any(|setting| setting.name == *name);
        let Some(stranger) = self.named.iter().find(|name| !is_known(name)) else { return Ok(()) };
        let known: Vec<&str> = experiment.configuration.iter().map(|setting| setting.name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { brief::line(&known.join(", "), 200) };
        let stranger = brief::line(stranger, 60);
        Err(Error::usage(format!(
            "--var {stranger}: {} has no such setting under configuration; it has {known}",
            experiment.file
        )))
    }
}

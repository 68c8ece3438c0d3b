//! How Rollouts use templates, and what they give them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Object;

/// An argument of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    /// A text, with our variables.
    Text(String),
    /// A Secret's, which is not read.
    Secret(String),
    /// A field that is not read.
    Unread(String),
    /// It has to be given.
    Missing,
}

impl Argument {
    /// Reads an argument; `owner` is the object whose fields it may name.
    pub(super) fn of(value: &Value, owner: &Value) -> Self {
        let text = |value: &Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some(other.to_string())
            }
        };
        let from = &value["valueFrom"];
        if let Some(text) = text(&value["value"]) {
            return Self::Text(text);
        }
        if let Some(secret) = from["secretKeyRef"]["name"].as_str() {
            return Self::Secret(format!(
                "{secret}/{}",
                from["secretKeyRef"]["key"].as_str().unwrap_or_default()
            ));
        }
        match from["podTemplateHashValue"].as_str() {
            Some("Latest") => return Self::Text("${canary.hash}".to_owned()),
            Some("Stable") => return Self::Text("${stable.hash}".to_owned()),
            Some(_) | None => {}
        }
        match from["fieldRef"]["fieldPath"].as_str() {
            Some("metadata.namespace") => Self::Text("${namespace}".to_owned()),
            Some("metadata.name") => Self::Text("${deployment}".to_owned()),
            Some(path) => labelled(path, owner).map_or_else(|| Self::Unread(path.to_owned()), Self::Text),
            None => Self::Missing,
        }
    }

    /// Says what has to be given by hand.
    pub(super) fn why(&self, name: &str) -> Option<String> {
        match self {
            Self::Text(_) => None,
            Self::Secret(secret) => {
                Some(format!("{name} is of the Secret {secret}, which is not read without being asked"))
            }
            Self::Unread(path) => {
                Some(format!("{name} is the field {path}, which is not read: give --arg {name}=VALUE"))
            }
            Self::Missing => Some(format!("{name} has no value: give --arg {name}=VALUE")),
        }
    }
}

/// `metadata.labels['app']` and annotations.
fn labelled(path: &str, owner: &Value) -> Option<String> {
    let (map, rest) = path.strip_prefix("metadata.")?.split_once(['[', '.'])?;
    let key = rest.trim_end_matches(']').trim_matches(['\'', '"']);
    let known = ["labels", "annotations"].contains(&map);
    owner["metadata"].get(map).filter(|_| known)?.get(key)?.as_str().map(str::to_owned)
}

/// How Rollouts use a template.
#[derive(Clone, Debug, Default)]
pub(super) struct Use {
    pub(super) arguments: BTreeMap<String, Argument>,
    /// Whether a step waits for it.
    pub(super) inline: bool,
    pub(super) canary_service: Option<String>,
    pub(super) stable_service: Option<String>,
}

/// How Rollouts use templates, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Uses {
    by_name: BTreeMap<String, Use>,
    unused: Use,
}

impl Uses {
    pub(super) fn of(&self, name: &str) -> &Use {
        self.by_name.get(name).unwrap_or(&self.unused)
    }
}

/// Gathers how the Rollouts among objects use templates.
pub(super) fn uses(objects: &[Object<'_>]) -> Uses {
    let mut uses = Uses::default();
    for object in objects.iter().filter(|object| object.is("argoproj.io", "Rollout")) {
        let canary = &object.value["spec"]["strategy"]["canary"];
        let inline = canary["steps"].as_array().into_iter().flatten().map(|step| (&step["analysis"], true));
        for (analysis, inline) in inline.chain([(&canary["analysis"], false)]) {
            for name in template_names(analysis) {
                let one = uses.by_name.entry(name.to_owned()).or_default();
                one.inline |= inline;
                one.canary_service = canary["canaryService"].as_str().map(str::to_owned);
                one.stable_service = canary["stableService"].as_str().map(str::to_owned);
                for argument in analysis["args"].as_array().into_iter().flatten() {
                    let Some(name) = argument["name"].as_str() else { continue };
                    one.arguments.insert(name.to_owned(), Argument::of(argument, object.value));
                }
            }
        }
    }
    uses
}

fn template_names(analysis: &Value) -> impl Iterator<Item = &str> {
    analysis["templates"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|template| template["templateName"].as_str())
}

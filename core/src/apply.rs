//! What `apply` decides: what the input is, in which order it is sent, what would change, what is pruned.

pub mod asked;
mod awaited;
pub mod conflict;
pub mod difference;
pub mod held;
pub mod intake;
pub mod kinds;
pub mod namespace;
pub mod order;
pub mod prune;
pub mod replicas;
pub mod split;
pub mod twice;
pub mod verdict;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::model::Resource;

pub use awaited::Awaited;
pub use difference::Change;

/// A document of the input, as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The file that it stands in; `None` for stdin and for what a program printed.
    pub file: Option<String>,
    /// Where it stands: "shop.yaml, document 2".
    pub origin: String,
    /// What stands there.
    pub object: Value,
}

/// What an object is known by. The version is no part of it: the same object has several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// The API group, empty for the core.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The namespace; `None` for what is in no namespace.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.to_lowercase(), self.name)?;
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => Ok(()),
        }
    }
}

/// An object of the input with its place in the API.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Where it stands in the input.
    pub origin: String,
    /// What it is known by.
    pub id: Id,
    /// How the API serves its kind.
    pub resource: Resource,
    /// What is sent.
    pub object: Value,
}

impl Item {
    /// Whether it is a workload that is rolled out and not just applied.
    pub fn is_rolled_out(&self) -> bool {
        self.id.group == "apps" && self.id.kind == "Deployment"
    }

    /// Whether it is of the kind in the group.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.id.group == group && self.id.kind == kind
    }

    /// Returns its path in the API.
    pub fn path(&self) -> String {
        self.resource.object(self.id.namespace.as_deref(), &self.id.name)
    }
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It was not there.
    Created,
    /// It was changed.
    Configured,
    /// It is as it was.
    Unchanged,
    /// A workload: its new version has a share, and the rest of it waits for the promotion. A route: a canary splits it.
    Held,
    /// Its rollout did not succeed; the error says where it stands.
    Failed,
    /// Something before it failed.
    NotApplied,
    /// It was deleted.
    Pruned,
}

impl Action {
    /// Whether something was written. What a rollout wrote that failed its own error says.
    pub const fn is_written(self) -> bool {
        match self {
            Self::Created | Self::Configured | Self::Held | Self::Pruned => true,
            Self::Unchanged | Self::Failed | Self::NotApplied => false,
        }
    }

    /// Returns the word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::NotApplied => "not applied",
            Self::Pruned => "pruned",
        }
    }
}

/// What became of one object, for the output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The API group, empty for the core.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The namespace, or null.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// What became of it, or would.
    pub action: Action,
    /// What would change; only of a `--diff`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<Change>>,
}

impl Row {
    /// Says what became of an object.
    pub fn new(id: &Id, action: Action) -> Self {
        Self {
            group: id.group.clone(),
            kind: id.kind.clone(),
            namespace: id.namespace.clone(),
            name: id.name.clone(),
            action,
            changes: None,
        }
    }

    /// Returns the object's name for people: "deployment.apps/web".
    pub fn title(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        format!("{}{dot}{}/{}", self.kind.to_lowercase(), self.group, self.name)
    }
}

//! What a rule answers.

use serde::{Deserialize, Serialize};

/// How grave a finding is.
///
/// The gravest is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Refuses before the first write, unless the rule is forced.
    Error,
    /// To look at; can be silenced by [`crate::preflight::IGNORE_ANNOTATION`].
    Warning,
    /// To know.
    Info,
}

/// Something that a rule found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's id, for example `RP001`.
    pub rule: String,
    /// How grave it is.
    pub level: Level,
    /// `kind/name`, the Deployment unless another object is at fault.
    pub object: String,
    /// The field within the object, as the API server's own errors write it; empty for the whole object.
    pub path: String,
    /// What is wrong and what follows from it.
    pub why: String,
    /// What to do.
    pub fix: String,
    /// The manifest that it stands in, if it came from one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// Whether it is a warning that holds for the live version, too.
    #[serde(skip)]
    pub live_too: bool,
}

/// A rule that could not be judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NotChecked {
    /// The rule's id.
    pub rule: String,
    /// `kind/name` of the Deployment.
    pub object: String,
    /// What was missing: "no right to list resourcequotas", "offline".
    pub why: String,
}

/// A rule's answer; the error says why it could not be judged.
pub type Judged = Result<Vec<Finding>, String>;

impl Finding {
    /// Makes a finding about the Deployment. Rule, object and file are filled in by [`crate::preflight::judge`].
    pub(super) fn new(
        level: Level,
        path: impl Into<String>,
        why: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            rule: String::new(),
            level,
            object: String::new(),
            path: path.into(),
            why: why.into(),
            fix: fix.into(),
            file: None,
            live_too: false,
        }
    }

    pub(super) fn error(path: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Level::Error, path, why, fix)
    }

    pub(super) fn warning(path: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Level::Warning, path, why, fix)
    }

    /// Says that another object than the Deployment is at fault.
    pub(super) fn on(mut self, object: impl Into<String>) -> Self {
        self.object = object.into();
        self
    }
}

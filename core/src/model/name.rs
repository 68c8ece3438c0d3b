//! Which workload: as sentences and commands name it, and as it is typed.

use std::fmt;

use crate::error::Error;
use crate::model::{Names, WorkloadKind};

/// Which workload: its kind, and its name in its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    /// What its kind is called.
    pub kind: &'static Names,
    /// The namespace.
    pub namespace: String,
    /// The name within the namespace.
    pub name: String,
}

impl ObjectName {
    /// Names a workload of a kind.
    pub fn new(kind: &dyn WorkloadKind, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.names(), namespace: namespace.into(), name: name.into() }
    }

    /// Returns what says that its controller does or does not something.
    pub fn controller(&self) -> String {
        format!("the {} controller", self.kind.kind)
    }

    /// Returns kind and name as commands have them: `deployment/web`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.kind.word, self.name)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} in namespace {}", self.kind.word, self.name, self.namespace)
    }
}

/// Returns the bare name of a Deployment.
///
/// # Errors
/// A usage error for other kinds and for what cannot be a name.
pub fn deployment_name(text: &str) -> Result<&str, Error> {
    let name = match text.split_once('/') {
        None => text,
        Some(("deployment" | "deployments" | "deploy" | "deployment.apps" | "deployments.apps", name)) => {
            name
        }
        Some((kind, name)) => {
            return Err(Error::usage(format!("only Deployments can be rolled out so far, not {kind}"))
                .next(format!("deployment/{name}")));
        }
    };
    let legal = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-' || letter == '.'
    };
    let ends = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    // 229: what is left of 253 for the name of the Lease.
    if name.len() > 229
        || !name.chars().all(legal)
        || !ends(name.chars().next())
        || !ends(name.chars().last())
    {
        return Err(Error::usage(format!("'{name}' cannot be the name of a Deployment")));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_kubectls_forms() {
        for text in ["web", "deployment/web", "deploy/web", "deployments.apps/web"] {
            assert_eq!(deployment_name(text).unwrap(), "web");
        }
        for text in ["statefulset/web", "", "We b", "../x", "web/", "-web", "a?b", "a\u{1b}[31m"] {
            assert!(deployment_name(text).is_err(), "{text}");
        }
    }
}

//! Fields that somebody else owns: who, and which.

use std::collections::BTreeMap;

use super::Id;
use crate::error::Error;
use crate::keys::FIELD_MANAGER;

/// The reason of a cause that names a field and its manager (`CauseTypeFieldManagerConflict` of apimachinery).
pub const REASON: &str = "FieldManagerConflict";

/// A field of somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Who owns it.
    pub manager: String,
    /// The field, without a dot at its begin.
    pub field: String,
}

impl Conflict {
    /// Reads a cause: the message is `conflict with "MANAGER" using apps/v1` or the like.
    pub fn of(message: &str, field: &str) -> Self {
        let quoted = message.split('"').nth(1).filter(|manager| !manager.is_empty());
        Self {
            manager: quoted.unwrap_or(message).to_owned(),
            field: field.trim_start_matches('.').to_owned(),
        }
    }

    /// Whether it is with a write of ours of another form: the server counts patches and applies apart.
    pub fn is_with_ourselves(&self) -> bool {
        self.manager == FIELD_MANAGER
    }
}

/// Says who owns what, and how to go on.
pub fn error(origin: &str, id: &Id, conflicts: &[Conflict]) -> Error {
    let mut by_manager: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for conflict in conflicts.iter().filter(|conflict| !conflict.is_with_ourselves()) {
        by_manager.entry(&conflict.manager).or_default().push(&conflict.field);
    }
    let owners: Vec<String> =
        by_manager.iter().map(|(manager, fields)| format!("{manager} owns {}", fields.join(", "))).collect();
    let namespace = id.namespace.as_ref().map(|name| format!(" -n {name}")).unwrap_or_default();
    Error::refused(format!("{origin}: apply {id}: {}", owners.join("; ")))
        .next("leave those fields out of the manifest, or take them: --force-conflicts")
        .next(format!(
            "kubectl get {}/{}{namespace} -o yaml --show-managed-fields",
            id.kind.to_lowercase(),
            id.name
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manager_and_field_is_named_but_we_are_not() {
        let id = Id {
            group: "apps".into(),
            kind: "Deployment".into(),
            namespace: Some("shop".into()),
            name: "web".into(),
        };
        let conflicts = [
            Conflict::of("conflict with \"kubectl-set\" using apps/v1", ".spec.template.spec.x"),
            Conflict::of("conflict with \"hpa\" with subresource \"scale\" using apps/v1", ".spec.replicas"),
            Conflict::of("conflict with \"hpa\" using apps/v1", ".spec.paused"),
            Conflict::of("conflict with \"kubectl-rollout-plus\" using apps/v1", ".spec.strategy"),
        ];
        let error = error("a.yaml, document 2", &id, &conflicts);
        assert_eq!(
            error.message,
            "a.yaml, document 2: apply deployment/web in namespace shop: hpa owns spec.replicas, spec.paused; \
             kubectl-set owns spec.template.spec.x"
        );
        assert!(error.next[0].contains("--force-conflicts"));
        assert!(conflicts[3].is_with_ourselves());
        assert_eq!(Conflict::of("odd", ".a").manager, "odd");
    }
}

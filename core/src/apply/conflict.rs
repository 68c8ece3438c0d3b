//! Fields that somebody else owns: who, and which.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Id;
use crate::error::Error;
use crate::keys::FIELD_MANAGER;
use crate::ownership::Writer;
use crate::ownership::leftover::Half;

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

    /// Returns who wrote the field, as far as the entries of the object tell: the latest of that name.
    fn writer(&self, live: Option<&Value>) -> Writer {
        let entries = live.and_then(|live| live["metadata"]["managedFields"].as_array());
        let of_name = entries.into_iter().flatten().map(Writer::of).filter(|one| one.manager == self.manager);
        let unknown = || Writer { manager: self.manager.clone(), applies: false, time: None };
        of_name.max_by(|one, two| one.time.cmp(&two.time)).unwrap_or_else(unknown)
    }

    /// Whether it is with a write of ours of another form: the server counts patches and applies apart.
    pub fn is_with_ourselves(&self) -> bool {
        self.manager == FIELD_MANAGER
    }
}

/// Says who owns what, and how to go on.
///
/// `live` is the object with the entries that tell when.
pub fn error(origin: &str, id: &Id, conflicts: &[Conflict], live: Option<&Value>) -> Error {
    let mut by_writer: BTreeMap<Writer, Vec<&str>> = BTreeMap::new();
    for conflict in conflicts.iter().filter(|conflict| !conflict.is_with_ourselves()) {
        by_writer.entry(conflict.writer(live)).or_default().push(&conflict.field);
    }
    let who: Vec<String> = by_writer.iter().map(|(writer, fields)| writer.did(&fields.join(", "))).collect();
    let error = Error::refused(format!("{origin}: apply {id}: {}", who.join("; ")));
    shown(error.next("leave those fields out of the manifest, or take them: --force-conflicts"), id)
}

/// Says what would be left of parts that the manifest has no longer.
pub fn halves(origin: &str, id: &Id, halves: &[Half]) -> Error {
    let who: Vec<String> = halves.iter().map(|half| half.writer.did(&half.fields.join(", "))).collect();
    let error = Error::refused(format!(
        "{origin}: apply {id}: the manifest has no longer what {}: the rest of it would stay",
        who.join("; ")
    ));
    shown(error.next("take it away as a whole: --force-conflicts"), id)
}

fn shown(error: Error, id: &Id) -> Error {
    let namespace = id.namespace.as_ref().map(|name| format!(" -n {name}")).unwrap_or_default();
    error.next(format!(
        "kubectl get {}/{}{namespace} -o yaml --show-managed-fields",
        id.kind.to_lowercase(),
        id.name
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let live = json!({"metadata": {"managedFields": [
            {"manager": "kubectl-set", "operation": "Update", "time": "2026-11-27T12:03:04Z"},
            {"manager": "hpa", "operation": "Apply", "time": "2026-11-27T12:00:00Z"}]}});
        let error = error("a.yaml, document 2", &id, &conflicts, Some(&live));
        assert_eq!(
            error.message,
            "a.yaml, document 2: apply deployment/web in namespace shop: hpa applied spec.replicas, spec.paused \
             (last at 2026-11-27T12:00:00Z); kubectl-set changed spec.template.spec.x at 2026-11-27T12:03:04Z"
        );
        insta::assert_snapshot!(error.next[0], @"leave those fields out of the manifest, or take them: --force-conflicts");
        assert!(conflicts[3].is_with_ourselves());
        assert_eq!(Conflict::of("odd", ".a").manager, "odd");
    }
}

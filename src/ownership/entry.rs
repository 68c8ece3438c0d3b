//! Entries of `metadata.managedFields`.

use serde_json::Value;

use super::Fields;
use crate::keys::{FIELD_MANAGER, LAST_APPLIED};

/// The manager of `kubectl apply` without `--server-side` (`FieldManagerClientSideApply` of kubectl).
const CLIENT_SIDE: &str = "kubectl-client-side-apply";

/// What else `kubectl apply` is called: by an older kubectl, and for what is older than field managers.
const ALSO_CLIENT_SIDE: [&str; 3] = ["kubectl", "kubectl-last-applied", "before-first-apply"];

/// Who wrote, how and when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Writer {
    /// The field manager.
    pub manager: String,
    /// Whether it applies: then it says again and again what is to be so.
    pub applies: bool,
    /// When it wrote last, by the server's clock.
    pub time: Option<String>,
}

impl Writer {
    /// Reads an entry.
    pub fn of(entry: &Value) -> Self {
        Self {
            manager: entry["manager"].as_str().unwrap_or("unknown").to_owned(),
            applies: entry["operation"] == "Apply",
            time: entry["time"].as_str().map(str::to_owned),
        }
    }

    /// Says what it did to some fields: "kubectl-set changed spec.x at 2026-11-27T12:03:04Z".
    pub fn did(&self, fields: &str) -> String {
        let (verb, when) = if self.applies { ("applied", "last at") } else { ("changed", "at") };
        match &self.time {
            Some(time) if self.applies => format!("{} {verb} {fields} ({when} {time})", self.manager),
            Some(time) => format!("{} {verb} {fields} {when} {time}", self.manager),
            None => format!("{} {verb} {fields}", self.manager),
        }
    }
}

/// Returns the entries of an object.
pub(super) fn entries(object: &Value) -> &[Value] {
    object["metadata"]["managedFields"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Whether an entry is of a manager and a form of writing, and of the object itself.
pub(super) fn is(entry: &Value, manager: &str, operation: &str) -> bool {
    entry["manager"] == manager && entry["operation"] == operation && entry["subresource"].is_null()
}

/// Whether an entry is what our applies own.
pub fn is_ours(entry: &Value) -> bool {
    is(entry, FIELD_MANAGER, "Apply")
}

/// Whether an entry is what our patches own.
pub(super) fn is_our_patches(entry: &Value) -> bool {
    is(entry, FIELD_MANAGER, "Update")
}

/// Whether an entry is what `kubectl apply` left. kubectl itself goes by who owns its annotation, and would so take over
/// what Argo CD applies.
pub fn is_client_side(entry: &Value) -> bool {
    if is(entry, CLIENT_SIDE, "Update") {
        return true;
    }
    let annotation = format!("f:{LAST_APPLIED}");
    ALSO_CLIENT_SIDE.iter().any(|name| is(entry, name, "Update"))
        && Fields::of(entry).has(&["f:metadata", "f:annotations", &annotation])
}

/// Returns what `kubectl apply` applied last.
pub(super) fn last_applied(object: &Value) -> Option<Value> {
    serde_json::from_str(object["metadata"]["annotations"][LAST_APPLIED].as_str()?).ok()
}

/// What tells entries apart, as the server does it (`BuildManagerIdentifier`: all but the time).
pub(super) fn same_writer(one: &Value, other: &Value) -> bool {
    ["manager", "operation", "apiVersion", "subresource"].iter().all(|field| one[*field] == other[*field])
}

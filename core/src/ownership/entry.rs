//! Entries of `metadata.managedFields`.

use serde_json::Value;

use super::Fields;
use crate::keys::{FIELD_MANAGER, LAST_APPLIED, OWNERS_ANNOTATION, RESTARTED_AT};

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

/// Returns what an entry has of the pod template, without the mark of a restart and the map that it is in: the mark is
/// nobody's, as after `kubectl rollout restart`, and no manifest takes it away.
pub(super) fn of_template(entry: &Value) -> Fields {
    const ANNOTATIONS: [&str; 4] = ["f:spec", "f:template", "f:metadata", "f:annotations"];
    let fields = Fields::of(entry).below(&ANNOTATIONS[..2]);
    let mark = format!("f:{RESTARTED_AT}");
    let kept = fields.below(&[&ANNOTATIONS[..], &[&mark]].concat()).or(&Fields::only(&ANNOTATIONS));
    fields.but(&kept)
}

/// Returns what a run of ours that has not ended brought into the pod template and nobody had before: a canary that is held,
/// or a run that was killed. The next manifest may have it no longer.
pub(super) fn brought(object: &Value) -> Fields {
    let patches = entries(object).iter().find(|entry| is_our_patches(entry));
    let brought = patches.map(of_template).unwrap_or_default();
    noted(object).iter().fold(brought, |brought, entry| brought.but(&Fields::of(entry)))
}

/// Returns what was taken from whom when what goes on at an object began, as it was noted on it.
pub(super) fn noted(object: &Value) -> Vec<Value> {
    let text = object["metadata"]["annotations"][OWNERS_ANNOTATION].as_str();
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
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

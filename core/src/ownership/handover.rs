//! Takes over what `kubectl apply` owns, as `kubectl apply --server-side` does (client-go's `util/csaupgrade`): a field that
//! nobody else owns and that a manifest has no longer goes only if whoever applies the manifest owned it before.

use serde_json::{Map, Value, json};

use super::Fields;
use super::entry::{
    Writer, brought, entries, is_client_side, is_our_patches, is_ours, last_applied, same_writer,
};
use crate::keys::{FIELD_MANAGER, LAST_APPLIED};

/// Whether `kubectl apply` wrote an object last, and not we, or a run of ours that has not ended brought something.
pub fn is_needed(live: &Value) -> bool {
    entries(live).iter().any(is_client_side) || !brought(live).is_empty()
}

/// Names the managers whose fields are taken over.
pub fn managers(live: &Value) -> Vec<&str> {
    let theirs = entries(live).iter().filter(|entry| is_client_side(entry));
    theirs.filter_map(|entry| entry["manager"].as_str()).collect()
}

/// Returns the `managedFields` in which our applies own what `kubectl apply` owned and what runs of ours that did not end
/// brought; `None` if there is nothing of the kind.
///
/// With `all`, what it applied last and `sent` has no longer is taken from others, too: `kubectl apply` deletes such a
/// field whoever changed it since.
pub fn taken_over(live: &Value, sent: &Value, all: bool) -> Option<Vec<Value>> {
    if !is_needed(live) {
        return None;
    }
    let mut managed = entries(live).to_vec();
    let at = [is_ours, is_client_side, is_our_patches].iter().find_map(|is| managed.iter().position(is))?;
    let version = managed[at]["apiVersion"].clone();
    let same = |entry: &&Value| entry["apiVersion"] == version;
    let theirs = managed.iter().filter(|entry| is_client_side(entry)).filter(same);
    let own = if is_our_patches(&managed[at]) { Fields::default() } else { Fields::of(&managed[at]) };
    let mut owned = theirs.fold(own, |owned, entry| owned.or(&Fields::of(entry))).or(&brought(live));
    if all {
        let dropped = dropped(live, sent);
        for entry in &mut managed {
            if is_ours(entry) || is_client_side(entry) || !entry["subresource"].is_null() {
                continue;
            }
            let fields = Fields::of(entry);
            let taken = fields.and(&dropped);
            if !taken.is_empty() {
                owned = owned.or(&taken);
                entry["fieldsV1"] = fields.but(&taken).json();
            }
        }
    }
    managed[at]["manager"] = json!(FIELD_MANAGER);
    managed[at]["operation"] = json!("Apply");
    managed[at]["fieldsV1"] = owned.json();
    // What our patches own beside would keep what the manifest has no longer.
    managed.retain(|entry| {
        let empty = entry["fieldsV1"].as_object().is_none_or(Map::is_empty);
        !is_client_side(entry) && !is_our_patches(entry) && !empty
    });
    Some(managed)
}

/// Returns the fields of others that `kubectl apply` applied last and `sent` has no longer. The number of replicas is
/// whose it is: who leaves it out gives it to an autoscaler.
pub(super) fn dropped(live: &Value, sent: &Value) -> Fields {
    let Some(last) = last_applied(live) else { return Fields::default() };
    let others =
        entries(live).iter().filter(|entry| !is_client_side(entry) && entry["subresource"].is_null());
    let all = others.fold(Fields::default(), |all, entry| all.or(&Fields::of(entry)));
    let known = all.present(&last);
    let gone = known.but(&known.present(sent));
    gone.but(&gone.below(&["f:spec", "f:replicas"]))
}

/// Returns which fields of others get another value by an apply of `sent` that makes `merged`: their entries with just
/// these.
pub fn overwritten(live: &Value, sent: &Value, merged: &Value) -> Vec<Value> {
    let known = |entry: &&Value| is_ours(entry) || is_client_side(entry) || is_our_patches(entry);
    let others = entries(live).iter().filter(|entry| !known(entry));
    let taken = others.filter_map(|entry| {
        let fields = Fields::of(entry).present(sent).changed(live, merged);
        (!fields.is_empty()).then(|| {
            let mut entry = entry.clone();
            entry["fieldsV1"] = fields.json();
            entry
        })
    });
    taken.collect()
}

/// Says what was done to the fields of an entry, by whom and when.
pub fn told(entry: &Value) -> String {
    Writer::of(entry).did(&Fields::of(entry).paths().join(", "))
}

/// Returns the `managedFields` without what was taken from others; `None` if they own nothing of it. The server takes only
/// what an apply changes, and after a rollout the template has the new value already.
pub fn without(live: &Value, taken: &[Value]) -> Option<Vec<Value>> {
    let mut managed = entries(live).to_vec();
    for entry in &mut managed {
        let gone = taken.iter().filter(|gone| same_writer(gone, entry)).map(Fields::of);
        if let Some(gone) = gone.reduce(|one, two| one.or(&two)) {
            entry["fieldsV1"] = Fields::of(entry).but(&gone).json();
        }
    }
    managed.retain(|entry| entry["fieldsV1"].as_object().is_none_or(|fields| !fields.is_empty()));
    (managed != entries(live)).then_some(managed)
}

/// Puts into `sent` the annotation that `kubectl apply` left, as it would have it now. Without, our apply would take it
/// away, and the next `kubectl apply` would not know what a manifest has no longer.
pub fn with_annotation(live: &Value, mut sent: Value) -> Value {
    if !is_kept(live) {
        return sent;
    }
    let text = applied(&sent);
    if let Some(metadata) = sent["metadata"].as_object_mut() {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        if annotations.is_null() {
            *annotations = json!({});
        }
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(LAST_APPLIED.to_owned(), Value::from(text));
        }
    }
    sent
}

/// Whether an object has that annotation, and it is `kubectl apply`'s or ours.
fn is_kept(live: &Value) -> bool {
    let path = ["f:metadata", "f:annotations", &format!("f:{LAST_APPLIED}")];
    let mut owners = entries(live).iter().filter(|entry| Fields::of(entry).has(&path)).peekable();
    live["metadata"]["annotations"][LAST_APPLIED].is_string()
        && owners.peek().is_some()
        && owners.all(|entry| is_client_side(entry) || is_ours(entry))
}

/// Writes an object as kubectl writes it into the annotation (`GetModifiedConfiguration`): with an empty map at least, and
/// as Go's encoder does.
fn applied(sent: &Value) -> String {
    let mut object = sent.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.remove(LAST_APPLIED);
        }
    }
    format!("{}\n", crate::golang::json(&object))
}

#[cfg(test)]
mod tests;

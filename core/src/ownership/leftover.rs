//! What an apply takes away once it has taken over from `kubectl apply`, before it has: the request that has the server
//! show it without writing.

use serde_json::{Map, Value, json};

use super::entry::{Writer, brought, entries, is_client_side, is_our_patches, is_ours};
use super::fields::{item, part};
use super::{Fields, handover};

/// A part that would be taken away by half: somebody else changed something in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Half {
    /// Who.
    pub writer: Writer,
    /// The fields in it that are theirs.
    pub fields: Vec<String>,
}

/// What goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftover {
    /// What goes as a whole; nothing in it is told.
    pub gone: Fields,
    /// What would go by half.
    pub halves: Vec<Half>,
}

/// Returns what `sent` has no longer of what `kubectl apply` and we own, below a path.
///
/// With `all`, what others changed of what it applied last goes, too.
pub fn leftover(live: &Value, sent: &Value, all: bool, path: &[&str]) -> Leftover {
    let version = &sent["apiVersion"];
    let mine = entries(live).iter().filter(|entry| is_client_side(entry) || is_ours(entry));
    let mine = mine.filter(|entry| entry["apiVersion"] == *version);
    let mut mine = mine.fold(brought(live), |all, entry| all.or(&Fields::of(entry)));
    mine.children.remove("f:status");
    let dropped = if all { handover::dropped(live, sent) } else { Fields::default() };
    let mine = mine.or(&dropped).below(path);
    let others: Vec<(Writer, Fields)> = entries(live)
        .iter()
        .filter(|entry| !is_client_side(entry) && !is_ours(entry) && !is_our_patches(entry))
        .map(|entry| (Writer::of(entry), Fields::of(entry).but(&dropped)))
        .collect();
    let theirs = others.iter().fold(Fields::default(), |all, (_, fields)| all.or(fields));
    let mut found = Leftover::default();
    let mut halved = Fields::default();
    let look = Look { halves: !all };
    found.gone = look.walk(&mine, &theirs, live, sent, &mut halved);
    for (writer, fields) in others {
        let fields = fields.and(&halved).paths();
        if !fields.is_empty() {
            found.halves.push(Half { writer, fields });
        }
    }
    found
}

struct Look {
    /// Whether a part goes as a whole only if nobody else has something in it.
    halves: bool,
}

impl Look {
    /// Returns what goes. What of others is in a part that would go by half comes into `halved`.
    fn walk(
        &self,
        mine: &Fields,
        theirs: &Fields,
        live: &Value,
        sent: &Value,
        halved: &mut Fields,
    ) -> Fields {
        let none = Fields::default();
        let mut gone = Fields::default();
        for (step, fields) in &mine.children {
            let Some(there) = part(live, step) else { continue };
            let other = theirs.children.get(step).unwrap_or(&none);
            let mut inner = Fields::default();
            let found = match part(sent, step) {
                Some(wanted) => self.walk(fields, other, there, wanted, &mut inner),
                // Somebody else wants it, too.
                None if other.member => continue,
                None if fields.member && (other.is_empty() || !self.halves) => {
                    Fields { member: true, ..Fields::default() }
                }
                None if fields.member => {
                    inner = other.clone();
                    Fields::default()
                }
                None => self.walk(fields, other, there, &Value::Null, &mut inner),
            };
            if !found.is_empty() {
                gone.children.insert(step.clone(), found);
            }
            if !inner.is_empty() {
                halved.children.insert(step.clone(), inner);
            }
        }
        gone
    }
}

/// Returns the patch that makes of the live object what an apply would once it has taken over: what is sent, and what
/// goes. A strategic merge patch, as `kubectl apply` sends it, where the server knows how (`strategic`); else a merge patch.
pub fn patch(live: &Value, sent: &Value, gone: &Fields, owned: &Fields, strategic: bool) -> Value {
    let mut body = sent.clone();
    if strategic {
        replace_whole(&mut body, owned);
    } else {
        delete_members(&mut body, live, owned);
    }
    delete(&mut body, gone, strategic);
    body
}

/// Returns all that `kubectl apply` and we own of an object.
pub fn owned(live: &Value) -> Fields {
    let mine = entries(live).iter().filter(|entry| is_client_side(entry) || is_ours(entry));
    mine.fold(brought(live), |all, entry| all.or(&Fields::of(entry)))
}

/// Marks maps that are one value to the server (a `nodeSelector`): a strategic merge patch would merge them.
fn replace_whole(body: &mut Value, owned: &Fields) {
    for (step, fields) in &owned.children {
        let Some(part) = part_mut(body, step) else { continue };
        if !fields.children.is_empty() {
            replace_whole(part, fields);
        } else if let Some(members) = part.as_object_mut() {
            members.insert("$patch".to_owned(), json!("replace"));
        }
    }
}

/// The same for a merge patch, which knows nothing but members that are null.
fn delete_members(body: &mut Value, live: &Value, owned: &Fields) {
    for (step, fields) in &owned.children {
        let (Some(wanted), Some(live)) = (part_mut(body, step), part(live, step)) else { continue };
        if !fields.children.is_empty() {
            delete_members(wanted, live, fields);
        } else if let (Some(members), Some(live)) = (wanted.as_object_mut(), live.as_object()) {
            for name in live.keys() {
                members.entry(name.clone()).or_insert(Value::Null);
            }
        }
    }
}

fn delete(body: &mut Value, gone: &Fields, strategic: bool) {
    for (step, fields) in &gone.children {
        let Some((kind, rest)) = step.split_at_checked(2) else { continue };
        if kind == "f:" {
            if body.is_null() {
                *body = Value::Object(Map::new());
            }
            let Some(members) = body.as_object_mut() else { continue };
            if fields.member {
                members.insert(rest.to_owned(), Value::Null);
            } else if strategic || !is_list(fields) {
                let mut inner = members.remove(rest).unwrap_or_default();
                delete(&mut inner, fields, strategic);
                members.insert(rest.to_owned(), inner);
            }
        } else if kind == "k:" {
            if body.is_null() {
                *body = Value::Array(Vec::new());
            }
            let (Some(items), Ok(keys)) = (body.as_array_mut(), serde_json::from_str::<Map<_, _>>(rest))
            else {
                continue;
            };
            if fields.member {
                let mut keys = keys;
                keys.insert("$patch".to_owned(), json!("delete"));
                items.push(Value::Object(keys));
            } else {
                let at = item(items, rest).unwrap_or_else(|| {
                    items.push(Value::Object(keys));
                    items.len() - 1
                });
                delete(&mut items[at], fields, strategic);
            }
        }
    }
}

/// Whether what goes are items of a list: a merge patch has the whole list.
fn is_list(fields: &Fields) -> bool {
    fields.children.keys().any(|step| !step.starts_with("f:"))
}

fn part_mut<'v>(object: &'v mut Value, step: &str) -> Option<&'v mut Value> {
    match step.split_at_checked(2)? {
        ("f:", name) => object.as_object_mut()?.get_mut(name),
        ("k:", keys) => {
            let items = object.as_array_mut()?;
            let at = item(items, keys)?;
            items.get_mut(at)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live() -> Value {
        let image = json!({"f:spec": {"f:template": {"f:spec": {"f:containers":
            {"k:{\"name\":\"web\"}": {"f:image": {}}}}}}});
        let all = json!({"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {
            "f:nodeSelector": {},
            "f:dnsPolicy": {},
            "f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {},
                "f:env": {".": {}, "k:{\"name\":\"OLD\"}": {".": {}, "f:name": {}, "f:value": {}}}}}}}}});
        json!({"apiVersion": "apps/v1",
            "metadata": {"name": "web", "managedFields": [
                {"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": all},
                {"manager": "kubectl-set", "operation": "Update", "apiVersion": "apps/v1",
                    "time": "2026-11-27T12:03:04Z", "fieldsV1": image}]},
            "spec": {"replicas": 3, "template": {"spec": {"nodeSelector": {"a": "1"}, "dnsPolicy": "ClusterFirst",
                "containers": [{"name": "web", "image": "a", "env": [{"name": "OLD", "value": "1"}]}]}}}})
    }

    fn sent(container: &str) -> Value {
        json!({"apiVersion": "apps/v1", "metadata": {"name": "web"}, "spec": {"replicas": 3, "template": {"spec": {
            "nodeSelector": {"b": "1"}, "containers": [{"name": container, "image": "b"}]}}}})
    }

    #[test]
    fn what_the_manifest_has_no_longer_goes() {
        let (live, sent) = (live(), sent("web"));
        let found = leftover(&live, &sent, false, &[]);
        assert_eq!(
            found.gone.paths(),
            ["spec.template.spec.containers[name=\"web\"].env", "spec.template.spec.dnsPolicy"]
        );
        assert_eq!(found.halves, []);
        let body = patch(&live, &sent, &found.gone, &owned(&live), true);
        assert_eq!(
            body["spec"]["template"]["spec"],
            json!({"nodeSelector": {"b": "1", "$patch": "replace"}, "dnsPolicy": null,
                "containers": [{"name": "web", "image": "b", "env": null}]})
        );
        let body = patch(&live, &sent, &found.gone, &owned(&live), false);
        assert_eq!(body["spec"]["template"]["spec"]["nodeSelector"], json!({"a": null, "b": "1"}));
        assert!(leftover(&live, &sent, false, &["f:metadata"]).gone.is_empty(), "only below the path");
    }

    #[test]
    fn a_container_in_which_somebody_changed_something_does_not_go_by_half() {
        let (live, sent) = (live(), sent("frontend"));
        let found = leftover(&live, &sent, false, &[]);
        let half = &found.halves[0];
        assert_eq!(
            half.writer.did(&half.fields.join(", ")),
            "kubectl-set changed spec.template.spec.containers[name=\"web\"].image at 2026-11-27T12:03:04Z"
        );
        let found = leftover(&live, &sent, true, &[]);
        assert_eq!(found.halves, []);
        let body = patch(&live, &sent, &found.gone, &owned(&live), true);
        assert_eq!(
            body["spec"]["template"]["spec"]["containers"],
            json!([{"name": "frontend", "image": "b"}, {"name": "web", "$patch": "delete"}])
        );
    }
}

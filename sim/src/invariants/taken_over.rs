//! A run that was taken over writes nothing more.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Invariant;
use crate::object::Key;
use crate::server::store::{Entry, Store};

/// Who holds which Lease, and who held it before.
#[derive(Debug, Default)]
pub struct TakenOver {
    holders: BTreeMap<Key, String>,
    former: BTreeSet<String>,
}

fn holder(object: Option<&Value>) -> Option<&str> {
    object?["spec"]["holderIdentity"].as_str().filter(|holder| !holder.is_empty())
}

impl Invariant for TakenOver {
    fn name(&self) -> &'static str {
        "taken over"
    }

    fn look(&mut self, _: &Store, entry: &Entry) -> Result<(), String> {
        if !entry.by.starts_with("run ") {
            return Ok(());
        }
        let (before, after) = (holder(entry.before.as_deref()), holder(entry.after.as_deref()));
        if entry.resource.plural == "leases" && after.is_some() && before != after {
            self.former.remove(&entry.by);
            let former = self.holders.insert(entry.key.clone(), entry.by.clone());
            self.former.extend(former.filter(|former| before.is_some() && *former != entry.by));
        }
        // An event is a report of what was done before.
        if self.former.contains(&entry.by) && entry.resource.plural != "events" {
            let what = format!("{} {}", entry.resource.plural, entry.key.name);
            return Err(format!("{} wrote {what} after another run had taken over", entry.by));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::server::resources::find;

    fn entry(by: &str, group: &str, plural: &str, before: Value, after: Value) -> Entry {
        let object = |value: Value| (!value.is_null()).then(|| Arc::new(value));
        Entry {
            version: 1,
            resource: find(group, "v1", plural).unwrap(),
            key: Key::new("shop", "web"),
            before: object(before),
            after: object(after),
            typed: None,
            by: by.to_owned(),
        }
    }

    #[test]
    fn whoever_lost_the_lease_is_silent() {
        let held = |by: &str| json!({"spec": {"holderIdentity": by}});
        let lease = |by, before, after| entry(by, "coordination.k8s.io", "leases", before, after);
        let write = |by| entry(by, "apps", "deployments", json!({}), json!({}));
        let mut rule = TakenOver::default();
        let mut told = |entry: Entry| rule.look(&Store::new(), &entry).is_ok();
        assert!(told(lease("run 0", Value::Null, held("a"))));
        assert!(told(write("run 0")));
        assert!(told(lease("run 1", held("a"), held("b"))));
        assert!(told(write("run 1")) && told(write("kubelet")));
        assert!(!told(write("run 0")));
        // It may take it back.
        assert!(told(lease("run 0", held("b"), held("a"))));
        assert!(told(write("run 0")) && !told(write("run 1")));
    }

    #[test]
    fn a_lease_that_was_given_back_takes_nobody_over() {
        let held = |by: &str| json!({"spec": {"holderIdentity": by}});
        let lease = |by, before, after| entry(by, "coordination.k8s.io", "leases", before, after);
        let mut rule = TakenOver::default();
        let mut told = |entry: Entry| rule.look(&Store::new(), &entry).is_ok();
        assert!(told(lease("run 0", Value::Null, held("a"))));
        assert!(told(lease("run 0", held("a"), held(""))));
        assert!(told(lease("run 1", held(""), held("b"))));
        assert!(told(entry("run 0", "", "events", Value::Null, json!({}))));
    }
}

//! A run that was taken over writes nothing more.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{Asked, Invariant};
use crate::object::Key;
use crate::server::store::{Entry, Store};

/// Who holds which Lease, and who held it before.
///
/// What was on its way when the lock was taken arrives all the same, and a run may not know for a moment. It does know once it
/// was refused a write or saw the Lease; and after this time without either it has to look.
#[derive(Debug, Default)]
pub struct TakenOver {
    holders: BTreeMap<Key, String>,
    former: BTreeMap<String, Former>,
    /// When the request was sent that is being served.
    sent: Duration,
}

/// A run that was taken over.
#[derive(Clone, Copy, Debug)]
struct Former {
    /// When it has to know.
    knows: Duration,
}

/// For so long a run trusts what it knows of its lock (`TRUST` in `src/engine/lock.rs` is twice that, and half of it is for
/// the renewal).
const TRUST: Duration = Duration::from_secs(11);

fn holder(object: Option<&Value>) -> Option<&str> {
    object?["spec"]["holderIdentity"].as_str().filter(|holder| !holder.is_empty())
}

impl Invariant for TakenOver {
    fn name(&self) -> &'static str {
        "taken over"
    }

    fn hear(&mut self, asked: &Asked<'_>) {
        self.sent = asked.sent;
        let Some(former) = self.former.get_mut(asked.who) else { return };
        let tells = asked.refused && asked.is_write || asked.is_of_lock;
        if let Some(at) = asked.answered.filter(|_| tells) {
            former.knows = former.knows.min(at);
        }
    }

    fn look(&mut self, _: &Store, entry: &Entry) -> Result<(), String> {
        if !entry.by.starts_with("run ") {
            return Ok(());
        }
        let (before, after) = (holder(entry.before.as_deref()), holder(entry.after.as_deref()));
        if entry.resource.plural == "leases" && after.is_some() && before != after {
            self.former.remove(&entry.by);
            let former = self.holders.insert(entry.key.clone(), entry.by.clone());
            let taken = Former { knows: self.sent + TRUST };
            self.former.extend(
                former.filter(|former| before.is_some() && *former != entry.by).map(|former| (former, taken)),
            );
        }
        // An event is a report of what was done before.
        let knows = self.former.get(&entry.by).is_some_and(|former| self.sent >= former.knows);
        if knows && entry.resource.plural != "events" {
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
        let told = |rule: &mut TakenOver, entry: Entry| rule.look(&Store::new(), &entry).is_ok();
        let asked = |sent, refused| {
            let sent = Duration::from_secs(sent);
            Asked {
                who: "run 0",
                is_of_lock: false,
                is_write: true,
                sent,
                answered: Some(sent + Duration::from_secs(1)),
                refused,
            }
        };
        assert!(told(&mut rule, lease("run 0", Value::Null, held("a"))));
        assert!(told(&mut rule, write("run 0")));
        assert!(told(&mut rule, lease("run 1", held("a"), held("b"))));
        assert!(told(&mut rule, write("run 1")) && told(&mut rule, write("kubelet")));
        // What was sent before it can know.
        rule.hear(&asked(3, false));
        assert!(told(&mut rule, write("run 0")));
        rule.hear(&asked(4, true));
        rule.hear(&asked(6, false));
        assert!(!told(&mut rule, write("run 0")));
        // It may take it back.
        assert!(told(&mut rule, lease("run 0", held("b"), held("a"))));
        assert!(told(&mut rule, write("run 0")));
        rule.hear(&Asked { sent: TRUST + Duration::from_secs(20), ..asked(0, false) });
        assert!(!told(&mut rule, write("run 1")), "it has to look by then");
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

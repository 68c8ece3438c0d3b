//! Our Services woven into a user's route, and taken out again.
//!
//! Lists of rules are atomic, and others write them too. So every change starts from what the user has there now:
//! what we wove in before is undone element by element, by name and not by position, and all else passes through.
//! What the user had written is kept on the route itself, in the same request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::Error;
use crate::keys::{ANNOTATION_BYTES, ROUTE_ANNOTATION};
use crate::router::Router;
use crate::traffic::{Role, Split, Target, embedded, is_ours, mentions, says_just, text};

/// The value of [`ROUTE_ANNOTATION`].
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Record {
    /// Version of this schema.
    v: u32,
    /// By JSON Pointer of a list: its elements that named the root, as the user wrote them.
    before: BTreeMap<String, Vec<Value>>,
}

/// A change of a route.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Woven {
    /// JSON Patch operations; empty if the route says so already.
    pub patch: Vec<Value>,
    /// What of other people's was met, for the user.
    pub notes: Vec<String>,
}

/// Returns the patch that makes a route say what is asked.
///
/// # Errors
/// What the router cannot do with this route.
pub fn weave(router: &dyn Router, target: &Target, route: &Value, split: &Split) -> Result<Woven, Error> {
    let told = |mut error: Error| {
        error.message = format!("{target}: {}", error.message);
        error
    };
    if let Some(error) = router.refuses(route, split).filter(|_| !split.is_undone()) {
        return Err(told(error));
    }
    let record = record(route);
    let mut woven = Woven::default();
    let mut now = Record { v: 1, before: BTreeMap::new() };
    let mut tests = vec![json!({"op": "test", "path": "/metadata/uid", "value": route["metadata"]["uid"]})];
    for pointer in router.places(route) {
        let Some(live) = route.pointer(&pointer) else { continue };
        let elements: Vec<Value> = live.as_array().cloned().unwrap_or_else(|| vec![live.clone()]);
        let before = record.as_ref().and_then(|record| record.before.get(&pointer));
        let thread = Weaver { router, split, home: target };
        let user = thread.undone(&elements, before.map_or(&[], Vec::as_slice), &mut woven.notes);
        let mut wanted = Vec::new();
        for element in user {
            if split.is_undone() || !thread.names_root(&element) {
                wanted.push(element);
                continue;
            }
            let rules = router.weave(&element, target, split).map_err(told)?;
            wanted.extend(rules);
            now.before.entry(pointer.clone()).or_default().push(element);
        }
        let is_so = |(wanted, live)| says_just(live, wanted, &split.service);
        if wanted.len() == elements.len() && wanted.iter().zip(&elements).all(is_so) {
            continue;
        }
        let value = if live.is_array() {
            Value::Array(wanted)
        } else {
            wanted.into_iter().next().unwrap_or_default()
        };
        tests.push(json!({"op": "test", "path": pointer, "value": live}));
        woven.patch.push(json!({"op": "replace", "path": pointer, "value": value}));
    }
    remember(route, &now, split.is_undone(), &mut woven.patch)?;
    if !woven.patch.is_empty() {
        woven.patch.splice(0..0, tests);
    }
    Ok(woven)
}

/// Whether a route does not say what is asked: somebody else wrote it since.
pub fn drifted(router: &dyn Router, target: &Target, route: &Value, split: &Split) -> bool {
    weave(router, target, route, split)
        .is_ok_and(|woven| woven.patch.iter().any(|operation| operation["op"] == "replace"))
}

/// Returns what the user had written where a route is split now, by JSON Pointer; `None` for one that is not split.
pub fn kept(route: &Value) -> Option<BTreeMap<String, Vec<Value>>> {
    record(route).map(|record| record.before)
}

fn record(route: &Value) -> Option<Record> {
    let text = route["metadata"]["annotations"][ROUTE_ANNOTATION].as_str()?;
    serde_json::from_str::<Record>(text).ok().filter(|record| record.v == 1)
}

/// Keeps the way back on the route, or takes it off.
fn remember(route: &Value, record: &Record, undone: bool, patch: &mut Vec<Value>) -> Result<(), Error> {
    let path = format!("/metadata/annotations/{}", ROUTE_ANNOTATION.replace('/', "~1"));
    let live = &route["metadata"]["annotations"][ROUTE_ANNOTATION];
    if undone {
        if !live.is_null() {
            patch.push(json!({"op": "remove", "path": path}));
        }
        return Ok(());
    }
    let text = serde_json::to_string(record).unwrap_or_default();
    if text.len() > ANNOTATION_BYTES {
        return Err(Error::refused(format!(
            "{}: its rules are {} KiB: too much to be kept for the way back",
            text_of_name(route),
            text.len() / 1024
        )));
    }
    if live.as_str() != Some(&text) && !record.before.is_empty() {
        if route["metadata"]["annotations"].is_null() {
            patch.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
        }
        patch.push(json!({"op": "add", "path": path, "value": text}));
    }
    Ok(())
}

fn text_of_name(route: &Value) -> String {
    format!("{}/{}", text(route, "/kind").to_lowercase(), text(route, "/metadata/name"))
}

/// What a list is woven with.
struct Weaver<'t> {
    router: &'t dyn Router,
    split: &'t Split,
    home: &'t Target,
}

impl Weaver<'_> {
    fn names_root(&self, element: &Value) -> bool {
        self.router.names(element, self.home, &self.split.service, &self.split.namespace)
    }

    fn has_ours(&self, value: &Value) -> bool {
        mentions(value, &|word| is_ours(word, &self.split.service))
    }

    /// A rule that we added for matched requests: it names the canary alone.
    fn is_added(&self, element: &Value) -> bool {
        let canary = Role::Canary.service(&self.split.service);
        let other = |word: &str| is_ours(word, &self.split.service) && !word.starts_with(&canary);
        !self.names_root(element) && !mentions(element, &other)
    }

    /// Returns the list as the user has it: with his later changes, without us.
    fn undone(&self, live: &[Value], before: &[Value], notes: &mut Vec<String>) -> Vec<Value> {
        let mut unclaimed: Vec<&Value> = before.iter().collect();
        let mut user = Vec::new();
        for element in live {
            if !self.has_ours(element) {
                user.push(element.clone());
                continue;
            }
            if self.is_added(element) {
                continue;
            }
            let same = unclaimed.iter().position(|before| self.is_same_rule(element, before));
            let before = (!unclaimed.is_empty()).then(|| unclaimed.remove(same.unwrap_or(0)));
            user.push(self.restored(element, before, notes));
        }
        user
    }

    /// Whether a rule is the former one but for what we changed.
    fn is_same_rule(&self, live: &Value, before: &Value) -> bool {
        let (Some(live), Some(before)) = (live.as_object(), before.as_object()) else { return true };
        live.iter()
            .filter(|(_, value)| !self.has_ours(value))
            .all(|(key, value)| before.get(key) == Some(value))
    }

    /// Returns a rule with the user's own values where ours are, and with everything else as it is now.
    fn restored(&self, live: &Value, before: Option<&Value>, notes: &mut Vec<String>) -> Value {
        let Some(members) = live.as_object() else {
            return before.cloned().unwrap_or_else(|| self.renamed(live));
        };
        // A rule that is itself a backend: a name beside a weight.
        if members.values().any(|value| value.as_str().is_some_and(|word| is_ours(word, &self.split.service)))
        {
            return before.cloned().unwrap_or_else(|| self.renamed(live));
        }
        let mut rule = members.clone();
        for (key, value) in members.iter().filter(|(_, value)| self.has_ours(value)) {
            match before.map(|before| before.get(key)) {
                Some(Some(former)) => rule.insert(key.clone(), self.with_foreign(value, former, notes)),
                Some(None) => rule.remove(key),
                None => rule.insert(key.clone(), self.renamed(value)),
            };
        }
        Value::Object(rule)
    }

    /// Returns the former list and what somebody added to it meanwhile.
    fn with_foreign(&self, live: &Value, former: &Value, notes: &mut Vec<String>) -> Value {
        let (Some(live), Some(before)) = (live.as_array(), former.as_array()) else { return former.clone() };
        let mut list = before.clone();
        for entry in live.iter().filter(|entry| !self.has_ours(entry)) {
            if !before.iter().any(|before| without_weight(before) == without_weight(entry)) {
                notes.push(format!("somebody added {entry} meanwhile: it stays"));
                list.push(entry.clone());
            }
        }
        Value::Array(list)
    }

    /// Without a record: the root in the place of ours.
    fn renamed(&self, value: &Value) -> Value {
        match value {
            Value::String(word) if is_ours(word, &self.split.service) => {
                let end = word.find('.').unwrap_or(word.len());
                Value::String(format!("{}{}", self.split.service, &word[end..]))
            }
            Value::String(word) if self.has_ours(value) => {
                Value::String(self.renamed(&embedded(word).unwrap_or_default()).to_string())
            }
            Value::Array(list) => {
                let others = list.iter().filter(|entry| !self.has_ours(entry));
                if let Some(root) =
                    list.iter().find(|entry| self.has_ours(entry)).filter(|_| others.clone().count() == 0)
                {
                    return Value::Array(vec![without_weight(&self.renamed(root))]);
                }
                Value::Array(others.map(without_weight).collect())
            }
            Value::Object(members) => {
                Value::Object(members.iter().map(|(key, value)| (key.clone(), self.renamed(value))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }
}

fn without_weight(entry: &Value) -> Value {
    let mut entry = entry.clone();
    entry.as_object_mut().map(|entry| entry.remove("weight"));
    entry
}

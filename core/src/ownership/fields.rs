//! A set of fields as the server writes it (`FieldsV1`; `fieldpath.Set` of structured-merge-diff).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A set of fields, as a tree of steps: `f:NAME` into a map, `k:{KEYS}` and `v:VALUE` into a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Whether the field itself is one of the set, and not only what is in it.
    pub member: bool,
    /// What is in it.
    pub children: BTreeMap<String, Fields>,
}

impl Fields {
    /// Reads the `fieldsV1` of an entry.
    pub fn of(entry: &Value) -> Self {
        let mut root = Self::parse(&entry["fieldsV1"]);
        root.member = false;
        root
    }

    fn parse(tree: &Value) -> Self {
        let Some(steps) = tree.as_object() else { return Self::default() };
        let children = steps.iter().filter(|(step, _)| *step != ".");
        Self {
            member: steps.is_empty() || steps.contains_key("."),
            children: children.map(|(step, tree)| (step.clone(), Self::parse(tree))).collect(),
        }
    }

    /// Returns it as the server writes it.
    pub fn json(&self) -> Value {
        let mut steps = Map::new();
        if self.member && !self.children.is_empty() {
            steps.insert(".".to_owned(), Value::Object(Map::new()));
        }
        steps.extend(self.children.iter().map(|(step, fields)| (step.clone(), fields.json())));
        Value::Object(steps)
    }

    /// Whether there is no field in it.
    pub fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }

    /// Returns the fields of either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        self.both(other, |one, two| one || two)
    }

    /// Returns the fields of both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.both(other, |one, two| one && two)
    }

    /// Returns the fields that the other has not.
    #[must_use]
    pub fn but(&self, other: &Self) -> Self {
        self.both(other, |one, two| one && !two)
    }

    fn both(&self, other: &Self, keep: fn(bool, bool) -> bool) -> Self {
        let none = Self::default();
        let steps = self.children.keys().chain(other.children.keys());
        let mut children = BTreeMap::new();
        for step in steps {
            if children.contains_key(step) {
                continue;
            }
            let (one, two) = (self.children.get(step), other.children.get(step));
            let fields = one.unwrap_or(&none).both(two.unwrap_or(&none), keep);
            if !fields.is_empty() {
                children.insert(step.clone(), fields);
            }
        }
        Self { member: keep(self.member, other.member), children }
    }

    /// Returns the set of one field.
    pub fn only(path: &[&str]) -> Self {
        let mut fields = Self { member: true, children: BTreeMap::new() };
        for step in path.iter().rev() {
            fields = Self { member: false, children: BTreeMap::from([((*step).to_owned(), fields)]) };
        }
        fields
    }

    /// Returns the fields at and below a path.
    #[must_use]
    pub fn below(&self, path: &[&str]) -> Self {
        let Some((step, rest)) = path.split_first() else { return self.clone() };
        let fields = self.children.get(*step).map(|fields| fields.below(rest)).unwrap_or_default();
        let children =
            if fields.is_empty() { BTreeMap::new() } else { BTreeMap::from([((*step).to_owned(), fields)]) };
        Self { member: false, children }
    }

    /// Whether a field is in it.
    pub fn has(&self, path: &[&str]) -> bool {
        match path.split_first() {
            None => self.member,
            Some((step, rest)) => self.children.get(*step).is_some_and(|fields| fields.has(rest)),
        }
    }

    /// Returns the fields that an object has.
    #[must_use]
    pub fn present(&self, object: &Value) -> Self {
        let there = |(step, fields): (&String, &Self)| {
            let fields = fields.present(part(object, step)?);
            (!fields.is_empty()).then(|| (step.clone(), fields))
        };
        Self { member: self.member, children: self.children.iter().filter_map(there).collect() }
    }

    /// Returns the fields that two objects have, with other values.
    #[must_use]
    pub fn changed(&self, from: &Value, to: &Value) -> Self {
        let changed = |(step, fields): (&String, &Self)| {
            let (from, to) = (part(from, step)?, part(to, step)?);
            let fields = if fields.children.is_empty() {
                Self { member: fields.member && from != to, ..Self::default() }
            } else {
                fields.changed(from, to)
            };
            (!fields.is_empty()).then(|| (step.clone(), fields))
        };
        Self { member: false, children: self.children.iter().filter_map(changed).collect() }
    }

    /// Returns the paths for people, as the server writes them: `spec.containers[name="web"].image`.
    pub fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.name("", &mut found);
        found
    }

    fn name(&self, path: &str, found: &mut Vec<String>) {
        if self.member {
            found.push(path.trim_start_matches('.').to_owned());
        }
        for (step, fields) in &self.children {
            fields.name(&format!("{path}{}", words(step)), found);
        }
    }
}

fn words(step: &str) -> String {
    match step.split_at_checked(2) {
        Some(("f:", name)) => format!(".{name}"),
        Some(("k:", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", keys.join(","))
        }
        Some(("v:", value)) => format!("[={value}]"),
        Some((_, rest)) => format!("[{rest}]"),
        None => step.to_owned(),
    }
}

/// Returns the part of an object to which a step leads.
pub(super) fn part<'v>(object: &'v Value, step: &str) -> Option<&'v Value> {
    match step.split_at_checked(2)? {
        ("f:", name) => object.as_object()?.get(name),
        ("k:", keys) => object.as_array()?.get(item(object.as_array()?, keys)?),
        ("v:", value) => {
            let value: Value = serde_json::from_str(value).ok()?;
            object.as_array()?.iter().find(|item| **item == value)
        }
        ("i:", index) => object.as_array()?.get(index.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Returns the place of the item with these keys. A key that the item leaves out may have its default, like the protocol
/// of a port.
pub(super) fn item(items: &[Value], keys: &str) -> Option<usize> {
    let keys: Map<String, Value> = serde_json::from_str(keys).ok()?;
    let exact = |item: &Value| keys.iter().all(|(key, value)| item[key] == *value);
    let rough = |item: &Value| {
        item.is_object()
            && keys.iter().any(|(key, value)| item[key] == *value)
            && keys.iter().all(|(key, value)| item[key].is_null() || item[key] == *value)
    };
    items.iter().position(exact).or_else(|| items.iter().position(rough))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(tree: &Value) -> Fields {
        Fields::of(&json!({"fieldsV1": tree}))
    }

    fn containers() -> Fields {
        fields(&json!({"f:spec": {"f:replicas": {}, "f:containers": {"k:{\"name\":\"web\"}":
            {".": {}, "f:image": {}, "f:ports": {".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}}}}}}}))
    }

    #[test]
    fn a_set_is_written_as_it_was_read() {
        let tree = json!({"f:a": {}, "f:b": {".": {}, "f:c": {}}, "f:d": {"v:\"x\"": {}}});
        assert_eq!(fields(&tree).json(), tree);
        assert!(fields(&json!({})).is_empty() && fields(&Value::Null).is_empty());
    }

    #[test]
    fn sets_are_joined_and_taken_apart_field_by_field() {
        let one = fields(&json!({"f:a": {}, "f:b": {".": {}, "f:c": {}}}));
        let two = fields(&json!({"f:a": {"f:x": {}}, "f:b": {"f:c": {}}}));
        assert_eq!(one.or(&two).json(), json!({"f:a": {".": {}, "f:x": {}}, "f:b": {".": {}, "f:c": {}}}));
        assert_eq!(one.and(&two).json(), json!({"f:b": {"f:c": {}}}));
        assert_eq!(one.but(&two).json(), json!({"f:a": {}, "f:b": {}}));
        assert_eq!(one.below(&["f:b", "f:c"]).json(), json!({"f:b": {"f:c": {}}}));
        assert!(one.has(&["f:b"]) && !two.has(&["f:b"]) && one.below(&["f:z"]).is_empty());
    }

    #[test]
    fn steps_lead_into_objects() {
        let object = |image: &str| json!({"spec": {"replicas": 3, "containers": [{"name": "web", "image": image, "ports": [{"containerPort": 80}]}]}});
        let all = containers();
        assert_eq!(all.present(&object("a")), all);
        assert_eq!(all.present(&json!({"spec": {"containers": []}})).json(), json!({}));
        assert_eq!(
            all.changed(&object("a"), &object("b")).paths(),
            ["spec.containers[name=\"web\"].image"],
            "only what has another value"
        );
        assert!(all.changed(&object("a"), &json!({"spec": {"replicas": 3}})).is_empty());
    }
}

//! YAML as kubectl reads it: `sigs.k8s.io/yaml` over go-yaml v2, whose scalars are those of YAML 1.1. `0400` is an octal
//! number there and `on` is true; whoever reads it otherwise gives a Secret another file mode.

mod scalar;

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

use scalar::Scalar;

/// The most values in a text, those that aliases repeat included.
const MAX_VALUES: usize = 2_000_000;
const MAX_DEPTH: usize = 200;

/// Returns the documents of a text, without the empty ones.
///
/// # Errors
/// One sentence that begins with the line.
pub(super) fn documents(text: &str) -> Result<Vec<Value>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    read(text).or_else(|why| {
        // Objects one after the other, as several `kubectl get -o json` print them, are no YAML.
        let is_json = text.trim_start().starts_with('{');
        let stream = is_json.then(|| serde_json::Deserializer::from_str(text).into_iter().collect());
        stream.and_then(Result::ok).ok_or(why)
    })
}

fn read(text: &str) -> Result<Vec<Value>, String> {
    let mut reader = Reader::default();
    for next in Parser::new_from_str(text) {
        let (event, span) =
            next.map_err(|error| format!("line {}: {}", error.marker().line(), error.info()))?;
        let line = span.start.line();
        reader.take(event, line).map_err(|why| format!("line {line}: {why}"))?;
    }
    reader.documents.retain(|document| !document.is_null());
    Ok(reader.documents)
}

/// A value with what it counts for.
#[derive(Clone)]
struct Node {
    value: Value,
    values: usize,
}

/// A list or a map that has not ended.
struct Open {
    anchor: usize,
    values: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Value>),
    Map {
        members: Map<String, Value>,
        /// The lines in which the keys stand that are written here, and not merged in.
        written: HashMap<String, usize>,
        key: Option<Key>,
    },
}

enum Key {
    Name(String),
    Merge,
}

#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    values: usize,
    documents: Vec<Value>,
}

impl Reader {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the parser may get more events")]
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), String> {
        match event {
            Event::DocumentStart(..) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                let is_key = matches!(self.open.last(), Some(Open { kind: Kind::Map { key: None, .. }, .. }));
                let scalar = Scalar::read(&text, style == ScalarStyle::Plain, core(tag.as_deref()))?;
                if is_key {
                    return self.key(&scalar, line);
                }
                self.add(Node { value: scalar.value()?, values: 1 }, anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => self.begin(anchor, Kind::List(Vec::new()))?,
            Event::MappingStart(_, anchor, _) => {
                let kind = Kind::Map { members: Map::new(), written: HashMap::new(), key: None };
                self.begin(anchor, kind)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().ok_or("an alias stands in what it names")?;
                self.add(node, 0)?;
            }
            Event::UnresolvedAlias(name) => return Err(format!("there is no anchor &{name}")),
            // Begins, ends and comments.
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, anchor: usize, kind: Kind) -> Result<(), String> {
        if matches!(self.open.last(), Some(Open { kind: Kind::Map { key: None, .. }, .. })) {
            return Err("a key has to be a text".to_owned());
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("it is nested deeper than {MAX_DEPTH} levels"));
        }
        self.open.push(Open { anchor, values: 1, kind });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(Open { anchor, values, kind }) = self.open.pop() else { return Ok(()) };
        let value = match kind {
            Kind::List(items) => Value::Array(items),
            Kind::Map { members, .. } => Value::Object(members),
        };
        // Its parts have been counted.
        self.values = self.values.saturating_sub(values);
        self.add(Node { value, values }, anchor)
    }

    /// Takes note of the key whose value comes next.
    fn key(&mut self, scalar: &Scalar, line: usize) -> Result<(), String> {
        let Some(Open { kind: Kind::Map { written, key, .. }, .. }) = self.open.last_mut() else {
            return Ok(());
        };
        if matches!(scalar, Scalar::Merge) {
            *key = Some(Key::Merge);
            return Ok(());
        }
        let name = scalar.key()?;
        if let Some(first) = written.insert(name.clone(), line) {
            return Err(format!("the key {name} stands twice, first in line {first}"));
        }
        *key = Some(Key::Name(name));
        Ok(())
    }

    /// Puts a value where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        self.values += node.values;
        if self.values > MAX_VALUES {
            return Err(format!("with its aliases it has more than {MAX_VALUES} values"));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node.value);
            return Ok(());
        };
        open.values += node.values;
        match &mut open.kind {
            Kind::List(items) => items.push(node.value),
            Kind::Map { members, key, .. } => match key.take() {
                Some(Key::Name(name)) => {
                    members.insert(name, node.value);
                }
                Some(Key::Merge) => merge(members, node.value)?,
                // An alias in the place of a key.
                None => {
                    let name = node.value.as_str().ok_or("a key has to be a text")?.to_owned();
                    *key = Some(Key::Name(name));
                }
            },
        }
        Ok(())
    }
}

/// Merges what `<<` names. As in go-yaml, what comes later in the text wins, and of a list what comes first.
fn merge(members: &mut Map<String, Value>, value: Value) -> Result<(), String> {
    let maps = match value {
        Value::Array(items) => items,
        one @ (Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            vec![one]
        }
    };
    for map in maps.into_iter().rev() {
        let Value::Object(map) = map else { return Err("<< takes a map or a list of maps".to_owned()) };
        members.extend(map);
    }
    Ok(())
}

/// Returns the short name of a tag: `str` for `!!str`, and for what YAML does not define its whole name.
fn core(tag: Option<&Tag>) -> Option<&str> {
    tag.map(|tag| if tag.handle() == "tag:yaml.org,2002:" { tag.suffix() } else { "!" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(text: &str) -> Value {
        let mut all = documents(text).unwrap();
        assert_eq!(all.len(), 1, "{text}");
        all.remove(0)
    }

    #[test]
    fn keys_become_texts_and_merged_maps_give_way_to_what_comes_later() {
        assert_eq!(one("on: 1\n8: 2\n1.5: 4\n\"y\": 5\n"), json!({"true": 1, "8": 2, "1.5": 4, "y": 5}));
    }

    #[test]
    fn aliases_repeat_and_merges_fill_in() {
        let text = "base: &b {a: 1, b: 2}\nweb:\n  <<: *b\n  b: 3\nlate:\n  b: 3\n  <<: [*b, {a: 9, c: 4}]\nsame: *b\n";
        assert_eq!(
            one(text),
            json!({"base": {"a": 1, "b": 2}, "web": {"a": 1, "b": 3},
                "late": {"a": 1, "b": 2, "c": 4}, "same": {"a": 1, "b": 2}})
        );
        insta::assert_snapshot!(documents("a: &a [*a]\n").unwrap_err(), @"line 1: an alias stands in what it names");
    }

    #[test]
    fn a_key_that_stands_twice_is_named_with_both_lines() {
        let why = documents("a: 1\n---\nspec:\n  replicas: 1\n  x: 2\n  replicas: 3\n").unwrap_err();
        assert_eq!(why, "line 6: the key replicas stands twice, first in line 4");
        assert!(documents("a: {b: 1, b: 1}\n").is_err(), "with the same value, too");
    }

    #[test]
    fn documents_come_with_separators_and_json_without() {
        assert_eq!(documents("---\n# nothing\n---\na: 1\n...\n---\nb: 2\n").unwrap().len(), 2);
        assert_eq!(documents("{\"a\": 1}\n{\"b\": 2}\n").unwrap(), [json!({"a": 1}), json!({"b": 2})]);
        assert_eq!(documents("").unwrap(), Vec::<Value>::new());
        assert_eq!(one("\u{feff}a: 1\n"), json!({"a": 1}));
    }
}

//! YAML with lines, as the parser marks them.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Error, Spanned, alias_limits, budget, options};

use super::{Content, Fault, MAX_DEPTH, MAX_VALUES, Node};

pub(super) fn read(text: &str) -> Result<Node, Fault> {
    let options = options! {
        budget: budget! { max_depth: MAX_DEPTH, max_nodes: MAX_VALUES },
        // Words of YAML 1.1 are told apart below, because y and n are none with Python.
        strict_booleans: true,
        alias_limits: alias_limits! { max_total_replayed_events: MAX_VALUES, max_replay_stack_depth: 8 },
    };
    let read: Result<Node, Error> = serde_saphyr::from_str_with_options(text, options);
    read.map_err(|error| {
        let error = error.without_snippet();
        if let Error::DuplicateMappingKey { key, location } = error {
            return Fault::twice(key.as_deref().unwrap_or("?"), location.line());
        }
        let line = error.location().map(|location| location.line()).filter(|line| *line > 0);
        Fault { line, why: format!("it is not YAML: {}", crate::brief::line(&error.to_string(), 200)) }
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Spanned::<Content>::deserialize(deserializer)?;
        let length = read.defined.span().len();
        Ok(Self { line: read.referenced.line(), content: word(read.value, length) })
    }
}

/// Returns what `PyYAML` makes of a text that stands without quotation marks: yes, no, on and off are flags.
fn word(content: Content, length: u64) -> Content {
    let Content::Scalar(Value::String(text)) = &content else { return content };
    if u64::try_from(text.len()) != Ok(length) {
        return content;
    }
    match text.as_str() {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Content::Scalar(true.into()),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => Content::Scalar(false.into()),
        _ => content,
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Content, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = pairs.next_key_seed(Key)? {
            map.push((key, pairs.next_value()?));
        }
        Ok(Content::Map(map))
    }
}

/// A key as text, also where it is a number or a word: `200: ok`.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        match deserializer.deserialize_any(Any)? {
            Content::Scalar(Value::String(text)) => Ok(text),
            Content::Scalar(other) => Ok(other.to_string()),
            Content::List(_) | Content::Map(_) => Err(D::Error::custom("a key has to be a text")),
        }
    }
}

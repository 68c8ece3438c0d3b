//! What the server answers.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::resources::Resource;

/// An answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// An object.
    Object(u16, Arc<Value>),
    /// A list of objects.
    List(List),
    /// Another document.
    Document(u16, Value),
    /// Plain text.
    Text(String),
}

/// A list, whose objects are those of the store.
#[derive(Clone, Debug)]
pub struct List {
    /// Of which kind.
    pub resource: &'static Resource,
    /// The version that it shows.
    pub version: u64,
    /// Where the next one goes on.
    pub next: Option<String>,
    /// The objects.
    pub items: Vec<Arc<Value>>,
}

impl Reply {
    /// The HTTP status.
    pub const fn code(&self) -> u16 {
        match self {
            Self::Object(code, _) | Self::Document(code, _) => *code,
            Self::List(_) | Self::Text(_) => 200,
        }
    }

    /// The body.
    pub fn body(&self) -> Vec<u8> {
        match self {
            Self::Object(_, object) => bytes(object.as_ref()),
            Self::List(list) => list.body(),
            Self::Document(_, document) => bytes(document),
            Self::Text(text) => text.clone().into_bytes(),
        }
    }
}

/// A value is always written.
fn bytes<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

impl List {
    fn body(&self) -> Vec<u8> {
        let mut metadata = json!({"resourceVersion": self.version.to_string()});
        if let Some(next) = &self.next {
            metadata["continue"] = json!(next);
        }
        let (kind, version) = (self.resource.kind, self.resource.api_version());
        let head =
            format!(r#"{{"kind":"{kind}List","apiVersion":"{version}","metadata":{metadata},"items":["#);
        let mut body = head.into_bytes();
        for (at, item) in self.items.iter().enumerate() {
            if at > 0 {
                body.push(b',');
            }
            serde_json::to_writer(&mut body, item.as_ref()).unwrap_or(());
        }
        body.extend_from_slice(b"]}");
        body
    }
}

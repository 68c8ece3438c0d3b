//! A request, read.

use std::collections::BTreeMap;

use serde_json::Value;

use super::resources::{Resource, find};
use crate::object::Key;

/// What a path leads to.
#[derive(Clone, Debug)]
pub enum Target {
    /// All of a kind, of a namespace or of all.
    Collection(&'static Resource, Option<String>),
    /// One, or a part of it.
    One(&'static Resource, Key, Option<String>),
    /// The list of API groups.
    Groups,
    /// A review of rights, by its plural.
    Review(String),
    /// What is not simulated.
    Unknown,
}

impl Target {
    /// The kind, if it is one of those that the server knows.
    pub const fn resource(&self) -> Option<&'static Resource> {
        match self {
            Self::Collection(resource, _) | Self::One(resource, _, _) => Some(resource),
            Self::Groups | Self::Review(_) | Self::Unknown => None,
        }
    }
}

/// A request, read.
#[derive(Clone, Debug)]
pub struct Request {
    /// GET, POST, PUT, PATCH, DELETE.
    pub method: String,
    /// Path and query as they were sent.
    pub uri: String,
    /// Where it goes.
    pub target: Target,
    /// The query.
    pub query: BTreeMap<String, String>,
    /// The content type of the body.
    pub content: String,
    /// The body; null for none.
    pub body: Value,
    /// Who sends it.
    pub who: String,
}

impl Request {
    /// Reads a request.
    pub fn new(who: &str, method: &str, uri: &str, content: &str, body: Value) -> Self {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let query = query.split('&').filter(|part| !part.is_empty()).map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(name), decoded(value))
        });
        Self {
            method: method.to_owned(),
            uri: uri.to_owned(),
            target: target(path),
            query: query.collect(),
            content: content.to_owned(),
            body,
            who: who.to_owned(),
        }
    }

    /// Of an object that is known, or of a part of it.
    pub fn of_one(
        who: &str,
        method: &str,
        resource: &'static Resource,
        key: &Key,
        part: Option<&str>,
        content: &str,
        body: Value,
    ) -> Self {
        let mut uri = resource.path(&key.namespace);
        for word in std::iter::once(key.name.as_str()).chain(part) {
            uri.push('/');
            uri.push_str(word);
        }
        let target = Target::One(resource, key.clone(), part.map(str::to_owned));
        Self::to(who, method, uri, target, content, body)
    }

    /// Of an object that is to be made.
    pub fn creation(who: &str, resource: &'static Resource, namespace: &str, body: Value) -> Self {
        let target = Target::Collection(resource, resource.namespaced.then(|| namespace.to_owned()));
        Self::to(who, "POST", resource.path(namespace), target, "", body)
    }

    fn to(who: &str, method: &str, uri: String, target: Target, content: &str, body: Value) -> Self {
        let (method, content, who) = (method.to_owned(), content.to_owned(), who.to_owned());
        Self { method, uri, target, query: BTreeMap::new(), content, body, who }
    }

    /// Says it, for the trace.
    pub fn told(&self) -> String {
        let body = if self.body.is_null() { String::new() } else { self.body.to_string() };
        let cut: String = body.chars().take(600).collect();
        format!("{} {} {cut}", self.method, self.uri)
    }

    /// A member of the query that is not empty.
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether nothing is to be kept.
    pub fn is_dry(&self) -> bool {
        self.asked("dryRun") == Some("All") || self.body["dryRun"][0] == "All"
    }

    /// Whether it is a watch.
    pub fn is_watch(&self) -> bool {
        matches!(self.asked("watch"), Some("true" | "1"))
    }

    /// Whether it may change something.
    pub fn is_write(&self) -> bool {
        self.method != "GET" && !matches!(self.target, Target::Review(_)) && !self.is_dry()
    }
}

fn target(path: &str) -> Target {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["apis"] => return Target::Groups,
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", "authorization.k8s.io", "v1", review] => return Target::Review((*review).to_owned()),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return Target::Unknown,
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some(decoded(namespace)), rest),
        _ => (None, rest),
    };
    let key = |name: &str| Key { namespace: namespace.clone().unwrap_or_default(), name: decoded(name) };
    match rest {
        [plural] => find(group, version, plural)
            .map_or(Target::Unknown, |resource| Target::Collection(resource, namespace.clone())),
        [plural, name] => find(group, version, plural)
            .map_or(Target::Unknown, |resource| Target::One(resource, key(name), None)),
        // The API server takes the port off: `ResourceLocation` in `pkg/registry/core/pod/strategy.go`.
        ["pods", name, part @ "proxy", ..] => {
            let pod = name.trim_start_matches("https:").split(':').next().unwrap_or(name);
            find(group, version, "pods")
                .map_or(Target::Unknown, |resource| Target::One(resource, key(pod), Some((*part).to_owned())))
        }
        ["services", name, part @ "proxy", ..] => {
            let service = name.split(':').next().unwrap_or(name);
            find(group, version, "services").map_or(Target::Unknown, |resource| {
                Target::One(resource, key(service), Some((*part).to_owned()))
            })
        }
        [plural, name, part] => find(group, version, plural)
            .map_or(Target::Unknown, |resource| Target::One(resource, key(name), Some((*part).to_owned()))),
        _ => Target::Unknown,
    }
}

/// Undoes the encoding of a form.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.extend(u8::from_str_radix(&digits, 16).ok());
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_objects() {
        let read = |uri: &str| Request::new("a", "GET", uri, "", Value::Null);
        let one = read("/apis/apps/v1/namespaces/shop/deployments/web/scale?fieldManager=x");
        assert!(matches!(&one.target, Target::One(resource, key, Some(part))
            if resource.plural == "deployments" && *key == Key::new("shop", "web") && part == "scale"));
        let all = read("/api/v1/pods?labelSelector=app%3Dweb%2Ctier+in+%28a%29&limit=500");
        assert!(matches!(all.target, Target::Collection(resource, None) if resource.plural == "pods"));
        assert_eq!(all.asked("labelSelector"), Some("app=web,tier in (a)"));
        let space = read("/api/v1/namespaces/shop");
        assert!(matches!(space.target, Target::One(resource, _, None) if resource.plural == "namespaces"));
        assert!(matches!(read("/apis/none/v1/things").target, Target::Unknown));
    }
}

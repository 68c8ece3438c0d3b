//! The API server: a request in, an answer out. Watches are the driver's, who delays what they tell.

pub mod patch;
mod pods;
pub mod prepare;
pub mod refusal;
mod reply;
pub mod request;
pub mod resources;
mod route;
pub mod select;
mod special;
pub mod store;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::controllers::Refusal;
use crate::draw::Draw;
use crate::object::{Key, Kind};
pub use reply::{List, Reply};
use request::{Request, Target};
use resources::Resource;
use store::Store;

/// The server.
#[derive(Debug, Default)]
pub struct Server {
    /// What it keeps.
    pub store: Store,
    /// What it was asked that is not simulated.
    pub unknown: Vec<String>,
    /// Whether the definitions of custom resources are installed.
    pub has_custom: bool,
    /// Whether something in the cluster enforces network policies.
    pub has_firewall: bool,
}

impl Server {
    /// Returns one that keeps nothing.
    pub fn new() -> Self {
        Self { store: Store::new(), unknown: Vec::new(), has_custom: false, has_firewall: true }
    }

    /// Answers a request. `stale` is the version that a list may show which asks for any.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn answer(
        &mut self,
        mut request: Request,
        now: Timestamp,
        stale: u64,
        draw: &mut Draw,
    ) -> Result<Reply, Refusal> {
        let mut body = || std::mem::take(&mut request.body);
        match (&request.target, request.method.as_str()) {
            (Target::Groups, "GET") => Ok(Reply::Document(200, special::groups(self.has_custom))),
            (Target::Review(plural), "POST") => Ok(Reply::Document(201, special::review(plural, body()))),
            (Target::Collection(resource, namespace), "GET") => {
                self.list(resource, namespace.as_deref(), &request, stale)
            }
            (Target::Collection(resource, namespace), "POST") => {
                let (namespace, sent) = (namespace.as_deref().unwrap_or_default(), body());
                self.create(resource, namespace, &request, sent, now, draw)
            }
            (Target::One(resource, key, None), "GET") => {
                let found = self.store.get(resource, key).map(Arc::clone);
                found
                    .map(|object| Reply::Object(200, object))
                    .ok_or_else(|| Refusal::not_found(resource, &key.name))
            }
            (Target::One(resource, key, None), "PUT" | "PATCH") => {
                let sent = body();
                self.change(resource, key, false, &request, sent)
            }
            (Target::One(resource, key, Some(part)), "PUT" | "PATCH")
                if part == "status" && resource.has_status =>
            {
                let sent = body();
                self.change(resource, key, true, &request, sent)
            }
            (Target::One(resource, key, None), "DELETE") => self.delete(resource, key, &request, now),
            (Target::One(resource, key, Some(part)), _) => {
                match self.part(resource, key, part, &request, now) {
                    Some(answer) => answer,
                    None => Err(self.unknown(&request)),
                }
            }
            _ => Err(self.unknown(&request)),
        }
    }

    fn unknown(&mut self, request: &Request) -> Refusal {
        let what = format!("{} {} {}", request.method, request.uri, request.content);
        self.unknown.push(what.clone());
        Refusal::unknown(&what)
    }

    fn list(
        &self,
        resource: &'static Resource,
        namespace: Option<&str>,
        request: &Request,
        stale: u64,
    ) -> Result<Reply, Refusal> {
        let (mut version, mut from) = (self.store.version(), None);
        if request.asked("resourceVersion") == Some("0") {
            version = stale;
        }
        // `continue` tells where, and of which moment.
        if let Some((at, key)) = request.asked("continue").and_then(|token| token.split_once(' ')) {
            version = at.parse().unwrap_or_default();
            if version < self.store.compacted() {
                return Err(Refusal::new(
                    410,
                    "Expired",
                    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
                ));
            }
            from = key.split_once(' ').map(|(namespace, name)| Key::new(namespace, name));
        }
        let objects = self.store.at(resource, version);
        let limit = request.asked("limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
        let mut list = List { resource, version, next: None, items: Vec::new() };
        for (key, object) in objects.iter() {
            let is_here = namespace.is_none_or(|namespace| namespace == key.namespace)
                && from.as_ref().is_none_or(|from| key >= from)
                && fits(object, request);
            if !is_here {
                continue;
            }
            if list.items.len() == limit {
                list.next = Some(format!("{version} {} {}", key.namespace, key.name));
                break;
            }
            list.items.push(Arc::clone(object));
        }
        Ok(Reply::List(list))
    }

    fn create(
        &mut self,
        resource: &'static Resource,
        namespace: &str,
        request: &Request,
        sent: Value,
        now: Timestamp,
        draw: &mut Draw,
    ) -> Result<Reply, Refusal> {
        let (key, object) = prepare::create(resource, namespace, sent, now, draw)?;
        if self.store.get(resource, &key).is_some() {
            return Err(Refusal::exists(resource, &key.name));
        }
        if resource.seen_as == Some(Kind::Pod) {
            self.admit_pod(&key, request)?;
        }
        if request.is_dry() {
            return Ok(Reply::Document(201, object));
        }
        Ok(Reply::Object(201, self.keep(resource, &key, object, &request.who)?))
    }

    fn keep(
        &mut self,
        resource: &'static Resource,
        key: &Key,
        object: Value,
        who: &str,
    ) -> Result<Arc<Value>, Refusal> {
        self.store.put(resource, key, object, who).map_err(|error| {
            Refusal::new(
                400,
                "BadRequest",
                format!("{} in version \"v1\" cannot be handled: {error}", resource.kind),
            )
        })
    }

    fn change(
        &mut self,
        resource: &'static Resource,
        key: &Key,
        status: bool,
        request: &Request,
        sent: Value,
    ) -> Result<Reply, Refusal> {
        let Some(old) = self.store.get(resource, key).map(Arc::clone) else {
            return Err(Refusal::not_found(resource, &key.name));
        };
        let sent = match (request.method.as_str(), request.content.as_str()) {
            ("PUT", _) => sent,
            (_, "application/json-patch+json") => patch::json(&old, &sent).map_err(|_| Refusal::patch())?,
            (_, "application/strategic-merge-patch+json") if resource.seen_as == Some(Kind::Pod) => {
                let mut object = old.as_ref().clone();
                patch::strategic(&mut object, sent);
                object
            }
            (_, "application/merge-patch+json") => {
                let mut object = old.as_ref().clone();
                patch::merge(&mut object, sent);
                object
            }
            _ => return Err(self.unknown(request)),
        };
        let object = prepare::update(resource, key, &old, sent, status)?;
        if request.is_dry() {
            return Ok(Reply::Document(200, object));
        }
        // What changes nothing is not written (`GuaranteedUpdate` in `pkg/storage/etcd3/store.go` of kubernetes/apiserver).
        if object == *old {
            return Ok(Reply::Object(200, old));
        }
        Ok(Reply::Object(200, self.keep(resource, key, object, &request.who)?))
    }

    fn delete(
        &mut self,
        resource: &'static Resource,
        key: &Key,
        request: &Request,
        now: Timestamp,
    ) -> Result<Reply, Refusal> {
        let Some(old) = self.store.get(resource, key).map(Arc::clone) else {
            return Err(Refusal::not_found(resource, &key.name));
        };
        let preconditions = &request.body["preconditions"];
        let found = old["metadata"]["uid"].as_str().unwrap_or_default();
        if let Some(wanted) = preconditions["uid"].as_str().filter(|wanted| *wanted != found) {
            return Err(Refusal::other_uid(resource, &key.name, wanted, found));
        }
        if preconditions["resourceVersion"].is_string()
            && preconditions["resourceVersion"] != old["metadata"]["resourceVersion"]
        {
            return Err(Refusal::conflict(resource, &key.name));
        }
        let done = || {
            Ok(Reply::Document(
                200,
                json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "details": {"name": key.name, "uid": found}}),
            ))
        };
        if request.is_dry() {
            return done();
        }
        let asked = request.body["gracePeriodSeconds"].as_i64();
        let grace = asked.or_else(|| old["spec"]["terminationGracePeriodSeconds"].as_i64()).unwrap_or(30);
        // `CheckGracefulDelete` in `pkg/registry/core/pod/strategy.go`: what no node runs yet goes at once.
        let has_node = old["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
        if resource.is_graceful() && grace > 0 && has_node {
            if old["metadata"]["deletionTimestamp"].is_string() {
                return Ok(Reply::Object(200, old));
            }
            let mut object = old.as_ref().clone();
            let at = now.checked_add(jiff::SignedDuration::from_secs(grace)).unwrap_or(now);
            object["metadata"]["deletionTimestamp"] = prepare::time(at);
            object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
            return Ok(Reply::Object(200, self.keep(resource, key, object, &request.who)?));
        }
        self.store.remove(resource, key, &request.who);
        done()
    }
}

/// Whether an object is among those that are asked for.
pub fn fits(object: &Value, request: &Request) -> bool {
    request.asked("labelSelector").is_none_or(|selector| select::labels(object, selector))
        && request.asked("fieldSelector").is_none_or(|selector| select::fields(object, selector))
}

#[cfg(test)]
mod tests;

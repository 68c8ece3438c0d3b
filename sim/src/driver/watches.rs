//! Watches of runs: each tells what happened in its order, and late (`pkg/storage/cacher` of kubernetes/apiserver).

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::Driver;
use super::agenda::Due;
use super::transport::{Chunk, reset};
use crate::server::fits;
use crate::server::request::{Request, Target};
use crate::server::resources::Resource;
use crate::server::store::Entry;

/// One watch.
pub(super) struct Watch {
    resource: &'static Resource,
    namespace: Option<String>,
    request: Request,
    /// Up to which version it has told.
    told: u64,
    /// Whether it is going to tell.
    pub(super) awaits: bool,
    out: UnboundedSender<Chunk>,
}

impl Watch {
    pub(super) fn is_about(&self, entry: &Entry) -> bool {
        entry.resource == self.resource
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == entry.key.namespace)
    }
}

/// The type comes first, as Go writes it: what reads it need not keep the object until it knows what it is.
fn event(kind: &str, object: &Value) -> Bytes {
    let mut text = format!("{{\"type\":\"{kind}\",\"object\":").into_bytes();
    // A value is always written.
    serde_json::to_writer(&mut text, object).unwrap_or(());
    text.extend_from_slice(b"}\n");
    Bytes::from(text)
}

/// What a change is for who asks for some of the objects: one that no longer fits is gone.
fn told(entry: &Entry, request: &Request) -> Option<Bytes> {
    let before = entry.before.as_ref().filter(|object| fits(object, request));
    let after = entry.after.as_ref().filter(|object| fits(object, request));
    match (before, after) {
        (None, Some(after)) => Some(event("ADDED", after)),
        (Some(_), Some(after)) => Some(event("MODIFIED", after)),
        (Some(before), None) => {
            let mut object = before.as_ref().clone();
            object["metadata"]["resourceVersion"] = json!(entry.version.to_string());
            Some(event("DELETED", &object))
        }
        (None, None) => None,
    }
}

impl Driver {
    /// Begins a watch, which may be refused in its first event.
    pub(super) fn begin_watch(&mut self, request: Request, out: UnboundedSender<Chunk>) {
        let Target::Collection(resource, namespace) = request.target.clone() else { return };
        let from: u64 =
            request.asked("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or_default();
        if from < self.server.store.compacted() {
            let message = format!("too old resource version: {from} ({})", self.server.store.compacted());
            let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": "Expired", "code": 410});
            // Nobody listens any more.
            out.send(Ok(event("ERROR", &status))).unwrap_or(());
            return;
        }
        let seconds = request.asked("timeoutSeconds").and_then(|seconds| seconds.parse().ok()).unwrap_or(300);
        let watch = Watch { resource, namespace, request, told: from, awaits: true, out };
        let id = self.next_watch;
        self.next_watch += 1;
        self.watches.insert(id, watch);
        let lag = self.draw.millis(self.pace.watch.clone());
        self.later(lag, Due::Tell(id));
        self.later(std::time::Duration::from_secs(seconds), Due::Close(id));
    }

    /// A watch tells what happened since.
    pub(super) fn tell_watch(&mut self, id: u64) {
        let Some(watch) = self.watches.get_mut(&id) else { return };
        watch.awaits = false;
        let entries = self.server.store.since(watch.told);
        for entry in entries.iter().filter(|entry| watch.is_about(entry)) {
            if let Some(chunk) = told(entry, &watch.request)
                && watch.out.send(Ok(chunk)).is_err()
            {
                self.watches.remove(&id);
                return;
            }
        }
        watch.told = self.server.store.version();
    }

    /// Its time is over, or the server goes: the last event is a bookmark, if it was asked for.
    pub(super) fn close_watch(&mut self, id: u64) {
        let Some(watch) = self.watches.remove(&id) else { return };
        if watch.request.asked("allowWatchBookmarks").is_some() && !watch.awaits {
            let object = json!({"kind": watch.resource.kind, "apiVersion": watch.resource.api_version(),
                "metadata": {"resourceVersion": watch.told.to_string(), "creationTimestamp": null}});
            // Nobody listens any more.
            watch.out.send(Ok(event("BOOKMARK", &object))).unwrap_or(());
        }
    }

    /// The connections of all watches break.
    pub fn cut_watches(&mut self) {
        let at = self.begin.elapsed();
        self.trace.tell(at, || format!("{} watches are cut", self.watches.len()));
        for (_, watch) in std::mem::take(&mut self.watches) {
            // Nobody listens any more.
            watch.out.send(Err(reset())).unwrap_or(());
        }
    }
}

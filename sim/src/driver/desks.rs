//! The controllers at work: each with a cache that lags, and a queue (`util/workqueue` of kubernetes/client-go).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::json;

use super::Driver;
use super::agenda::Due;
use crate::cache::{Cache, Change};
use crate::controllers::{Controller, Next, Refusal, Sync, Write};
use crate::object::{Key, Object};
use crate::server::Reply;
use crate::server::request::Request;
use crate::server::resources::{Resource, find, of_kind};

/// One controller, and what it keeps.
pub(super) struct Desk {
    pub(super) controller: Box<dyn Controller>,
    cache: Cache,
    /// Up to which version it has been told.
    seen: u64,
    /// Whether it is going to be told.
    pub(super) awaits: bool,
    queue: VecDeque<Key>,
    /// Whether a look or what follows from it is under way.
    busy: bool,
    failures: BTreeMap<Key, u32>,
    job: Option<Job>,
}

/// The writes of one look that are left.
struct Job {
    key: Key,
    writes: VecDeque<Write>,
    again_after: Option<Duration>,
}

impl Desk {
    pub(super) fn new(controller: Box<dyn Controller>) -> Self {
        Self {
            controller,
            cache: Cache::default(),
            seen: 0,
            awaits: false,
            queue: VecDeque::new(),
            busy: false,
            failures: BTreeMap::new(),
            job: None,
        }
    }

    /// Leaves the rest of what it does.
    fn drop_job(&mut self) {
        self.job = None;
        self.busy = false;
    }

    fn enqueue(&mut self, key: Key) {
        if !self.queue.contains(&key) {
            self.queue.push_back(key);
        }
    }
}

impl Driver {
    /// Its cache takes in what happened since.
    pub(super) fn tell(&mut self, at: usize) {
        let Some(desk) = self.desks.get_mut(at) else { return };
        desk.awaits = false;
        let watched = desk.controller.watches();
        for entry in self.server.store.since(desk.seen) {
            if !entry.resource.seen_as.is_some_and(|kind| watched.contains(&kind)) {
                continue;
            }
            let Some(change) = &entry.typed else { continue };
            desk.cache.take_of(&entry.key, change);
            for key in desk.controller.keys(change, &desk.cache) {
                desk.enqueue(key);
            }
        }
        desk.seen = self.server.store.version();
        self.look_soon(at);
    }

    /// It was killed and starts again: with a cache that is read anew.
    pub(super) fn restart(&mut self, at: usize) {
        let Some(desk) = self.desks.get_mut(at) else { return };
        desk.cache = Cache::default();
        desk.queue.clear();
        desk.failures.clear();
        desk.job = None;
        desk.busy = false;
        desk.controller.restarted();
        self.trace.tell(self.begin.elapsed(), || format!("{} starts again", desk.controller.name()));
        let watched = desk.controller.watches();
        let mut changes = Vec::new();
        for resource in watched.iter().filter_map(|kind| of_kind(*kind)) {
            for object in self.server.store.all_typed(resource) {
                changes.push(Change { before: None, after: Some(object.clone()) });
            }
        }
        for change in &changes {
            desk.cache.take(change);
        }
        for change in &changes {
            for key in desk.controller.keys(change, &desk.cache) {
                desk.enqueue(key);
            }
        }
        desk.seen = self.server.store.version();
        self.look_soon(at);
    }

    /// A key that was put off comes back.
    pub(super) fn again(&mut self, at: usize, key: Key) {
        let Some(desk) = self.desks.get_mut(at) else { return };
        desk.enqueue(key);
        self.look_soon(at);
    }

    fn look_soon(&mut self, at: usize) {
        let step = self.pace.controllers.get(at).map_or(0..=1, |pace| pace.1.clone());
        let Some(desk) = self.desks.get_mut(at) else { return };
        if desk.busy || desk.queue.is_empty() {
            return;
        }
        desk.busy = true;
        let wait = self.draw.millis(step);
        self.later(wait, Due::Look(at));
    }

    /// It looks at the next key.
    pub(super) fn look(&mut self, at: usize) {
        let now = self.now();
        let Some(desk) = self.desks.get_mut(at) else { return };
        // It started again meanwhile: this look is one of before, and takes nothing from the queue.
        if !desk.busy || desk.job.is_some() {
            return;
        }
        let Some(key) = desk.queue.pop_front() else { return };
        let Sync { writes, again_after } = desk.controller.sync(&key, &desk.cache, now, &mut self.draw);
        desk.job = Some(Job { key, writes: writes.into(), again_after });
        self.next_write(at);
    }

    fn next_write(&mut self, at: usize) {
        let step = self.pace.controllers.get(at).map_or(0..=1, |pace| pace.1.clone());
        let Some(desk) = self.desks.get_mut(at) else { return };
        if desk.job.as_ref().is_some_and(|job| !job.writes.is_empty()) {
            let wait = self.draw.millis(step);
            self.later(wait, Due::Act(at));
            return;
        }
        desk.busy = false;
        if let Some(job) = desk.job.take() {
            desk.failures.remove(&job.key);
            if let Some(wait) = job.again_after {
                self.later(wait, Due::Again(at, job.key));
            }
        }
        self.look_soon(at);
    }

    /// It sends its next write.
    pub(super) fn act(&mut self, at: usize) {
        let Some(desk) = self.desks.get_mut(at) else { return };
        let Some(job) = &mut desk.job else { return };
        let Some(mut write) = job.writes.pop_front() else { return };
        let (key, who) = (job.key.clone(), desk.controller.name());
        let Some(request) = self.request(who, &mut write) else { return };
        let resource = request.target.resource();
        let answer = self.send(request);
        let written = answer.as_ref().ok().and_then(|reply| self.written(resource?, reply));
        let Some(desk) = self.desks.get_mut(at) else { return };
        let next = if matches!(write, Write::Event { .. }) {
            Next::Continue
        } else {
            desk.controller.answered(&key, &write, answer.as_ref().map(|_| written.as_ref()))
        };
        let wait = match next {
            Next::Continue => None,
            Next::Then(writes) => {
                if let Some(job) = &mut desk.job {
                    writes.into_iter().rev().for_each(|write| job.writes.push_front(write));
                }
                None
            }
            Next::Stop => {
                desk.drop_job();
                None
            }
            Next::After(wait) => {
                desk.drop_job();
                Some(wait)
            }
            Next::Again => {
                desk.drop_job();
                // `DefaultTypedControllerRateLimiter`: 5 ms, doubled each time, 1000 s at most.
                let failures = desk.failures.entry(key.clone()).or_default();
                let wait = Duration::from_millis(5 << (*failures).min(17)).min(Duration::from_secs(1000));
                *failures += 1;
                Some(wait)
            }
        };
        if let Some(wait) = wait {
            self.later(wait, Due::Again(at, key));
        }
        self.next_write(at);
    }

    /// The object that a write made.
    fn written(&self, resource: &Resource, reply: &Reply) -> Option<Object> {
        let Reply::Object(_, value) = reply else { return None };
        let text = |member: &str| value["metadata"][member].as_str().unwrap_or_default();
        self.server.store.typed(resource, &Key::new(text("namespace"), text("name"))).cloned()
    }

    /// Makes a request of a write. A patch is taken out of it.
    fn request(&self, who: &str, write: &mut Write) -> Option<Request> {
        let json = |object: &Object| object.to_json().ok();
        let one = |kind, key: &Key, method: &str, part: Option<&str>, content: &str, body| {
            Some(Request::of_one(who, method, of_kind(kind)?, key, part, content, body))
        };
        match write {
            Write::Create(object) => {
                let (resource, key) = (of_kind(object.kind())?, object.key());
                Some(Request::creation(who, resource, &key.namespace, json(object)?))
            }
            Write::Update(object) => one(object.kind(), &object.key(), "PUT", None, "", json(object)?),
            Write::UpdateStatus(object) => {
                one(object.kind(), &object.key(), "PUT", Some("status"), "", json(object)?)
            }
            Write::Merge { kind, key, subresource, patch } => {
                one(*kind, key, "PATCH", *subresource, "application/merge-patch+json", std::mem::take(patch))
            }
            Write::Delete { kind, key, uid, grace } => {
                let mut body = json!({});
                if let Some(uid) = uid {
                    body["preconditions"] = json!({"uid": uid});
                }
                if let Some(grace) = grace {
                    body["gracePeriodSeconds"] = json!(grace);
                }
                one(*kind, key, "DELETE", None, "", body)
            }
            Write::Event { about, level, reason, message } => {
                let (kind, api_version) = about.kind().names();
                let key = about.key();
                let time = crate::server::prepare::time(self.now());
                let body = json!({"metadata": {"generateName": format!("{}.", key.name)},
                    "involvedObject": {"kind": kind, "apiVersion": api_version, "namespace": key.namespace, "name": key.name, "uid": about.uid()},
                    "type": level, "reason": reason, "message": message, "count": 1, "firstTimestamp": time,
                    "lastTimestamp": time, "source": {"component": who}});
                Some(Request::creation(who, find("", "v1", "events")?, &key.namespace, body))
            }
        }
    }

    /// What the server says to a request of anybody in the cluster.
    pub fn serve(&mut self, request: &Request) -> Result<Reply, Refusal> {
        self.send(request.clone())
    }

    fn send(&mut self, request: Request) -> Result<Reply, Refusal> {
        let (now, newest) = (self.now(), self.server.store.version());
        let told = self.trace.is_kept().then(|| (request.who.clone(), request.told()));
        let answer = self.server.answer(request, now, newest, &mut self.draw);
        if let Some((who, told)) = told {
            self.trace.tell(self.begin.elapsed(), || super::answers::line(&who, &told, &answer));
        }
        self.spread();
        answer
    }
}

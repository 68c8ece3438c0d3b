//! The kubelets of all nodes: what becomes of pods that were bound to one. It stands for `kubernetes/pkg/kubelet`; how a
//! version behaves follows from its image (see [`script`]).

mod life;
pub mod script;
mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use crate::cache::{Cache, Change};
use crate::controllers::kubelet::life::{Life, State};
use crate::controllers::kubelet::script::{Behaviour, is_once};
use crate::controllers::nodes::is_cut_off;
use crate::controllers::pods::{is_over, is_ready, node};
use crate::controllers::{Controller, Next, Refusal, Sync, Write};
use crate::draw::Draw;
use crate::object::{Key, Kind, Object};

/// The kubelets. What they know of their containers outlives a restart of theirs.
#[derive(Debug, Default)]
pub(crate) struct Kubelets {
    lives: BTreeMap<Key, Life>,
    /// When the first pod of each owner began, of those that start only once.
    first: BTreeMap<String, Timestamp>,
}

impl Kubelets {
    /// How a pod that begins now behaves.
    fn behaviour(&mut self, pod: &Pod, now: Timestamp) -> Behaviour {
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
        let owner = pod.metadata.owner_references.iter().flatten().next();
        let Some(owner) = owner.filter(|_| containers.into_iter().any(is_once)) else {
            return Behaviour::of(pod);
        };
        let first = *self.first.entry(owner.uid.clone()).or_insert(now);
        if now.duration_since(first).as_secs() > 0 { Behaviour::Crash } else { Behaviour::of(pod) }
    }
}

impl Controller for Kubelets {
    fn name(&self) -> &'static str {
        "kubelet"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Pod, Kind::Node]
    }

    fn keys(&mut self, change: &Change, cache: &Cache) -> Vec<Key> {
        match change.object() {
            Some(object @ Object::Pod(pod)) if node(pod).is_some() => vec![object.key()],
            Some(Object::Node(changed)) => {
                let name = changed.metadata.name.as_deref();
                let own = cache.pods.iter().filter(|(_, pod)| node(pod) == name);
                own.map(|(key, _)| key.clone()).collect()
            }
            _ => Vec::new(),
        }
    }

    fn sync(&mut self, key: &Key, cache: &Cache, now: Timestamp, draw: &mut Draw) -> Sync {
        let Some(pod) = cache.pods.get(key).filter(|pod| node(pod).is_some()) else {
            self.lives.remove(key);
            return Sync::default();
        };
        if is_cut_off(pod, cache) {
            return Sync::default();
        }
        let ends = pod.metadata.deletion_timestamp.is_some();
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        if is_over(pod) {
            // Evicted, or ended before: nothing runs any more.
            self.lives.remove(key);
            let writes = ends.then(|| gone(key, pod)).into_iter().collect();
            return Sync { writes, again_after: None };
        }
        if self.lives.get(key).is_none_or(|life| life.uid != uid) {
            let life = Life::of(pod, self.behaviour(pod, now), now, draw);
            self.lives.insert(key.clone(), life);
        }
        let Some(life) = self.lives.get_mut(key) else { return Sync::default() };
        life.take(pod, now, draw);
        if ends {
            life.stop(pod.metadata.deletion_grace_period_seconds.unwrap_or(30), now, draw);
        }
        life.step(now, draw);
        // Somebody else wrote it, as the node controller does while the node is lost (`needsReconcile`,
        // `pkg/kubelet/status/status_manager.go`).
        life.untold |= is_ready(pod) != life.is_ready();
        let mut writes = Vec::new();
        if life.untold {
            writes.extend(events(pod, life));
            let patch = status::patch(pod, life, now);
            writes.push(Write::Merge {
                kind: Kind::Pod,
                key: key.clone(),
                subresource: Some("status"),
                patch,
            });
        }
        if life.is_over() && ends {
            writes.push(gone(key, pod));
        }
        Sync { writes, again_after: life.next(now) }
    }

    fn answered(&mut self, key: &Key, write: &Write, answer: Result<Option<&Object>, &Refusal>) -> Next {
        match (answer, write) {
            (Ok(_), Write::Merge { .. }) => {
                if let Some(life) = self.lives.get_mut(key) {
                    life.untold = false;
                }
                Next::Continue
            }
            (Ok(_), _) => Next::Continue,
            // It is gone, or another one has its name: a change tells of that.
            (Err(refusal), _) if matches!(refusal.code, 404 | 409 | 422) => Next::Stop,
            (Err(_), _) => Next::Again,
        }
    }
}

/// The last word on a pod: with no grace left the server forgets it (`deletePod` of `pkg/kubelet/status/status_manager.go`).
fn gone(key: &Key, pod: &Pod) -> Write {
    Write::Delete { kind: Kind::Pod, key: key.clone(), uid: pod.metadata.uid.clone(), grace: Some(0) }
}

/// The events that tell why a pod does not come up.
fn events(pod: &Pod, life: &Life) -> Option<Write> {
    let container = pod.spec.as_ref()?.containers.first()?;
    let (reason, message) = match &life.state {
        State::Waiting { backoff } => ("BackOff", status::back_off(container, pod, backoff.as_secs())),
        State::Refused("ImagePullBackOff") => {
            let image = container.image.as_deref().unwrap_or_default();
            ("BackOff", format!("Back-off pulling image {image:?}"))
        }
        State::Refused(_) => ("Failed", "Error: secret \"settings\" not found".to_owned()),
        State::Running { ready: false, .. } if life.behaviour() == Behaviour::Unready => {
            ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503".to_owned())
        }
        State::Creating | State::Running { .. } | State::Ended | State::Over => return None,
    };
    let about = Object::from(pod.clone());
    Some(Write::Event { about, level: "Warning", reason: reason.to_owned(), message })
}

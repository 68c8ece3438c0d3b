//! How many pods of which version there are.

use k8s_openapi::api::core::v1::Pod;

use super::Invariant;
use super::ending::is_held;
use crate::object::{Key, Kind, Object};
use crate::scenario::shop::{FORMER, NAME, NAMESPACE, image};
use crate::server::resources::of_kind;
use crate::server::store::{Entry, Store};

/// Whether a pod gets requests.
pub fn serves(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
    pod.metadata.deletion_timestamp.is_none() && ready.any(|condition| condition.status == "True")
}

/// The image of its first container.
fn version(pod: &Pod) -> &str {
    let container = pod.spec.as_ref().and_then(|spec| spec.containers.first());
    container.and_then(|container| container.image.as_deref()).unwrap_or_default()
}

/// All pods.
pub fn pods(store: &Store) -> impl Iterator<Item = &Pod> {
    let all = of_kind(Kind::Pod).into_iter().flat_map(|resource| store.all_typed(resource));
    all.filter_map(|object| match object {
        Object::Pod(pod) => Some(pod.as_ref()),
        _ => None,
    })
}

fn count(store: &Store, wanted: impl Fn(&Pod) -> bool) -> u32 {
    u32::try_from(pods(store).filter(|pod| wanted(pod)).count()).unwrap_or(u32::MAX)
}

/// The Deployment, and whether the hold is on.
fn held(store: &Store) -> Option<(String, bool)> {
    let resource = of_kind(Kind::Deployment)?;
    let deployment = store.get(resource, &Key::new(NAMESPACE, NAME))?;
    Some((image(deployment).to_owned(), is_held(deployment)))
}

/// Whether a change can make a difference.
fn matters(entry: &Entry) -> bool {
    matches!(entry.resource.seen_as, Some(Kind::Pod | Kind::Deployment))
}

/// Stable Ready pods never fall below what the user's own limits keep, until the new version is promoted. Then both count,
/// if the new one is a good one: with a bad one the user's own rolling update would have lost as many.
#[derive(Clone, Copy, Debug)]
pub struct Whole {
    least: u32,
    good: bool,
    promoted: bool,
}

impl Whole {
    /// So many pods there always are; `good` is whether those of the new version stay Ready.
    pub const fn new(least: u32, good: bool) -> Self {
        Self { least, good, promoted: false }
    }
}

impl Invariant for Whole {
    fn name(&self) -> &'static str {
        "stable pods"
    }

    fn look(&mut self, store: &Store, entry: &Entry) -> Result<(), String> {
        if !matters(entry) {
            return Ok(());
        }
        let Some((image, is_held)) = held(store) else { return Ok(()) };
        self.promoted |= !is_held && image != FORMER;
        if self.promoted && !self.good {
            return Ok(());
        }
        let there = count(store, |pod| serves(pod) && (self.promoted || version(pod) == FORMER));
        if there >= self.least { Ok(()) } else { Err(format!("{there} serve, and {} always do", self.least)) }
    }
}

/// While it is held there are never more pods of the new version than were asked for.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// The new version.
    pub image: &'static str,
    /// As many there may be.
    pub most: u32,
}

impl Invariant for Share {
    fn name(&self) -> &'static str {
        "share"
    }

    fn look(&mut self, store: &Store, entry: &Entry) -> Result<(), String> {
        if !matters(entry) {
            return Ok(());
        }
        let Some((image, is_held)) = held(store) else { return Ok(()) };
        if !is_held || image != self.image {
            return Ok(());
        }
        let there =
            count(store, |pod| version(pod) == self.image && pod.metadata.deletion_timestamp.is_none());
        if there <= self.most {
            Ok(())
        } else {
            Err(format!("{there} pods of {}, at most {} were asked for", self.image, self.most))
        }
    }
}

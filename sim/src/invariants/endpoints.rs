//! A Service that had endpoints does not lose all of them: every request to it would fail.

use std::collections::BTreeSet;

use super::Invariant;
use crate::object::{Key, Kind, Object};
use crate::scenario::shop::NAME;
use crate::server::store::{Entry, Store};

/// The label of a slice that names its Service (`LabelServiceName`, `k8s.io/api/discovery/v1/well_known_labels.go`).
const SERVICE: &str = "kubernetes.io/service-name";

/// The Services that have had a Ready endpoint, by the key of their slice.
#[derive(Debug, Default)]
pub struct Endpoints {
    served: BTreeSet<Key>,
}

impl Invariant for Endpoints {
    fn name(&self) -> &'static str {
        "endpoints"
    }

    fn look(&mut self, _: &Store, entry: &Entry) -> Result<(), String> {
        if entry.resource.seen_as != Some(Kind::EndpointSlice) {
            return Ok(());
        }
        let now = entry.typed.as_ref().and_then(|change| change.after.as_ref());
        // A slice goes with its Service.
        let Some(Object::EndpointSlice(slice)) = now else {
            self.served.remove(&entry.key);
            return Ok(());
        };
        // Nobody but a run asks the Services that it makes.
        let labels = slice.metadata.labels.as_ref();
        if labels.and_then(|labels| labels.get(SERVICE)).is_none_or(|service| service != NAME) {
            return Ok(());
        }
        let ready = slice.endpoints.iter().filter(|endpoint| {
            endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(false)
        });
        if ready.count() > 0 {
            self.served.insert(entry.key.clone());
            Ok(())
        } else if self.served.contains(&entry.key) {
            Err(format!("{} has no Ready endpoint any more", entry.key.name))
        } else {
            Ok(())
        }
    }
}

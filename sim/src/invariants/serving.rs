//! Pods of all versions together never serve less than the user's own limits keep, as long as every version is a good one and
//! nobody else takes pods away: a rolling update keeps so many, and so does whatever is done with it half way.

use k8s_openapi::api::core::v1::Pod;

use super::Invariant;
use super::pods::serves;
use crate::object::{Kind, Object};
use crate::server::resources::of_kind;
use crate::server::store::{Entry, Store};

/// As many there always are.
#[derive(Clone, Copy, Debug)]
pub struct Serving {
    least: usize,
}

impl Serving {
    /// At least so many.
    pub fn new(least: u32) -> Self {
        Self { least: usize::try_from(least).unwrap_or(usize::MAX) }
    }
}

impl Invariant for Serving {
    fn name(&self) -> &'static str {
        "stable pods"
    }

    fn look(&mut self, store: &Store, entry: &Entry) -> Result<(), String> {
        let Some(pods) = of_kind(Kind::Pod).filter(|pods| *pods == entry.resource) else { return Ok(()) };
        let serves = |object: &&Object| matches!(object, Object::Pod(pod) if serves(pod as &Pod));
        let there = store.all_typed(pods).filter(serves).count();
        if there >= self.least {
            Ok(())
        } else {
            Err(format!("{there} serve, and the user's own limits keep {}", self.least))
        }
    }
}

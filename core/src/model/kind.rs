//! Kinds of workloads: what strategies and output ask of one, so that they name none. One file a kind.
//!
//! Most of a kind is data, in a [`Workload`] and its [`Revision`](super::Revision)s. Here is the rest: what it is called, and how
//! its controller is made to keep two versions beside each other.

mod deployment;

use std::fmt;

use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::model::{Originals, Resource, Workload};
use crate::share::{Bounds, Sizing, Stable};

pub use deployment::{DEPLOYMENT, Deployment, ReplicaSet};

/// What a kind and its parts are called.
#[derive(Debug, PartialEq, Eq)]
pub struct Names {
    /// In objects and sentences: `Deployment`.
    pub kind: &'static str,
    /// In commands and before a name: `deployment`.
    pub word: &'static str,
    /// How the API serves it.
    pub resource: &'static Resource,
    /// The object that is kept of each version: `ReplicaSet`.
    pub revision: &'static str,
    /// The field that says how versions replace each other, below `spec`.
    pub strategy: &'static str,
}

/// What a hold sets beside its limits; absent: it lets the field be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// `spec.minReadySeconds`.
    pub min_ready_seconds: Option<i64>,
    /// `spec.progressDeadlineSeconds`.
    pub progress_deadline_seconds: Option<i64>,
}

/// A kind of workloads.
pub trait WorkloadKind: fmt::Debug + Sync {
    /// Returns what it is called.
    fn names(&self) -> &'static Names;

    /// Returns why two versions of a workload must not run beside each other, if the user says so.
    fn refuses_hold(&self, workload: &Workload) -> Option<Error>;

    /// Whether a workload is held.
    fn is_held(&self, workload: &Workload) -> bool;

    /// Returns what a hold sets beside its limits.
    fn marks(&self) -> Marks;

    /// Returns the update strategy of a workload that is held at these limits.
    fn strategy(&self, workload: &Workload, limits: Bounds) -> serde_json::Value;

    /// Returns what the API server fills in: the best guess where no record is left.
    fn defaults(&self) -> Originals;

    /// Returns the limits that are live, if they are written as a hold writes them.
    fn limits(&self, workload: &Workload) -> Option<Bounds>;

    /// Returns the live limits, for people.
    fn limits_sentence(&self, workload: &Workload) -> String;

    /// Returns how the stable set is used where this was asked: new pods may have no place but that of a stable one.
    fn stable(&self, asked: Stable) -> Stable;

    /// Returns the limits under which the controller keeps these numbers.
    fn bounds(&self, sizing: &Sizing, stable: Stable) -> Bounds;

    /// Returns the limits under which an update that is under way takes no more old pods away.
    fn stopping(&self, workload: &Workload) -> Bounds;

    /// Returns the pods that the controller lets the new version have under these limits, beside so many others.
    fn target(&self, workload: &Workload, limits: Bounds, beside: u32) -> u32;

    /// Returns the pods that the user's own update may have above those that are wanted.
    fn max_surge(&self, workload: &Workload) -> u32;

    /// Returns the pods that the user's own update may take away from those that are wanted.
    fn max_unavailable(&self, workload: &Workload) -> u32;

    /// Whether each version is an object that can be scaled by itself.
    fn scales_revisions(&self) -> bool;
}

impl Serialize for Names {
    /// As the `kind` of an object.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.kind)
    }
}

impl PartialEq for dyn WorkloadKind {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl Default for &'static dyn WorkloadKind {
    fn default() -> Self {
        DEPLOYMENT
    }
}

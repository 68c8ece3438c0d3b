//! Chaos Toolkit experiments: hypothesis, method, rollbacks, and what they come to.

mod activity;
mod functions;
mod http;
mod kill;
mod network;
mod process;
mod run;
mod steady;
mod victims;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::environment::Environment;
use crate::experiment::{Experiment, Values, VirtualService, Workload};
use crate::world::now;

pub(crate) use run::{Plan, Runner};
pub(crate) use victims::{Victims, victims};

/// What activities are run with.
pub(crate) struct Place<'a> {
    /// The experiment.
    pub(crate) experiment: &'a Experiment,
    /// The values of its settings and secrets.
    pub(crate) values: Values,
    /// The cluster, if something of it is asked or changed.
    pub(crate) cluster: Option<&'a Cluster>,
    /// Of the process.
    pub(crate) environment: &'a Environment,
    /// The uid of the `ReplicaSet` whose pods alone may be hit: that of a canary.
    pub(crate) only: Option<String>,
    /// Pods that stay Ready, of those that an action picks from.
    pub(crate) min_ready: u32,
    /// Whether looks are those of Chaos Toolkit.
    pub(crate) strict: bool,
    /// Whether pods are deleted, and not evicted.
    pub(crate) deletes: bool,
    /// What actions have done.
    pub(crate) done: RefCell<Done>,
}

/// What actions have done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    /// The names of pods that were hit.
    pub(crate) victims: Vec<String>,
    /// Their uids.
    pub(crate) uids: BTreeSet<String>,
    /// What has to be put back at the end.
    pub(crate) undo: Vec<Undo>,
}

/// Something that an action changed and that does not end by itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Undo {
    /// A workload had other replicas.
    Scale {
        /// Its kind.
        workload: Workload,
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// What it had.
        before: u32,
        /// What it was given.
        given: u32,
    },
    /// A policy was made.
    Policy {
        /// Its name.
        name: &'static str,
        /// Its namespace.
        namespace: String,
    },
    /// Routes of a mesh got a fault.
    Mesh {
        /// Which routes.
        service: Box<VirtualService>,
        /// The fault that they had.
        before: Option<Value>,
    },
}

impl Undo {
    /// Names what is put back.
    fn title(&self) -> String {
        match self {
            Self::Scale { name, namespace, before, .. } => {
                format!("scale {name} in namespace {namespace} back to {before}")
            }
            Self::Policy { name, namespace } => {
                format!("delete networkpolicy/{name} in namespace {namespace}")
            }
            Self::Mesh { service, .. } => {
                format!(
                    "take the fault off virtualservice/{} in namespace {}",
                    service.name, service.namespace
                )
            }
        }
    }
}

/// Why an activity failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// What was asked or done did not come out as it had to.
    Failed(String),
    /// The API server refused it.
    Refused(String),
    /// There was nobody to do it to.
    Nobody(String),
}

impl Why {
    /// Returns the sentence.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Failed(text) | Self::Refused(text) | Self::Nobody(text) => text,
        }
    }
}

/// Returns the time as Chaos Toolkit writes it.
pub(crate) fn moment() -> String {
    format!("{}+00:00", format!("{:.6}", now()).trim_end_matches('Z'))
}

/// The longest pause that is cut short by nothing but a signal.
const TICK: Duration = Duration::from_secs(1);

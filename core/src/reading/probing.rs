//! What is sent to pods of both versions until the next look, and what came of each request.

use std::time::Duration;

use crate::traffic::Role;

/// Requests to pods of both versions, at the same rate: each goes to one pod of each version at the same moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volley {
    /// Where to; begins with `/`.
    pub path: String,
    /// Requests a second to each version.
    pub rate: u32,
    /// For how long they are sent.
    pub time: Duration,
    /// How many were sent to each version before: pods are asked in turn.
    pub before: usize,
    /// Pods of each version.
    pub versions: Vec<Vec<Target>>,
}

/// A pod that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub pod: String,
    /// Its uid.
    pub uid: String,
    /// The port.
    pub port: u16,
    /// Whose it is.
    pub role: Role,
}

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shot {
    /// It was answered, by the pod, or by the API server that could not reach it.
    Answered {
        /// With this status.
        status: u16,
        /// After so many milliseconds.
        millis: u64,
    },
    /// No answer came in time.
    Silent,
    /// It says nothing of the pod: the API server did not pass it on, or the pod is gone.
    Lost(String),
}

impl Volley {
    /// Returns who is asked by the request of this number: one pod of each version.
    pub fn targets(&self, number: usize) -> impl Iterator<Item = &Target> {
        let at = self.before.wrapping_add(number);
        self.versions.iter().filter_map(move |pods| pods.get(at.checked_rem(pods.len())?))
    }
}

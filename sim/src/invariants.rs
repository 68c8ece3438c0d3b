//! What must hold at every instant. One file each.

pub mod ending;
pub mod endpoints;
pub mod kept;
pub mod pods;
pub mod taken_over;

use std::time::Duration;

use crate::server::store::{Entry, Store};

/// Something that must hold after every write of anybody.
pub trait Invariant {
    /// Its name, in reports.
    fn name(&self) -> &'static str;

    /// Looks at a change that was just made.
    ///
    /// # Errors
    /// What does not hold.
    fn look(&mut self, store: &Store, entry: &Entry) -> Result<(), String>;
}

/// What did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which invariant.
    pub name: &'static str,
    /// When.
    pub at: Duration,
    /// What does not hold.
    pub why: String,
}

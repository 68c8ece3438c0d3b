//! What must hold at every instant. One file each.

pub mod anew;
pub mod budget;
pub mod claims;
pub mod ending;
pub mod endpoints;
pub mod kept;
pub mod pods;
pub mod requests;
pub mod serving;
pub mod status;
pub mod taken_over;

use std::time::Duration;

use crate::server::store::{Entry, Store};

/// The rules, each with the number of the invariant that it is a part of, as `README.md` numbers them.
pub const RULES: [(u8, &str); 20] = [
    (1, "stable pods"),
    (1, "stable share"),
    (2, "share"),
    (3, "endpoints"),
    (4, "nothing is left"),
    (4, "nothing is lost"),
    (5, "taken over"),
    (6, "what was said is true"),
    (7, "status says it"),
    (7, "abort converges"),
    (7, "the way back"),
    (7, "the way out"),
    (7, "decides anew"),
    (8, "budget"),
    (8, "ends"),
    (9, "the verdict is right"),
    (10, "a fault is undone"),
    (10, "a fault spares pods"),
    (10, "a fault has to happen"),
    (0, "not simulated"),
];

/// Something that must hold after every write of anybody.
pub trait Invariant {
    /// Its name, in reports.
    fn name(&self) -> &'static str;

    /// Looks at a change that was just made.
    ///
    /// # Errors
    /// What does not hold.
    fn look(&mut self, store: &Store, entry: &Entry) -> Result<(), String>;

    /// Hears what a run asks, when it is at the server.
    fn hear(&mut self, _asked: &Asked<'_>) {}
}

/// What a run asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who sent it.
    pub who: &'a str,
    /// Whether it is about a Lease.
    pub is_of_lock: bool,
    /// Whether it may change something.
    pub is_write: bool,
    /// When it was sent.
    pub sent: Duration,
    /// When the answer is there, if it comes.
    pub answered: Option<Duration>,
    /// Whether the server refuses.
    pub refused: bool,
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

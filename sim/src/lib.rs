//! A deterministic simulator of the cluster: the verbs run in process, in virtual time, and one seed decides everything.
//!
//! `README.md` says what is simulated, after which file of upstream, and what is not.

pub mod acts;
pub mod cache;
pub mod conformance;
pub mod controllers;
pub mod coverage;
pub mod dataplane;
pub mod draw;
pub mod driver;
pub mod invariants;
mod names;
pub mod object;
pub mod scenario;
pub mod server;
pub mod shrink;
#[cfg(test)]
mod words;

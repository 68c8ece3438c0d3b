//! What users read, held in snapshots: fixed scenes in the simulated cluster, with what each command line prints. A changed word
//! is a changed line in `words/snapshots`, so that work on words is the review of a diff.
//!
//! Each scene is its own cluster with its own source of chance: what one does moves nothing in another.

mod chaos;
mod errors;
mod reports;
mod run;
mod stage;
mod status;
mod step;
mod watch;

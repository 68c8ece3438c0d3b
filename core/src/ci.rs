//! A step of a CI pipeline: no arguments, only settings in the environment.
//!
//! Settings become the command lines that a person would type, for the same parser. What CI systems set and how was
//! recorded from real ones; the recordings are the fixtures of the tests.

mod argv;
mod build;
mod encoding;
mod explain;
mod kubectl;
mod proposed;
mod reading;
mod settings;
mod tag;

pub use argv::{Task, Work, tasks};
pub use build::{Build, System};
pub use explain::explain;
pub use reading::only_reads;
pub use settings::{Becomes, Of, Setting, Settings, TABLE};
pub use tag::TagPolicy;

/// The beginning of the names of variables that hold settings.
pub const PREFIX: &str = "PLUGIN_";

/// Whether we were started as a step: without an argument, and with at least one setting.
pub fn is_step(arguments: usize, environment: &crate::environment::Environment) -> bool {
    arguments == 0 && environment.variables.keys().any(|name| name.starts_with(PREFIX))
}

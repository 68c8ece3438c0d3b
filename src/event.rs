//! What happens during a run, as values: people and machines see the same.

use crate::status::WorkloadStatus;

/// Something to tell the user.
#[derive(Clone, Debug)]
pub enum Event {
    /// A step began.
    StepStarted(String),
    /// The state changed, or time went by; the text says what is waited for.
    Progress {
        /// One line.
        text: String,
        /// The whole picture.
        status: Box<WorkloadStatus>,
    },
    /// Something to know that is no danger.
    Note(String),
    /// Something to look at.
    Warning(String),
}

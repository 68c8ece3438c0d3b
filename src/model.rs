//! Kubernetes objects as far as we read them, and what we read out of them. No client, no clock.

#[cfg(test)]
pub(crate) mod fixtures;
mod held;
mod objects;
mod situation;
mod template;

pub use held::{HeldRecord, Originals, RunRef};
pub use objects::{Deployment, ObjectName, Pod, ReplicaSet};
pub use situation::{Hold, HoldSource, Observed, Phase, Situation};
pub use template::{fingerprint, images, same_template, with_image, without_hash};

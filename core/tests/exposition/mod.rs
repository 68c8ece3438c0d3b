//! What the comparison with Prometheus draws, and where it may differ.

pub(crate) mod draw;
pub(crate) mod purpose;

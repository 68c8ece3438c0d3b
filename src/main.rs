//! The `kubectl rollout-plus` binary.
fn main() {}

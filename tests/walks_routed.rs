//! Kills and a takeover of a canary whose traffic a router splits, on a real control plane with fake pods.
//!
//! The cluster needs the CRDs of Gateway API: `testbed/cluster crds NAME gateway-api`.

#![allow(clippy::format_collect, clippy::missing_panics_doc, reason = "a test")]
#![allow(missing_docs, dead_code, unreachable_pub, reason = "a test")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

#[path = "support/jobs.rs"]
mod jobs;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/shop.rs"]
mod shop;

#[path = "walks/api.rs"]
mod api;
#[path = "walks/gateway.rs"]
mod gateway;
#[path = "walks/kill.rs"]
mod kill;
#[path = "walks/roads.rs"]
mod roads;
#[path = "walks/routed.rs"]
mod routed;
#[path = "walks/scene.rs"]
mod scene;
#[path = "walks/takeover.rs"]
mod takeover;
#[path = "walks/witness.rs"]
mod witness;

pub use jobs::{alone, each};

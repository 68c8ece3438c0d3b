//! Kills, faults, rivals and the number of requests, on a real control plane with fake pods.

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
#[path = "walks/faults.rs"]
mod faults;
#[path = "walks/kill.rs"]
mod kill;
#[path = "walks/kills.rs"]
mod kills;
#[path = "walks/requests.rs"]
mod requests;
#[path = "walks/rivals.rs"]
mod rivals;
#[path = "walks/scene.rs"]
mod scene;
#[path = "walks/witness.rs"]
mod witness;

pub use jobs::{alone, each};

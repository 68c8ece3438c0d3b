//! A switch on a real control plane with fake pods: what the Service knows at every instant, and what is left when the
//! process is killed at any write.

#![allow(missing_docs, dead_code, unreachable_pub, reason = "a test")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::missing_panics_doc, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the figures are the result")]

#[path = "support/jobs.rs"]
mod jobs;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/shop.rs"]
mod shop;

#[path = "walks/api.rs"]
mod api;
#[path = "blue_green/endpoints.rs"]
mod endpoints;
#[path = "blue_green/kills.rs"]
mod kills;
#[path = "blue_green/large.rs"]
mod large;
#[path = "blue_green/place.rs"]
mod place;

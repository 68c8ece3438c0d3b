//! The tool on a real node, with the images `shop/web:v1`, `shop/web:v2`, `shop/web:broken` and the step's own.

#![allow(missing_docs, dead_code, unreachable_pub, reason = "a test")]
#![allow(
    clippy::expect_used,
    clippy::format_collect,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stdout, reason = "the figures are the result")]

#[path = "../support/api.rs"]
mod api;
#[path = "../support/jobs.rs"]
mod jobs;
#[path = "../support/load.rs"]
mod load;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/seats.rs"]
mod seats;
#[path = "../support/shop.rs"]
mod shop;
#[path = "../support/traffic.rs"]
mod traffic;

mod chaos;
mod failures;
mod image;
mod metrics;
mod requests;
mod unreachable;

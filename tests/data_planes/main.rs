//! The tool on a real node whose traffic real routers bring: `testbed/cluster data-plane NAME contour traefik istio prometheus`, and the
//! images `shop/web:v1` and `shop/web:v2`.

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
#[path = "../support/seats.rs"]
mod seats;
#[path = "../support/shop.rs"]
mod shop;
#[path = "../support/traffic.rs"]
mod traffic;

mod blue_green;
mod metrics;
mod routes;

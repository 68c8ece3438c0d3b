//! The traffic of a canary is split by a router as asked, and no request is lost by it.
//!
//! Run on a real node with the data planes of `testbed/cluster data-plane` and the images `shop/web:v1` and
//! `shop/web:v2`.

#![allow(missing_docs, dead_code, unreachable_pub, reason = "a test")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::missing_panics_doc, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the figures are the result")]

#[path = "support/jobs.rs"]
mod jobs;
#[path = "support/load.rs"]
mod load;
#[path = "support/shop.rs"]
mod shop;
#[path = "support/traffic.rs"]
mod traffic;

#[path = "routes/edits.rs"]
mod edits;
#[path = "routes/matched.rs"]
mod matched;
#[path = "routes/naive.rs"]
mod naive;
#[path = "routes/row.rs"]
mod row;
#[path = "routes/shares.rs"]
mod shares;

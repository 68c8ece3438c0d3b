//! Versions that fail, on a real node that has the images `shop/web:v1` and `shop/web:v2`: each failure is named as
//! soon as it is sure, undone without a loss, and nothing else is taken for one.

#![allow(missing_docs, dead_code, unreachable_pub, reason = "a test")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::missing_panics_doc, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the figures are the result")]

#[path = "walks/api.rs"]
mod api;
#[path = "support/jobs.rs"]
mod jobs;
#[path = "support/load.rs"]
mod load;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/shop.rs"]
mod shop;
#[path = "support/traffic.rs"]
mod traffic;

#[path = "failures/acceptance.rs"]
mod acceptance;
#[path = "failures/calm.rs"]
mod calm;
#[path = "failures/cases.rs"]
mod cases;
#[path = "failures/kills.rs"]
mod kills;
#[path = "failures/observer.rs"]
mod observer;
#[path = "failures/place.rs"]
mod place;
#[path = "failures/plain.rs"]
mod plain;
#[path = "failures/registry.rs"]
mod registry;
#[path = "failures/tool.rs"]
mod tool;
#[path = "failures/undo.rs"]
mod undo;

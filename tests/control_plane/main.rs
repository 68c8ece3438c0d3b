//! The tool on a real control plane with fake pods: `testbed/cluster exec NAME -- cargo test --test control_plane`.
//!
//! The cluster needs the CRDs of `testbed/cluster crds NAME gateway-api smi linkerd apisix consul`. A suite is a module; one that
//! takes the API server from the others asks for it alone (`seats::Exclusive`).

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
#[path = "../support/audit.rs"]
mod audit;
#[path = "../support/jobs.rs"]
mod jobs;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/sample.rs"]
mod sample;
#[path = "../support/seats.rs"]
mod seats;
#[path = "../support/shop.rs"]
mod shop;

mod apply;
mod blue_green;
mod bootstrap;
mod certain;
mod conformance;
mod cut_off;
mod evidence;
mod examples;
mod follow;
mod forged;
mod kubeconfig;
mod ownership;
mod preflight;
mod restart;
mod rollouts;
mod routes;
mod schemas;
mod situations;
mod status;
mod step;
mod undone;
mod walks;
mod words;

//! Progressive delivery for Kubernetes with nothing installed in the cluster.
//!
//! A verb is four lines: observe (read the cluster), plan (decide), engine (do), output (tell).
//!
//! What is decided, is decided by the crate [`rollout_plus_core`], which computes and nothing else. Here is what acts:
//!
//! | part | modules | may do |
//! |---|---|---|
//! | cluster | `cluster` | talk to the API server |
//! | delivery | `delivery` | send requests to a CI system, write files |
//! | engine | `engine` | run any plan: record, act, wait, record |
//! | experiments | `toolkit` | run what an experiment of Chaos Toolkit says |
//! | output | `output` | write to the terminal |
//! | front | `commands`, `source`, `path`, `tool`, [`world`] | bring the others together, open what the user named |

// Whoever adds a variant is told of every place that decides by it.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

pub use rollout_plus_core::{
    aftermath, analysis, analysis_file, apply, brief, chaos, ci, ci_account, cli, comparison, completion,
    condition, credentials, duration, environment, error, event, evidence, experiment, golang, health,
    history, hold, import, journal, keys, kubeconfig, metric, model, ownership, plan, preflight, prometheus,
    reading, router, scrape, scrub, share, situation, status, step, strategy, traffic, words,
};

mod cluster;
mod commands;
mod delivery;
mod engine;
mod output;
mod path;
mod source;
mod tool;
mod toolkit;
pub mod world;

pub use commands::run;

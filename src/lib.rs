//! Progressive delivery for Kubernetes with nothing installed in the cluster.
//!
//! A verb is four lines: observe (read the cluster), plan (decide), engine (do), output (tell).
//!
//! | part | modules | may do |
//! |---|---|---|
//! | pure core | [`model`], [`aftermath`], [`apply`], [`share`], [`health`], [`hold`], [`step`], [`plan`], [`check`], [`ci`], [`completion`], [`credentials`], [`grant`], [`history`], [`evidence`], [`scrub`], [`ownership`], [`record`], [`router`], [`status`], [`traffic`], [`duration`], [`keys`], [`error`], `golang`, `kubeconfig`, [`brief`], [`words`] | compute |
//! | cluster | `cluster` | talk to the API server |
//! | delivery | [`delivery`] | send requests to a CI system, write files |
//! | engine | `engine` | run any plan: record, act, wait, record |
//! | output | [`event`], `output` | write to the terminal |
//! | front | [`cli`], `commands`, `source`, [`environment`], [`world`] | parse what the user gave |

// Whoever adds a variant is told of every place that decides by it.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

pub mod aftermath;
pub mod apply;
pub mod brief;
pub mod check;
pub mod ci;
pub mod cli;
mod cluster;
mod commands;
pub mod completion;
pub mod credentials;
pub mod delivery;
pub mod duration;
mod engine;
pub mod environment;
pub mod error;
pub mod event;
pub mod evidence;
mod golang;
pub mod grant;
pub mod health;
pub mod history;
pub mod hold;
pub mod keys;
mod kubeconfig;
pub mod model;
mod output;
pub mod ownership;
pub mod plan;
pub mod record;
pub mod router;
pub mod scrub;
pub mod share;
mod source;
pub mod status;
pub mod step;
pub mod traffic;
pub mod words;
pub mod world;

pub use commands::run;

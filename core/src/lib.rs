//! The pure core of `kubectl rollout-plus`: values in, values out. No client, no clock, no environment, no printing.
//!
//! A module imports those above it in this table, and never one below.
//!
//! | part | modules |
//! |---|---|
//! | words | `listed`, [`error`], [`keys`], [`words`], [`brief`], [`duration`], [`scrub`], [`golang`], [`environment`], [`condition`], [`analysis_file`] |
//! | objects | [`share`], [`model`], [`ownership`] |
//! | traffic | [`traffic`], [`router`] |
//! | metrics | [`scrape`], [`exposition`], [`analysis`], [`metric`], [`prometheus`], [`router_metrics`], [`reading`] |
//! | faults | [`experiment`], [`chaos`] |
//! | rollouts | [`plan`], [`health`], [`journal`], [`situation`], [`limits`], [`comparison`], [`hold`], [`step`], [`strategy`], [`history`], [`aftermath`] |
//! | other verbs | [`apply`], [`preflight`], [`credentials`], [`kubeconfig`], [`ci_account`], [`delivery`], [`import`] |
//! | what is told | [`evidence`], [`status`], [`event`] |
//! | the command line | [`ci`], [`cli`], [`completion`] |
//! | tests | `fixtures` |

// Whoever adds a variant is told of every place that decides by it.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

pub mod aftermath;
pub mod analysis;
pub mod analysis_file;
pub mod apply;
pub mod brief;
pub mod chaos;
pub mod ci;
pub mod ci_account;
pub mod cli;
pub mod comparison;
pub mod completion;
pub mod condition;
pub mod credentials;
pub mod delivery;
pub mod duration;
pub mod environment;
pub mod error;
pub mod event;
pub mod evidence;
pub mod experiment;
pub mod exposition;
#[cfg(any(test, feature = "testing"))]
pub mod fixtures;
pub mod golang;
pub mod health;
pub mod history;
pub mod hold;
pub mod import;
pub mod journal;
pub mod keys;
pub mod kubeconfig;
pub mod limits;
mod listed;
pub mod metric;
pub mod model;
pub mod ownership;
pub mod plan;
pub mod preflight;
pub mod prometheus;
pub mod reading;
pub mod router;
pub mod router_metrics;
pub mod scrape;
pub mod scrub;
pub mod share;
pub mod situation;
pub mod status;
pub mod step;
pub mod strategy;
pub mod traffic;
pub mod words;

//! Puts a new credential where it is wanted, as [`rollout_plus_core::delivery`] says: `write` writes files, `client` sends
//! requests and `send` the right ones in order.

mod client;
mod send;
mod write;

pub(crate) use rollout_plus_core::delivery::*;

pub(crate) use send::Open;
pub(crate) use write::write;

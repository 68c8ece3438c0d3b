//! The only part that talks to the API server.

mod apply;
mod call;
mod config;
mod connect;
mod evidence;
mod kinds;
mod lease;
mod mirror;
mod objects;
mod transport;

pub(crate) use apply::Sending;
pub(crate) use call::{Call, Cluster, Failure, JSON};
pub(crate) use connect::connect;
pub(crate) use mirror::Mirror;
pub(crate) use objects::labels;

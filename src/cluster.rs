//! The only part that talks to the API server.

mod call;
mod config;
mod connect;
mod evidence;
mod facts;
mod kinds;
mod lease;
mod mirror;
mod objects;
mod transport;

pub(crate) use call::{Call, Cluster, Failure};
pub(crate) use connect::connect;
pub(crate) use mirror::Mirror;
pub(crate) use objects::labels;

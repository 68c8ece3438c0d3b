//! The only part that talks to the API server.

mod accounts;
mod apply;
mod call;
mod config;
mod connect;
mod credential;
mod edit;
mod evidence;
mod facts;
mod fleet;
mod foretell;
mod get;
mod identity;
mod kinds;
mod lease;
mod list;
mod mirror;
mod names;
mod objects;
mod owners;
mod roads;
mod search;
mod transport;
mod warned;
mod watches;

pub(crate) use apply::Sending;
pub(crate) use call::{Call, Cluster, Failure};
pub(crate) use connect::{chain, connect, contexts};
pub(crate) use credential::Credential;
pub(crate) use edit::absent;
pub(crate) use fleet::{Fleet, Scope};
pub(crate) use mirror::Mirror;
pub(crate) use objects::{labels, traffic_of};
pub(crate) use transport::client as http_client;

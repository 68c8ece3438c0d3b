//! Where a new credential is put, and in which form. What a form looks like, and what is asked of a CI system, is decided
//! here; `write` writes files, `client` sends requests and `send` the right ones in order.

mod client;
mod drone;
mod forms;
mod github;
mod gitlab;
mod remote;
mod send;
mod target;
mod woodpecker;
mod write;

pub use drone::Drone;
pub use forms::{Parcel, Variable, dotenv, json, kubeconfig, secret, variables};
pub use github::Github;
pub use gitlab::Gitlab;
pub use remote::{Call, Door, Remote, System};
pub(crate) use send::Open;
pub use target::{FileForm, Target};
pub use woodpecker::Woodpecker;
pub(crate) use write::write;

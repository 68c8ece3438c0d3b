//! Where a new credential is put, and in which form: what a form looks like, and what is asked of a CI system.

mod drone;
mod forms;
mod github;
mod gitlab;
mod remote;
mod target;
mod woodpecker;

pub use drone::Drone;
pub use forms::{Parcel, Variable, dotenv, json, kubeconfig, secret, variables};
pub use github::Github;
pub use gitlab::Gitlab;
pub use remote::{Call, Door, Remote, System, said};
pub use target::{FileForm, Target};
pub use woodpecker::Woodpecker;

//! Where a new credential is put, and in which form: what a form looks like, and what is asked of a CI system.

mod destination;
mod drone;
mod forms;
mod github;
mod gitlab;
mod remote;
mod woodpecker;

pub use destination::{Destination, FileForm};
pub use drone::Drone;
pub use forms::{Delivery, Variable, dotenv, json, kubeconfig, secret, variables};
pub use github::Github;
pub use gitlab::Gitlab;
pub use remote::{Call, Endpoint, Remote, System, said};
pub use woodpecker::Woodpecker;

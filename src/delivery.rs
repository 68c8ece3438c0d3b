//! Where a new credential is put, and in which form. What a form looks like is decided here; `write` writes files.

mod forms;
mod target;
mod write;

pub use forms::{Parcel, dotenv, json, kubeconfig, secret};
pub use target::{FileForm, Target};
pub(crate) use write::write;

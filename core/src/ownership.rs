//! Who owns which fields (`metadata.managedFields`): what `kubectl apply` left is handed over to our own applies, and what
//! our patches took is given back. Pure: objects in, entries and patches out.

pub mod displaced;
mod entry;
mod fields;
pub mod handover;
pub mod leftover;

pub use entry::{Writer, is_client_side, is_ours};
pub use fields::Fields;

//! Credentials as people paste them: what they are, how they are read, and why a server rejects them.
//!
//! Nothing here prints a secret: texts that may hold one are a [`Secret`], whose `Debug` shows nothing and which
//! has no `Display`.

mod address;
mod certificate;
mod claims;
mod diagnosis;
mod explain;
mod forms;
mod given;
mod trust;
pub mod variables;

pub use address::{address, shown, web_address};
pub use certificate::Certificate;
pub use claims::Claims;
pub use diagnosis::Diagnosis;
pub use explain::distance;
pub use explain::{Distrust, Identity, rejected, untrusted};
pub use forms::{Read, certificates, kubeconfig, token};
pub use given::{Access, Credentials, Setting, Source, pod_kubeconfig, to_pem};
pub use secrecy::{ExposeSecret, SecretString as Secret};

//! Credentials as people paste them: what they are, how they are read, and why a server rejects them.
//!
//! Nothing here prints a secret: texts that may hold one are a [`Secret`], whose `Debug` shows nothing and which
//! has no `Display`.

mod certificate;
mod claims;
mod explain;
mod forms;
mod given;

pub use certificate::Certificate;
pub use claims::Claims;
pub(crate) use explain::distance;
pub use explain::{Distrust, Identity, rejected, untrusted};
pub use forms::{Read, certificates, kubeconfig, token};
pub use given::{Access, Given, Setting, Source, to_pem};
pub(crate) use given::{address, web_address};
pub use secrecy::{ExposeSecret, SecretString as Secret};

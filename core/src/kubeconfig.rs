//! Kubeconfigs as client-go reads them (`tools/clientcmd` of kubernetes/client-go): several files are merged, what is
//! empty is not set, a context is chosen, and what is wrong is told with file and field.

mod file;
mod login;
mod merge;
mod pick;
mod proxy;
mod tls;

pub use file::{Cluster, Exec, InteractiveMode, parse};
pub use login::Login;
pub use merge::{Kubeconfig, Origin};
pub use pick::{Choice, Picked};
pub use proxy::{Proxy, ProxyVariables};
pub use tls::{Blob, certificates, data};

use crate::error::{Error, Kind};

/// What is wrong with a field of a kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub origin: Origin,
    /// Whose field it is, and what is wrong: "user me: exec.command is not set".
    pub what: String,
    /// The words of kubectl, which people search for.
    pub kubectl: Option<String>,
    /// A command that shows or mends it.
    pub next: String,
}

impl Fault {
    fn new(origin: &Origin, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { origin: origin.clone(), what: what.into(), kubectl: None, next: next.into() }
    }

    fn kubectl(self, words: impl Into<String>) -> Self {
        Self { kubectl: Some(words.into()), ..self }
    }

    /// Returns it as an error for the user.
    pub fn into_error(self) -> Error {
        let Self { origin, what, kubectl, next } = self;
        let said = kubectl.map(|words| format!(" (kubectl: {words})")).unwrap_or_default();
        Error::new(Kind::Cluster, format!("{origin}: {what}{said}")).next(origin.command(&next))
    }
}

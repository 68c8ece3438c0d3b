//! The variables in which CI systems hold a credential: `bootstrap` delivers them, the step and `doctor` read them.

/// The API server's address.
pub const SERVER: &str = "KUBERNETES_SERVER";
/// The CA of its certificate, as PEM or as one line of base64.
pub const CERT: &str = "KUBERNETES_CERT";
/// The ServiceAccount's token.
pub const TOKEN: &str = "KUBERNETES_TOKEN";

/// All of them, each with the name of the setting of the step that means the same.
pub const ALL: [(&str, &str); 3] = [(SERVER, "server"), (CERT, "cert"), (TOKEN, "token")];

//! What was found out about a credential and the server that takes it, or does not.

use jiff::Timestamp;
use serde::Serialize;

/// What `doctor` found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Version of this schema.
    pub schema: u32,
    /// What the credential is, in words.
    pub credential: String,
    /// Where it was found.
    pub origin: String,
    /// Until when it is valid by itself.
    pub expires: Option<Timestamp>,
    /// The address of the server.
    pub server: String,
    /// Whether the server's certificate is verified.
    pub verified: bool,
    /// Who has to have signed the server's certificate; empty for any CA that the system trusts.
    pub authorities: Vec<String>,
    /// What to know although it is no error.
    pub notes: Vec<String>,
    /// The server's version, once it took the credential.
    pub version: Option<String>,
    /// Who the server says we are.
    pub user: Option<String>,
    /// What is wrong.
    pub problem: Option<String>,
}

//! What was made, or found, of an account.

use serde::Serialize;

use super::{Account, Rule};

/// What was made, or found, of an account.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    /// Version of this schema.
    pub schema: u32,
    /// `system:serviceaccount:shop:ci`.
    pub user: String,
    /// The account's name.
    pub account: String,
    /// Its namespace.
    pub namespace: String,
    /// What its Role allows; null where that was not looked at.
    pub rules: Option<Vec<Rule>>,
    /// The new token's Secret.
    pub token: Option<String>,
    /// Until when the new token is valid; null for ever, and where there is no new one.
    pub expires: Option<String>,
    /// Where the credential went.
    pub delivered: Vec<String>,
    /// What was proven with it.
    pub proof: Proof,
    /// Tokens that were revoked.
    pub revoked: Vec<String>,
}

/// What was proven, in words.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Proof {
    /// How many single rights were asked for and are there.
    pub allowed: usize,
    /// What was tried and is not allowed.
    pub denied: Vec<String>,
}

impl Granted {
    /// Returns what is known of an account before anything is done.
    pub fn of(account: &Account) -> Self {
        Self {
            schema: 1,
            user: account.user(),
            account: account.name.clone(),
            namespace: account.namespace.clone(),
            ..Self::default()
        }
    }
}

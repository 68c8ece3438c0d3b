//! Tokens that were issued, by their Secrets. Only metadata is ever looked at.

use serde::Serialize;
use serde_json::Value;

use super::{LABEL, of_account};

/// A token of an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Issued {
    /// The account.
    pub account: String,
    /// The Secret in whose absence it is void.
    pub token: String,
    /// When it was made.
    pub created: String,
    /// Until when it is valid; null for ever.
    pub expires: Option<String>,
    /// Where it was delivered to.
    pub delivered: Option<String>,
    /// The day on which it was last used; the API server notes it of long-lived ones alone.
    pub last_used: Option<String>,
}

/// The annotation that says until when a token is valid.
pub const EXPIRES: &str = "rollout-plus/expires";
/// The annotation that says where a token was delivered to.
pub const DELIVERED: &str = "rollout-plus/delivered";
const LAST_USED: &str = "kubernetes.io/legacy-token-last-used";

/// Returns the tokens among Secrets, of one account or of all.
pub fn issued(secrets: &[Value], account: Option<&str>) -> Vec<Issued> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let one = |secret: &Value| {
        let metadata = &secret["metadata"];
        let owner = text(&metadata["labels"][LABEL])?;
        let wanted = account.is_none_or(|account| account == owner);
        (wanted && of_account(secret, &owner)).then_some(())?;
        Some(Issued {
            token: text(&metadata["name"])?,
            created: text(&metadata["creationTimestamp"]).unwrap_or_default(),
            expires: text(&metadata["annotations"][EXPIRES]),
            delivered: text(&metadata["annotations"][DELIVERED]),
            last_used: text(&metadata["labels"][LAST_USED]),
            account: owner,
        })
    };
    let mut all: Vec<Issued> = secrets.iter().filter_map(one).collect();
    all.sort();
    all
}

/// Returns the number of an account's next token: never one that a token had which may still be out there.
pub fn next_number(issued: &[Issued]) -> u32 {
    let number = |one: &Issued| one.token.rsplit_once('-')?.1.parse::<u32>().ok();
    issued.iter().filter_map(number).max().map_or(1, |last| last.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ci_account::Account;

    #[test]
    fn tokens_are_found_by_their_labels() {
        let account = |name: &str| Account { name: name.into(), namespace: "shop".into() };
        let foreign = json!({"metadata": {"name": "ci-token-9", "labels": {}}});
        let mut old = account("ci").bound_secret(2);
        old["metadata"]["annotations"] = json!({EXPIRES: "2027-01-01T00:00:00Z"});
        let secrets = [old, account("ci").bound_secret(10), account("other").bound_secret(20), foreign];
        let mine = issued(&secrets, Some("ci"));
        assert_eq!(mine.len(), 2);
        assert_eq!(next_number(&mine), 11);
        assert_eq!(next_number(&[]), 1);
        assert_eq!(issued(&secrets, None).len(), 3);
        assert!(mine.iter().any(|one| one.expires.as_deref() == Some("2027-01-01T00:00:00Z")));
    }
}

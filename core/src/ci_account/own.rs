//! What whoever runs `bootstrap` must be allowed to do.

use super::Account;
use crate::preflight::{Level, Need};

const RBAC: &str = "rbac.authorization.k8s.io";

/// Returns what is needed to make an account and a token for it; `reads_secrets` as in [`token_needs`].
pub fn own_needs(account: &Account, reads_secrets: bool) -> Vec<Need> {
    let mut needs = Vec::new();
    for (group, resource) in [("", "serviceaccounts"), (RBAC, "roles"), (RBAC, "rolebindings")] {
        needs.push(need("create", group, resource, None));
        needs.extend(["get", "patch"].map(|verb| need(verb, group, resource, Some(&account.name))));
    }
    needs.extend(token_needs(account, reads_secrets));
    needs
}

/// Returns what is needed to make a token, and to take one back. `reads_secrets` says that a Secret is read, too.
pub fn token_needs(account: &Account, reads_secrets: bool) -> Vec<Need> {
    let mut needs = vec![need("create", "", "serviceaccounts/token", Some(&account.name))];
    needs.extend(["list", "create", "patch", "delete"].map(|verb| need(verb, "", "secrets", None)));
    // A token of the old kind is written into its Secret, and a Secret that is delivered may be there already.
    needs.extend(reads_secrets.then(|| need("get", "", "secrets", None)));
    needs
}

/// Returns the two rights with which one may grant what one does not have oneself
/// (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping>).
pub fn beyond_own(account: &Account) -> [Need; 2] {
    [need("escalate", RBAC, "roles", Some(&account.name)), need("bind", RBAC, "roles", Some(&account.name))]
}

fn need(verb: &'static str, group: &str, resource: &str, name: Option<&str>) -> Need {
    Need::new(verb, group, resource, name, Level::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_a_secret_needs_the_right_to() {
        let account = Account { name: "ci".into(), namespace: "shop".into() };
        let reads = |reads_secrets| {
            let needs = own_needs(&account, reads_secrets);
            needs.iter().any(|need| need.words() == "get secrets")
        };
        assert!(reads(true) && !reads(false));
    }
}

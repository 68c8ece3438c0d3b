//! What whoever runs `bootstrap` must be allowed to do.

use super::Account;
use crate::check::{Level, Need};

const RBAC: &str = "rbac.authorization.k8s.io";

/// Returns what is needed to make an account and a token for it.
pub fn own_needs(account: &Account) -> Vec<Need> {
    let mut needs = Vec::new();
    for (group, resource) in [("", "serviceaccounts"), (RBAC, "roles"), (RBAC, "rolebindings")] {
        needs.push(need("create", group, resource, None));
        needs.extend(["get", "patch"].map(|verb| need(verb, group, resource, Some(&account.name))));
    }
    needs.extend(token_needs(account));
    needs
}

/// Returns what is needed to make a token, and to take one back.
pub fn token_needs(account: &Account) -> Vec<Need> {
    let mut needs = vec![need("create", "", "serviceaccounts/token", Some(&account.name))];
    needs.extend(["list", "create", "patch", "delete"].map(|verb| need(verb, "", "secrets", None)));
    needs
}

/// Returns the two rights with which one may grant what one does not have oneself
/// (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping>).
pub fn beyond_own(account: &Account) -> [Need; 2] {
    [need("escalate", RBAC, "roles", Some(&account.name)), need("bind", RBAC, "roles", Some(&account.name))]
}

/// Returns what an account must not be able to do in its own namespace.
pub fn never() -> [Need; 4] {
    [
        need("get", "", "secrets", None),
        need("create", RBAC, "rolebindings", None),
        need("patch", RBAC, "roles", None),
        need("create", "", "serviceaccounts/token", None),
    ]
}

/// Returns what an account must not be able to do in another namespace.
pub fn never_elsewhere() -> [Need; 2] {
    [need("list", "", "pods", None), need("patch", "apps", "deployments", None)]
}

fn need(verb: &'static str, group: &str, resource: &str, name: Option<&str>) -> Need {
    Need::new(verb, group, resource, name, Level::Error)
}

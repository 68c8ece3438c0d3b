//! What an account for CI must not be able to do: see secrets, or become more than it is.

use crate::preflight::{Level, Need, Rights};

const RBAC: &str = "rbac.authorization.k8s.io";

/// Rights on one resource that no deployment needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Danger {
    verbs: &'static [&'static str],
    group: &'static str,
    resource: &'static str,
}

const fn danger(verbs: &'static [&'static str], group: &'static str, resource: &'static str) -> Danger {
    Danger { verbs, group, resource }
}

/// In its own namespace
/// (<https://kubernetes.io/docs/concepts/security/rbac-good-practices/#privilege-escalation-risks>).
pub const DANGERS: [Danger; 12] = [
    danger(&["get", "list", "watch"], "", "secrets"),
    danger(&["create"], "", "serviceaccounts/token"),
    danger(&["impersonate"], "", "serviceaccounts"),
    danger(&["impersonate"], "", "users"),
    danger(&["impersonate"], "", "groups"),
    danger(&["create", "update", "patch", "escalate", "bind"], RBAC, "roles"),
    danger(&["create", "update", "patch"], RBAC, "rolebindings"),
    danger(&["escalate", "bind"], RBAC, "clusterroles"),
    danger(&["create", "get"], "", "pods/exec"),
    danger(&["create", "get"], "", "pods/attach"),
    danger(&["create", "get"], "", "pods/portforward"),
    danger(&["update", "patch"], "", "pods/ephemeralcontainers"),
];

/// In another namespace.
pub const DANGERS_ELSEWHERE: [Danger; 3] = [
    danger(&["get"], "", "secrets"),
    danger(&["list"], "", "pods"),
    danger(&["patch"], "apps", "deployments"),
];

impl Danger {
    /// Returns each right, to all objects.
    pub fn needs(self) -> Vec<Need> {
        let need = |verb: &&'static str| Need::new(verb, self.group, self.resource, None, Level::Error);
        self.verbs.iter().map(need).collect()
    }

    /// Returns it for people: "get, list, watch secrets".
    pub fn words(self) -> String {
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        format!("{} {}{group}", self.verbs.join(", "), self.resource)
    }
}

/// Returns a right that one must not have, as the rules give it: a rule for one object by name counts, too.
pub fn dangerous(rights: &Rights) -> Option<Need> {
    DANGERS.into_iter().flat_map(Danger::needs).find_map(|need| rights.given(&need))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(verbs: &[&str], group: &str, resources: &[&str], names: &[&str]) -> Option<String> {
        let rule =
            json!({"verbs": verbs, "apiGroups": [group], "resources": resources, "resourceNames": names});
        let rights = Rights::of(&json!({"status": {"resourceRules": [rule]}}));
        dangerous(&rights).map(|need| need.words())
    }

    #[test]
    fn what_gives_more_is_found_in_the_rules() {
        for (verbs, group, resource, words) in [
            ("list", "", "secrets", "list secrets"),
            ("watch", "", "secrets", "watch secrets"),
            ("impersonate", "", "users", "impersonate users"),
            ("impersonate", "", "serviceaccounts", "impersonate serviceaccounts"),
            ("create", "", "pods/exec", "create pods --subresource=exec"),
            ("update", RBAC, "roles", "update roles.rbac.authorization.k8s.io"),
            ("escalate", RBAC, "roles", "escalate roles.rbac.authorization.k8s.io"),
            ("bind", RBAC, "clusterroles", "bind clusterroles.rbac.authorization.k8s.io"),
            ("create", RBAC, "rolebindings", "create rolebindings.rbac.authorization.k8s.io"),
        ] {
            assert_eq!(found(&[verbs], group, &[resource], &[]).as_deref(), Some(words));
        }
        assert_eq!(found(&["*"], "*", &["*"], &[]).as_deref(), Some("get secrets"));
        assert_eq!(found(&["get"], "", &["secrets"], &["key"]).as_deref(), Some("get secrets/key"));
        assert_eq!(
            found(&["create"], "", &["*/exec"], &[]).as_deref(),
            Some("create pods --subresource=exec")
        );
    }

    #[test]
    fn what_deployments_need_is_no_danger() {
        let needs = crate::preflight::needs("web", true);
        let rights = Rights::of(&json!({"status": {"resourceRules": crate::ci_account::rules(&needs)}}));
        assert_eq!(dangerous(&rights), None);
        let plain: Value = json!([{"verbs": ["create"], "apiGroups": [""], "resources": ["pods"]}]);
        assert_eq!(dangerous(&Rights::of(&json!({"status": {"resourceRules": plain}}))), None);
    }
}

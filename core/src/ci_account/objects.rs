//! The objects of an account, as they are applied.

use serde_json::{Value, json};

use super::Rule;
use crate::keys::MANAGED_BY;
use crate::prometheus::Server;

/// The label that our objects have, with the account's name.
pub const LABEL: &str = "rollout-plus/bootstrap";

/// An account in a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The ServiceAccount's name, and that of its Role and RoleBinding.
    pub name: String,
    /// The namespace.
    pub namespace: String,
}

impl Account {
    /// Returns the name that the API server knows it by.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    /// Returns the commands that let it ask a Prometheus of another namespace, which somebody has to type who may grant that:
    /// an account's own rights end at its namespace.
    pub fn elsewhere(&self, server: &Server) -> Vec<String> {
        match server {
            Server::Service { namespace, name, port, .. } if *namespace != self.namespace => {
                let (own, home) = (&self.name, &self.namespace);
                let of_role = format!("--verb=get --resource=services/proxy --resource-name={name}:{port}");
                vec![
                    format!("kubectl create role {home}-{own} -n {namespace} {of_role}"),
                    format!(
                        "kubectl create rolebinding {home}-{own} -n {namespace} --role={home}-{own} --serviceaccount={home}:{own}"
                    ),
                ]
            }
            Server::Service { .. } | Server::Address(_) => Vec::new(),
        }
    }

    /// Returns ServiceAccount, Role and RoleBinding, in the order in which they are made.
    pub fn objects(&self, rules: &[Rule]) -> [Value; 3] {
        let group = "rbac.authorization.k8s.io";
        let of = |api_version: &str, kind: &str| json!({"apiVersion": api_version, "kind": kind, "metadata": self.metadata(&self.name)});
        let mut account = of("v1", "ServiceAccount");
        // No pod is to get a token by it.
        account["automountServiceAccountToken"] = json!(false);
        let mut role = of(&format!("{group}/v1"), "Role");
        role["rules"] = json!(rules);
        let mut binding = of(&format!("{group}/v1"), "RoleBinding");
        binding["roleRef"] = json!({"apiGroup": group, "kind": "Role", "name": self.name});
        binding["subjects"] =
            json!([{"kind": "ServiceAccount", "name": self.name, "namespace": self.namespace}]);
        [account, role, binding]
    }

    /// Returns the name of a token's Secret.
    pub fn token_name(&self, number: u32) -> String {
        format!("{}-token-{number}", self.name)
    }

    /// Returns the Secret that a token is bound to: empty, because its being there is all that counts.
    pub fn bound_secret(&self, number: u32) -> Value {
        let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque"});
        secret["metadata"] = self.metadata(&self.token_name(number));
        secret
    }

    /// Returns the Secret that the token controller of the cluster writes a token into, for ever.
    pub fn long_lived_secret(&self, number: u32) -> Value {
        let mut secret = self.bound_secret(number);
        secret["type"] = json!("kubernetes.io/service-account-token");
        secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] = json!(self.name);
        secret
    }

    fn metadata(&self, name: &str) -> Value {
        json!({"name": name, "namespace": self.namespace, "labels": {MANAGED_BY: "rollout-plus", LABEL: self.name}})
    }
}

/// Whether an object was made by `bootstrap`.
pub fn is_ours(object: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    labels[MANAGED_BY] == "rollout-plus" && labels[LABEL].is_string()
}

/// Whether an object belongs to an account.
pub fn of_account(object: &Value, account: &str) -> bool {
    is_ours(object) && object["metadata"]["labels"][LABEL] == account
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binding_gives_the_role_to_the_account_alone() {
        let account = Account { name: "ci".into(), namespace: "shop".into() };
        let objects = account.objects(&[]);
        assert_eq!(objects[0]["automountServiceAccountToken"], false);
        assert_eq!(objects[2]["roleRef"]["name"], "ci");
        assert_eq!(
            objects[2]["subjects"],
            json!([{"kind": "ServiceAccount", "name": "ci", "namespace": "shop"}])
        );
        assert!(objects.iter().all(|object| of_account(object, "ci") && !of_account(object, "other")));
        assert!(account.bound_secret(1)["data"].is_null());
    }
}

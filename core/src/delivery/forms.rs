//! A credential in the forms that it is delivered in.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::ci_account::Account;
use crate::credentials::variables::{CERT, SERVER, TOKEN};
use crate::credentials::{Access, ExposeSecret, Secret, to_pem};
use crate::model::command;

/// A credential, and what it is.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Whose it is.
    pub account: Account,
    /// Server, CA and token.
    pub access: Access,
    /// The Secret in whose absence the token is void.
    pub token: String,
    /// Until when it is valid; `None` for ever.
    pub expires: Option<String>,
}

impl Delivery {
    /// Returns the words by which a file is known as an earlier delivery of the same account.
    pub fn mark(&self) -> String {
        command("bootstrap", &self.account.name, &self.account.namespace)
    }

    fn authorities(&self) -> Option<String> {
        self.access.authorities.as_ref().map(|all| to_pem(all))
    }
}

/// Returns a kubeconfig with one context.
pub fn kubeconfig(delivery: &Delivery) -> Secret {
    let text = delivery.access.kubeconfig(&delivery.account.name, &delivery.account.namespace);
    Secret::from(format!("# {}\n{}", delivery.mark(), text.expose_secret()))
}

/// One of the values that the step reads.
#[derive(Clone, Debug)]
pub struct Variable {
    /// `KUBERNETES_TOKEN`.
    pub name: &'static str,
    /// One line; `None` for the CA of a server that the system's own CAs vouch for.
    pub value: Option<Secret>,
    /// Whether logs must not show it.
    pub is_secret: bool,
}

/// Returns the variables that the step reads. The CA is one line of base64, because files of variables and what is
/// masked in logs have no other. The token is last: until it is there, the one before it works.
pub fn variables(delivery: &Delivery) -> [Variable; 3] {
    let variable = |name, value, is_secret| Variable { name, value, is_secret };
    let cert = delivery.authorities().map(|pem| Secret::from(BASE64_STANDARD.encode(pem)));
    [
        variable(SERVER, Some(Secret::from(delivery.access.server.as_str())), false),
        variable(CERT, cert, true),
        variable(TOKEN, Some(delivery.access.token.clone()), true),
    ]
}

/// Returns the variables as a file.
pub fn dotenv(delivery: &Delivery) -> Secret {
    let line = |variable: &Variable| {
        Some(format!("{}={}\n", variable.name, variable.value.as_ref()?.expose_secret()))
    };
    let lines: String = variables(delivery).iter().filter_map(line).collect();
    Secret::from(format!("# {}\n{lines}", delivery.mark()))
}

/// Returns it as JSON for programs, with what the credential is.
pub fn json(delivery: &Delivery) -> Secret {
    let document = json!({
        "madeBy": delivery.mark(),
        "server": delivery.access.server,
        "cert": delivery.authorities(),
        "token": delivery.access.token.expose_secret(),
        "namespace": delivery.account.namespace,
        "serviceAccount": delivery.account.name,
        "user": delivery.account.user(),
        "boundTo": delivery.token,
        "expires": delivery.expires,
    });
    Secret::from(format!("{document:#}\n"))
}

/// Returns a Secret with three keys.
pub fn secret(delivery: &Delivery, name: &str) -> Value {
    let mut data = json!({"server": delivery.access.server, "token": delivery.access.token.expose_secret()});
    if let Some(authorities) = delivery.authorities() {
        data["cert"] = json!(authorities);
    }
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": name,
            "namespace": delivery.account.namespace,
            "annotations": {"rollout-plus/made-by": delivery.mark()},
        },
        "stringData": data,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::credentials::{Credentials, Setting, Source};

    pub(in crate::delivery) fn variable(name: &'static str, value: Option<&str>) -> Variable {
        Variable { name, value: value.map(Secret::from), is_secret: name != SERVER }
    }

    const CA: &str = include_str!("../credentials/ca.pem");

    fn delivery() -> Delivery {
        let setting = |name: &str, value: &str| Some(Setting::new(name, value));
        let given = Credentials {
            server: setting("server", "https://10.0.0.1:6443"),
            cert: setting("cert", CA),
            token: setting("token", "hush.hush.hush"),
            ..Credentials::default()
        };
        let Source::Access(access) = given.read().unwrap().0 else { panic!("an access") };
        let account = Account { name: "ci".into(), namespace: "shop".into() };
        Delivery { account, access, token: "ci-token-1".into(), expires: None }
    }

    #[test]
    fn what_is_delivered_can_be_read_again() {
        let text = dotenv(&delivery());
        let value = |name: &str| {
            let line = text.expose_secret().lines().find(|line| line.starts_with(name)).unwrap();
            Some(Setting::new(name, line.split_once('=').unwrap().1))
        };
        let given = Credentials {
            server: value(SERVER),
            cert: value(CERT),
            token: value(TOKEN),
            ..Credentials::default()
        };
        let Source::Access(access) = given.read().unwrap().0 else { panic!("an access") };
        assert_eq!(access.authorities, delivery().access.authorities);
        assert_eq!(access.token.expose_secret(), "hush.hush.hush");

        let config: Value = serde_saphyr::from_str(kubeconfig(&delivery()).expose_secret()).unwrap();
        assert_eq!(config["users"][0]["user"]["token"], "hush.hush.hush");
        let document: Value = serde_json::from_str(json(&delivery()).expose_secret()).unwrap();
        assert_eq!(document["user"], "system:serviceaccount:shop:ci");
        assert_eq!(secret(&delivery(), "x")["stringData"]["cert"], CA);
    }

    #[test]
    fn every_file_tells_whose_it_is() {
        for text in [kubeconfig(&delivery()), dotenv(&delivery()), json(&delivery())] {
            assert!(text.expose_secret().contains("kubectl rollout-plus bootstrap ci -n shop"));
        }
    }

    #[test]
    fn debug_shows_no_token() {
        assert!(!format!("{:?}", delivery()).contains("hush"));
    }
}

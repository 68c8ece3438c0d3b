//! What a user of a kubeconfig comes with (`getUserIdentificationPartialConfig` and `validateAuthInfo` in
//! `tools/clientcmd`, `HTTPWrappersForConfig` in `transport` of kubernetes/client-go).

use std::path::PathBuf;

use jiff::Timestamp;

use super::file::{Exec, InteractiveMode, Provider, User};
use super::merge::Origin;
use super::{Blob, Fault};
use crate::credentials::{Claims, ExposeSecret, Secret};

/// What stands in the header of every request.
pub enum Login {
    /// Nothing; why, where that is not plain.
    Nobody(Option<String>),
    /// A token.
    Token(Secret),
    /// A token in a file that is read again and again; it has precedence over the one beside it.
    File(PathBuf, Option<Secret>),
    /// A name and a password.
    Password(String, Secret),
    /// The token of an auth-provider: its name, the token, and whether kubectl can renew it.
    Provider(String, Secret, bool),
    /// What a program brings.
    Program(Box<Exec>, InteractiveMode),
}

/// A client certificate and its key.
pub struct Pair {
    pub certificate: Blob,
    pub key: Blob,
}

/// Any request does it; this one changes nothing.
const RENEW: &str = "kubectl auth whoami (renews the token in the kubeconfig)";
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

impl Login {
    /// Finds out what this user comes with.
    ///
    /// # Errors
    /// What client-go refuses.
    pub(super) fn of(origin: &Origin, name: &str, user: &User) -> Result<Self, Fault> {
        let fault = |what: String, said: String| {
            let next = format!("kubectl config view -o jsonpath='{{.users[?(@.name==\"{name}\")]}}'");
            Fault::new(origin, format!("user {name}: {what}"), next).kubectl(said)
        };
        let bearer = user.token.is_some() || user.token_file.is_some();
        if bearer && (user.username.is_some() || user.password.is_some()) {
            let token = if user.token.is_some() { "token" } else { "tokenFile" };
            let said = if user.token.is_some() {
                format!(
                    "more than one authentication method found for {name}; found [token basicAuth], only one is allowed"
                )
            } else {
                "username/password or bearer token may be set, but not both".into()
            };
            return Err(fault(format!("{token} and username or password are both set"), said));
        }
        user.pair(origin, name)?;
        if user.impersonate.is_none()
            && (user.as_uid.is_some() || !user.as_groups.is_empty() || !user.as_user_extra.is_empty())
        {
            let said =
                format!("requesting uid, groups or user-extra for {name} without impersonating a user");
            return Err(fault("as-uid, as-groups or as-user-extra is set, and as is not".into(), said));
        }
        let program = user.exec.as_ref().map(|exec| checked(exec, name, &fault)).transpose()?;
        let provided = match &user.auth_provider {
            Some(_) if user.exec.is_some() => {
                let said =
                    format!("authProvider cannot be provided in combination with an exec plugin for {name}");
                return Err(fault("auth-provider and exec are both set".into(), said));
            }
            Some(provider) => Some(provided(provider, &fault)?),
            None => None,
        };
        // Who brings a certificate does not run the program.
        let certificate = user.client_certificate.is_some() || user.client_certificate_data.is_some();
        Ok(match (&user.token, &user.token_file, &user.username) {
            (token, Some(file), _) => Self::File(PathBuf::from(file), token.as_deref().map(Secret::from)),
            (Some(token), None, _) => Self::Token(Secret::from(token.as_str())),
            (None, None, Some(username)) => {
                let password = user.password.as_deref().unwrap_or_default();
                Self::Password(username.clone(), Secret::from(password))
            }
            (None, None, None) => match (provided, program) {
                (Some(login), _) => login,
                (None, Some(_)) if certificate => Self::Nobody(None),
                (None, Some((exec, mode))) => Self::Program(Box::new(exec), mode),
                (None, None) => Self::Nobody(None),
            },
        })
    }

    /// Whether there is any credential.
    pub(super) fn is_somebody(&self, user: &User) -> bool {
        let certificate = user.client_certificate.is_some() || user.client_certificate_data.is_some();
        certificate || !matches!(self, Self::Nobody(_))
    }

    /// Says why the token of an auth-provider cannot be used any more: only kubectl renews it.
    pub fn expired(&self, origin: &Origin, user: &str, now: Timestamp) -> Option<Fault> {
        let Self::Provider(provider, token, renews) = self else { return None };
        let expires = Claims::of(token.expose_secret())?.expires.filter(|expires| *expires <= now)?;
        let what = format!("user {user}: the token of the auth-provider {provider} expired at {expires}");
        Some(if *renews {
            Fault::new(origin, format!("{what}, and only kubectl renews it"), RENEW)
        } else {
            let next = format!("kubectl config set-credentials {user} --auth-provider-arg=id-token=TOKEN");
            Fault::new(origin, what, next)
                .kubectl("No valid id-token, and cannot refresh without refresh-token")
        })
    }
}

impl User {
    /// Returns the client certificate, if there is one.
    ///
    /// # Errors
    /// What client-go refuses.
    pub fn pair(&self, origin: &Origin, name: &str) -> Result<Option<Pair>, Fault> {
        let fault = |what: &str, said: String, next: String| {
            Fault::new(origin, format!("user {name}: {what}"), next).kubectl(said)
        };
        let one = |field: &str, file: &Option<String>, data: &Option<String>, short: &str| match (file, data)
        {
            (Some(_), Some(_)) => Err(fault(
                &format!("{field} and {field}-data are both set"),
                format!("{short}-data and {short} are both specified for {name}"),
                format!("kubectl config unset users.{name}.{field}"),
            )),
            (Some(path), None) => Ok(Some(Blob::File(PathBuf::from(path)))),
            (None, Some(data)) => Ok(Some(Blob::Base64(Secret::from(data.as_str())))),
            (None, None) => Ok(None),
        };
        // A key alone is nothing.
        let certificate = one(
            "client-certificate",
            &self.client_certificate,
            &self.client_certificate_data,
            "client-cert",
        )?;
        let Some(certificate) = certificate else { return Ok(None) };
        match one("client-key", &self.client_key, &self.client_key_data, "client-key")? {
            Some(key) => Ok(Some(Pair { certificate, key })),
            None => Err(fault(
                "client-certificate is set, and neither client-key nor client-key-data",
                format!(
                    "client-key-data or client-key must be specified for {name} to use the clientCert authentication method"
                ),
                format!("kubectl config set-credentials {name} --client-key=FILE"),
            )),
        }
    }
}

/// Returns the program if client-go would run it.
fn checked(
    exec: &Exec,
    name: &str,
    fault: &impl Fn(String, String) -> Fault,
) -> Result<(Exec, InteractiveMode), Fault> {
    let needs = |field: &str| {
        let said = format!("{field} must be specified for {name} to use exec authentication plugin");
        fault(format!("exec.{field} is not set"), said)
    };
    if exec.command.is_none() {
        return Err(needs("command"));
    }
    let Some(version) = &exec.api_version else { return Err(needs("apiVersion")) };
    if exec.env.iter().any(|variable| variable.name.is_empty()) {
        let said =
            format!("env variable name must be specified for {name} to use exec authentication plugin");
        return Err(fault("a variable of exec.env has no name".into(), said));
    }
    let mode = match exec.interactive_mode.as_deref() {
        Some("Never") => InteractiveMode::Never,
        Some("IfAvailable") => InteractiveMode::IfAvailable,
        Some("Always") => InteractiveMode::Always,
        Some(other) => {
            let said = format!("invalid interactiveMode for {name}: \"{other}\"");
            return Err(fault(format!("exec.interactiveMode is {other}"), said));
        }
        // `SetDefaults_ExecConfig`: v1 must say it.
        None if version == VERSIONS[0] => return Err(needs("interactiveMode")),
        None => InteractiveMode::IfAvailable,
    };
    if !VERSIONS.contains(&version.as_str()) {
        let said = format!("exec plugin: invalid apiVersion \"{version}\"");
        let what = format!("exec.apiVersion is {version}; only {} are left", VERSIONS.join(" and "));
        return Err(fault(what, said));
    }
    Ok((exec.clone(), mode))
}

/// Returns the token of an auth-provider. Only oidc is left in client-go, since 1.26.
fn provided(provider: &Provider, fault: &impl Fn(String, String) -> Fault) -> Result<Login, Fault> {
    let gone = |what: &str, instead: &str, next: &str| {
        let text =
            format!("the auth-provider {what} is gone since kubectl 1.26; use the program {instead} instead");
        Fault { next: next.to_owned(), ..fault(text, format!("The {what} auth plugin has been removed")) }
    };
    match provider.name.as_str() {
        "oidc" => {
            let set = |key: &str| provider.config.get(key).filter(|value| !value.is_empty());
            for key in ["idp-issuer-url", "client-id"] {
                if set(key).is_none() {
                    let what = format!("auth-provider.config.{key} is not set");
                    return Err(fault(what, format!("Must provide {key}")));
                }
            }
            match set("id-token") {
                Some(token) => Ok(Login::Provider(
                    "oidc".into(),
                    Secret::from(token.as_str()),
                    set("refresh-token").is_some(),
                )),
                None if set("refresh-token").is_some() => Err(Fault {
                    kubectl: None,
                    next: RENEW.into(),
                    ..fault(
                        "auth-provider.config.id-token is not set, and only kubectl gets one".into(),
                        String::new(),
                    )
                }),
                None => Err(fault(
                    "auth-provider.config.id-token is not set".into(),
                    "No valid id-token, and cannot refresh without refresh-token".into(),
                )),
            }
        }
        "gcp" => {
            Err(gone("gcp", "gke-gcloud-auth-plugin", "gcloud container clusters get-credentials CLUSTER"))
        }
        "azure" => Err(gone("azure", "kubelogin", "kubelogin convert-kubeconfig")),
        other => Err(fault(
            format!("there is no auth-provider {other}"),
            format!("no Auth Provider found for name \"{other}\""),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeconfig::parse;

    fn user(fields: &str) -> User {
        let text = format!("users:\n- {{name: me, user: {{{fields}}}}}\n");
        parse(&text).unwrap_or_else(|why| panic!("{why}: {text}")).users.remove(0).value
    }

    fn origin() -> Origin {
        Origin::File("/c".into())
    }

    fn login(fields: &str) -> Login {
        Login::of(&origin(), "me", &user(fields)).unwrap_or_else(|fault| panic!("{fault:?}"))
    }

    fn wrong(fields: &str) -> (String, String) {
        let fault =
            Login::of(&origin(), "me", &user(fields)).err().unwrap_or_else(|| panic!("{fields} is taken"));
        (fault.what, fault.kubectl.unwrap_or_default())
    }

    #[test]
    fn a_file_has_precedence_over_the_token_beside_it() {
        let Login::File(path, Some(token)) = login("token: a, tokenFile: /t") else { panic!() };
        assert_eq!((path, token.expose_secret()), (PathBuf::from("/t"), "a"));
        assert!(matches!(login("token: a, tokenFile: ''"), Login::Token(_)));
        assert!(matches!(login("tokenFile: /t"), Login::File(_, None)));
    }

    #[test]
    fn who_has_a_token_or_a_certificate_runs_no_program() {
        let exec = "exec: {command: x, apiVersion: client.authentication.k8s.io/v1beta1}";
        assert!(matches!(login(exec), Login::Program(_, InteractiveMode::IfAvailable)));
        assert!(matches!(login(&format!("token: a, {exec}")), Login::Token(_)));
        assert!(matches!(login(&format!("username: a, password: b, {exec}")), Login::Password(..)));
        let certificate = "client-certificate: /c, client-key: /k";
        assert!(matches!(login(&format!("{certificate}, {exec}")), Login::Nobody(None)));
    }

    #[test]
    fn what_client_go_refuses_of_a_user() {
        let exec = |fields: &str| wrong(&format!("exec: {{{fields}}}")).0;
        let v1 = "apiVersion: client.authentication.k8s.io/v1";
        assert_eq!(exec("command: ''"), "user me: exec.command is not set");
        assert_eq!(exec("command: x"), "user me: exec.apiVersion is not set");
        assert_eq!(exec(&format!("command: x, {v1}")), "user me: exec.interactiveMode is not set");
        assert_eq!(
            exec(&format!("command: x, {v1}, interactiveMode: Maybe")),
            "user me: exec.interactiveMode is Maybe"
        );
        insta::assert_snapshot!(exec("command: x, apiVersion: client.authentication.k8s.io/v1alpha1"), @"user me: exec.apiVersion is client.authentication.k8s.io/v1alpha1; only client.authentication.k8s.io/v1 and client.authentication.k8s.io/v1beta1 are left");
        insta::assert_snapshot!(exec(&format!("command: x, {v1}, interactiveMode: Never, env: [{{value: a}}]")), @"user me: a variable of exec.env has no name");
        for (fields, what, said) in [
            ("token: a, username: b", "token and username or password are both set", "only one is allowed"),
            ("tokenFile: a, username: b", "tokenFile and username or password are both set", "but not both"),
            (
                "client-certificate: c",
                "client-certificate is set, and neither client-key nor client-key-data",
                "must be specified for me",
            ),
            (
                "client-certificate: c, client-certificate-data: d, client-key: k",
                "client-certificate and client-certificate-data are both set",
                "client-cert-data and client-cert are both",
            ),
            (
                "as-groups: [a]",
                "as-uid, as-groups or as-user-extra is set, and as is not",
                "without impersonating a user",
            ),
            (
                "auth-provider: {name: gcp, config: {access-token: a}}, token: t",
                "the auth-provider gcp is gone since kubectl 1.26; use the program gke-gcloud-auth-plugin instead",
                "The gcp auth plugin has been removed",
            ),
            (
                "auth-provider: {name: openstack}",
                "there is no auth-provider openstack",
                "no Auth Provider found",
            ),
            (
                "auth-provider: {name: oidc}",
                "auth-provider.config.idp-issuer-url is not set",
                "Must provide idp-issuer-url",
            ),
        ] {
            let (found, kubectl) = wrong(fields);
            assert_eq!(found, format!("user me: {what}"));
            assert!(kubectl.contains(said), "{kubectl}");
        }
    }

    #[test]
    fn an_expired_token_of_oidc_is_renewed_by_kubectl_alone() {
        let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSIsImV4cCI6MTU3NzgzNjgwMH0.x";
        let fields = |more: &str| {
            format!(
                "auth-provider: {{name: oidc, config: {{idp-issuer-url: 'https://i', client-id: c, id-token: {token}{more}}}}}"
            )
        };
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        let error = login(&fields(", refresh-token: r")).expired(&origin(), "me", now).unwrap().into_error();
        assert_eq!(
            error.message,
            "kubeconfig /c: user me: the token of the auth-provider oidc expired at 2020-01-01T00:00:00Z, and only kubectl renews it"
        );
        assert_eq!(error.next, ["kubectl auth whoami (renews the token in the kubeconfig)"]);
        let error = login(&fields("")).expired(&origin(), "me", now).unwrap().into_error();
        insta::assert_snapshot!(error.message, @"kubeconfig /c: user me: the token of the auth-provider oidc expired at 2020-01-01T00:00:00Z (kubectl: No valid id-token, and cannot refresh without refresh-token)");
        let before = "2019-11-25T12:00:00Z".parse().unwrap();
        assert!(login(&fields("")).expired(&origin(), "me", before).is_none());
    }
}

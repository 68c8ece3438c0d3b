//! Whether a kubeconfig that was given as a value may be used: it may come from anybody who can set a variable.
//!
//! It may neither run a program, nor have a file of this machine sent away, nor show the token to others. What
//! clients decide by it is read by us first and written again, so that all of them read the same.

use serde_json::Value;

use super::{Secret, web_address};
use crate::error::Error;

/// Fields that name a file, by the list that they stand in.
const FILES: [(&str, &[&str]); 2] =
    [("cluster", &["certificate-authority"]), ("user", &["client-certificate", "client-key", "tokenFile"])];

const NAMELESS: &str = "without a name";

/// Returns the kubeconfig as every client is to get it.
///
/// # Errors
/// Names the setting and the entry of the kubeconfig that cannot be used.
pub(super) fn checked(setting: &str, text: &str) -> Result<Secret, Error> {
    let wrong = |why: &str| Error::usage(format!("{setting} cannot be used: {why}"));
    let mut config: Value = serde_saphyr::from_str(text).map_err(|_| wrong("it is no YAML"))?;
    if let Some((name, program)) = entries(&config, "user").find_map(|(name, user)| Some((name, runs(user)?)))
    {
        return Err(wrong(&format!("user {name} {program}; it must have a token instead"))
            .next("kubectl rollout-plus bootstrap --help"));
    }
    for (kind, fields) in FILES {
        for (name, entry) in entries(&config, kind) {
            if let Some(field) = fields.iter().find(|field| is_set(&entry[**field])) {
                return Err(wrong(&format!("{field} of {kind} {name} names a file, which is not read"))
                    .next("kubectl config view --minify --flatten --raw"));
            }
        }
    }
    for (name, cluster) in entries(&config, "cluster") {
        if cluster["insecure-skip-tls-verify"] == true {
            return Err(wrong(&format!(
                "cluster {name} has insecure-skip-tls-verify: the server's certificate is always verified"
            ))
            .next("kubectl get configmap kube-root-ca.crt -o jsonpath='{.data.ca\\.crt}'"));
        }
    }
    for entry in config["clusters"].as_array_mut().into_iter().flatten() {
        let address = web_address(entry["cluster"]["server"].as_str().unwrap_or_default());
        let address = address.map_err(|why| {
            let name = entry["name"].as_str().unwrap_or(NAMELESS);
            wrong(&format!("server of cluster {name} is no address of an API server: {why}"))
        })?;
        // Without a scheme client-go takes http:// where there is no CA (`DefaultServerURL`).
        entry["cluster"]["server"] = Value::from(address);
    }
    Ok(Secret::from(config.to_string()))
}

/// Returns the entries of `clusters` or `users` with their names.
fn entries<'v>(config: &'v Value, kind: &'v str) -> impl Iterator<Item = (&'v str, &'v Value)> {
    let list = config[format!("{kind}s")].as_array();
    list.into_iter().flatten().map(move |entry| (entry["name"].as_str().unwrap_or(NAMELESS), &entry[kind]))
}

/// Says which program a user runs.
fn runs(user: &Value) -> Option<String> {
    if is_set(&user["exec"]) {
        let program = user["exec"]["command"].as_str().unwrap_or(NAMELESS);
        return Some(format!("runs the program {program}"));
    }
    let provider = user.get("auth-provider").filter(|provider| is_set(provider))?;
    let name = provider["name"].as_str().unwrap_or(NAMELESS);
    Some(format!("has the auth-provider {name}, which may run a program"))
}

/// Empty counts as not set, as in client-go.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::credentials::{Credentials, ExposeSecret, Setting, Source};

    fn read(cluster: &Value, user: &Value) -> Result<Value, String> {
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "ci",
            "clusters": [{"name": "prod", "cluster": cluster}], "users": [{"name": "ci", "user": user}],
            "contexts": [{"name": "ci", "context": {"cluster": "prod", "user": "ci"}}]});
        let given = Credentials {
            kubeconfig: Some(Setting::new("kubeconfig", &serde_saphyr::to_string(&config).unwrap())),
            ..Credentials::default()
        };
        match given.read().map_err(|error| error.message)?.0 {
            Source::Kubeconfig(text) => Ok(serde_json::from_str(text.expose_secret()).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    fn safe() -> Value {
        json!({"server": "https://10.0.0.1:6443", "certificate-authority-data": "QQ=="})
    }

    #[test]
    fn a_kubeconfig_with_a_token_is_handed_on_as_it_was_read() {
        let user = json!({"token": "geheim", "client-key": "", "exec": null});
        let read = read(&safe(), &user).unwrap();
        assert_eq!((&read["users"][0]["user"], &read["clusters"][0]["cluster"]), (&user, &safe()));
        assert_eq!(read["current-context"], "ci");
    }

    #[test]
    fn a_kubeconfig_that_was_given_runs_nothing_reads_nothing_and_shows_the_token_to_nobody() {
        let token = json!({"token": "geheim"});
        let with = |field: &str, value: Value| {
            let mut cluster = safe();
            cluster[field] = value;
            cluster
        };
        for (cluster, user, why) in [
            (safe(), json!({"exec": {"command": "aws"}}), "user ci runs the program aws"),
            (
                safe(),
                json!({"auth-provider": {"name": "gcp", "config": {"cmd-path": "/bin/sh"}}}),
                "user ci has the auth-provider gcp, which may run a program",
            ),
            (safe(), json!({"tokenFile": "/etc/shadow"}), "tokenFile of user ci names a file"),
            (safe(), json!({"client-key": "/k", "token": "geheim"}), "client-key of user ci names a file"),
            (safe(), json!({"client-certificate": "/c"}), "client-certificate of user ci names a file"),
            (
                with("certificate-authority", json!("/ca")),
                token.clone(),
                "certificate-authority of cluster prod names a file",
            ),
            (with("insecure-skip-tls-verify", json!(true)), token.clone(), "insecure-skip-tls-verify"),
            (with("server", json!("http://10.0.0.1:8080")), token.clone(), "it must begin with https://"),
            (with("server", json!("https://a:geheim@10.0.0.1")), token, "neither a user nor a query"),
        ] {
            let error = read(&cluster, &user).unwrap_err();
            assert!(
                error.starts_with("kubeconfig cannot be used: ") && error.contains(why),
                "{why}: {error}"
            );
            assert!(!error.contains("geheim"), "{error}");
        }
        assert!(read(&with("insecure-skip-tls-verify", json!(false)), &json!({"token": "t"})).is_ok());
        assert!(read(&with("server", json!("http://127.0.0.1:8001")), &json!({"token": "t"})).is_ok());
        let bare = read(&json!({"server": "10.0.0.1:6443"}), &json!({"token": "t"})).unwrap();
        assert_eq!(bare["clusters"][0]["cluster"]["server"], "https://10.0.0.1:6443");
    }
}

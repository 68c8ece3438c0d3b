//! Secrets of Drone, by the API of its server (drone/drone, `handler/api/api.go`).

use std::fmt;
use std::path::PathBuf;

use http::Method;
use serde_json::{Value, json};

use super::forms::Variable;
use super::remote::{Call, Endpoint, System, name};
use crate::credentials::{ExposeSecret, Secret};

/// Where Drone has secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drone {
    /// A repository.
    Repository(String),
    /// An organisation: all of its repositories.
    Organisation(String),
    /// Lines for the pipeline's file that the server encrypts for a repository.
    Encrypted(String, PathBuf),
}

impl Drone {
    /// Reads `OWNER/REPO`.
    pub(super) fn repository(place: &str) -> Result<Self, String> {
        name(place, 2..=2, "drone=acme/shop").map(Self::Repository)
    }

    /// Reads `NAME`.
    pub(super) fn organisation(place: &str) -> Result<Self, String> {
        name(place, 1..=1, "drone-org=acme").map(Self::Organisation)
    }

    /// Reads `OWNER/REPO:FILE`.
    pub(super) fn encrypted(place: &str) -> Result<Self, String> {
        let example = "drone-encrypted=acme/shop:secrets.yml";
        let (repository, file) = place.split_once(':').unwrap_or((place, ""));
        if matches!(file, "" | "-") {
            return Err(format!("'{place}' names no file: write for example {example}"));
        }
        name(repository, 2..=2, example).map(|repository| Self::Encrypted(repository, PathBuf::from(file)))
    }

    /// The secrets of the place.
    fn secrets(&self) -> String {
        match self {
            Self::Repository(name) | Self::Encrypted(name, _) => format!("/api/repos/{name}/secrets"),
            Self::Organisation(name) => format!("/api/secrets/{name}"),
        }
    }
}

impl System for Drone {
    fn endpoint(&self) -> Endpoint {
        Endpoint {
            server: &["DRONE_SERVER"],
            usual: None,
            token: &["DRONE_TOKEN"],
            advice: "the token is on Drone's page Account settings",
        }
    }

    /// To list the secrets of a repository takes the right to write; those of an organisation its members may list.
    fn question(&self, answers: &[Value]) -> Result<Option<Call>, String> {
        Ok(answers.is_empty().then(|| Call::get(self.secrets())))
    }

    fn put(&self, _answers: &[Value], variable: &Variable) -> Result<Vec<Call>, String> {
        let name = variable.name.to_lowercase();
        let secrets = self.secrets();
        let Some(value) = &variable.value else {
            let is_stored = !matches!(self, Self::Encrypted(..));
            return Ok(is_stored.then(|| Call::delete(format!("{secrets}/{name}"))).into_iter().collect());
        };
        let value = value.expose_secret();
        if let Self::Encrypted(repository, _) = self {
            let path = format!("/api/repos/{repository}/encrypt/secret");
            return Ok(vec![Call::send(Method::POST, path, &json!({"name": name, "data": value}))]);
        }
        // Said each time: an older secret may have been open to pull requests.
        let mut body = json!({"data": value, "pull_request": false, "pull_request_push": false});
        let change = Call::send(Method::PATCH, format!("{secrets}/{name}"), &body);
        body["name"] = json!(name);
        Ok(vec![change, Call::send(Method::POST, secrets, &body)])
    }

    fn file(
        &self,
        mark: &str,
        answers: &[(&'static str, Value)],
    ) -> Result<Option<(PathBuf, Secret)>, String> {
        let Self::Encrypted(_, path) = self else { return Ok(None) };
        let mut text = format!("# {mark}\n");
        for (name, answer) in answers {
            let data = answer["data"].as_str().filter(|data| !data.is_empty() && data.chars().all(is_base64));
            let data = data.ok_or("it answered with no encrypted line")?;
            text.extend(["---\nkind: secret\nname: ", &name.to_lowercase(), "\ndata: ", data, "\n"]);
        }
        Ok(Some((path.clone(), Secret::from(text))))
    }
}

fn is_base64(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '=')
}

impl fmt::Display for Drone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(name) => write!(f, "drone={name}"),
            Self::Organisation(name) => write!(f, "drone-org={name}"),
            Self::Encrypted(name, file) => write!(f, "drone-encrypted={name}:{}", file.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::forms::tests::variable;
    use crate::delivery::remote::tests_support::shown;

    #[test]
    fn a_secret_is_changed_or_made() {
        let drone = Drone::repository("acme/shop").unwrap();
        assert_eq!(shown(&drone.question(&[]).unwrap().unwrap()), "GET /api/repos/acme/shop/secrets");
        assert!(drone.question(&[json!([])]).unwrap().is_none());
        let calls = drone.put(&[json!([])], &variable("KUBERNETES_TOKEN", Some("hush"))).unwrap();
        assert_eq!(
            calls.iter().map(shown).collect::<Vec<_>>(),
            [
                r#"PATCH /api/repos/acme/shop/secrets/kubernetes_token {"data":"hush","pull_request":false,"pull_request_push":false}"#,
                r#"POST /api/repos/acme/shop/secrets {"data":"hush","name":"kubernetes_token","pull_request":false,"pull_request_push":false}"#,
            ]
        );
        let calls = drone.put(&[json!([])], &variable("KUBERNETES_CERT", None)).unwrap();
        assert_eq!(shown(&calls[0]), "DELETE /api/repos/acme/shop/secrets/kubernetes_cert");
        let calls =
            Drone::organisation("acme").unwrap().put(&[], &variable("KUBERNETES_CERT", Some("x"))).unwrap();
        assert!(shown(&calls[0]).starts_with("PATCH /api/secrets/acme/kubernetes_cert {"));
        assert!(shown(&calls[1]).starts_with("POST /api/secrets/acme {"));
    }

    #[test]
    fn encrypted_lines_become_a_file() {
        let drone = Drone::encrypted("acme/shop:a/secrets.yml").unwrap();
        let calls = drone.put(&[], &variable("KUBERNETES_TOKEN", Some("hush"))).unwrap();
        assert_eq!(
            shown(&calls[0]),
            r#"POST /api/repos/acme/shop/encrypt/secret {"data":"hush","name":"kubernetes_token"}"#
        );
        assert!(drone.put(&[], &variable("KUBERNETES_CERT", None)).unwrap().is_empty());
        let answers =
            [("KUBERNETES_SERVER", json!({"data": "YQ=="})), ("KUBERNETES_TOKEN", json!({"data": "Yg=="}))];
        let (path, text) = drone.file("mark", &answers).unwrap().unwrap();
        assert_eq!(path, PathBuf::from("a/secrets.yml"));
        assert_eq!(
            text.expose_secret(),
            "# mark\n---\nkind: secret\nname: kubernetes_server\ndata: YQ==\n---\nkind: secret\nname: kubernetes_token\ndata: Yg==\n"
        );
        for answer in [json!({}), json!({"data": ""}), json!({"data": "a\nkind: pipeline"})] {
            assert!(drone.file("mark", &[("KUBERNETES_TOKEN", answer)]).is_err());
        }
        for place in ["acme/shop", "acme/shop:", "acme/shop:-", "acme:file"] {
            assert!(Drone::encrypted(place).is_err(), "{place}");
        }
    }
}

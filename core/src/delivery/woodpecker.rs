//! Secrets of Woodpecker, by the API of its server (woodpecker-ci/woodpecker, `server/router/api.go` and
//! `server/model/secret.go`).

use std::fmt;

use http::Method;
use regex_lite::Regex;
use serde_json::{Value, json};

use super::forms::Variable;
use super::remote::{Call, Endpoint, System, name};
use crate::credentials::ExposeSecret;

/// The events whose pipelines may use a secret: those of the `woodpecker-cli`. Never pull requests.
const EVENTS: [&str; 4] = ["push", "tag", "release", "deployment"];

/// What the server takes for an image: a tag has no dots, so a version cannot be one.
const IMAGE: &str = r"^([\w\-.]+(:\d+)?/)?([\w\-.][\w\-./]*/)?([\w\-.]+)(:[\w\-]+)?(@sha256:[a-f\d]{64})?$";

/// Where Woodpecker has secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Woodpecker {
    is_organisation: bool,
    name: String,
    /// The plugins that may use them; all if there are none.
    images: Vec<String>,
}

impl Woodpecker {
    /// Reads `OWNER/REPO[:IMAGE,...]`.
    pub(super) fn repository(place: &str) -> Result<Self, String> {
        let (repository, images) = images(place)?;
        let name = name(repository, 2..=20, "woodpecker=acme/shop")?;
        Ok(Self { is_organisation: false, name, images })
    }

    /// Reads `NAME[:IMAGE,...]`.
    pub(super) fn organisation(place: &str) -> Result<Self, String> {
        let (organisation, images) = images(place)?;
        let name = name(organisation, 1..=20, "woodpecker-org=acme")?;
        Ok(Self { is_organisation: true, name, images })
    }

    fn kind(&self) -> &'static str {
        if self.is_organisation { "orgs" } else { "repos" }
    }

    /// The secrets of the place, by the number that the first question gives.
    fn secrets(&self, answers: &[Value]) -> Result<String, String> {
        let id = answers.first().and_then(|found| found["id"].as_u64());
        let id = id.ok_or("it answered without the id of the place")?;
        Ok(format!("/api/{}/{id}/secrets", self.kind()))
    }
}

/// Splits the plugins off.
fn images(place: &str) -> Result<(&str, Vec<String>), String> {
    let Some((place, images)) = place.split_once(':') else { return Ok((place, Vec::new())) };
    let pattern = Regex::new(IMAGE).map_err(|error| format!("{IMAGE}: {error}"))?;
    let images: Vec<String> = images.split(',').map(str::to_owned).collect();
    match images.iter().find(|image| !pattern.is_match(image)) {
        Some(image) => Err(format!(
            "Woodpecker takes no filter for the image '{image}': leave the tag out, which allows every tag, or write @sha256:..."
        )),
        None => Ok((place, images)),
    }
}

impl System for Woodpecker {
    fn endpoint(&self) -> Endpoint {
        Endpoint {
            server: &["WOODPECKER_SERVER"],
            usual: None,
            token: &["WOODPECKER_TOKEN"],
            advice: "the token is on Woodpecker's page User settings, CLI and API",
        }
    }

    /// To list secrets takes the right to push, or to administer the organisation.
    fn question(&self, answers: &[Value]) -> Result<Option<Call>, String> {
        match answers.len() {
            0 => Ok(Some(Call::get(format!("/api/{}/lookup/{}", self.kind(), self.name)))),
            1 => self.secrets(answers).map(|path| Some(Call::get(path))),
            _ => Ok(None),
        }
    }

    fn put(&self, answers: &[Value], variable: &Variable) -> Result<Vec<Call>, String> {
        let name = variable.name.to_lowercase();
        let secrets = self.secrets(answers)?;
        let Some(value) = &variable.value else { return Ok(vec![Call::delete(format!("{secrets}/{name}"))]) };
        let mut body = json!({"value": value.expose_secret(), "events": EVENTS});
        // A filter that was set by hand stays, if none was asked for.
        if !self.images.is_empty() {
            body["images"] = json!(self.images);
        }
        let change = Call::send(Method::PATCH, format!("{secrets}/{name}"), &body);
        body["name"] = json!(name);
        body["images"] = json!(self.images);
        Ok(vec![change, Call::send(Method::POST, secrets, &body)])
    }
}

impl fmt::Display for Woodpecker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if self.is_organisation { "woodpecker-org" } else { "woodpecker" };
        write!(f, "{form}={}", self.name)?;
        if self.images.is_empty() { Ok(()) } else { write!(f, ":{}", self.images.join(",")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::forms::tests::variable;
    use crate::delivery::remote::tests_support::shown;

    #[test]
    fn a_secret_is_changed_or_made_by_the_id() {
        let woodpecker = Woodpecker::repository("acme/shop").unwrap();
        let found = [json!({"id": 7}), json!([])];
        assert_eq!(shown(&woodpecker.question(&[]).unwrap().unwrap()), "GET /api/repos/lookup/acme/shop");
        assert_eq!(shown(&woodpecker.question(&found[..1]).unwrap().unwrap()), "GET /api/repos/7/secrets");
        assert!(woodpecker.question(&found).unwrap().is_none());
        assert!(woodpecker.question(&[json!({"id": "../1"})]).is_err());
        let calls = woodpecker.put(&found, &variable("KUBERNETES_TOKEN", Some("hush"))).unwrap();
        assert_eq!(
            calls.iter().map(shown).collect::<Vec<_>>(),
            [
                r#"PATCH /api/repos/7/secrets/kubernetes_token {"events":["push","tag","release","deployment"],"value":"hush"}"#,
                r#"POST /api/repos/7/secrets {"events":["push","tag","release","deployment"],"images":[],"name":"kubernetes_token","value":"hush"}"#,
            ]
        );
        let calls = woodpecker.put(&found, &variable("KUBERNETES_CERT", None)).unwrap();
        assert_eq!(shown(&calls[0]), "DELETE /api/repos/7/secrets/kubernetes_cert");
        let organisation = Woodpecker::organisation("acme").unwrap();
        assert_eq!(shown(&organisation.question(&[]).unwrap().unwrap()), "GET /api/orgs/lookup/acme");
        assert_eq!(shown(&organisation.question(&found[..1]).unwrap().unwrap()), "GET /api/orgs/7/secrets");
    }

    #[test]
    fn images_are_those_that_the_server_takes() {
        let digest = format!("acme/shop:registry.test:5000/a/rollout-plus@sha256:{}", "0".repeat(64));
        for place in ["acme/shop:registry.test/a/rollout-plus,b:v1", &digest] {
            let woodpecker = Woodpecker::repository(place).unwrap();
            assert_eq!(woodpecker.to_string(), format!("woodpecker={place}"));
            let calls = woodpecker.put(&[json!({"id": 7})], &variable("KUBERNETES_CERT", Some("x"))).unwrap();
            assert!(calls.iter().all(|call| shown(call).contains("rollout-plus")));
        }
        for images in ["registry.test/a/rollout-plus:1.2.3", "", "a,,b", "/absolute", "a b"] {
            let error = Woodpecker::repository(&format!("acme/shop:{images}")).unwrap_err();
            assert!(error.contains("leave the tag out"), "{error}");
        }
    }
}

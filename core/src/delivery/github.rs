//! Secrets of GitHub Actions (docs.github.com, "REST API endpoints for GitHub Actions Secrets"). A value is sent in a
//! libsodium sealed box that GitHub alone can open.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use dryoc::dryocbox::{DryocBox, PublicKey};
use http::Method;
use serde_json::{Value, json};

use super::forms::Variable;
use super::remote::{Call, Endpoint, System, name};
use crate::credentials::{ExposeSecret, Secret};

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Github {
    repository: String,
}

impl Github {
    /// Reads `OWNER/REPO`.
    pub(super) fn repository(place: &str) -> Result<Self, String> {
        name(place, 2..=2, "github=acme/shop").map(|repository| Self { repository })
    }

    fn secrets(&self) -> String {
        format!("/repos/{}/actions/secrets", self.repository)
    }
}

impl System for Github {
    fn endpoint(&self) -> Endpoint {
        Endpoint {
            server: &["GITHUB_API_URL"],
            usual: Some("https://api.github.com"),
            token: &["GITHUB_TOKEN", "GH_TOKEN"],
            advice: "a token that may write the repository's secrets: `gh auth token` prints one; that of a workflow may not",
        }
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")]
    }

    /// To read the public key takes the right to read secrets; whether they may be written GitHub tells only then.
    fn question(&self, answers: &[Value]) -> Result<Option<Call>, String> {
        match answers.first() {
            None => Ok(Some(Call::get(format!("{}/public-key", self.secrets())))),
            Some(answer) => public_key(answer).map(|_| None),
        }
    }

    fn put(&self, answers: &[Value], variable: &Variable) -> Result<Vec<Call>, String> {
        let path = format!("{}/{}", self.secrets(), variable.name);
        let Some(value) = &variable.value else { return Ok(vec![Call::delete(path)]) };
        let answer = answers.first().unwrap_or(&Value::Null);
        let (id, key) = public_key(answer)?;
        let body = json!({"encrypted_value": seal(value, &key)?, "key_id": id});
        Ok(vec![Call::send(Method::PUT, path, &body)])
    }
}

/// Reads the key and its name.
fn public_key(answer: &Value) -> Result<(&str, PublicKey), String> {
    let text = |field: &str| answer[field].as_str().unwrap_or_default();
    let key = BASE64_STANDARD.decode(text("key")).ok();
    let key = key.and_then(|key| PublicKey::try_from(key.as_slice()).ok());
    let id = Some(text("key_id")).filter(|id| !id.is_empty());
    id.zip(key).ok_or_else(|| "it answered with no public key".to_owned())
}

/// Returns the sealed box in base64.
fn seal(value: &Secret, key: &PublicKey) -> Result<String, String> {
    let sealed = DryocBox::seal_to_vecbox(value.expose_secret().as_bytes(), key);
    let sealed = sealed.map_err(|error| format!("its public key cannot be used: {error}"))?;
    Ok(BASE64_STANDARD.encode(sealed.to_vec()))
}

impl fmt::Display for Github {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "github={}", self.repository)
    }
}

#[cfg(test)]
mod tests {
    use dryoc::classic::crypto_box::{crypto_box_open_easy, crypto_box_seal_open};
    use dryoc::classic::crypto_generichash::crypto_generichash;

    use super::*;
    use crate::delivery::forms::tests::variable;
    use crate::delivery::remote::tests_support::shown;

    /// Keys and boxes that libsodium made.
    fn vectors() -> Value {
        serde_json::from_str(include_str!("sealed-boxes.json")).unwrap()
    }

    fn bytes(text: &Value) -> Vec<u8> {
        BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap()
    }

    fn keys() -> ([u8; 32], [u8; 32]) {
        let vectors = vectors();
        (bytes(&vectors["public_key"]).try_into().unwrap(), bytes(&vectors["secret_key"]).try_into().unwrap())
    }

    /// The nonce of a box: `BLAKE2b` of the sender's public key and the recipient's.
    fn nonce(sealed: &[u8]) -> [u8; 24] {
        let mut nonce = [0; 24];
        crypto_generichash(&mut nonce, &[&sealed[..32], &keys().0].concat(), None).unwrap();
        nonce
    }

    /// Opens a box by that rule, not as a sealed box.
    fn open(sealed: &[u8]) -> String {
        let sender: [u8; 32] = sealed[..32].try_into().unwrap();
        let mut text = vec![0; sealed.len() - 48];
        crypto_box_open_easy(&mut text, &sealed[32..], &nonce(sealed), &sender, &keys().1).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn boxes_of_libsodium_are_opened() {
        let vectors = vectors();
        for vector in vectors["boxes"].as_array().unwrap() {
            let sealed = bytes(&vector["box"]);
            let hex = vector["nonce"].as_str().unwrap();
            let hex = (0..24).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap());
            assert!(nonce(&sealed).into_iter().eq(hex));
            assert_eq!(open(&sealed), vector["message"]);
            let mut text = vec![0; sealed.len() - 48];
            crypto_box_seal_open(&mut text, &sealed, &keys().0, &keys().1).unwrap();
            assert_eq!(text, vector["message"].as_str().unwrap().as_bytes());
            let mut wrong = sealed.clone();
            *wrong.last_mut().unwrap() ^= 1;
            assert!(crypto_box_seal_open(&mut text, &wrong, &keys().0, &keys().1).is_err());
        }
    }

    #[test]
    fn a_secret_is_put_in_a_box_for_the_key_that_was_given() {
        let github = Github::repository("acme/shop").unwrap();
        let path = "/repos/acme/shop/actions/secrets";
        assert_eq!(shown(&github.question(&[]).unwrap().unwrap()), format!("GET {path}/public-key"));
        let answers = [json!({"key_id": "568", "key": vectors()["public_key"]})];
        assert!(github.question(&answers).unwrap().is_none());
        let call = github.put(&answers, &variable("KUBERNETES_TOKEN", Some("hush.hush"))).unwrap().remove(0);
        assert!(shown(&call).starts_with(&format!("PUT {path}/KUBERNETES_TOKEN {{")));
        let body: Value = serde_json::from_str(call.body.unwrap().expose_secret()).unwrap();
        assert_eq!(body["key_id"], "568");
        assert_eq!(open(&bytes(&body["encrypted_value"])), "hush.hush");
        let again = github.put(&answers, &variable("KUBERNETES_TOKEN", Some("hush.hush"))).unwrap().remove(0);
        let again: Value = serde_json::from_str(again.body.unwrap().expose_secret()).unwrap();
        assert_ne!(again["encrypted_value"], body["encrypted_value"], "each box has a key of its own");
        let call = github.put(&answers, &variable("KUBERNETES_CERT", None)).unwrap().remove(0);
        assert_eq!(shown(&call), format!("DELETE {path}/KUBERNETES_CERT"));
    }

    #[test]
    fn what_is_no_key_is_refused_before_anything_is_sealed() {
        let github = Github::repository("acme/shop").unwrap();
        let key = vectors()["public_key"].clone();
        // All zeroes is a point that gives everybody the same box.
        let zero = json!({"key_id": "568", "key": BASE64_STANDARD.encode([0; 32])});
        for answer in [json!({}), json!({"key": key}), json!({"key_id": "1", "key": "YQ=="})] {
            assert!(github.question(&[answer]).is_err());
        }
        assert!(github.put(&[zero], &variable("KUBERNETES_TOKEN", Some("hush"))).is_err());
    }
}

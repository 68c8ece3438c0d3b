//! What the CI systems do, as far as a delivery goes. The rules are those of their sources and documentation:
//! drone/drone `handler/api/`, woodpecker-ci/woodpecker `server/api/` and `server/model/secret.go`, docs.github.com,
//! docs.gitlab.com. Whatever they do not say is wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use dryoc::classic::crypto_box::crypto_box_open_easy;
use dryoc::classic::crypto_generichash::crypto_generichash;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::{Value, json};

use super::fake::{Got, Reply};

/// The token for the CI system.
pub const TOKEN: &str = "q7Zk2mXw9RtB4vNc8sLd";

/// The key of a repository by which Drone encrypts.
pub const KEY: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

/// What a system stores, by name.
pub type Stored = Arc<Mutex<BTreeMap<String, Value>>>;

/// A system, and how it is asked for.
pub struct System {
    /// What `--deliver` takes, without `=`.
    pub form: &'static str,
    pub place: &'static str,
    /// The variables with its address and its token.
    pub address: &'static str,
    pub token: &'static str,
    /// Answers a request.
    pub answer: fn(&Got, &mut BTreeMap<String, Value>) -> Reply,
    /// Returns a stored value as a pipeline gets it.
    pub value: fn(&Value) -> String,
}

/// All of them that store.
pub static SYSTEMS: [System; 6] = [
    System {
        form: "drone",
        place: "acme/shop",
        address: "DRONE_SERVER",
        token: "DRONE_TOKEN",
        answer: |got, stored| drone(got, "/api/repos/acme/shop/secrets", stored),
        value: |stored| text(stored, "data"),
    },
    System {
        form: "drone-org",
        place: "acme",
        address: "DRONE_SERVER",
        token: "DRONE_TOKEN",
        answer: |got, stored| drone(got, "/api/secrets/acme", stored),
        value: |stored| text(stored, "data"),
    },
    System {
        form: "woodpecker",
        place: "acme/shop:registry.test/a/rollout-plus",
        address: "WOODPECKER_SERVER",
        token: "WOODPECKER_TOKEN",
        answer: |got, stored| {
            woodpecker(got, "repos", "acme/shop", &json!(["registry.test/a/rollout-plus"]), stored)
        },
        value: |stored| text(stored, "value"),
    },
    System {
        form: "woodpecker-org",
        place: "acme",
        address: "WOODPECKER_SERVER",
        token: "WOODPECKER_TOKEN",
        answer: |got, stored| woodpecker(got, "orgs", "acme", &json!([]), stored),
        value: |stored| text(stored, "value"),
    },
    System {
        form: "github",
        place: "acme/shop",
        address: "GITHUB_API_URL",
        token: "GITHUB_TOKEN",
        answer: github,
        value: |stored| open(&text(stored, "encrypted_value")),
    },
    System {
        form: "gitlab",
        place: "acme/web/shop",
        address: "GITLAB_URL",
        token: "GITLAB_TOKEN",
        answer: gitlab,
        value: |stored| text(stored, "value"),
    },
];

fn text(stored: &Value, field: &str) -> String {
    stored[field].as_str().unwrap().to_owned()
}

/// What all of them want of a request.
fn wrong(got: &Got) -> Option<Reply> {
    if got.header("authorization") != format!("Bearer {TOKEN}") {
        return Some(Reply::Json(401, json!({"message": "Unauthorized"})));
    }
    let bad = |why: &str| Some(Reply::Wrong(why.to_owned()));
    if !got.header("user-agent").starts_with("kubectl-rollout-plus/") {
        return bad("no user agent");
    }
    let has_body = matches!(got.method.as_str(), "POST" | "PUT" | "PATCH");
    if has_body != got.body.is_object() || has_body != (got.header("content-type") == "application/json") {
        return bad("a body where none belongs, or none");
    }
    None
}

/// Fails unless the body has just these fields.
fn fields(got: &Got, wanted: &[&str]) -> Result<(), Reply> {
    let mut names: Vec<&str> = got.body.as_object().unwrap().keys().map(String::as_str).collect();
    let mut wanted = wanted.to_vec();
    names.sort_unstable();
    wanted.sort_unstable();
    if names == wanted { Ok(()) } else { Err(Reply::Wrong(format!("the fields {names:?}"))) }
}

/// The last part of a path below another.
fn below<'a>(path: &'a str, place: &str) -> Option<&'a str> {
    path.strip_prefix(place)?.strip_prefix('/').filter(|name| !name.contains('/'))
}

fn drone(got: &Got, place: &str, stored: &mut BTreeMap<String, Value>) -> Reply {
    if let Some(reply) = wrong(got) {
        return reply;
    }
    let closed = got.body["pull_request"] == json!(false) && got.body["pull_request_push"] == json!(false);
    let secret = ["data", "pull_request", "pull_request_push"];
    match (got.method.as_str(), below(&got.path, place)) {
        ("GET", None) if got.path == place => Reply::Json(200, json!([])),
        ("POST", None) if got.path == place && closed => {
            if let Err(reply) = fields(got, &[&secret[..], &["name"]].concat()) {
                return reply;
            }
            let name = text(&got.body, "name");
            if stored.contains_key(&name) {
                return Reply::Json(500, json!({"message": "UNIQUE constraint failed"}));
            }
            stored.insert(name, got.body.clone());
            Reply::Json(200, json!({"id": 1}))
        }
        ("PATCH", Some(name)) if closed => match (fields(got, &secret), stored.get_mut(name)) {
            (Err(reply), _) => reply,
            (_, None) => Reply::Json(404, json!({"message": "sql: no rows in result set"})),
            (_, Some(value)) => {
                *value = got.body.clone();
                Reply::Json(200, json!({"id": 1}))
            }
        },
        _ => Reply::Wrong("Drone does not know it".into()),
    }
}

/// Drone that encrypts and stores nothing.
pub fn encrypting(got: &Got) -> Reply {
    if let Some(reply) = wrong(got) {
        return reply;
    }
    match (got.method.as_str(), got.path.as_str()) {
        ("GET", "/api/repos/acme/shop/secrets") => Reply::Json(200, json!([])),
        ("POST", "/api/repos/acme/shop/encrypt/secret") => match fields(got, &["name", "data"]) {
            Ok(()) => Reply::Json(200, json!({"data": encrypt(&text(&got.body, "data"))})),
            Err(reply) => reply,
        },
        _ => Reply::Wrong("Drone does not know it".into()),
    }
}

fn key() -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, KEY).unwrap())
}

/// AES-256-GCM, the nonce before it, in base64 (drone/drone, `handler/api/repos/encrypt/encrypt.go`).
fn encrypt(text: &str) -> String {
    let nonce = [7; 12];
    let mut sealed = text.as_bytes().to_vec();
    key().seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).unwrap();
    BASE64_STANDARD.encode([&nonce[..], &sealed].concat())
}

/// Decrypts it as Drone's runner does.
pub fn decrypt(text: &str) -> String {
    let bytes = BASE64_STANDARD.decode(text).unwrap();
    let nonce = Nonce::try_assume_unique_for_key(&bytes[..12]).unwrap();
    let mut sealed = bytes[12..].to_vec();
    String::from_utf8(key().open_in_place(nonce, Aad::empty(), &mut sealed).unwrap().to_vec()).unwrap()
}

fn woodpecker(
    got: &Got,
    kind: &str,
    name: &str,
    images: &Value,
    stored: &mut BTreeMap<String, Value>,
) -> Reply {
    if let Some(reply) = wrong(got) {
        return reply;
    }
    if (got.method.as_str(), got.path.as_str()) == ("GET", &format!("/api/{kind}/lookup/{name}")) {
        return Reply::Json(200, json!({"id": 7, "name": name}));
    }
    let place = format!("/api/{kind}/7/secrets");
    let is_whole = got.body["events"] == json!(["push", "tag", "release", "deployment"])
        && (got.body["images"] == *images || got.body["images"].is_null());
    match (got.method.as_str(), below(&got.path, &place)) {
        ("GET", None) if got.path == place => Reply::Json(200, json!([])),
        ("POST", None) if got.path == place && is_whole => {
            if let Err(reply) = fields(got, &["name", "value", "events", "images"]) {
                return reply;
            }
            let name = text(&got.body, "name");
            if stored.contains_key(&name) {
                return Reply::Text(500, "Error inserting secret. UNIQUE constraint failed".into());
            }
            stored.insert(name, got.body.clone());
            Reply::Json(200, json!({"id": 1}))
        }
        ("PATCH", Some(name)) if is_whole => match stored.get_mut(name) {
            None => Reply::Text(404, String::new()),
            Some(value) => {
                *value = got.body.clone();
                Reply::Json(200, json!({"id": 1}))
            }
        },
        _ => Reply::Wrong("Woodpecker does not know it".into()),
    }
}

/// The key pair of the vectors that libsodium made.
fn keys() -> (String, [u8; 32], [u8; 32]) {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../core/src/delivery/sealed-boxes.json")).unwrap();
    let bytes = |field: &str| BASE64_STANDARD.decode(text(&vectors, field)).unwrap().try_into().unwrap();
    (text(&vectors, "public_key"), bytes("public_key"), bytes("secret_key"))
}

/// Opens a sealed box by the rule of libsodium: the sender's key is in front, the nonce is `BLAKE2b` of both keys.
fn open(text: &str) -> String {
    let sealed = BASE64_STANDARD.decode(text).unwrap();
    let (_, public, secret) = keys();
    let sender: [u8; 32] = sealed[..32].try_into().unwrap();
    let mut nonce = [0; 24];
    crypto_generichash(&mut nonce, &[sender, public].concat(), None).unwrap();
    let mut message = vec![0; sealed.len() - 48];
    crypto_box_open_easy(&mut message, &sealed[32..], &nonce, &sender, &secret).unwrap();
    String::from_utf8(message).unwrap()
}

fn github(got: &Got, stored: &mut BTreeMap<String, Value>) -> Reply {
    if let Some(reply) = wrong(got) {
        return reply;
    }
    if got.header("accept") != "application/vnd.github+json"
        || got.header("x-github-api-version") != "2022-11-28"
    {
        return Reply::Wrong("headers".into());
    }
    let place = "/repos/acme/shop/actions/secrets";
    match (got.method.as_str(), below(&got.path, place)) {
        ("GET", Some("public-key")) => {
            Reply::Json(200, json!({"key_id": "568250167242549743", "key": keys().0}))
        }
        ("PUT", Some(name)) if got.body["key_id"] == json!("568250167242549743") => {
            match fields(got, &["encrypted_value", "key_id"]) {
                Err(reply) => reply,
                Ok(()) if stored.insert(name.to_owned(), got.body.clone()).is_some() => {
                    Reply::Json(204, Value::Null)
                }
                Ok(()) => Reply::Json(201, json!({})),
            }
        }
        _ => Reply::Wrong("GitHub does not know it".into()),
    }
}

fn gitlab(got: &Got, stored: &mut BTreeMap<String, Value>) -> Reply {
    if let Some(reply) = wrong(got) {
        return reply;
    }
    let place = "/api/v4/projects/acme%2Fweb%2Fshop/variables";
    let (path, query) = got.path.split_once('?').unwrap_or((&got.path, ""));
    let variable = ["value", "protected", "masked", "raw", "variable_type", "environment_scope"];
    let value = got.body["value"].as_str().unwrap_or_default();
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=/@:.~-".contains(c);
    if got.body["masked"] == json!(true) && (value.len() < 8 || !value.chars().all(legal)) {
        return Reply::Json(400, json!({"message": {"value": ["is invalid"]}}));
    }
    let is_meant = got.body["protected"] == json!(true) && got.body["environment_scope"] == json!("*");
    let of_all = query == "filter%5Benvironment_scope%5D=%2A";
    match (got.method.as_str(), below(path, place)) {
        ("GET", None) if path == place && query == "per_page=1" => Reply::Json(200, json!([])),
        ("PUT", Some(name)) if of_all && is_meant => match (fields(got, &variable), stored.get_mut(name)) {
            (Err(reply), _) => reply,
            (_, None) => Reply::Json(404, json!({"message": "404 Variable Not Found"})),
            (_, Some(value)) => {
                *value = got.body.clone();
                Reply::Json(200, got.body.clone())
            }
        },
        ("POST", None) if path == place && query.is_empty() && is_meant => {
            if let Err(reply) = fields(got, &[&variable[..], &["key"]].concat()) {
                return reply;
            }
            let name = text(&got.body, "key");
            if stored.contains_key(&name) {
                return Reply::Json(400, json!({"message": {"key": ["has already been taken"]}}));
            }
            stored.insert(name, got.body.clone());
            Reply::Json(201, got.body.clone())
        }
        _ => Reply::Wrong("GitLab does not know it".into()),
    }
}

/// What `PyCA` cryptography 50.0.2 made: base64(nonce + AESGCM(KEY).encrypt(nonce, text, None)).
#[test]
fn lines_are_encrypted_as_drone_does() {
    let line = "AAECAwQFBgcICQoLSJzxFLtfscXntTvtJLWYNahhSb4S2Q3BWrjs/dFqxc6J4lguZ9YlfP9H1hrqyJtwQG7EaVdwgdej6AMpXO6Rnb0=";
    assert_eq!(decrypt(line), "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl");
    assert_eq!(decrypt(&encrypt("text")), "text");
}

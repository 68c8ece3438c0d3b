//! CI systems as places for a credential: which requests put it there, whatever sends them.

use std::fmt;
use std::path::PathBuf;

use http::Method;
use serde_json::Value;

use super::drone::Drone;
use super::forms::Variable;
use super::github::Github;
use super::gitlab::Gitlab;
use super::woodpecker::Woodpecker;
use crate::brief;
use crate::credentials::{ExposeSecret, Secret};

/// A place in a CI system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// A repository or organisation of Drone, or lines that it encrypts.
    Drone(Drone),
    /// A repository or organisation of Woodpecker.
    Woodpecker(Woodpecker),
    /// A repository of GitHub.
    Github(Github),
    /// A project of GitLab.
    Gitlab(Gitlab),
}

/// A request below the address of a CI system.
#[derive(Clone, Debug)]
pub struct Call {
    /// GET, POST, PUT, PATCH or DELETE.
    pub method: Method,
    /// From the first `/`, percent-encoded where it has to be.
    pub path: String,
    /// JSON.
    pub body: Option<Secret>,
}

impl Call {
    /// Asks for something.
    pub fn get(path: String) -> Self {
        Self { method: Method::GET, path, body: None }
    }

    /// Takes something away.
    pub fn delete(path: String) -> Self {
        Self { method: Method::DELETE, path, body: None }
    }

    /// Sends JSON.
    pub fn send(method: Method, path: String, body: &Value) -> Self {
        Self { method, path, body: Some(Secret::from(body.to_string())) }
    }
}

/// The variables of the environment that lead to a CI system. Of several the first that is set counts.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// Its address.
    pub server: &'static [&'static str],
    /// Its address if none is set.
    pub usual: Option<&'static str>,
    /// The token for it, which is sent as `Authorization: Bearer`.
    pub token: &'static [&'static str],
    /// Where a person gets such a token.
    pub advice: &'static str,
}

/// A CI system: requests out, answers in.
pub trait System: fmt::Display {
    /// Returns how it is reached.
    fn endpoint(&self) -> Endpoint;

    /// Returns headers that it wants besides the usual ones.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Returns the next question before anything is written, by the answers to those before it; `None` after the
    /// last. Together they show that the place is there and that the token may write to it, as far as a question can.
    ///
    /// # Errors
    /// Says what is wrong with an answer.
    fn question(&self, answers: &[Value]) -> Result<Option<Call>, String>;

    /// Returns the requests that put a variable there, or take it away if it has no value. The second is for a 404
    /// to the first: the variable is not there yet.
    ///
    /// # Errors
    /// Says what is wrong with an answer to the questions.
    fn put(&self, answers: &[Value], variable: &Variable) -> Result<Vec<Call>, String>;

    /// Returns the file that is made of what was answered to [`System::put`].
    ///
    /// # Errors
    /// Says what is wrong with an answer.
    fn file(
        &self,
        _mark: &str,
        _answers: &[(&'static str, Value)],
    ) -> Result<Option<(PathBuf, Secret)>, String> {
        Ok(None)
    }
}

impl Remote {
    /// Reads the place of a form; `None` if there is no such form.
    pub(super) fn parse(form: &str, place: &str) -> Option<Result<Self, String>> {
        Some(match form {
            "drone" => Drone::repository(place).map(Self::Drone),
            "drone-org" => Drone::organisation(place).map(Self::Drone),
            "drone-encrypted" => Drone::encrypted(place).map(Self::Drone),
            "woodpecker" => Woodpecker::repository(place).map(Self::Woodpecker),
            "woodpecker-org" => Woodpecker::organisation(place).map(Self::Woodpecker),
            "github" => Github::repository(place).map(Self::Github),
            "gitlab" => Gitlab::project(place).map(Self::Gitlab),
            _ => return None,
        })
    }

    /// Returns its system.
    pub fn system(&self) -> &dyn System {
        match self {
            Self::Drone(drone) => drone,
            Self::Woodpecker(woodpecker) => woodpecker,
            Self::Github(github) => github,
            Self::Gitlab(gitlab) => gitlab,
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.system())
    }
}

/// Checks a name of so many parts with `/` between them. What is left needs no encoding in a path, and leads nowhere
/// else.
pub(super) fn name(
    text: &str,
    parts: std::ops::RangeInclusive<usize>,
    example: &str,
) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(legal);
    if parts.contains(&text.split('/').count()) && text.split('/').all(is_part) {
        Ok(text.to_owned())
    } else {
        Err(format!("'{text}' is no such place: write for example {example}"))
    }
}

/// Returns what the other side said in an answer that is an error: one short line, without a part of a secret.
pub fn said(body: &[u8], secrets: &[&Secret]) -> String {
    let text = String::from_utf8_lossy(body);
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let told = ["message", "error"].iter().find_map(|field| match &json[*field] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Some(other.to_string())
        }
    });
    let line = told.unwrap_or_else(|| text.lines().next().unwrap_or_default().to_owned());
    brief::cut(&hide(&brief::cut(line.trim(), LONGEST * 8), secrets), LONGEST)
}

/// How many letters of an answer are shown.
const LONGEST: usize = 200;

/// The shortest word that is hidden if a secret has it, and the shortest piece of one within other letters: a server
/// may repeat what it was sent, whole or in part, escaped or not.
const WORD: usize = 6;
const PIECE: usize = 8;

/// Masks every piece of a secret.
fn hide(text: &str, secrets: &[&Secret]) -> String {
    let letters: Vec<char> = text.chars().collect();
    let is_in_word =
        |at: usize| letters.get(at).is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let longest = secrets.iter().map(|secret| shared(&letters[at..], secret.expose_secret())).max();
        let longest = longest.unwrap_or_default();
        let begins_word = at == 0 || !is_in_word(at - 1);
        let is_word = begins_word && !is_in_word(at + longest);
        if longest >= PIECE || longest >= WORD && is_word {
            shown.push_str("***");
            at += longest;
        } else {
            shown.push(letters[at]);
            at += 1;
        }
    }
    shown
}

/// Returns how many of the first letters of a text stand together somewhere in a secret.
fn shared(letters: &[char], secret: &str) -> usize {
    let from = secret.char_indices().map(|(at, _)| &secret[at..]);
    from.map(|rest| letters.iter().zip(rest.chars()).take_while(|(a, b)| **a == *b).count())
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
pub(super) mod tests_support {
    use super::{Call, ExposeSecret};

    /// Returns the method, the path and the body.
    pub(in crate::delivery) fn shown(call: &Call) -> String {
        let body = call.body.as_ref().map_or(String::new(), |body| format!(" {}", body.expose_secret()));
        format!("{} {}{body}", call.method, call.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        assert_eq!(name("acme/shop.io", 2..=2, "x"), Ok("acme/shop.io".into()));
        for text in ["acme", "a/b/c", "/", "a/", "../b", "a/..", "a/b?c", "a/b%2f", "a b/c", "a/b\n"] {
            assert!(name(text, 2..=2, "x").is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_said_has_no_piece_of_a_secret() {
        let secret = Secret::from("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl");
        let said = |body: &str| said(body.as_bytes(), &[&secret]);
        assert_eq!(said(r#"{"message":"Invalid Secret Name"}"#), "Invalid Secret Name");
        assert_eq!(said(r#"{"message":{"value":["is invalid"]}}"#), r#"{"value":["is invalid"]}"#);
        assert_eq!(said("Error inserting secret.\nmore"), "Error inserting secret.");
        assert_eq!(said("bad value 'eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl'"), "bad value '***'");
        assert_eq!(said("bad valueeyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJlx"), "bad value***x");
        assert_eq!(said(r#"{"error":"got \\neyJhbGciOi.eyJzdWI"}"#), r"got \n***");
        assert_eq!(said("got token=c2lnbmF0dXJl&x"), "got token=***&x");
        assert_eq!(said("...bmF0dXJl is no secret"), "...*** is no secret");
        assert_eq!(said(""), "");
        assert_eq!(said(&"x ".repeat(300)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn debug_shows_no_value() {
        let call = Call::send(Method::POST, "/x".into(), &serde_json::json!({"data": "hush"}));
        assert!(!format!("{call:?}").contains("hush"));
    }
}

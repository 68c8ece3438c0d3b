//! What a version has to answer: a request, and which answer is right.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::brief;
use crate::scrape::is_path;
use crate::scrub::Scrubber;

/// The status that is right where none is named.
const OK: u16 = 200;
/// The longest text that is looked for, in letters.
const TEXT: usize = 1000;
/// The longest time that can be asked for, in milliseconds: no answer is waited for longer.
const LONGEST: u64 = 10_000;
/// The longest that is told of what an answer says, in letters.
const SAID: usize = 200;

/// A request with what is to be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Check {
    /// The path, with its query.
    pub path: String,
    /// The HTTP status to be answered.
    pub status: u16,
    /// What the answer has to contain, within the part of it that is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Milliseconds within which one request through the API server's proxy has to be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<u64>,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, or as much of it as is read.
    pub body: Vec<u8>,
    /// Whether that is all of it.
    pub is_whole: bool,
    /// Milliseconds from the request to the end of what was read.
    pub millis: u64,
}

impl Answer {
    /// As much of a body is read, in bytes.
    pub const MOST: usize = 64 * 1024;
}

impl Check {
    /// Returns what of it no command line asks.
    pub fn oddity(&self) -> Option<String> {
        if !is_path(&self.path) {
            return Some(format!("path {}", self.path));
        }
        let text = self.text.as_deref().is_none_or(|text| text_fault(text).is_none());
        let within = self.within_ms.is_none_or(|millis| (1..=LONGEST).contains(&millis));
        let is_asked = (100..600).contains(&self.status) && text && within;
        (!is_asked).then(|| format!("a check of {} that none asks", self.path))
    }

    /// Returns what is wrong with an answer, as the end of a sentence. What it says is told without secrets.
    pub fn fault(&self, answer: &Answer, scrubber: &Scrubber) -> Option<String> {
        let Answer { status, body, is_whole, millis } = answer;
        if *status != self.status {
            return Some(format!("answered {status} instead of {}{}", self.status, said(body, scrubber)));
        }
        if let Some(text) = self.text.as_deref().filter(|text| !contains(body, text.as_bytes())) {
            let part =
                if *is_whole { String::new() } else { format!(" in its first {} KiB", Answer::MOST / 1024) };
            return Some(format!("answered {status} without {text:?}{part}{}", said(body, scrubber)));
        }
        let most = self.within_ms.filter(|most| millis > most)?;
        Some(format!("answered {status} in {millis} ms instead of {most} ms at most"))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answers {}", self.path, self.status)?;
        if let Some(text) = &self.text {
            write!(f, " with {text:?}")?;
        }
        match self.within_ms {
            Some(millis) => write!(f, " within {millis} ms"),
            None => Ok(()),
        }
    }
}

/// Reads `PATH[=STATUS][~TEXT][<TIME]`: `/health`, `/health=204`, `/=200~Welcome<300ms`.
///
/// The first `~` begins the text, so a path has it as `%7E`; the last `=` before that begins the status, so a query with
/// `=` takes one.
impl FromStr for Check {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: String| format!("'{text}' is no check: {why}");
        if !text.starts_with('/') {
            return Err(wrong("write for example /health=200".to_owned()));
        }
        let (asked, said, time) = match text.split_once('~') {
            Some((asked, rest)) => {
                if let Some((asked, time)) = asked.split_once('<') {
                    return Err(wrong(format!("the time comes last: {asked}~{rest}<{time}")));
                }
                // What looks like no time at all is part of the text.
                let is_time = |time: &str| time.starts_with(|letter: char| letter.is_ascii_digit());
                match rest.rsplit_once('<').filter(|(_, time)| is_time(time)) {
                    Some((said, time)) => (asked, Some(said), Some(time)),
                    None => (asked, Some(rest), None),
                }
            }
            None => match text.split_once('<') {
                Some((asked, time)) => (asked, None, Some(time)),
                None => (text, None, None),
            },
        };
        let (path, status) = match asked.rsplit_once('=') {
            None => (asked, OK),
            Some((path, named)) => (path, status(named).ok_or_else(|| wrong(no_status(path, named)))?),
        };
        if !is_path(path) {
            let why = "its path may have neither blanks nor # nor .., and other letters as %XX";
            return Err(wrong(why.to_owned()));
        }
        if let Some(why) = said.and_then(text_fault) {
            return Err(wrong(why));
        }
        let millis = |time| millis(time).ok_or_else(|| wrong(format!("'{time}' is no time from 1ms to 10s")));
        let within_ms = time.map(millis).transpose()?;
        Ok(Self { path: path.to_owned(), status, text: said.map(str::to_owned), within_ms })
    }
}

fn status(named: &str) -> Option<u16> {
    number(named).and_then(|status| u16::try_from(status).ok()).filter(|status| (100..600).contains(status))
}

fn no_status(path: &str, named: &str) -> String {
    let why = format!("'{named}' is no status from 100 to 599");
    if path.contains('?') { format!("{why}; a query with = takes one: {path}={named}=200") } else { why }
}

/// Reads a whole number of milliseconds or seconds.
fn millis(time: &str) -> Option<u64> {
    let millis = match time.strip_suffix("ms") {
        Some(millis) => number(millis)?,
        None => number(time.strip_suffix('s')?)?.checked_mul(1000)?,
    };
    (1..=LONGEST).contains(&millis).then_some(millis)
}

/// Reads digits: no sign.
fn number(text: &str) -> Option<u64> {
    text.chars().all(|letter| letter.is_ascii_digit()).then(|| text.parse().ok())?
}

fn text_fault(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("no text follows ~".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Some("its text may have no control characters".to_owned());
    }
    (text.chars().nth(TEXT).is_some()).then(|| format!("its text has more than {TEXT} letters"))
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    body.windows(text.len().max(1)).any(|part| part == text)
}

/// Returns what an answer says. The API server's own has a message.
fn said(body: &[u8], scrubber: &Scrubber) -> String {
    let body = String::from_utf8_lossy(body);
    let status = serde_json::from_str::<Value>(&body).ok().filter(|status| status["kind"] == "Status");
    let message = status.as_ref().and_then(|status| status["message"].as_str());
    let said = brief::line(&scrubber.text(message.unwrap_or(&body)), SAID);
    if said.is_empty() { said } else { format!(": {said:?}") }
}

#[cfg(test)]
mod tests;

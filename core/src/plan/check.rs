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
mod tests {
    use serde_json::json;

    use super::*;

    fn check(text: &str) -> Check {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_alone_is_a_check() {
        let plain = Check { path: "/health".into(), status: 200, text: None, within_ms: None };
        assert_eq!("/health".parse(), Ok(plain.clone()));
        assert_eq!("/health=200".parse(), Ok(plain.clone()));
        assert_eq!("/health=204".parse(), Ok(Check { status: 204, ..plain.clone() }));
        assert_eq!("/health<2s".parse(), Ok(Check { within_ms: Some(2000), ..plain.clone() }));
        assert_eq!("/health~up".parse(), Ok(Check { text: Some("up".into()), ..plain.clone() }));
        assert_eq!("/a?b=c=200".parse(), Ok(Check { path: "/a?b=c".into(), ..plain.clone() }));
        assert_eq!("/%7Eme".parse(), Ok(Check { path: "/%7Eme".into(), ..plain }));
    }

    #[test]
    fn a_text_may_hold_what_stands_between_the_parts() {
        let whole = |text: &str| {
            let Check { path, status, text, within_ms } = check(text);
            (path, status, text.unwrap_or_default(), within_ms)
        };
        let wanted = |text: &str, within| ("/a".to_owned(), 418, text.to_owned(), within);
        assert_eq!(whole("/a=418~x=1~y<300ms"), wanted("x=1~y", Some(300)));
        assert_eq!(whole("/a=418~<title>Shop</title>"), wanted("<title>Shop</title>", None));
        assert_eq!(whole("/a=418~<b><10s"), wanted("<b>", Some(10_000)));
        assert_eq!(whole("/a=418~<"), wanted("<", None));
        assert_eq!(whole("/a=418~größer als"), wanted("größer als", None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = format!("/a~{}", "x".repeat(1001));
        for (text, why) in [
            ("", "write for example /health=200"),
            ("health", "write for example /health=200"),
            ("=200", "write for example /health=200"),
            ("/a=abc", "'abc' is no status from 100 to 599"),
            ("/a=2", "'2' is no status from 100 to 599"),
            ("/a=+20", "'+20' is no status from 100 to 599"),
            ("/a=600", "'600' is no status from 100 to 599"),
            ("/a=", "'' is no status from 100 to 599"),
            ("/a?b=c", "'c' is no status from 100 to 599; a query with = takes one: /a?b=c=200"),
            ("/a b=200", "its path may have neither blanks nor # nor .., and other letters as %XX"),
            ("/a#b=200", "its path may have neither blanks nor # nor .., and other letters as %XX"),
            ("/a/../b=200", "its path may have neither blanks nor # nor .., and other letters as %XX"),
            ("/ä", "its path may have neither blanks nor # nor .., and other letters as %XX"),
            ("/a~", "no text follows ~"),
            ("/a~<300ms", "no text follows ~"),
            ("/a~a\u{7}", "its text may have no control characters"),
            (&long, "its text has more than 1000 letters"),
            ("/a<300ms~up", "the time comes last: /a~up<300ms"),
            ("/a<300ms=200", "'300ms=200' is no time from 1ms to 10s"),
            ("/a<300", "'300' is no time from 1ms to 10s"),
            ("/a<0ms", "'0ms' is no time from 1ms to 10s"),
            ("/a<11s", "'11s' is no time from 1ms to 10s"),
            ("/a<18446744073709551615s", "'18446744073709551615s' is no time from 1ms to 10s"),
            ("/a<+1s", "'+1s' is no time from 1ms to 10s"),
            ("/a<", "'' is no time from 1ms to 10s"),
            ("/a~up<3", "'3' is no time from 1ms to 10s"),
            ("/a~up<300msec", "'300msec' is no time from 1ms to 10s"),
        ] {
            assert_eq!(text.parse::<Check>(), Err(format!("'{text}' is no check: {why}")));
        }
    }

    #[test]
    fn a_check_that_is_noted_already_still_reads() {
        let noted = json!({"path": "/ready", "status": 200});
        let read: Check = serde_json::from_value(noted.clone()).unwrap();
        assert_eq!(read, check("/ready"));
        assert_eq!(serde_json::to_value(read).unwrap(), noted);
        let whole = json!({"path": "/", "status": 200, "text": "up", "withinMs": 300});
        assert_eq!(serde_json::to_value(check("/~up<300ms")).unwrap(), whole);
        assert_eq!(serde_json::from_value::<Check>(whole).unwrap(), check("/~up<300ms"));
    }

    #[test]
    fn what_no_command_line_asks_is_odd() {
        assert_eq!(check("/a=204~up<300ms").oddity(), None);
        let odd = |change: &dyn Fn(&mut Check)| {
            let mut check = check("/a");
            change(&mut check);
            check.oddity().unwrap()
        };
        assert_eq!(odd(&|check| check.path = "/../secrets".into()), "path /../secrets");
        for change in [
            &(|check: &mut Check| check.status = 99) as &dyn Fn(&mut Check),
            &|check| check.text = Some(String::new()),
            &|check| check.text = Some("x".repeat(1001)),
            &|check| check.text = Some("a\nb".into()),
            &|check| check.within_ms = Some(0),
            &|check| check.within_ms = Some(u64::MAX),
        ] {
            assert_eq!(odd(change), "a check of /a that none asks");
        }
    }

    #[test]
    fn a_check_is_told_in_words() {
        assert_eq!(check("/a").to_string(), "/a answers 200");
        assert_eq!(check("/a=204~\"up\"<2s").to_string(), r#"/a answers 204 with "\"up\"" within 2000 ms"#);
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.into(), is_whole: true, millis: 20 }
    }

    fn fault(text: &str, answer: &Answer) -> Option<String> {
        let template = json!({"env": [{"name": "DB_PASSWORD", "value": "geheim1"}]});
        check(text).fault(answer, &Scrubber::new(&template))
    }

    #[test]
    fn a_right_answer_has_no_fault() {
        assert_eq!(fault("/a", &answer(200, "")), None);
        assert_eq!(fault("/a=503", &answer(503, "down")), None);
        assert_eq!(fault("/a~up<20ms", &answer(200, "it is up")), None);
        let bytes = Answer { body: vec![0xff, b'u', b'p', 0], ..answer(200, "") };
        assert_eq!(fault("/a~up", &bytes), None);
    }

    #[test]
    fn a_wrong_answer_is_told_with_what_it_says() {
        let told = |text: &str, answer: &Answer| fault(text, answer).unwrap();
        assert_eq!(told("/a", &answer(503, "")), "answered 503 instead of 200");
        assert_eq!(
            told("/a", &answer(503, " no\n  backend ")),
            r#"answered 503 instead of 200: "no backend""#
        );
        let status =
            json!({"kind": "Status", "message": "error trying to reach service: dial tcp", "code": 503});
        assert_eq!(
            told("/a", &answer(503, &status.to_string())),
            r#"answered 503 instead of 200: "error trying to reach service: dial tcp""#
        );
        assert_eq!(told("/a~up", &answer(200, "down")), r#"answered 200 without "up": "down""#);
        let part = Answer { is_whole: false, ..answer(200, "down") };
        assert_eq!(told("/a~up", &part), r#"answered 200 without "up" in its first 64 KiB: "down""#);
        assert_eq!(told("/a~up", &answer(200, "u")), r#"answered 200 without "up": "u""#);
        assert_eq!(told("/a~up<19ms", &answer(200, "up")), "answered 200 in 20 ms instead of 19 ms at most");
    }

    #[test]
    fn what_an_answer_says_is_short_and_has_no_secrets() {
        let told = fault("/a", &answer(500, "connect to postgres://app:s3cretpw@db with geheim1: refused"));
        let told = told.unwrap();
        assert!(
            !told.contains("s3cretpw") && !told.contains("geheim1") && told.contains("refused"),
            "{told}"
        );
        let long = fault("/a", &answer(500, &"word ".repeat(10_000))).unwrap();
        assert!(long.len() < 300, "{long}");
    }
}

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
    assert_eq!(told("/a", &answer(503, " no\n  backend ")), r#"answered 503 instead of 200: "no backend""#);
    let status = json!({"kind": "Status", "message": "error trying to reach service: dial tcp", "code": 503});
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
    assert!(!told.contains("s3cretpw") && !told.contains("geheim1") && told.contains("refused"), "{told}");
    let long = fault("/a", &answer(500, &"word ".repeat(10_000))).unwrap();
    assert!(long.len() < 300, "{long}");
}

//! Deliveries to CI systems, each to a small server that takes its place.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::fake::{Fake, Got, Reply};
use super::hygiene::{clean, parts, watched};
use super::systems::{SYSTEMS, Stored, System, TOKEN, decrypt, encrypting};
use super::{Place, server, with_values};
use crate::shop::{Ended, Shop};

impl System {
    /// Returns the argument of `--deliver`.
    fn target(&self) -> String {
        format!("{}={}", self.form, self.place)
    }

    /// Starts it with nothing stored.
    fn start(&self) -> (Fake, Stored) {
        let stored: Stored = Arc::default();
        let (answer, shelf) = (self.answer, Arc::clone(&stored));
        (Fake::start(move |got| answer(got, &mut shelf.lock().unwrap())), stored)
    }

    /// Prepares the tool with the address and the token of the system.
    fn command(&self, shop: &Shop, address: &str, args: &[&str]) -> Command {
        let mut command = shop.command(&shop.kubeconfig, args);
        command.env(self.address, address).env(self.token, TOKEN);
        command
    }
}

/// Returns a value by its name, however the system spells it.
fn value(system: &System, stored: &Stored, name: &str) -> String {
    let stored = stored.lock().unwrap();
    let found = stored.iter().find(|(stored, _)| stored.eq_ignore_ascii_case(name));
    (system.value)(found.unwrap_or_else(|| panic!("no {name} in {}", system.form)).1)
}

/// Returns the tokens of the shop.
fn tokens(shop: &Shop) -> String {
    shop.kubectl(&["get", "secrets", "-o", "name"]).replace("secret/", "").trim().replace('\n', " ")
}

fn methods(seen: &[Got]) -> Vec<&str> {
    seen.iter().map(|got| got.method.as_str()).collect()
}

/// Fails unless nothing that others can see holds the token or that of the CI system.
#[track_caller]
fn nothing_is_seen((ended, line): &(Ended, String), token: Option<&str>) {
    let mut secrets = vec![TOKEN.to_owned()];
    secrets.extend(token.into_iter().flat_map(parts));
    clean("stdout", &ended.stdout, &secrets);
    clean("stderr", &ended.stderr, &secrets);
    clean("the command line", line, &secrets);
}

#[test]
fn every_system_gets_a_token_that_works_and_then_the_next() {
    let place = Place::new(&[]);
    let user = format!("taken as    system:serviceaccount:{}:ci", place.shop.namespace);
    for (number, system) in SYSTEMS.iter().enumerate() {
        let (fake, stored) = system.start();
        let target = system.target();
        let rotate = || {
            let args = ["bootstrap", "rotate", "ci", "--deliver", &target, "-o", "json"];
            let seen = watched(system.command(&place.shop, &fake.url(), &args));
            assert_eq!(seen.0.code, Some(0), "{target}\n{}", seen.0.stderr);
            fake.all_was_right();
            let [server, cert, token] =
                ["server", "cert", "token"].map(|name| value(system, &stored, &format!("kubernetes_{name}")));
            nothing_is_seen(&seen, Some(&token));
            let ended = with_values(&server, &cert, &token).expect(0);
            assert!(ended.stdout.contains(&user), "{target}\n{}", ended.stdout);
            let made: Value = serde_json::from_str(&seen.0.stdout).unwrap();
            assert_eq!(made["delivered"], json!([target]));
            token
        };
        let first = rotate();
        let lookups = if system.form.starts_with("woodpecker") { 2 } else { 1 };
        let asked = fake.take();
        assert!(asked[..lookups].iter().all(|got| got.method == "GET"), "{:?}", methods(&asked));
        let make = if system.form == "github" {
            ["PUT"; 3].to_vec()
        } else {
            let change = if system.form == "gitlab" { "PUT" } else { "PATCH" };
            [[change, "POST"]; 3].concat()
        };
        assert_eq!(methods(&asked[lookups..]), make, "{target}");
        let last = asked.last().unwrap();
        assert!(
            format!("{} {}", last.path, last.text).to_lowercase().contains("kubernetes_token"),
            "{target}"
        );
        // Now they are there, and are changed.
        let second = rotate();
        assert_eq!(fake.take().len(), lookups + 3, "{target}");
        assert_ne!(first, second);
        let listed = place.shop.tool(&["bootstrap", "list", "ci", "-o", "json"]).expect(0).stdout;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        assert_eq!(
            (listed.as_array().unwrap().len(), &listed[0]["delivered"]),
            (1, &json!(target)),
            "{number}"
        );
    }
}

#[test]
fn encrypted_lines_go_to_a_file() {
    let place = Place::new(&[]);
    let fake = Fake::start(encrypting);
    let path = place.folder.path().join("secrets.yml");
    let target = format!("drone-encrypted=acme/shop:{}", path.display());
    let args = ["bootstrap", "rotate", "ci", "--deliver", &target];
    let seen = watched(SYSTEMS[0].command(&place.shop, &fake.url(), &args));
    assert_eq!(seen.0.code, Some(0), "{}", seen.0.stderr);
    fake.all_was_right();
    let text = std::fs::read_to_string(&path).unwrap();
    let documents: Vec<Value> =
        text.split("---\n").skip(1).map(|part| serde_saphyr::from_str(part).unwrap()).collect();
    let names: Vec<_> = documents.iter().map(|document| document["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["kubernetes_server", "kubernetes_cert", "kubernetes_token"]);
    assert!(documents.iter().all(|document| document["kind"] == "secret"));
    let [server, cert, token] = [0, 1, 2].map(|place| decrypt(documents[place]["data"].as_str().unwrap()));
    with_values(&server, &cert, &token).expect(0);
    nothing_is_seen(&seen, Some(&token));
    clean("the file", &text, &parts(&token));
}

/// How a write goes wrong, and what is then said of the value.
const FAILURES: [(&str, &str); 3] = [
    ("repeats", "may have been written"),
    ("refuses", "was not written"),
    ("goes away", "may have been written"),
];

#[test]
fn a_delivery_that_fails_half_way_takes_the_token_back() {
    let place = Place::new(&[]);
    let old = place.token();
    let (address, cert) = server(&place.shop);
    for (number, system) in SYSTEMS.iter().enumerate() {
        let (how, fate) = FAILURES[number % FAILURES.len()];
        // The second value, or the third: that is the token itself.
        let fails_at = if number % 2 == 0 { "KUBERNETES_CERT" } else { "KUBERNETES_TOKEN" };
        let answer = system.answer;
        let mut stored = BTreeMap::new();
        let sent: Arc<Mutex<String>> = Arc::default();
        let heard = Arc::clone(&sent);
        let fake = Fake::start(move |got| {
            let is_meant = got.path.to_uppercase().contains(fails_at)
                || got.body["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(fails_at));
            if got.method == "GET" || !is_meant {
                return answer(got, &mut stored);
            }
            let value =
                ["data", "value", "encrypted_value"].iter().find_map(|field| got.body[*field].as_str());
            *heard.lock().unwrap() = value.unwrap_or_default().to_owned();
            let told = format!("cannot take {} from {}", got.text, got.header("authorization"));
            match how {
                "repeats" => Reply::Json(500, json!({"message": told})),
                "refuses" => Reply::Text(422, told),
                _ => Reply::Gone,
            }
        });
        let target = system.target();
        let args = ["bootstrap", "rotate", "ci", "--deliver", &target];
        let seen = watched(system.command(&place.shop, &fake.url(), &args));
        let error = &seen.0.stderr;
        assert_eq!(seen.0.code, Some(6), "{target}\n{error}");
        fake.all_was_right();
        let before = if number % 2 == 0 { "KUBERNETES_SERVER" } else { "KUBERNETES_SERVER, KUBERNETES_CERT" };
        let sentence =
            format!("; {before} written before; {fails_at} {fate}; the new token was revoked again");
        assert!(error.contains(&sentence) && error.contains(&target), "{target} {how}\n{error}");
        let sent = sent.lock().unwrap().clone();
        let token = (fails_at == "KUBERNETES_TOKEN" && system.form != "github").then_some(sent.as_str());
        assert!(!sent.is_empty());
        nothing_is_seen(&seen, token);
        assert_eq!(tokens(&place.shop), "ci-token-1", "{target}");
    }
    with_values(&address, &cert, &old).expect(0);
}

#[test]
fn what_was_reached_before_a_failure_is_told() {
    let place = Place::new(&[]);
    let (first, _) = SYSTEMS[0].start();
    let file = place.folder.path().join("taken");
    std::fs::write(&file, "somebody's").unwrap();
    let second = format!("dotenv={}", file.display());
    let args = ["bootstrap", "rotate", "ci", "--deliver", "drone=acme/shop", "--deliver", &second];
    let ended = crate::shop::run(&mut SYSTEMS[0].command(&place.shop, &first.url(), &args)).expect(2);
    let told = "holds something else; the new token was revoked again: what drone=acme/shop has is void";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    assert_eq!(tokens(&place.shop), "ci-token-1");
}

/// Nothing is made where it would not be taken.
struct Bare(Shop);

impl Bare {
    #[track_caller]
    fn refuses(&self, system: &System, set: &[(&str, &str)], code: i32, sentences: &[&str]) {
        let target = system.target();
        let mut command = self
            .0
            .command(&self.0.kubeconfig, &["bootstrap", "ci", "--deliver", &target, "--deployment", "x"]);
        command.envs(set.iter().copied());
        let ended = crate::shop::run(&mut command);
        assert_eq!(ended.code, Some(code), "{target} {sentences:?}\n{}", ended.stderr);
        let begin = format!("deliver to {target}: ");
        for sentence in [&[begin.as_str()][..], sentences].concat() {
            assert!(ended.stderr.contains(sentence), "{sentence:?} is not in:\n{}", ended.stderr);
        }
        clean("stderr", &ended.stderr, &[TOKEN.to_owned()]);
        let made = self.0.kubectl(&["get", "serviceaccounts,roles,rolebindings,secrets", "-o", "name"]);
        assert!(!made.contains("ci"), "{made}");
    }
}

#[test]
fn what_a_system_would_not_take_is_told_before_anything_is_made() {
    let bare = Bare(Shop::empty());
    let [drone, _, woodpecker, _, github, gitlab] = &SYSTEMS;
    bare.refuses(drone, &[], 2, &["DRONE_SERVER and DRONE_TOKEN are not set"]);
    bare.refuses(
        drone,
        &[("DRONE_SERVER", "https://a.test"), ("DRONE_TOKEN", "")],
        2,
        &["DRONE_TOKEN is not set"],
    );
    bare.refuses(woodpecker, &[("WOODPECKER_TOKEN", TOKEN)], 2, &["WOODPECKER_SERVER is not set"]);
    bare.refuses(github, &[], 2, &["GITHUB_TOKEN or GH_TOKEN is not set"]);
    bare.refuses(gitlab, &[], 2, &["GITLAB_TOKEN is not set"]);
    let in_clear = [("DRONE_SERVER", "http://drone.test"), ("DRONE_TOKEN", TOKEN)];
    bare.refuses(drone, &in_clear, 2, &["DRONE_SERVER: it must begin with https://"]);
    for system in &SYSTEMS {
        let (fake, stored) = system.start();
        let url = fake.url();
        let wrong = [(system.address, url.as_str()), (system.token, "another")];
        let not_taken = format!("next: {} is not taken: ", system.token);
        bare.refuses(system, &wrong, 8, &["401 Unauthorized: Unauthorized", &not_taken]);
        assert_eq!((fake.take().len(), stored.lock().unwrap().len()), (1, 0));
        for (status, advice) in [(403, "may not write secrets there"), (404, "is the name right")] {
            let fake = Fake::start(move |_| Reply::Text(status, format!("no {TOKEN}")));
            let (url, code) = (fake.url(), status.to_string());
            let set = [(system.address, url.as_str()), (system.token, TOKEN)];
            bare.refuses(system, &set, 8, &[&code, ": no ***", advice]);
            assert_eq!(methods(&fake.take()), ["GET"]);
        }
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let bare = Bare(Shop::empty());
    let elsewhere = Fake::start(|_| Reply::Json(200, json!([])));
    let there = format!("{}/api", elsewhere.url());
    let fake = Fake::start(move |_| Reply::Moved(there.clone()));
    let url = fake.url();
    let set = [("DRONE_SERVER", url.as_str()), ("DRONE_TOKEN", TOKEN)];
    let leads = format!("302 Found: it leads to {}/api, which is not followed", elsewhere.url());
    bare.refuses(&SYSTEMS[0], &set, 8, &[&leads, "next: set DRONE_SERVER to that address"]);
    assert_eq!((fake.take().len(), elsewhere.take().len()), (1, 0));
}

#[test]
fn a_certificate_must_be_one_that_the_system_trusts() {
    let bare = Bare(Shop::empty());
    // The API server is a server whose CA this system does not know.
    let (address, cert) = server(&bare.0);
    let set = [("DRONE_SERVER", address.as_str()), ("DRONE_TOKEN", TOKEN)];
    bare.refuses(&SYSTEMS[0], &set, 6, &["invalid peer certificate"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let pem = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, cert).unwrap();
    std::fs::write(&path, pem).unwrap();
    // Now it is known: the API server answers, and does not take the token.
    let trusted = [&set[..], &[("SSL_CERT_FILE", path.to_str().unwrap())]].concat();
    bare.refuses(&SYSTEMS[0], &trusted, 8, &["401 Unauthorized"]);
}

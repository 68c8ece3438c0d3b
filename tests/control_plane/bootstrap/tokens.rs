//! Tokens: rotated, revoked, rejected.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::{Place, server, token_of, with_values};
use crate::proxy::{Fault, Proxy, Rule, When};

/// A CA that signed nothing here.
const STRANGER: &str = include_str!("../../../core/src/credentials/ca.pem");

#[track_caller]
fn says(ended: &crate::shop::Ended, code: i32, sentence: &str) {
    assert_eq!(ended.code, Some(code), "{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains(sentence), "{sentence:?} is not in:\n{}", ended.stderr);
}

#[test]
fn a_rejected_credential_is_explained() {
    let place = Place::new(&[]);
    let namespace = &place.shop.namespace;
    let (server, cert) = server(&place.shop);
    let token = place.token();
    let taken = with_values(&server, &cert, &token).expect(0);
    assert!(
        taken.stdout.contains(&format!("taken as    system:serviceaccount:{namespace}:ci")),
        "{}",
        taken.stdout
    );

    let twice = |text: &str| BASE64_STANDARD.encode(BASE64_STANDARD.encode(text));
    let ended = with_values(&server, &twice(&cert), &twice(&token));
    says(
        &ended,
        2,
        "KUBERNETES_CERT cannot be read: it is no certificate: it looks like base64 of something else",
    );
    let ended = with_values(&server, &BASE64_STANDARD.encode(&cert), &twice(&token)).expect(0);
    assert!(ended.stdout.contains("KUBERNETES_TOKEN: base64 twice, which is fine"), "{}", ended.stdout);

    let who = format!("the token of system:serviceaccount:{namespace}:ci");
    let other = place.shop.kubectl(&["create", "token", "ci", "--audience", "vault"]);
    let sentence = format!("{who} was issued for the audience vault, not for the API server (");
    says(&with_values(&server, &cert, &other), 3, &sentence);

    let sentence =
        format!("the certificate of {server} was not signed by the CA that was given (CN=kubernetes)");
    says(&with_values(&server, STRANGER, &token), 3, &sentence);
    let sentence = format!(
        "the certificate of {server} was signed by no CA that this system trusts, and no CA was given"
    );
    says(&with_values(&server, "", &token), 3, &sentence);

    let elsewhere = server.replace("127.0.0.1", "localhost");
    let sentence = format!(
        "the certificate of {elsewhere} is not for localhost: it is for 10.96.0.1, 127.0.0.1, kubernetes"
    );
    says(&with_values(&elsewhere, &cert, &token), 3, &sentence);

    place.shop.tool(&["bootstrap", "revoke", "ci", "--token", "ci-token-1"]).expect(0);
    let sentence = "by itself: it was revoked (secret/ci-token-1 that it is bound to, or its ServiceAccount, was deleted), or it is of another cluster (issuer https://kubernetes.default.svc)";
    // The API server remembers for some seconds that it took a token.
    place.shop.until("the token is rejected", |_| with_values(&server, &cert, &token).code == Some(3));
    says(&with_values(&server, &cert, &token), 3, &format!("{who} is valid until "));
    says(&with_values(&server, &cert, &token), 3, sentence);
    // Every verb says so, and not only doctor.
    let ended = crate::shop::run(&mut place.shop.command(&place.kubeconfig(), &["status", "frontend"]));
    says(&ended, 3, sentence);
}

#[test]
fn the_old_token_goes_once_the_new_one_is_delivered() {
    let place = Place::new(&[]);
    let old = place.token();
    let (server, cert) = server(&place.shop);
    let ca = place.folder.path().join("ca.pem");
    std::fs::write(&ca, &cert).unwrap();
    // As the administrator, whose requests the proxy notes; the proof goes by the real address.
    let proxy = Proxy::start(&place.shop.kubeconfig);
    let through = proxy.kubeconfig(place.folder.path(), &place.shop.namespace);
    let rotate = |deliver: &str| {
        let args = ["bootstrap", "rotate", "ci", "--deliver", deliver, "--server", &server];
        let args = [&args[..], &["--certificate-authority", ca.to_str().unwrap()]].concat();
        crate::shop::finish(place.shop.start(&through, &args))
    };
    let writes = || -> Vec<String> {
        let seen = proxy.requests();
        let writes = seen.iter().filter(|seen| seen.method != "GET" && !seen.path.contains("review"));
        let tail = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        writes.map(|seen| format!("{} {}", seen.method, tail(&seen.path))).collect()
    };

    let taken = place.folder.path().join("taken");
    std::fs::write(&taken, "somebody's").unwrap();
    let ended = rotate(&format!("kubeconfig={}", taken.display())).expect(2);
    assert!(
        ended.stderr.contains("holds something else; the new token was revoked again"),
        "{}",
        ended.stderr
    );
    assert_eq!(writes(), ["POST secrets", "POST token", "PATCH ci-token-2", "DELETE ci-token-2"]);
    assert_eq!(std::fs::read_to_string(&taken).unwrap(), "somebody's");

    proxy.clear();
    let ended = rotate(&format!("kubeconfig={}", place.kubeconfig().display())).expect(0);
    assert!(ended.stdout.contains("revoked    ci-token-1"), "{}", ended.stdout);
    assert_eq!(writes(), ["POST secrets", "POST token", "PATCH ci-token-2", "DELETE ci-token-1"]);
    assert_ne!(place.token(), old);
    crate::shop::run(&mut place.shop.command(&place.kubeconfig(), &["status", "frontend"])).expect(0);
}

#[test]
fn tokens_are_listed_and_the_account_goes_whole() {
    let place = Place::new(&["--expires-in", "1h"]);
    let json = place.folder.path().join("ci.json");
    place
        .shop
        .tool(&["bootstrap", "ci", "--long-lived", "--deliver", &format!("json={}", json.display())])
        .expect(0);
    let listed = place.shop.tool(&["bootstrap", "list", "-o", "json"]).expect(0).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed[0]["token"], &listed[1]["token"]), (&"ci-token-1".into(), &"ci-token-2".into()));
    assert!(listed[0]["expires"].is_string() && listed[1]["expires"].is_null(), "{listed}");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(document["boundTo"], "ci-token-2");
    let (server, cert) = server(&place.shop);
    with_values(&server, &cert, document["token"].as_str().unwrap()).expect(0);

    place.shop.tool(&["bootstrap", "revoke", "ci", "--token", "ci-token-9"]).expect(2);
    place.shop.tool(&["bootstrap", "revoke", "ci"]).expect(0);
    assert_eq!(place.shop.kubectl(&["get", "roles,rolebindings,secrets", "-o", "name"]), "");
    // Again: nothing is left to do.
    let ended = place.shop.tool(&["bootstrap", "revoke", "ci"]).expect(0);
    assert!(ended.stderr.contains("nothing to revoke"), "{}", ended.stderr);
}

#[test]
fn a_credential_is_proven_by_itself() {
    let place = Place::new(&["--strategy", "canary"]);
    let verify = |flags: &[&str]| {
        let args = [&["bootstrap", "verify", "ci", "--deployment", "frontend"], flags].concat();
        crate::shop::run(&mut place.shop.command(&place.kubeconfig(), &args))
    };
    let ended = verify(&["--strategy", "canary"]).expect(0);
    assert!(ended.stdout.contains("denied: get, list, watch secrets; "), "{}", ended.stdout);
    let ended = verify(&["--strategy", "blue-green"]);
    says(&ended, 8, "may not create services, ");
    // The administrator is somebody else.
    let ended = place.shop.tool(&["bootstrap", "verify", "ci"]);
    says(&ended, 8, "the credential is that of admin, not of system:serviceaccount:");
    assert!(!token_of(&place.kubeconfig()).is_empty());
}

#[test]
fn nothing_fails_once_ci_has_the_token_and_the_rights_go_first() {
    let place = Place::new(&[]);
    let (server, cert) = server(&place.shop);
    let ca = place.folder.path().join("ca.pem");
    std::fs::write(&ca, &cert).unwrap();
    let proxy = Proxy::start(&place.shop.kubeconfig);
    let through = proxy.kubeconfig(place.folder.path(), &place.shop.namespace);
    let refuse = |method: &'static str, name: &'static str| {
        let when = When::matching(move |seen| seen.method == method && seen.path.ends_with(name));
        proxy.on(Rule { when, times: 1, fault: Fault::Status(403, None) });
    };
    let deletes = || -> Vec<String> {
        let deletes = proxy.requests().into_iter().filter(|seen| seen.method == "DELETE");
        deletes.map(|seen| seen.path.split('/').rev().take(2).collect::<Vec<_>>().join(" of ")).collect()
    };
    let run = |args: &[&str]| crate::shop::finish(place.shop.start(&through, args));

    let fresh = place.folder.path().join("fresh");
    let deliver = format!("kubeconfig={}", fresh.display());
    let rotate = ["bootstrap", "rotate", "ci", "--deliver", &deliver, "--server", &server];
    let rotate = [&rotate[..], &["--certificate-authority", ca.to_str().unwrap()]].concat();
    refuse("PATCH", "/ci-token-2");
    let ended = run(&rotate).expect(3);
    assert!(ended.stderr.contains("the new token was revoked again"), "{}", ended.stderr);
    assert!(!fresh.exists(), "a token that is void was delivered");

    proxy.clear();
    refuse("DELETE", "/ci-token-1");
    let ended = run(&["bootstrap", "revoke", "ci"]).expect(3);
    assert!(ended.stderr.contains("is left: secret/ci-token-1; "), "{}", ended.stderr);
    assert!(ended.stdout.contains("rolebinding/ci, serviceaccount/ci, role/ci"), "{}", ended.stdout);
    let order = ["ci of rolebindings", "ci of serviceaccounts", "ci-token-1 of secrets", "ci of roles"];
    assert_eq!(deletes(), order);
    run(&["bootstrap", "revoke", "ci"]).expect(0);
    assert_eq!(place.shop.kubectl(&["get", "roles,rolebindings,secrets", "-o", "name"]), "");
}

//! A whole second set and one switch: no request is lost there and back, and nothing is left of it.
//!
//! Run on a real node that has the images `shop/web:v1` and `shop/web:v2`, and Contour for the part with a router.

mod before;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::jobs::alone;
use crate::shop::{Shop, finish};
use crate::traffic::Traffic;
use before::Before;
use serde_json::json;

const V1: &str = "shop/web:v1";
const V2: &str = "shop/web:v2";
const START: [&str; 6] = ["blue-green", "frontend", "--image", V2, "--verify", "/ready=200"];

/// Fails unless all answers of the next second are of this version.
#[track_caller]
fn expect_only(traffic: &Traffic, version: &str) {
    // Connections that were kept over the switch end with their fiftieth request, and kube-proxy puts changes together.
    std::thread::sleep(Duration::from_secs(3));
    drop(traffic.answers());
    std::thread::sleep(Duration::from_secs(1));
    let answers = traffic.answers();
    assert!(answers.len() == 1 && answers.contains_key(version), "{answers:?} instead of {version} alone");
}

/// Waits until the second set has had the traffic for a moment.
fn until_switched(shop: &Shop, traffic: &Traffic) {
    drop(traffic.answers());
    shop.until("the new version serves", |_| traffic.answers().contains_key("v2"));
    std::thread::sleep(Duration::from_secs(2));
}

#[test]
fn no_request_is_lost_by_a_switch() {
    let _alone = alone();
    let shop = Shop::new(3);
    let before = Before::of(&shop);
    let traffic = Traffic::start(&shop);
    shop.tool(&[&START[..], &["--soak", "2s"]].concat()).expect(0);
    expect_only(&traffic, "v1");
    shop.tool(&["promote", "frontend", "--timeout", "60s"]).expect(0);
    expect_only(&traffic, "v2");
    traffic.expect_none_lost("blue-green and promote");
    before.expect(&shop, V2);
}

#[test]
fn no_request_is_lost_by_a_switch_back() {
    let _alone = alone();
    let shop = Shop::new(3);
    let before = Before::of(&shop);
    let traffic = Traffic::start(&shop);
    shop.tool(&[&START[..], &["--soak", "60s"]].concat()).expect(0);
    let promote = shop.start(&shop.kubeconfig, &["promote", "frontend", "--timeout", "60s"]);
    until_switched(&shop, &traffic);
    let begin = Instant::now();
    shop.tool(&["abort", "frontend"]).expect(0);
    println!("abort during the soak: {:.1} s", begin.elapsed().as_secs_f64());
    // Whoever was taken over tells what became of it.
    let taken = finish(promote);
    assert_ne!(taken.code, Some(0), "{taken:?}");
    expect_only(&traffic, "v1");
    traffic.expect_none_lost("switch and switch back");
    before.expect(&shop, V1);
}

#[test]
fn no_request_is_lost_in_one_go() {
    let _alone = alone();
    let shop = Shop::new(3);
    let before = Before::of(&shop);
    let traffic = Traffic::start(&shop);
    shop.tool(&[&START[..], &["--auto-promote", "--soak", "2s"]].concat()).expect(0);
    traffic.expect_none_lost("--auto-promote");
    before.expect(&shop, V2);
}

/// The whole new version ends while it has all of the traffic. What it was asked then is lost; nothing after that.
#[test]
fn a_version_that_ends_in_the_soak_is_switched_away_from() {
    let _alone = alone();
    let shop = Shop::new(3);
    let before = Before::of(&shop);
    let traffic = Traffic::start(&shop);
    let dir = tempfile::tempdir().unwrap();
    let manifest = dir.path().join("shop.yaml");
    // A whole one: what a manifest has no longer goes.
    let whole = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/testbed/shop.yaml")).unwrap();
    let never = "imagePullPolicy: Never\n";
    let ends = format!("{never}        env: [{{name: EXIT_AFTER, value: \"15\"}}]\n");
    std::fs::write(&manifest, whole.replace(V1, V2).replace(never, &ends)).unwrap();
    let args =
        ["blue-green", "frontend", "-f", manifest.to_str().unwrap(), "--auto-promote", "--soak", "60s"];
    let tool = shop.start(&shop.kubeconfig, &args);
    until_switched(&shop, &traffic);
    shop.until("the new version ends", |_| traffic.failures() > 0);
    let begin = Instant::now();
    shop.until("the former version serves", |_| {
        let answers = traffic.answers();
        answers.contains_key("v1") && !answers.contains_key("v2")
    });
    let (lost, took) = (traffic.failures(), begin.elapsed().as_secs_f64());
    println!("a version that ends: v1 serves {took:.1} s later, {lost} requests lost");
    assert!(took < 12.0, "its pods are up again within seconds, and end again after 15: {took:.1} s");
    let ended = finish(tool).expect(1);
    assert!(ended.stderr.contains("the former version is back"), "{}", ended.stderr);
    let failed = traffic.failures();
    expect_only(&traffic, "v1");
    assert_eq!(traffic.failures(), failed, "requests failed after the switch back");
    traffic.stop("a version that ends in the soak");
    before.expect(&shop, V1);
}

#[test]
fn a_version_that_answers_wrongly_is_never_switched_to() {
    let _alone = alone();
    let shop = Shop::new(3);
    let before = Before::of(&shop);
    let traffic = Traffic::start(&shop);
    let args = [&START[..4], &["--verify", "/ready=200", "--verify", "/=418", "--auto-promote"]].concat();
    let ended = shop.tool(&args).expect(1);
    assert!(ended.stderr.contains("answered 200 instead of 418"), "{}", ended.stderr);
    let answers = traffic.answers();
    assert!(!answers.contains_key("v2") && answers["v1"] > 1000, "{answers:?}");
    traffic.expect_none_lost("a failed --verify");
    before.expect(&shop, V1);
}

/// The route is switched, and the user's own Service is left alone.
#[test]
fn no_request_is_lost_through_a_gateway() {
    let _alone = alone();
    let shop = Shop::new(3);
    let host = format!("{}.test", shop.namespace);
    shop.apply(&json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "web"}, "spec": {"hostnames": [&host],
            "parentRefs": [{"name": "contour", "namespace": "projectcontour"}],
            "rules": [{"backendRefs": [{"name": "frontend", "port": 80}]}]}}));
    let gateway: SocketAddr = "127.0.0.1:8081".parse().unwrap();
    shop.until("the data plane serves the route", |_| (0..20).all(|_| before::answers(gateway, &host)));
    let before = Before::of(&shop);
    let traffic = Traffic::at(gateway, Some(&host));
    shop.tool(&[&START[..], &["--soak", "60s"]].concat()).expect(0);
    expect_only(&traffic, "v1");
    let promote = shop.start(&shop.kubeconfig, &["promote", "frontend", "--timeout", "60s"]);
    until_switched(&shop, &traffic);
    expect_only(&traffic, "v2");
    shop.tool(&["abort", "frontend"]).expect(0);
    finish(promote);
    expect_only(&traffic, "v1");
    traffic.expect_none_lost_yet("a switch and a switch back of the route");
    before.expect(&shop, V1);
    shop.tool(&[&START[..], &["--auto-promote", "--soak", "2s"]].concat()).expect(0);
    expect_only(&traffic, "v2");
    // A gateway does several times the work for each request: what counts is that there were many.
    let reports = traffic.stop("blue-green through Contour");
    assert!(reports.iter().all(|report| report.failed_count == 0 && report.requests > 10_000), "{reports:?}");
    before.expect(&shop, V2);
}

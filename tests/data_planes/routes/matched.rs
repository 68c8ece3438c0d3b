//! Requests that go to the canary whatever the weights say, and copies of requests.

use std::collections::BTreeMap;
use std::time::Duration;

use super::row::{self, ROWS, Routed, Row, V1, V2, get};
use crate::jobs::{alone, each};
use crate::load::{Load, LoadOptions, Mode};

/// A request's header, and the version that has to answer it.
const HEADERS: [(Option<&str>, &str); 5] = [
    (None, "v1"),
    (Some("X-Beta: 1"), "v2"),
    (Some("X-Beta: 2"), "v1"),
    (Some("Cookie: a=b; who=always; c=d"), "v2"),
    (Some("Cookie: who=never"), "v1"),
];

/// Sends 100 requests per second meanwhile, and returns the answers by version.
fn load(routed: &Routed, header: Option<&'static str>, meanwhile: impl FnOnce()) -> BTreeMap<String, u64> {
    let load = Load::start(LoadOptions {
        address: routed.address(),
        host: Some(routed.host.clone()),
        header,
        mode: Mode::KeepAlive,
        workers: 2,
        rate_per_second: 100,
        max_seconds: 120,
        requests_per_connection: 20,
    });
    meanwhile();
    let report = load.stop();
    assert_eq!(report.failed, Vec::<String>::new(), "{:?}, {header:?}", routed.row);
    report.by_version
}

fn a_while() {
    std::thread::sleep(Duration::from_secs(3));
}

/// On the way back too no request without a match reaches the canary.
fn abort(routed: &Routed) {
    let answers = load(routed, None, || drop(routed.shop.tool(&["abort", "frontend"]).expect(0)));
    assert_eq!(answers.keys().collect::<Vec<_>>(), ["v1"], "{:?}, abort", routed.row);
    routed.expect_as_before(V1);
}

fn matched(row: &'static Row) {
    let routed = row.deploy();
    let matches = ["--header", "X-Beta=1", "--cookie", "who=always"];
    routed.shop.tool(&[&["canary", "frontend", "--image", V2], &matches[..]].concat()).expect(0);
    std::thread::scope(|scope| {
        for (header, version) in HEADERS {
            let routed = &routed;
            scope.spawn(move || {
                let answers = load(routed, header, a_while);
                println!("{row:?}, {}: {answers:?}", header.unwrap_or("no header"));
                assert_eq!(answers.keys().collect::<Vec<_>>(), [version], "{row:?}, {header:?}");
            });
        }
    });
    abort(&routed);
}

#[test]
fn a_header_and_a_cookie_bring_requests_to_the_canary() {
    let _alone = alone();
    // A TraefikService does not see requests, only weights.
    let rows: Vec<&'static Row> = ROWS.iter().filter(|row| row.route != row::TRAEFIK_SERVICE.route).collect();
    assert_eq!(each(rows, 3, |row| matched(row)), Vec::<String>::new());
}

fn mirrored(row: &'static Row) {
    let routed = row.deploy();
    routed.shop.tool(&["canary", "frontend", "--image", V2, "--mirror", "100"]).expect(0);
    let pods = routed.shop.get("pods");
    let mut pods = pods["items"].as_array().unwrap().iter();
    let canary = pods.find(|pod| pod["spec"]["containers"][0]["image"] == V2).unwrap();
    let address = format!("{}:8080", canary["status"]["podIP"].as_str().unwrap()).parse().unwrap();
    let count = || get(address, "canary", "/count").unwrap().1.trim().parse::<u64>().unwrap();
    let before = count();
    let answers = load(&routed, None, a_while);
    routed.shop.until("the last copies are there", |_| {
        let seen = count();
        std::thread::sleep(Duration::from_millis(500));
        count() == seen
    });
    let copies = count() - before;
    println!("{row:?}: {copies} copies, answers {answers:?}");
    assert_eq!(answers.keys().collect::<Vec<_>>(), ["v1"], "{row:?}: an answer to a copy came back");
    assert_eq!(copies, answers["v1"], "{row:?}");
    abort(&routed);
}

#[test]
fn a_canary_gets_copies_and_nobody_its_answers() {
    let _alone = alone();
    let rows = vec![
        &row::CONTOUR_HTTP_ROUTE,
        &row::CONTOUR_HTTP_PROXY,
        &row::TRAEFIK_INGRESS_ROUTE,
        &row::TRAEFIK_SERVICE,
        &row::ISTIO_VIRTUAL_SERVICE,
        &row::ISTIO_SUBSET,
    ];
    assert_eq!(each(rows, 3, |row| mirrored(row)), Vec::<String>::new());
}

/// What a router cannot do is an error before the first write.
#[test]
fn copies_are_refused_where_nobody_makes_them() {
    let _alone = alone();
    for row in [&row::TRAEFIK_HTTP_ROUTE, &row::TRAEFIK_INGRESS] {
        let routed = row.deploy();
        let ended = routed.shop.tool(&["canary", "frontend", "--image", V2, "--mirror", "100"]).expect(8);
        println!("{row:?}: {}", ended.stderr.lines().last().unwrap());
        routed.expect_untouched();
    }
}

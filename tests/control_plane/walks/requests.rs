//! How many requests a run needs, and that its watches survive what happens to watches.

use std::time::{Duration, Instant};

use serde_json::json;

use super::rivals::{end_within, waiting};
use super::scene::{Scene, Verb, title};
use crate::api::{get, within, write};
use crate::proxy::{Proxy, Seen};
use crate::shop::finish;

fn titles(requests: &[Seen]) -> String {
    requests.iter().map(|seen| format!("  {}\n", title(seen))).collect()
}

#[test]
fn requests_of_a_start_and_of_a_status() {
    let scene = Scene::new(Verb::Start);
    scene.run(&[]).expect(0);
    let requests = scene.proxy.requests();
    let count = requests.iter().filter(|seen| !seen.watch).count();
    let renewals = requests.iter().filter(|seen| seen.method == "PUT").count();
    println!("canary until held: {count} requests and {} watches", requests.len() - count);
    // Five of them, sent at once, are the preflight's, and three the last picture's; one asks who owns what the hold changes.
    assert!(count <= 21, "{count}, {renewals} writes of the Lease:\n{}", titles(&requests));
    scene.proxy.clear();
    finish(scene.shop.start(&scene.kubeconfig, &["status", "frontend"])).expect(0);
    let requests = scene.proxy.requests();
    println!("status of one: {} requests", requests.len());
    assert!(requests.len() <= 5, "{}", titles(&requests));
    scene.proxy.clear();
    finish(scene.shop.start(&scene.kubeconfig, &["abort", "frontend"])).expect(0);
    let patches = scene.writes();
    println!("abort: {} requests, {} of them patches", scene.proxy.requests().len(), patches.len());
    let owners: Vec<bool> = patches.iter().map(Seen::is_of_owners).collect();
    assert_eq!(owners, [false, true], "one back, and one that gives the fields back:\n{}", titles(&patches));
    assert_eq!(patches[0].method, "PATCH");
    scene.end();
}

#[test]
fn requests_of_an_idle_wait() {
    let scene = Scene::new(Verb::Start);
    let dir = tempfile::tempdir().unwrap();
    let mut live = waiting(&scene, dir.path(), "nowhere");
    std::thread::sleep(Duration::from_secs(5));
    // A place in the 90 s of a watch where they all start again.
    std::thread::sleep(Duration::from_secs(30));
    scene.proxy.clear();
    std::thread::sleep(Duration::from_secs(60));
    let requests = scene.proxy.requests();
    assert!(live.try_wait().unwrap().is_none(), "it did not wait: {:?}", finish(live));
    live.kill().unwrap();
    finish(live);
    let watches = requests.iter().filter(|seen| seen.watch).count();
    println!("idle wait: {} requests in 60 s, {watches} of them watches", requests.len());
    assert!(requests.len() <= 10 && requests.len() >= 5, "{}", titles(&requests));
    scene.expect_abort();
    scene.end();
}

#[test]
fn watches_survive_a_cut() {
    survive("cut", 0, Proxy::cut_all);
}

#[test]
fn watches_survive_a_resource_version_that_is_too_old() {
    survive("expired", 3, |proxy| {
        proxy.expire_watches();
        proxy.cut_all();
    });
}

/// A waiting canary must see pods that become Ready after that. It has to list so many kinds anew.
fn survive(name: &str, lists: usize, trouble: impl Fn(&Proxy)) {
    let scene = Scene::new(Verb::Start);
    let dir = tempfile::tempdir().unwrap();
    let label = format!("walks-{}-{name}", std::process::id());
    let live = waiting(&scene, dir.path(), &label);
    std::thread::sleep(Duration::from_secs(2));
    scene.proxy.clear();
    trouble(&scene.proxy);
    let is_list = |seen: &&Seen| !seen.watch && seen.method == "GET" && !seen.path.ends_with("/frontend");
    let back = || {
        let requests = scene.proxy.requests();
        let watches = requests.iter().filter(|seen| seen.watch).count();
        watches >= 3 + lists && requests.iter().filter(is_list).count() >= lists
    };
    assert!(within(30, back), "the watches did not come back: {:?}", end_within(live, 0));
    let watches = scene.proxy.requests();
    let nodes = get("/api/v1/nodes");
    let node = format!("/api/v1/nodes/{}", nodes["items"][0]["metadata"]["name"].as_str().unwrap());
    let begin = Instant::now();
    write("PATCH", &node, &json!({"metadata": {"labels": {&label: "yes"}}}));
    let ended = end_within(live, 60);
    write("PATCH", &node, &json!({"metadata": {"labels": {&label: null}}}));
    println!(
        "{name}: went on {:.1} s after the pods could start\n{}",
        begin.elapsed().as_secs_f64(),
        titles(&watches)
    );
    ended.expect(0);
    scene.witness.expect_whole(true);
    scene.expect_abort();
    scene.end();
}

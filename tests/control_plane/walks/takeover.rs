//! An abort takes over from a routed canary that is under way.

use std::time::{Duration, Instant};

use super::routed::{Routed, Verb, route};
use crate::api::within;
use crate::jobs::alone;
use crate::proxy::{Proxy, Seen};
use crate::shop::finish;

#[test]
fn an_abort_takes_over_from_a_live_routed_canary() {
    let _alone = alone();
    let scene = Routed::new(Verb::Start);
    let args = ["canary", "frontend", "--image", "shop/web:v2", "--steps", "10,50", "--step-wait", "30s"];
    let mut live = scene.shop.start(&scene.kubeconfig, &args);
    let has_ten = || route(&scene.shop)[2]["rules"][1]["backendRefs"][2]["weight"] == 10;
    assert!(within(60, has_ten), "it shifts nothing: {:?}", finish(live));
    // The soak has begun.
    std::thread::sleep(Duration::from_secs(3));
    assert!(live.try_wait().unwrap().is_none(), "{:?}", finish(live));

    let other = Proxy::start(&scene.shop.kubeconfig);
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = other.kubeconfig(dir.path(), &scene.shop.namespace);
    let begin = Instant::now();
    finish(scene.shop.start(&kubeconfig, &["abort", "frontend"])).expect(0);
    let wrote = |seen: &&Seen| seen.method != "GET" && !seen.query.contains("dryRun");
    let requests = other.requests();
    let lock = requests.iter().find(wrote).unwrap();
    let first = requests.iter().filter(wrote).find(|seen| seen.path.contains("/httproutes/")).unwrap();
    println!(
        "abort against a live routed run: its first route came after {:.2} s",
        (first.at - begin).as_secs_f64()
    );
    // Alone it takes a second; beside the walk the machine is busy.
    assert!(first.at - begin <= Duration::from_secs(15), "{:?}", first.at - begin);
    let ended_in_time = within(60, || live.try_wait().unwrap().is_some());
    if !ended_in_time {
        live.kill().unwrap();
    }
    let ended = finish(live);
    println!(
        "the live run ended {:.1} s after that with exit {:?}",
        first.at.elapsed().as_secs_f64(),
        ended.code
    );
    assert!(matches!(ended.code, Some(1 | 5)), "{ended:?}");
    assert!(ended.stderr.contains("taken over") || ended.stderr.contains("aborted"), "{}", ended.stderr);
    let late: Vec<Seen> = scene
        .proxy
        .requests()
        .into_iter()
        .filter(|seen| seen.method != "GET" && seen.at > lock.at)
        .filter(|seen| seen.status.is_none_or(|status| status < 300) || seen.method != "PUT")
        .collect();
    // One that was under way when the lock changed hands is before it.
    assert!(late.is_empty(), "it wrote after it was taken over: {late:?}");
    scene.expect_own(false);
    scene.end();
}

//! A write that is on its way while another run takes the lock and decides otherwise.

use std::path::Path;
use std::time::Duration;

use super::scene::{Scene, Verb, deployment, expect_picture, own, writes};
use crate::api::within;
use crate::proxy::{Fault, Rule, When};
use crate::shop::{Run, finish};

const LATE: Duration = Duration::from_secs(5);

/// Starts the scene's verb with its first patch of the Deployment delayed, and returns once that is on its way.
fn late(scene: &Scene, kubeconfig: &Path) -> Run {
    let when = When::matching(|seen| {
        seen.method == "PATCH"
            && seen.path.ends_with("/deployments/frontend")
            && !seen.query.contains("dryRun")
    });
    scene.proxy.on(Rule { when, times: 1, fault: Fault::Delay(LATE) });
    let run = scene.shop.start(kubeconfig, scene.verb.args());
    let is_on_its_way = || {
        let requests = scene.proxy.requests();
        requests.iter().any(|seen| seen.method == "PATCH" && !seen.query.contains("dryRun"))
    };
    assert!(within(30, is_on_its_way), "no patch: {:?}", scene.proxy.requests());
    run
}

/// Lets another run end what the first began; the first must not put it back.
fn taken_over(verb: Verb, by: &[&str], end: &str) {
    let scene = Scene::new(verb);
    let run = late(&scene, &scene.kubeconfig);
    scene.shop.tool(by).expect(0);
    let decided = deployment(&scene.shop)["metadata"]["generation"].clone();
    let ended = finish(run);
    assert_ne!(ended.code, Some(0), "{}", ended.stderr);
    let patches: Vec<_> = writes(&scene.proxy).into_iter().filter(|seen| !seen.is_of_owners()).collect();
    let taken = patches.iter().filter(|seen| seen.status == Some(200)).count();
    if verb == Verb::Start {
        // Nothing had changed that the first patch relied on: it lands, and is taken back.
        assert!(taken <= 2, "{patches:?}");
    } else {
        assert_eq!(taken, 0, "it wrote after it was taken over: {patches:?}\n{}", ended.stderr);
        assert_eq!(deployment(&scene.shop)["metadata"]["generation"], decided);
    }
    expect_picture(&scene.shop, &[own(end)]);
    scene.end();
}

#[test]
fn a_raise_does_not_come_back_after_an_abort() {
    taken_over(Verb::Raise, &["abort", "frontend"], "shop/web:v1");
}

#[test]
fn a_start_does_not_come_back_after_an_abort() {
    taken_over(Verb::Start, &["abort", "frontend"], "shop/web:v1");
}

#[test]
fn an_abort_does_not_undo_a_promotion() {
    taken_over(Verb::Abort, &["promote", "frontend"], "shop/web:v2");
}

#[test]
fn a_promotion_does_not_undo_an_abort() {
    taken_over(Verb::Promote, &["abort", "frontend"], "shop/web:v1");
}

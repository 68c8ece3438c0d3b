//! What is undone is undone, and said only then: failures after the hold is off, and holds that other clients change.

use std::process::Command;

use serde_json::{Value, json};

use crate::sample::sample;
use crate::shop::{Shop, run};

const V1: &str = "shop/web:v1";
const V2: &str = "shop/web:v2";

fn patch(shop: &Shop, spec: &Value) {
    shop.kubectl(&["patch", "deployment/frontend", "-p", &json!({ "spec": spec }).to_string()]);
}

fn set_image(shop: &Shop, image: &str) {
    shop.kubectl(&["set", "image", "deployment/frontend", &format!("frontend={image}")]);
}

fn image(shop: &Shop) -> Value {
    shop.deployment()["spec"]["template"]["spec"]["containers"][0]["image"].clone()
}

/// Lets the namespace have so many of something and no more.
fn quota(shop: &Shop, what: &str, hard: u32) {
    shop.apply(&json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"},
        "spec": {"hard": {what: hard.to_string()}}}));
    shop.until("the quota is counted", |shop| {
        !shop.get("resourcequota/few")["status"]["used"][what].is_null()
    });
}

#[test]
fn a_promotion_that_fails_is_undone_although_the_hold_is_off() {
    let shop = Shop::new(4);
    patch(
        &shop,
        &json!({"minReadySeconds": 1, "progressDeadlineSeconds": 5, "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}),
    );
    let own = shop.deployment()["spec"].clone();
    let start = ["canary", "frontend", "--image", V2, "--steps", "20", "--step-wait", "8s", "--promote"];
    let tool = shop.start(&shop.kubeconfig, &start);
    shop.until("it is held", |shop| shop.pods_of(V2) == (1, 1));
    // No pod can be made any more, neither of the new version nor, for the way back, of the former.
    quota(&shop, "pods", 2);
    shop.until("the hold is off", |shop| shop.deployment()["spec"]["minReadySeconds"] == 1);
    shop.until("it goes back", |shop| image(shop) == V1);
    shop.kubectl(&["delete", "resourcequota", "few"]);
    let ended = crate::shop::finish(tool).expect(1);
    assert!(ended.stderr.contains("the former version is back"), "{}", ended.stderr);
    let now = shop.deployment()["spec"].clone();
    assert_eq!((&now["template"], &now["strategy"]), (&own["template"], &own["strategy"]));
    assert_eq!((shop.pods_of(V1), shop.pods_of(V2).0), ((4, 4), 0));
}

#[test]
fn what_the_controller_cannot_make_is_undone_and_every_way_back_is_open() {
    let shop = Shop::new(3);
    quota(&shop, "count/replicasets.apps", 1);
    let ended = shop.tool(&["rolling", "frontend", "--image", V2, "--force", "RP014"]);
    assert_ne!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("the former version is back"), "{}", ended.stderr);
    assert_eq!(image(&shop), V1);
    // The same by another client: the controller stays behind, and every verb that goes back works at once.
    for back in [&["rolling", "frontend", "--image", V1][..], &["rollback", "frontend", "--to-revision", "1"]]
    {
        set_image(&shop, V2);
        let begin = std::time::Instant::now();
        shop.tool(back).expect(0);
        assert!(begin.elapsed().as_secs() < 30, "{back:?} took {:?}", begin.elapsed());
        assert_eq!((image(&shop), shop.pods_of(V1)), (json!(V1), (3, 3)));
    }
}

#[test]
fn scaling_down_takes_no_stable_pod_of_a_set_that_was_shrunk() {
    let shop = Shop::new(10);
    shop.tool(&["canary", "frontend", "--image", V2, "--weight", "50", "--shrink-stable"]).expect(0);
    assert_eq!((shop.pods_of(V1).0, shop.pods_of(V2).0), (5, 5));
    shop.kubectl(&["scale", "deployment/frontend", "--replicas=5"]);
    shop.until("five pods are left", |shop| shop.pods_of(V1).0 + shop.pods_of(V2).0 == 5);
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(shop.pods_of(V1).0 >= 2, "stable {:?}, canary {:?}", shop.pods_of(V1), shop.pods_of(V2));
    shop.tool(&["abort", "frontend"]).expect(0);
    assert_eq!((shop.pods_of(V1), shop.pods_of(V2).0), ((5, 5), 0));
}

/// New pods count as Available when the hold comes, and the controller decides by that once more.
#[test]
fn a_rollout_whose_new_pods_are_available_is_held_without_a_loss() {
    let tries = sample("held half way", (0..50).collect());
    let count = tries.len();
    let lost: Vec<String> = tries.into_iter().filter_map(|_: u32| hold_half_way()).collect();
    println!("held half way: {count} tries, stable pods lost in {}", lost.len());
    assert!(lost.is_empty(), "{lost:?}");
}

fn hold_half_way() -> Option<String> {
    let shop = Shop::new(10);
    // No more than five pods of the new version can be made: the old ones that are left stay beside them, all
    // Available.
    shop.apply(&json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "five"},
        "spec": {"hard": {"requests.cpu": "5500m"}}}));
    shop.until("the quota is counted", |shop| !shop.get("resourcequota/five")["status"]["used"].is_null());
    let container = json!({"name": "frontend", "image": V2, "resources": {"requests": {"cpu": "1"}}});
    patch(
        &shop,
        &json!({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 2}},
            "template": {"spec": {"containers": [container]}}}),
    );
    shop.until("half way", |shop| {
        shop.deployment()["status"]["availableReplicas"] == 8 && shop.pods_of(V2).1 >= 4
    });
    std::thread::sleep(std::time::Duration::from_secs(1));
    let before = shop.pods_of(V1);
    let hold = ["canary", "frontend", "--canary-replicas", "7", "--timeout", "3s", "--on-failure", "hold"];
    let held = shop.tool(&[&hold[..], &["--force", "RP014"]].concat());
    let (stable, canary) = (shop.pods_of(V1), shop.pods_of(V2));
    let is_held = shop.deployment()["spec"]["minReadySeconds"] == 2_147_483_646_i64;
    // No more old pods go than the stock rolling update takes, which keeps eight Ready.
    if is_held && (stable.0 >= before.0 || stable.1 + canary.1 >= 8) {
        return None;
    }
    Some(format!(
        "exit {:?}, held {is_held}, stable {before:?} -> {stable:?}, canary {canary:?}: {}",
        held.code, held.stderr
    ))
}

#[test]
fn settings_that_a_broken_hold_left_are_not_taken_for_the_users() {
    let shop = Shop::new(3);
    shop.tool(&["canary", "frontend", "--image", V2, "--weight", "25"]).expect(0);
    patch(&shop, &json!({"minReadySeconds": 0}));
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=60s"]);
    shop.tool(&["canary", "frontend", "--image", "shop/web:v3", "--weight", "25"]).expect(0);
    shop.tool(&["abort", "frontend"]).expect(0);
    let spec = shop.deployment()["spec"].clone();
    assert_eq!(spec["progressDeadlineSeconds"], 600);
    assert_eq!(spec["strategy"]["rollingUpdate"], json!({"maxSurge": "25%", "maxUnavailable": "25%"}));
    assert_eq!(image(&shop), V2, "the version that was whole before");
}

#[test]
fn an_old_record_supplies_no_settings() {
    let shop = Shop::new(3);
    shop.kubectl(&[
        "patch",
        "deployment/frontend",
        "-p",
        r#"{"spec":{"revisionHistoryLimit":0,"minReadySeconds":4}}"#,
    ]);
    let tool = shop.start(&shop.kubeconfig, &["rolling", "frontend", "--image", V2]);
    shop.until("it is under way", |shop| image(shop) == V2);
    run(Command::new("kill").args(["-INT", &tool.id().to_string()])).expect(0);
    crate::shop::finish(tool).expect(130);
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=120s"]);
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}});
    patch(&shop, &json!({"minReadySeconds": 0, "strategy": strategy}));
    shop.tool(&["canary", "frontend", "--image", "shop/web:v3", "--weight", "25"]).expect(0);
    let warnings = shop.status()["warnings"].clone();
    assert!(!warnings.to_string().contains("held-without"), "{warnings}");
    shop.tool(&["abort", "frontend"]).expect(0);
    assert_eq!(shop.deployment()["spec"]["strategy"], strategy);
    assert_eq!(image(&shop), V2);
}

#[test]
fn a_canary_that_somebody_undid_leaves_no_hold() {
    let shop = Shop::new(3);
    let steps = ["canary", "frontend", "--image", V2, "--steps", "25,50", "--step-wait", "60s"];
    let tool = shop.start(&shop.kubeconfig, &steps);
    shop.until("the canary is Ready", |shop| shop.pods_of(V2) == (1, 1));
    shop.kubectl(&["rollout", "undo", "deployment/frontend"]);
    let ended = crate::shop::finish(tool).expect(1);
    assert!(ended.stderr.contains("the hold is off"), "{}", ended.stderr);
    shop.expect_own_fields(V1);
    // The next deploy by anybody does not hang.
    set_image(&shop, "shop/web:v3");
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=60s"]);
}

#[test]
fn limits_that_somebody_changed_end_the_wait_with_the_reason() {
    let shop = Shop::new(4);
    let steps = ["canary", "frontend", "--image", V2, "--steps", "20,50", "--step-wait", "60s"];
    let tool = shop.start(&shop.kubeconfig, &steps);
    shop.until("the canary is Ready", |shop| shop.pods_of(V2) == (1, 1));
    patch(&shop, &json!({"strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}}));
    let begin = std::time::Instant::now();
    let ended = crate::shop::finish(tool).expect(1);
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
    assert!(ended.stderr.contains("changed spec.strategy"), "{}", ended.stderr);
    // Typed again it keeps a share again.
    shop.tool(&["canary", "frontend", "--weight", "20"]).expect(0);
    shop.tool(&["abort", "frontend"]).expect(0);
    assert_eq!((image(&shop), shop.pods_of(V1)), (json!(V1), (4, 4)));
}

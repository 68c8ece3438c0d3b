//! More pods than one EndpointSlice has room for, no room for a second set, and somebody who comes in between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use super::place::{Place, V1, V2, path};
use crate::api::{get, within, write};
use crate::proxy::{Fault, Rule, Seen, When};
use crate::shop::finish;

/// Patches of the user's own Service.
fn patches(place: &Place) -> usize {
    let is = |seen: &Seen| {
        seen.method == "PATCH" && seen.path.ends_with("/services/frontend") && !seen.is_of_owners()
    };
    place.writes().into_iter().filter(is).count()
}

#[test]
fn a_switch_of_several_endpoint_slices_is_one_patch_and_never_without_a_pod() {
    let place = Place::new(120);
    let run = |args: &[&str]| finish(place.shop.start(&place.kubeconfig, args)).expect(0);
    place.start("60s");
    let start = place.endpoints.seen();
    assert!(start.slices > 1 && start.others == 0 && start.fewest == 120, "{start:?}");
    let promote = place.switch();
    assert!(within(60, || place.endpoints.seen().others == 120), "{:?}", place.endpoints.seen());
    run(&["abort", "frontend", "--timeout", "240s"]);
    finish(promote);
    assert_eq!(patches(&place), 2, "one back, and one that unpins");
    place.expect_as_before(&[V1]);
    println!("120 pods, switch and switch back: {:?}", place.endpoints.seen());
    place.start("1s");
    place.proxy.clear();
    run(&["promote", "frontend", "--timeout", "240s"]);
    assert_eq!(patches(&place), 2, "the switch, and one that unpins");
    place.expect_as_before(&[V2]);
    println!("120 pods, until the end: {:?}", place.endpoints.seen());
    place.end();
}

#[test]
fn a_quota_without_room_for_a_second_set_refuses() {
    let place = Place::new(3);
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"},
        "spec": {"hard": {"pods": "4"}}});
    write("POST", &path(&place.shop, "resourcequotas"), &quota);
    let counted = || get(&path(&place.shop, "resourcequotas/few"))["status"]["used"]["pods"] == "3";
    assert!(within(30, counted), "the quota is not counted");
    let ended = place.shop.tool(&["blue-green", "frontend", "--image", V2]).expect(8);
    assert!(ended.stderr.contains("leaves 1 of 4, and 3 more pods need 3"), "{}", ended.stderr);
    place.expect_as_before(&[V1]);
    assert!(place.get("leases")["items"].as_array().unwrap().is_empty());
    place.end();
}

/// After the hold is off the pods that serve alone are not safe any more.
#[test]
fn a_third_version_in_the_end_of_the_first_set_finds_the_service_unpinned() {
    let place = Place::new(3);
    // The controller takes so long over each pod of the third version.
    let slow = json!({"spec": {"minReadySeconds": 6}});
    write("PATCH", &path(&place.shop, "deployments/frontend"), &slow);
    place.start("1s");
    let released = AtomicBool::new(false);
    let next_record = move |seen: &Seen| {
        let path = &seen.path;
        if path.ends_with("/deployments/frontend")
            && !seen.is_of_owners()
            && seen.body.windows(12).any(|text| text == b"\"op\":\"remove")
        {
            released.store(true, Ordering::Relaxed);
        }
        released.load(Ordering::Relaxed) && seen.method == "PUT" && path.contains("/leases/")
    };
    let fault = Fault::Delay(Duration::from_secs(4));
    place.proxy.on(Rule { when: When::matching(next_record), times: 1, fault });
    let promote = place.shop.start(&place.kubeconfig, &["promote", "frontend", "--timeout", "60s"]);
    assert!(within(60, || place.is_loose()), "it was never between the hold and the end");
    let image = "shop/web:v3";
    let mut containers = place.get("deployments/frontend")["spec"]["template"]["spec"]["containers"].clone();
    containers[0]["image"] = json!(image);
    let third = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    write("PATCH", &path(&place.shop, "deployments/frontend"), &third);
    let ended = finish(promote).expect(1);
    assert!(ended.stderr.contains("is given its own selector back"), "{}", ended.stderr);
    assert!(!place.is_loose());
    place.shop.tool(&["abort", "frontend", "--timeout", "60s"]).expect(0);
    let template = &place.get("deployments/frontend")["spec"]["template"];
    assert_eq!(template["spec"]["containers"][0]["image"], image, "it is none of ours to take back");
    place.expect_own_service();
    place.end();
}

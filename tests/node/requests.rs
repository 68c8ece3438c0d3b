//! No request is lost: at least 1,000 requests per second to the Service's cluster IP, through every change.
//!
//! Run on a real node that has the images `shop/web:v1` and `shop/web:v2`.

use crate::jobs::Lane;
use crate::shop::Shop;
use crate::traffic::Traffic;

const V1: &str = "shop/web:v1";
const V2: &str = "shop/web:v2";

#[test]
fn no_request_is_lost_by_a_canary_that_is_raised_lowered_and_aborted() {
    let _lane = Lane::take();
    let shop = Shop::new(3);
    let traffic = Traffic::start(&shop);
    shop.tool(&["canary", "frontend", "--image", V2, "--weight", "10"]).expect(0);
    traffic.expect_share("weight 10", 25.0);
    shop.tool(&["canary", "frontend", "--weight", "50"]).expect(0);
    traffic.expect_share("weight 50", 50.0);
    shop.tool(&["canary", "frontend", "--weight", "10"]).expect(0);
    shop.until("two canary pods are gone", |shop| {
        shop.kubectl(&["get", "pods", "-o", "name"]).lines().count() == 4
    });
    traffic.expect_share("weight 10 again", 25.0);
    shop.tool(&["abort", "frontend"]).expect(0);
    traffic.expect_none_lost("canary and abort");
    shop.expect_own_fields(V1);
}

#[test]
fn no_request_is_lost_by_a_promotion() {
    let _lane = Lane::take();
    let shop = Shop::new(3);
    let traffic = Traffic::start(&shop);
    shop.tool(&["canary", "frontend", "--image", V2, "--weight", "10"]).expect(0);
    shop.tool(&["promote", "frontend"]).expect(0);
    traffic.expect_none_lost("canary and promotion");
    shop.expect_own_fields(V2);
}

/// Shows that a lost request would be seen. Pods that are deleted by force will not do: kubelet still ends them in
/// an orderly way, which takes some three seconds and loses nothing.
#[test]
fn requests_are_lost_when_pods_crash() {
    let _lane = Lane::take();
    let shop = Shop::new(3);
    let traffic = Traffic::start(&shop);
    assert_eq!(traffic.failures(), 0, "before anything crashed");
    shop.kubectl(&["set", "env", "deployment/frontend", "EXIT_AFTER=6"]);
    shop.until("requests fail", |_| traffic.failures() > 0);
    traffic.stop("pods that crash");
}

//! Shares come out as asked, and no request is lost on the way there and back.

use std::time::Duration;

use super::row::{Row, V1, V2};
use crate::jobs::Lane;
use crate::traffic::Traffic;

/// From the first share to the promotion.
fn promoted(row: &'static Row) {
    let _lane = Lane::take();
    let routed = row.deploy();
    let traffic = Traffic::at(routed.address(), Some(&routed.host));
    for weight in [10, 30, 50] {
        let share = weight.to_string();
        let mut args = vec!["canary", "frontend", "--weight", &share];
        if weight == 10 {
            args.extend(["--image", V2]);
        }
        routed.shop.tool(&args).expect(0);
        let phase = format!("{row:?}, weight {weight}");
        traffic.expect_none_lost_yet(&phase);
        traffic.expect_routed_share(&phase, f64::from(weight));
    }
    routed.shop.tool(&["promote", "frontend"]).expect(0);
    traffic.expect_none_lost(&format!("{row:?}, 10, 30, 50 and promotion"));
    routed.expect_as_before(V2);
}

/// There and back: everything is as it was.
fn aborted(row: &'static Row) {
    let _lane = Lane::take();
    let routed = row.deploy();
    let traffic = Traffic::at(routed.address(), Some(&routed.host));
    routed.shop.tool(&["canary", "frontend", "--image", V2, "--weight", "10"]).expect(0);
    traffic.expect_none_lost_yet(&format!("{row:?}, weight 10"));
    std::thread::sleep(Duration::from_secs(1));
    assert!(traffic.answers().contains_key("v2"), "{row:?}: the canary got nothing");
    routed.shop.tool(&["abort", "frontend"]).expect(0);
    traffic.expect_none_lost(&format!("{row:?}, 10 and abort"));
    routed.expect_as_before(V1);
}

/// The canary has all requests before the former version goes: none comes back to that one.
fn promoted_from_all(row: &'static Row) {
    let _lane = Lane::take();
    let routed = row.deploy();
    let traffic = Traffic::at(routed.address(), Some(&routed.host));
    routed.shop.tool(&["canary", "frontend", "--image", V2, "--weight", "100"]).expect(0);
    traffic.expect_none_lost_yet(&format!("{row:?}, weight 100"));
    // Requests that were under way are answered by now.
    std::thread::sleep(Duration::from_millis(200));
    drop(traffic.answers());
    routed.shop.tool(&["promote", "frontend"]).expect(0);
    let answers = traffic.answers();
    traffic.expect_none_lost(&format!("{row:?}, 100 and promotion"));
    assert_eq!(answers.keys().collect::<Vec<_>>(), ["v2"], "{row:?}: {answers:?}");
    routed.expect_as_before(V2);
}

macro_rules! tests {
    ($what:ident: $($name:ident $row:ident),* $(,)?) => {
        mod $what { $(#[test] fn $name() { super::$what(&crate::routes::row::$row); })* }
    };
}

tests! {
    promoted:
    contour_httproute CONTOUR_HTTP_ROUTE,
    contour_grpcroute CONTOUR_GRPC_ROUTE,
    contour_httpproxy CONTOUR_HTTP_PROXY,
    traefik_httproute TRAEFIK_HTTP_ROUTE,
    traefik_ingress TRAEFIK_INGRESS,
    traefik_ingressroute TRAEFIK_INGRESS_ROUTE,
    traefik_traefikservice TRAEFIK_SERVICE,
    istio_virtualservice ISTIO_VIRTUAL_SERVICE,
    istio_subset ISTIO_SUBSET,
}

tests! {
    aborted:
    contour_httproute CONTOUR_HTTP_ROUTE,
    contour_grpcroute CONTOUR_GRPC_ROUTE,
    contour_httpproxy CONTOUR_HTTP_PROXY,
    traefik_httproute TRAEFIK_HTTP_ROUTE,
    traefik_ingress TRAEFIK_INGRESS,
    traefik_ingressroute TRAEFIK_INGRESS_ROUTE,
    traefik_traefikservice TRAEFIK_SERVICE,
    istio_virtualservice ISTIO_VIRTUAL_SERVICE,
    istio_subset ISTIO_SUBSET,
}

tests! {
    promoted_from_all:
    contour_httproute CONTOUR_HTTP_ROUTE,
    traefik_ingress TRAEFIK_INGRESS,
    istio_virtualservice ISTIO_VIRTUAL_SERVICE,
    istio_subset ISTIO_SUBSET,
}

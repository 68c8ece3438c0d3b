//! Metrics decide, as a real Prometheus has them, which reads the pods and the routers each five seconds.

use crate::jobs::Lane;
use crate::routes::row::{
    CONTOUR_HTTP_PROXY, CONTOUR_HTTP_ROUTE, Row, TRAEFIK_HTTP_ROUTE, TRAEFIK_INGRESS_ROUTE, TRAEFIK_SERVICE,
    V1,
};
use crate::shop::{Shop, next_version};
use crate::traffic::Traffic;

const V2: &str = "shop/web:v2";
const PROMETHEUS: &str = "service:monitoring/prometheus:9090";

#[test]
fn a_version_that_fails_more_is_undone_and_one_that_does_not_is_promoted() {
    let _lane = Lane::take();
    let shop = Shop::new(3);
    let traffic = Traffic::start(&shop);
    let folder = tempfile::tempdir().unwrap();
    let canary = |version: &[&str], server: &str| {
        let looks = ["--analyze", "--warm-up", "2s", "--prometheus", server];
        shop.tool(&[&["canary", "frontend", "--weight", "25"], version, &looks[..]].concat())
    };
    let next = next_version(&folder, V2, ("ERROR_RATE", "0.05"));
    // Prometheus knows the pods once it has read them.
    std::thread::sleep(std::time::Duration::from_secs(10));
    let refused = canary(&["--image", V2], "service:monitoring/nobody:9090").expect(8);
    assert!(
        refused.stderr.contains("RP032") && refused.stderr.contains("\"nobody\" not found"),
        "{}",
        refused.stderr
    );
    let failed = canary(&["-f", &next], PROMETHEUS).expect(1);
    let text = format!("{}{}", failed.stdout, failed.stderr);
    assert!(text.contains("FAILED: MetricsWorse: errors: "), "{text}");
    shop.expect_own_fields("shop/web:v1");
    canary(&["--image", V2, "--early-pass", "--promote"], PROMETHEUS).expect(0);
    shop.expect_own_fields(V2);
    traffic.stop("metrics of Prometheus");
}

/// What a router has counted of both versions.
fn judged_by_router(row: &'static Row) {
    let _lane = Lane::take();
    let routed = row.deploy();
    let traffic = Traffic::at(routed.address(), Some(&routed.host));
    let folder = tempfile::tempdir().unwrap();
    let canary = |version: &[&str], router: &str| {
        let looks = ["--analyze", "--warm-up", "2s", "--prometheus", PROMETHEUS, "--metrics-from", "router"];
        let share = ["canary", "frontend", "--weight", "25", "--router", router];
        routed.shop.tool(&[&share, version, &looks[..]].concat())
    };
    // Prometheus knows the route's requests once it has read the router.
    std::thread::sleep(std::time::Duration::from_secs(12));
    let refused = canary(&["--image", V2], "none").expect(8);
    assert!(refused.stderr.contains("no router splits the traffic"), "{row:?}: {}", refused.stderr);
    routed.expect_untouched();
    let next = next_version(&folder, V2, ("ERROR_RATE", "0.05"));
    let failed = canary(&["-f", &next], row.router).expect(1);
    let text = format!("{}{}", failed.stdout, failed.stderr);
    assert!(text.contains("FAILED: MetricsWorse: errors: "), "{row:?}: {text}");
    routed.expect_as_before(V1);
    // The canary's Service has the name of the one that failed.
    canary(&["--image", V2, "--early-pass", "--promote"], row.router).expect(0);
    routed.expect_as_before(V2);
    traffic.stop(&format!("{row:?}, metrics of the router"));
}

macro_rules! judged_by {
    ($($name:ident $row:ident),* $(,)?) => {
        mod router { $(#[test] fn $name() { super::judged_by_router(&super::$row); })* }
    };
}

judged_by! {
    contour_httpproxy CONTOUR_HTTP_PROXY,
    contour_httproute CONTOUR_HTTP_ROUTE,
    traefik_httproute TRAEFIK_HTTP_ROUTE,
    traefik_ingressroute TRAEFIK_INGRESS_ROUTE,
    traefik_traefikservice TRAEFIK_SERVICE,
}

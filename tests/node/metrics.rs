//! Metrics decide: pods' own `/metrics` are read through the API server while clients make load.

use crate::jobs::Lane;
use crate::shop::{Shop, next_version};
use crate::traffic::Traffic;

const V1: &str = "shop/web:v1";
const V2: &str = "shop/web:v2";
/// Young pods are as good as old ones here.
const LOOKS: [&str; 3] = ["--analyze", "--warm-up", "2s"];

#[test]
fn a_version_that_fails_more_or_is_slower_is_undone_and_one_that_does_not_is_promoted() {
    let _lane = Lane::take();
    let shop = Shop::new(3);
    let traffic = Traffic::start(&shop);
    let folder = tempfile::tempdir().unwrap();
    let canary = |version: &[&str]| {
        let arguments = [&["canary", "frontend", "--weight", "25"], version, &LOOKS[..]].concat();
        shop.tool(&arguments)
    };
    for (setting, value, title) in [("ERROR_RATE", "0.05", "errors: "), ("LATENCY", "0.02", "slower than ")] {
        let failed = canary(&["-f", &next_version(&folder, V2, (setting, value))]).expect(1);
        let text = format!("{}{}", failed.stdout, failed.stderr);
        assert!(text.contains(&format!("FAILED: MetricsWorse: {title}")), "{text}");
        shop.expect_own_fields(V1);
    }
    canary(&["--image", V2, "--early-pass", "--promote"]).expect(0);
    shop.expect_own_fields(V2);
    traffic.stop("metrics");
}

#[test]
fn what_cannot_be_compared_is_refused_or_not_enough() {
    let shop = Shop::new(3);
    let folder = tempfile::tempdir().unwrap();
    let nowhere = ["--metrics-path", "/nothing"];
    let refused = shop
        .tool(&[&["canary", "frontend", "--image", V2, "--weight", "25"], &LOOKS[..], &nowhere].concat())
        .expect(8);
    assert!(refused.stderr.contains("RP032"), "{}", refused.stderr);
    shop.expect_own_fields(V1);
    // The stable version has metrics, and the new one has not.
    let mute = next_version(&folder, V2, ("NO_METRICS", "1"));
    let short = ["--analysis-time", "10s"];
    let open = shop
        .tool(&[&["canary", "frontend", "-f", &mute, "--weight", "25"], &LOOKS[..], &short].concat())
        .expect(7);
    assert!(
        open.stderr.contains("/metrics on port 8080 answered 404; the former version is back"),
        "{}",
        open.stderr
    );
    shop.expect_own_fields(V1);
}

//! Metrics decide, as a real Prometheus has them, which reads the pods each five seconds.

use crate::jobs::Lane;
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

//! `--pin-digest`: what another namespace has pulled is what is rolled out.

use serde_json::json;

use crate::shop::Shop;

const V2: &str = "shop/web:v2";

/// Reports what a kubelet would of a pod's image: fake pods pull nothing.
fn pulled(shop: &Shop, digest: &str) {
    let pod = shop.get("pods")["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    let statuses = shop.get(&format!("pod/{pod}"))["status"]["containerStatuses"].clone();
    let mut statuses = statuses;
    statuses[0]["imageID"] = json!(format!("docker.io/shop/web@{digest}"));
    let patch = json!({"status": {"containerStatuses": statuses}}).to_string();
    shop.kubectl(&["patch", "pod", &pod, "--subresource=status", "--type=merge", "-p", &patch]);
}

#[test]
fn the_image_that_another_namespace_has_pulled_is_rolled_out() {
    let (staging, shop) = (Shop::new(1), Shop::new(3));
    let pin = ["canary", "frontend", "--image", V2, "--weight", "25", "--pin-digest", &staging.namespace];
    let before = shop.deployment()["spec"].clone();
    let refused = shop.tool(&pin).expect(8);
    assert!(refused.stderr.contains("no pod there runs it"), "{}", refused.stderr);
    assert_eq!(shop.deployment()["spec"], before);

    staging.tool(&["rolling", "frontend", "--image", V2]).expect(0);
    staging.until("one pod is left", |shop| shop.get("pods")["items"].as_array().unwrap().len() == 1);
    let digest = format!("sha256:{}", "0a".repeat(32));
    pulled(&staging, &digest);
    let image = format!("{V2}@{digest}");
    shop.tool(&pin).expect(0);
    assert_eq!(shop.pods_of(&image), (1, 1));
    // The same again is the same version.
    shop.tool(&pin).expect(0);
    shop.tool(&["promote", "frontend"]).expect(0);
    assert_eq!(shop.pods_of(&image), (3, 3));
    shop.expect_own_fields(&image);
    let nothing = shop.tool(&["rolling", "frontend", "--image", V2, "--pin-digest", "no-such-namespace"]);
    assert!(nothing.expect(8).stderr.contains("no-such-namespace"));
}

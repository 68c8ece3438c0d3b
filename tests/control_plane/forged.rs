//! A Lease that somebody else wrote does not lead an administrator elsewhere.

use serde_json::{Value, json};

use crate::proxy::Proxy;
use crate::shop::{Shop, finish};

const LEASE: &str = "lease/rollout-plus.deployment.frontend";

#[test]
fn a_record_that_no_run_wrote_is_not_followed() {
    let shop = Shop::new(2);
    shop.tool(&["canary", "frontend", "--image", "shop/web:v2", "--weight", "50", "--router", "none"])
        .expect(0);
    let proxy = Proxy::start(&shop.kubeconfig);
    let folder = tempfile::tempdir().unwrap();
    let through = proxy.kubeconfig(folder.path(), &shop.namespace);
    let annotations = shop.get(LEASE)["metadata"]["annotations"].clone();
    let honest: Value = serde_json::from_str(annotations["rollout-plus/journal"].as_str().unwrap()).unwrap();
    let elsewhere = json!({"api": "/api/v1", "kind": "ConfigMap", "plural": "configmaps",
        "namespace": "kube-system", "name": "extension-apiserver-authentication"});
    for traffic in [
        json!({"router": "nginx", "service": "frontend", "routes": [elsewhere]}),
        json!({"router": "none", "service": "../../kube-system/services/kube-dns", "routes": []}),
    ] {
        let mut forged = honest.clone();
        forged["state"] = json!("interrupted");
        forged["traffic"] = traffic;
        let patch = json!({"metadata": {"annotations": {"rollout-plus/journal": forged.to_string()}}});
        shop.kubectl(&["patch", LEASE, "--type=merge", "-p", &patch.to_string()]);
        proxy.clear();
        finish(shop.start(&through, &["status", "frontend"])).expect(0);
        let ended = finish(shop.start(&through, &["resume", "frontend"])).expect(8);
        assert!(ended.stderr.contains("no run wrote that, and it is not followed"), "{}", ended.stderr);
        let led: Vec<_> =
            proxy.requests().into_iter().filter(|seen| seen.path.contains("kube-system")).collect();
        assert!(led.is_empty(), "{led:#?}");
    }
    // What the error says to type brings the way home back, which stands on the Deployment, too.
    shop.kubectl(&["annotate", LEASE, "rollout-plus/journal-"]);
    shop.tool(&["abort", "frontend"]).expect(0);
    assert_eq!(shop.pods_of("shop/web:v1"), (2, 2));
}

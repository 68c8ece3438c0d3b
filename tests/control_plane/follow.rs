//! What is shown of a rollout while it is followed, and at its end.

use std::time::Duration;

use crate::proxy::{Fault, Proxy, Rule, Seen, When};
use crate::shop::{Shop, finish};
use serde_json::Value;

/// The watches of several kinds are not equally far: with thousands of pods theirs was a minute behind the Deployment's.
#[test]
fn the_last_picture_is_that_of_the_server_however_late_a_watch_is() {
    let shop = Shop::new(3);
    let dir = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(&shop.kubeconfig);
    let of_pods = |seen: &Seen| seen.watch && seen.path.ends_with("/pods");
    let late = Fault::Delay(Duration::from_secs(60));
    proxy.on(Rule { when: When::matching(of_pods), times: usize::MAX, fault: late });
    let kubeconfig = proxy.kubeconfig(dir.path(), &shop.namespace);
    let args = ["rolling", "frontend", "--image", "shop/web:v2", "-o", "json"];
    let ended = finish(shop.start(&kubeconfig, &args)).expect(0);
    let last: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    let (told, fresh) = (&last["status"], shop.status());
    for field in ["phase", "health", "weight", "canary"] {
        assert_eq!(told[field], fresh[field], "{field}: {told:#}");
    }
    for field in ["hash", "images", "replicas", "ready"] {
        assert_eq!(told["stable"][field], fresh["stable"][field], "{field}: {told:#}");
    }
    assert_eq!((&told["stable"]["ready"], &told["stable"]["pods"]), (&3.into(), &Value::Array(Vec::new())));
}

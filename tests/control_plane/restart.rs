//! A run survives a crash of the API server.

use std::process::Command;

use crate::seats::Exclusive;
use crate::shop::{Shop, finish, run};

#[test]
fn a_wait_survives_a_crash_of_the_api_server() {
    #[allow(clippy::disallowed_methods, reason = "set by 'testbed/cluster exec'")]
    let cluster = std::env::var("TESTBED_CLUSTER").expect("TESTBED_CLUSTER");
    let exclusive = Exclusive::take();
    let shop = Shop::alone(&exclusive, 3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.yaml");
    let root = env!("CARGO_MANIFEST_DIR");
    let manifest = std::fs::read_to_string(format!("{root}/testbed/shop.yaml")).unwrap();
    let later = manifest
        .replace("shop/web:v1", "shop/web:v2")
        .replace("      containers:", "      nodeSelector: {later: \"1\"}\n      containers:");
    std::fs::write(&path, later).unwrap();
    let start = ["canary", "frontend", "-f", path.to_str().unwrap(), "--weight", "10", "--timeout", "90s"];
    let tool = shop.start(&shop.kubeconfig, &start);
    shop.until("the canary pod waits for a node", |shop| shop.pods_of("shop/web:v2").0 == 1);
    run(Command::new(format!("{root}/testbed/cluster")).args(["restart", &cluster, "kube-apiserver"]))
        .expect(0);
    shop.kubectl(&["label", "nodes", "--all", "later=1", "--overwrite"]);
    let ended = finish(tool).expect(0);
    shop.kubectl(&["label", "nodes", "--all", "later-"]);
    assert!(ended.stdout.contains("1/1 Ready"), "{}", ended.stdout);
    shop.tool(&["abort", "frontend"]).expect(0);
    shop.expect_own_fields("shop/web:v1");
}

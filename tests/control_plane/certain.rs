//! Refused is what is certain to fail, before the first write; what a rollout can live with is not.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::shop::{Ended, Shop};

const V1: &str = "shop/web:v1";
const V2: &str = "shop/web:v2";
const ROLL: [&str; 4] = ["rolling", "frontend", "--image", V2];
const START: [&str; 6] = ["canary", "frontend", "--image", V2, "--weight", "25"];

const NEXT: [&str; 6] = ["canary", "frontend", "--image", V1, "--weight", "25"];

fn says(ended: &Ended, texts: &[&str]) {
    for text in texts {
        assert!(ended.stderr.contains(text), "{text:?} is not in:\n{}", ended.stderr);
    }
}

/// Runs the tool; nothing may be written.
#[track_caller]
fn refused(shop: &Shop, args: &[&str], texts: &[&str]) {
    let before = (
        shop.deployment()["metadata"]["generation"].clone(),
        shop.kubectl(&["get", "leases,services", "-o", "name"]),
    );
    says(&shop.tool(args).expect(8), texts);
    let after = (
        shop.deployment()["metadata"]["generation"].clone(),
        shop.kubectl(&["get", "leases,services", "-o", "name"]),
    );
    assert_eq!(before, after);
}

fn quota(shop: &Shop, key: &str, limit: &str) {
    shop.apply(&json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {key: limit}}}));
    shop.until("the quota is counted", |shop| {
        shop.get("resourcequota/few")["status"]["used"][key].is_string()
    });
}

fn patch(shop: &Shop, spec: &Value) {
    shop.kubectl(&["patch", "deployment", "frontend", "-p", &json!({"spec": spec}).to_string()]);
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=120s"]);
}

fn image(shop: &Shop) -> String {
    shop.deployment()["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
}

#[test]
fn a_full_quota_is_no_reason_where_an_old_pod_may_go_first() {
    let shop = Shop::new(2);
    patch(&shop, &json!({"strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}}));
    quota(&shop, "pods", "2");
    let warning = "leaves 0 of 2, and 1 more pod needs 1: old pods go before new ones come";
    // The ReplicaSet tries again after a while: no reason to undo anything either.
    says(&shop.tool(&ROLL).expect(0), &["RP014", warning]);
    assert_eq!((image(&shop).as_str(), shop.pods_of(V2)), (V2, (2, 2)));
    // The quota's controller counts old pods off by what it knows of the new ones, which may be a moment behind.
    shop.until("the quota counts both new pods", |shop| {
        shop.get("resourcequota/few")["status"]["used"]["pods"] == "2"
    });
    says(&shop.tool(&["restart", "frontend", "--dry-run"]).expect(0), &[warning]);
    says(&shop.tool(&["rollback", "frontend", "--to-revision", "1", "--dry-run"]).expect(0), &[warning]);
    refused(&shop, &NEXT, &["RP014", "leaves 0 of 2, and 1 more pod needs 1"]);
    patch(&shop, &json!({"strategy": {"rollingUpdate": {"maxUnavailable": 0}}}));
    refused(&shop, &["restart", "frontend"], &["RP014", "the rolling update would stop at 0 of 2 new pods"]);
}

#[test]
fn a_quota_on_replica_sets_refuses_and_is_named_where_it_is_met() {
    let shop = Shop::new(3);
    quota(&shop, "count/replicasets.apps", "1");
    let full = "resourcequota/few spec.hard.count/replicasets.apps: leaves 0 of 1, and the rollout makes 1";
    for args in [&START[..], &ROLL[..], &["restart", "frontend"]] {
        refused(&shop, args, &["RP014", full]);
    }
    // The quota may fill up after that. A hold has no deadline, so the controller tells it in an event alone.
    for args in [&START[..], &ROLL[..], &START[..]] {
        let begun = Instant::now();
        let ended = shop.tool(&[args, &["--force", "RP014"]].concat()).expect(1);
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        says(
            &ended,
            &[
                "QuotaExceeded",
                "exceeded quota: few",
                "count/replicasets.apps=1",
                "the former version is back",
            ],
        );
        shop.expect_own_fields(V1);
        assert_eq!(shop.status()["health"]["state"], "healthy");
    }
    shop.kubectl(&["delete", "resourcequota", "few"]);
    shop.tool(&ROLL).expect(0);
}

#[test]
fn what_we_make_ourselves_counts_too() {
    let shop = Shop::new(3);
    quota(&shop, "count/leases.coordination.k8s.io", "0");
    refused(
        &shop,
        &ROLL,
        &["RP014", "count/leases.coordination.k8s.io: leaves 0 of 0, and the rollout makes 1"],
    );
    // What the preflight was told to pass the server refuses, and it has to do with no right.
    let ended = shop.tool(&[&ROLL[..], &["--force", "RP014"]].concat()).expect(8);
    says(&ended, &["exceeded quota: few", "kubectl describe resourcequota"]);
    assert!(!ended.stderr.contains("auth can-i"), "{}", ended.stderr);
    shop.kubectl(&["delete", "resourcequota", "few"]);
    let services = shop.get("services")["items"].as_array().unwrap().len().to_string();
    quota(&shop, "services", &services);
    let blue_green = ["blue-green", "frontend", "--image", V2];
    refused(&shop, &blue_green, &["RP014", "spec.hard.services: leaves 0 of", "and the rollout makes 1"]);
    shop.tool(&ROLL).expect(0);
}

#[test]
fn a_pull_secret_that_nobody_has_warns() {
    let shop = Shop::new(3);
    patch(&shop, &json!({"template": {"spec": {"imagePullSecrets": [{"name": "regcred"}]}}}));
    let line =
        format!("2 warnings (RP013, RP015): kubectl rollout-plus check frontend -n {}", shop.namespace);
    for args in [&ROLL[..], &["rollback", "frontend"], &["restart", "frontend"]] {
        let ended = shop.tool(args).expect(0);
        assert!(!ended.stderr.contains("would not start"), "{}", ended.stderr);
        if args != ["rollback", "frontend"] {
            says(&ended, &[&line]);
        }
    }
    let ended = shop.tool(&["check", "frontend", "--image", "frontend=shop/web:v3"]).expect(0);
    assert!(
        ended.stdout.contains("names secret/regcred, which does not exist: the image may not be pulled"),
        "{}",
        ended.stdout
    );
}

#[test]
fn nothing_is_called_healthy_where_no_pod_is_wanted() {
    let shop = Shop::new(0);
    let note = "0 pods are wanted: nothing could be judged";
    says(&shop.tool(&ROLL).expect(0), &[note]);
    assert_eq!(image(&shop), V2);
    let history = || shop.tool(&["history", "frontend", "-o", "json"]).expect(0).stdout;
    assert!(history().contains("unjudged") && !history().contains("healthy"), "{}", history());
    says(&shop.tool(&["rollback", "frontend", "--to-revision", "1"]).expect(0), &[note]);
    let waited = shop.tool(&["status", "frontend", "--until", "healthy", "--timeout", "10s"]).expect(0);
    assert!(waited.stdout.contains(note), "{waited:?}");
    assert_eq!(shop.status()["health"]["state"], "unjudged");
    refused(&shop, &START, &["0 replicas"]);
}

#[test]
fn min_ready_seconds_are_waited_for_beside_the_timeout_and_counted_once() {
    let shop = Shop::new(2);
    patch(&shop, &json!({"minReadySeconds": 12}));
    shop.until("available", |shop| shop.deployment()["status"]["availableReplicas"] == 2);
    let canary = ["canary", "frontend", "--image", V2, "--canary-replicas", "1"];
    let first = shop.start(&shop.kubeconfig, &[&canary[..], &["--timeout", "10s"]].concat());
    shop.until("the canary is Ready", |shop| shop.pods_of(V2) == (1, 1));
    std::thread::sleep(Duration::from_secs(6));
    crate::shop::run(std::process::Command::new("kill").args(["-INT", &first.id().to_string()])).expect(0);
    crate::shop::finish(first).expect(130);
    let begun = Instant::now();
    shop.tool(&["resume", "frontend", "--timeout", "10s"]).expect(0);
    assert!(begun.elapsed() < Duration::from_secs(11), "6 of 12 s were over: {:?}", begun.elapsed());
    // Another pod: a round of 12 s.
    shop.tool(&["promote", "frontend", "--timeout", "10s"]).expect(0);
    assert_eq!(shop.pods_of(V2), (2, 2));
}

#[test]
fn a_timeout_of_0_is_none() {
    let shop = Shop::new(2);
    shop.tool(&[&ROLL[..], &["--timeout", "0"]].concat()).expect(0);
    shop.tool(&["restart", "frontend", "--timeout", "-1s"]).expect(0);
    shop.tool(&["status", "frontend", "--until", "healthy", "--timeout=0s"]).expect(0);
    shop.tool(&["status", "frontend", "--request-timeout", "0"]).expect(0);
}

#[test]
fn a_service_with_a_long_name_gets_a_preview_all_the_same() {
    let shop = Shop::new(2);
    let long = "storefront-production-europe-west-public-web-frontend-http";
    let mut service = shop.get("service/frontend");
    service["metadata"] = json!({"name": long});
    service["spec"] =
        json!({"selector": service["spec"]["selector"], "ports": [{"port": 80, "targetPort": "http"}]});
    shop.apply(&service);
    let blue_green = ["blue-green", "frontend", "--image", V2, "--service", long];
    shop.tool(&[&blue_green[..], &["--dry-run=server"]].concat()).expect(0);
    shop.tool(&blue_green).expect(0);
    let services = || shop.kubectl(&["get", "services", "-o", "name"]);
    let preview =
        services().lines().find(|name| name.ends_with("-preview")).map(str::to_owned).expect("a preview");
    assert!(preview.trim_start_matches("service/").len() <= 63, "{preview}");
    shop.tool(&["abort", "frontend"]).expect(0);
    assert!(!services().contains("-preview"), "{}", services());
    assert_eq!(shop.get(&format!("service/{long}"))["spec"]["selector"]["pod-template-hash"], Value::Null);
}

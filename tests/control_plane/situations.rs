//! Every situation that a Deployment can be in has a defined answer: each on a real control plane.

use crate::shop::Shop;
use serde_json::{Value, json};

const V1: &str = "shop/web:v1";
const V2: &str = "shop/web:v2";
const START: [&str; 6] = ["canary", "frontend", "--image", V2, "--weight", "10"];

fn held() -> Shop {
    let shop = Shop::new(3);
    shop.tool(&START).expect(0);
    shop
}

fn warning(status: &Value, code: &str) -> bool {
    status["warnings"].as_array().is_some_and(|all| all.iter().any(|warning| warning["code"] == code))
}

#[track_caller]
fn aborts_to_v1(shop: &Shop) {
    shop.tool(&["abort", "frontend"]).expect(0);
    shop.expect_own_fields(V1);
    assert_eq!(shop.pods_of(V1), (3, 3));
    assert_eq!(shop.pods_of(V2).0, 0);
    let idle = shop.status();
    assert_eq!((&idle["phase"], &idle["canary"], &idle["run"]), (&json!("Idle"), &Value::Null, &Value::Null));
}

#[track_caller]
fn refused(shop: &Shop, code: i32, args: &[&str], says: &str) {
    let before = shop.deployment();
    let ended = shop.tool(args).expect(code);
    assert!(ended.stderr.contains(says), "{says:?} is not in:\n{}", ended.stderr);
    assert!(ended.stdout.is_empty());
    let after = shop.deployment();
    assert_eq!(before["metadata"]["generation"], after["metadata"]["generation"], "nothing may be written");
    assert_eq!(before["metadata"]["annotations"], after["metadata"]["annotations"]);
    assert_eq!(shop.kubectl(&["get", "leases", "-o", "name"]), "", "no lock may be left");
}

#[test]
fn start_raise_lower_abort_and_start_promote() {
    let shop = held();
    assert_eq!((shop.pods_of(V1), shop.pods_of(V2)), ((3, 3), (1, 1)));
    let status = shop.status();
    assert_eq!(status["phase"], "Held");
    assert_eq!(status["weight"], json!({"asked": 10, "actual": 25.0}));
    assert_eq!(status["run"]["holder"].as_str().map(|holder| holder.starts_with("tester@")), Some(true));
    shop.tool(&["canary", "frontend", "--weight", "50"]).expect(0);
    assert_eq!((shop.pods_of(V1), shop.pods_of(V2)), ((3, 3), (3, 3)));
    shop.tool(&["canary", "frontend", "--weight", "10"]).expect(0);
    assert_eq!((shop.pods_of(V1), shop.pods_of(V2)), ((3, 3), (1, 1)));
    aborts_to_v1(&shop);
    shop.tool(&START).expect(0);
    shop.tool(&["promote", "deploy/frontend"]).expect(0);
    shop.expect_own_fields(V2);
    assert_eq!((shop.pods_of(V1).0, shop.pods_of(V2)), (0, (3, 3)));
    // The stock history goes on working.
    shop.kubectl(&["rollout", "undo", "deployment/frontend"]);
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=60s"]);
    // Undo brings the canary's stale record back: it must mean nothing.
    assert_eq!(shop.status()["phase"], "Idle");
}

#[test]
fn steps_rise_and_promote() {
    let shop = Shop::new(3);
    let steps = ["canary", "frontend", "--image", V2, "--steps", "10,50", "--step-wait", "1s", "--promote"];
    let ended = shop.tool(&steps).expect(0);
    assert!(ended.stderr.contains("50 %: 3 of 6 pods"), "{}", ended.stderr);
    shop.expect_own_fields(V2);
    assert_eq!(shop.pods_of(V2), (3, 3));
}

#[test]
fn pods_exactness_and_shrinking() {
    let shop = Shop::new(4);
    refused(
        &shop,
        8,
        &["canary", "frontend", "--image", V2, "--weight", "10", "--exact"],
        "9 replicas (1 of 10 pods)",
    );
    refused(&shop, 8, &["canary", "frontend", "--image", V2, "--canary-replicas", "5"], "1 to 4");
    shop.tool(&["canary", "frontend", "--image", V2, "--canary-replicas", "2"]).expect(0);
    assert_eq!((shop.pods_of(V1), shop.pods_of(V2)), ((4, 4), (2, 2)));
    let ended = shop.tool(&["canary", "frontend", "--weight", "75", "--shrink-stable"]).expect(0);
    assert!(ended.stderr.contains("grows back only by abort"), "{}", ended.stderr);
    assert_eq!((shop.pods_of(V1), shop.pods_of(V2)), ((1, 1), (3, 3)));
    assert!(warning(&shop.status(), "stable-shrunk"));
    shop.tool(&["abort", "frontend"]).expect(0);
    shop.expect_own_fields(V1);
    assert_eq!(shop.pods_of(V1), (4, 4));
}

#[test]
fn an_autoscaler_scales_while_held() {
    let shop = held();
    shop.kubectl(&["autoscale", "deployment/frontend", "--min=3", "--max=9", "--cpu=50%"]);
    assert!(warning(&shop.status(), "autoscaler"));
    shop.kubectl(&["delete", "hpa", "frontend"]);
    shop.kubectl(&["scale", "deployment/frontend", "--replicas=6"]);
    shop.until("both versions grow", |shop| shop.pods_of(V1).1 == 5 && shop.pods_of(V2).1 == 2);
    shop.tool(&["canary", "frontend", "--weight", "25"]).expect(0);
    shop.kubectl(&["scale", "deployment/frontend", "--replicas=3"]);
    shop.until("both versions shrink", |shop| {
        let (stable, canary) = (shop.pods_of(V1), shop.pods_of(V2));
        stable.0 + canary.0 == 4 && stable.1 >= 2
    });
    aborts_to_v1(&shop);
}

#[test]
fn a_third_template_while_held() {
    let shop = held();
    shop.kubectl(&["set", "image", "deployment/frontend", "frontend=shop/web:v3"]);
    shop.until("the third version replaces the canary", |shop| shop.pods_of("shop/web:v3").1 == 1);
    assert_eq!(shop.pods_of(V1), (3, 3));
    assert!(warning(&shop.status(), "superseded"));
    let ended = shop.tool(&["promote", "frontend"]).expect(8);
    assert!(
        ended.stderr.contains("never tried") && ended.stderr.contains("abort frontend"),
        "{}",
        ended.stderr
    );
    shop.tool(&["canary", "frontend", "--weight", "50"]).expect(8);
    aborts_to_v1(&shop);
}

#[test]
fn another_canary_replaces_one_that_is_held() {
    let shop = held();
    shop.tool(&["canary", "frontend", "--image", "shop/web:v3", "--weight", "25"]).expect(0);
    assert_eq!((shop.pods_of(V1), shop.pods_of(V2).0, shop.pods_of("shop/web:v3")), ((3, 3), 0, (1, 1)));
    let ended = shop.tool(&["canary", "frontend", "--image", V1, "--weight", "25"]).expect(2);
    assert!(ended.stderr.contains("stable version"), "{}", ended.stderr);
    aborts_to_v1(&shop);
}

#[test]
fn a_foreign_undo_while_held() {
    let shop = held();
    shop.kubectl(&["rollout", "undo", "deployment/frontend"]);
    shop.until("the annotation is gone", |shop| {
        shop.deployment()["metadata"]["annotations"]["rollout-plus/held"].is_null()
    });
    let status = shop.status();
    assert_eq!(status["phase"], "Held");
    assert!(warning(&status, "held-without-annotation") && warning(&status, "undone"));
    let ended = shop.tool(&["promote", "frontend"]).expect(8);
    assert!(ended.stderr.contains("abort frontend"), "{}", ended.stderr);
    aborts_to_v1(&shop);
}

#[test]
fn a_hold_without_any_record() {
    let shop = held();
    shop.kubectl(&["annotate", "deployment/frontend", "rollout-plus/held-"]);
    shop.kubectl(&["delete", "leases", "--all"]);
    assert!(warning(&shop.status(), "held-without-record"));
    aborts_to_v1(&shop);
}

#[test]
fn a_revision_that_was_there_before_is_used_again() {
    let shop = held();
    aborts_to_v1(&shop);
    shop.tool(&START).expect(0);
    let count = shop.get("replicasets")["items"].as_array().map(Vec::len);
    assert_eq!(count, Some(2), "the old ReplicaSet comes back");
    assert_eq!(shop.pods_of(V2), (1, 1));
    aborts_to_v1(&shop);
}

#[test]
fn no_history_at_all() {
    let shop = Shop::new(3);
    shop.kubectl(&["patch", "deployment/frontend", "-p", r#"{"spec":{"revisionHistoryLimit":0}}"#]);
    shop.tool(&START).expect(0);
    assert_eq!(shop.pods_of(V1), (3, 3));
    aborts_to_v1(&shop);
    shop.tool(&START).expect(0);
    shop.tool(&["promote", "frontend"]).expect(0);
    shop.expect_own_fields(V2);
}

#[test]
fn none_one_and_recreate() {
    let shop = Shop::new(1);
    shop.kubectl(&["scale", "deployment/frontend", "--replicas=0"]);
    shop.until("no pods", |shop| shop.pods_of(V1).0 == 0);
    refused(&shop, 8, &START, "--replicas=1");
    shop.kubectl(&["scale", "deployment/frontend", "--replicas=1"]);
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=60s"]);
    let ended = shop.tool(&START).expect(0);
    assert!(ended.stderr.contains("with 1 replica the nearest is 50 %: 1 of 2 pods"), "{}", ended.stderr);
    shop.tool(&["abort", "frontend"]).expect(0);
    let recreate = Shop::new(3);
    recreate.kubectl(&[
        "patch",
        "deployment/frontend",
        "-p",
        r#"{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}"#,
    ]);
    refused(&recreate, 8, &START, "Recreate");
}

#[test]
fn a_paused_deployment() {
    let shop = Shop::new(3);
    shop.kubectl(&["rollout", "pause", "deployment/frontend"]);
    refused(&shop, 8, &START, "kubectl rollout resume");
    shop.kubectl(&["set", "image", "deployment/frontend", &format!("frontend={V2}")]);
    assert!(warning(&shop.status(), "paused"));
    refused(
        &shop,
        2,
        &["canary", "frontend", "--image", "shop/web:v3", "--weight", "10"],
        "two new versions",
    );
    shop.tool(&["canary", "frontend", "--weight", "10"]).expect(0);
    assert_eq!((shop.pods_of(V1), shop.pods_of(V2)), ((3, 3), (1, 1)));
    // Paused again while held: abort has to work all the same.
    shop.kubectl(&["rollout", "pause", "deployment/frontend"]);
    aborts_to_v1(&shop);
    assert_eq!(shop.deployment()["spec"]["paused"], Value::Null);
}

#[test]
fn a_rollout_under_way_is_held_where_it_stands() {
    let shop = Shop::new(6);
    shop.kubectl(&["patch", "deployment/frontend", "-p", r#"{"spec":{"minReadySeconds":5}}"#]);
    shop.kubectl(&["set", "image", "deployment/frontend", &format!("frontend={V2}")]);
    shop.until("under way", |shop| shop.pods_of(V2).1 >= 2 && shop.pods_of(V1).1 >= 1);
    let ended = shop.tool(&["canary", "frontend", "--image", "shop/web:v3", "--weight", "10"]).expect(8);
    assert!(ended.stderr.contains("under way"), "{}", ended.stderr);
    shop.tool(&["canary", "frontend", "--weight", "50"]).expect(0);
    let (stable, canary) = (shop.pods_of(V1), shop.pods_of(V2));
    assert!(stable.0 >= 1 && canary.0 >= 1, "{stable:?} {canary:?}");
    std::thread::sleep(std::time::Duration::from_secs(7));
    assert_eq!((shop.pods_of(V1).0, shop.pods_of(V2).0), (stable.0, canary.0), "it does not move on");
    shop.tool(&["abort", "frontend"]).expect(0);
    assert_eq!((shop.pods_of(V1), shop.pods_of(V2).0), ((6, 6), 0));
    assert_eq!(shop.deployment()["spec"]["minReadySeconds"], 5, "the user's own value is back");
}

#[test]
fn a_foreign_change_of_a_held_field_is_kept() {
    let shop = held();
    let change = r#"{"spec":{"strategy":{"rollingUpdate":{"maxSurge":2,"maxUnavailable":0}}}}"#;
    shop.kubectl(&["patch", "deployment/frontend", "-p", change]);
    assert!(warning(&shop.status(), "field-changed"));
    let ended = shop.tool(&["abort", "frontend"]).expect(0);
    assert!(ended.stderr.contains("spec.strategy was changed by another client"), "{}", ended.stderr);
    assert_eq!(
        shop.deployment()["spec"]["strategy"]["rollingUpdate"],
        json!({"maxSurge": 2, "maxUnavailable": 0})
    );
    assert_eq!(shop.deployment()["spec"]["progressDeadlineSeconds"], 600);
}

#[test]
fn a_hold_that_somebody_broke_leaves_nothing_behind() {
    let shop = held();
    shop.kubectl(&["patch", "deployment/frontend", "-p", r#"{"spec":{"minReadySeconds":0}}"#]);
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=60s"]);
    assert!(warning(&shop.status(), "leftover"));
    shop.tool(&["abort", "frontend"]).expect(0);
    shop.expect_own_fields(V2);
}

#[test]
fn the_same_version_or_none_at_all() {
    let shop = Shop::new(3);
    refused(&shop, 2, &["canary", "frontend", "--image", V1, "--weight", "10"], "runs that version already");
    refused(&shop, 2, &["canary", "frontend", "--weight", "10"], "--image");
    refused(&shop, 2, &["promote", "frontend"], "nothing to promote");
    for verb in ["abort", "resume"] {
        let ended = shop.tool(&[verb, "frontend"]).expect(0);
        assert!(ended.stderr.contains("nothing"), "{}", ended.stderr);
    }
    assert_eq!(shop.kubectl(&["get", "leases", "-o", "name"]), "");
}

#[test]
fn bad_input_is_refused_before_the_first_write() {
    let shop = Shop::new(3);
    let with = |weight: &'static str| ["canary", "frontend", "--image", V2, "--weight", weight];
    for (weight, says) in
        [("0", "'abort'"), ("100", "'promote'"), ("101", "0 to 100"), ("-1", "0 to 100"), ("NaN", "0 to 100")]
    {
        refused(&shop, 2, &with(weight), says);
    }
    refused(&shop, 2, &["canary", "fronted", "--image", V2, "--weight", "10"], "deployment/frontend");
    refused(&shop, 2, &["canary", "service/frontend", "--image", V2, "--weight", "10"], "only Deployments");
    shop.kubectl(&["expose", "deployment/frontend", "--name=web", "--port=80"]);
    refused(&shop, 2, &["canary", "web", "--image", V2, "--weight", "10"], "a Service of that name");
    refused(
        &shop,
        2,
        &["canary", "frontend", "-k", "x", "-f", "x.yaml", "--weight", "10"],
        "cannot be used with",
    );
    refused(
        &shop,
        2,
        &["canary", "frontend", "--image", "nope=a:1", "--weight", "10"],
        "no container named nope",
    );
    refused(&shop, 2, &["canary", "frontend", "--image", "a b", "--weight", "10"], "no repository");
    refused(&shop, 2, &["canary", "frontend", "--image", V2, "--steps", "50,10"], "must rise");

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let other = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/testbed/shop.yaml")).unwrap();
    let other = write("other.yaml", &other.replace("name: frontend", "name: other"));
    refused(&shop, 2, &["canary", "frontend", "-f", &other, "--weight", "10"], "deployment other");
    let large = write("large.yaml", &"# padding\n".repeat(1024 * 1024));
    refused(&shop, 2, &["canary", "frontend", "-f", &large, "--weight", "10"], "larger than");
    let levels = (1..9)
        .map(|level| format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(",")));
    let bomb = format!("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n{}", levels.collect::<String>());
    refused(
        &shop,
        2,
        &["canary", "frontend", "-f", &write("bomb.yaml", &bomb), "--weight", "10"],
        "bomb.yaml",
    );
    refused(&shop, 2, &["canary", "frontend", "-f", "/dev/zero", "--weight", "10"], "neither a file");
}

#[test]
fn escapes_in_the_cluster_do_not_reach_the_terminal() {
    let shop = held();
    let steer = "\u{1b}[2J\u{1b}]0;owned\u{7}";
    let held: Value = serde_json::from_str(
        shop.deployment()["metadata"]["annotations"]["rollout-plus/held"].as_str().unwrap(),
    )
    .unwrap();
    let mut evil = held;
    evil["run"]["holder"] = json!(steer);
    shop.kubectl(&["annotate", "--overwrite", "deployment/frontend", &format!("rollout-plus/held={evil}")]);
    let ended = shop.tool(&["status", "frontend"]).expect(0);
    assert!(!ended.stdout.contains('\u{1b}') && ended.stdout.contains("\\u{1b}"), "{:?}", ended.stdout);
    let table = shop.tool(&["status"]).expect(0);
    assert!(!table.stdout.contains('\u{1b}'), "{:?}", table.stdout);
    aborts_to_v1(&shop);
}

#[test]
fn a_manifest_is_merged_by_the_server() {
    let shop = Shop::new(3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.yaml");
    let manifest =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/testbed/shop.yaml")).unwrap();
    std::fs::write(&path, manifest.replace(V1, V2).replace("replicas: 3", "replicas: 7")).unwrap();
    shop.tool(&["canary", "frontend", "-f", folder.path().to_str().unwrap(), "--weight", "10"]).expect(0);
    assert_eq!((shop.pods_of(V1), shop.pods_of(V2)), ((3, 3), (1, 1)));
    assert_eq!(shop.deployment()["spec"]["replicas"], 3, "replicas are never ours to write");
    aborts_to_v1(&shop);
}

#[test]
fn a_dry_run_writes_nothing() {
    let shop = Shop::new(3);
    let before = shop.deployment()["metadata"]["resourceVersion"].clone();
    for depth in ["--dry-run", "--dry-run=server"] {
        let ended = shop.tool(&[&START[..], &[depth, "-o", "json"]].concat()).expect(0);
        let plan: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(plan["steps"][0]["step"], "hold");
    }
    assert_eq!(shop.deployment()["metadata"]["resourceVersion"], before);
    assert_eq!(shop.kubectl(&["get", "leases", "-o", "name"]), "");
}

#[test]
fn a_deadline_leaves_a_state_that_can_be_resumed() {
    let shop = Shop::new(3);
    // On a node that does not exist the canary never becomes Ready.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.yaml");
    let manifest =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/testbed/shop.yaml")).unwrap();
    let nowhere = manifest
        .replace(V1, V2)
        .replace("      containers:", "      nodeSelector: {nowhere: \"1\"}\n      containers:");
    std::fs::write(&path, nowhere).unwrap();
    let start = ["canary", "frontend", "-f", path.to_str().unwrap(), "--weight", "10", "--timeout", "2s"];
    let ended = shop.tool(&start).expect(4);
    assert!(ended.stderr.contains("kubectl rollout-plus resume frontend"), "{}", ended.stderr);
    assert_eq!(shop.pods_of(V1), (3, 3));
    shop.tool(&["resume", "frontend", "--timeout", "2s"]).expect(4);
    aborts_to_v1(&shop);
}

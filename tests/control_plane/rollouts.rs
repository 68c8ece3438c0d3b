//! `rolling`, `rollback`, `restart`, `history`, and what is done about a failure, on a real control plane.

mod completion;
mod pin;

use crate::shop::{Ended, Shop};
use serde_json::{Value, json};

const V1: &str = "shop/web:v1";
const V2: &str = "shop/web:v2";
const NOWHERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/nowhere.yaml");
/// A rollout to pods that no node takes.
const FAILS: [&str; 6] = ["rolling", "frontend", "-f", NOWHERE, "--tolerate", "Unschedulable=0s"];

fn roll(shop: &Shop, image: &str) -> Ended {
    shop.tool(&["rolling", "frontend", "--image", image]).expect(0)
}

fn image(shop: &Shop) -> Value {
    shop.deployment()["spec"]["template"]["spec"]["containers"][0]["image"].clone()
}

fn events(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn of_type<'a>(events: &'a [Value], type_: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == type_).collect()
}

fn history(shop: &Shop) -> Vec<Value> {
    serde_json::from_str(&shop.tool(&["history", "frontend", "-o", "json"]).expect(0).stdout).unwrap()
}

/// Refuses every new pod of the namespace, as a policy does.
fn forbid_new_pods(shop: &Shop) {
    let limit = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "1Mi"}}]}});
    shop.apply(&limit);
}

#[test]
fn a_rolling_update_goes_through_and_is_told_twice_to_whoever_asks_twice() {
    let shop = Shop::new(3);
    roll(&shop, V2);
    assert_eq!((shop.pods_of(V1).0, shop.pods_of(V2)), (0, (3, 3)));
    shop.expect_own_fields(V2);
    let generation = shop.deployment()["metadata"]["generation"].clone();
    roll(&shop, V2);
    assert_eq!(
        shop.deployment()["metadata"]["generation"],
        generation,
        "it runs already: nothing is written"
    );
    shop.tool(&["rolling", "frontend"]).expect(2);
}

#[test]
fn a_version_that_the_server_refuses_is_undone_and_named() {
    let shop = Shop::new(3);
    forbid_new_pods(&shop);
    for args in [
        vec!["rolling", "frontend", "--image", V2, "-o", "json", "--force", "RP014"],
        vec!["canary", "frontend", "--image", V2, "--weight", "10", "-o", "json", "--force", "RP014"],
    ] {
        let ended = shop.tool(&args).expect(1);
        let events = events(&ended);
        let verdict = of_type(&events, "verdict")[0];
        assert_eq!((&verdict["reason"], &verdict["class"]), (&json!("FailedCreate"), &json!("version")));
        assert!(verdict["message"].as_str().unwrap().contains("memory limit of 1Mi"), "{verdict}");
        assert_eq!(of_type(&events, "evidence").len(), 1);
        let finished = events.last().unwrap();
        assert_eq!((&finished["type"], &finished["exitCode"]), (&json!("finished"), &json!(1)));
        assert!(events.iter().all(|event| event["schema"] == 1 && event["time"].is_string()));
        shop.expect_own_fields(V1);
        assert_eq!(shop.pods_of(V1), (3, 3));
    }
    let last = history(&shop).into_iter().find(|row| !row["outcome"].is_null()).expect("an outcome");
    assert_eq!(
        (&last["outcome"]["ending"], &last["outcome"]["reason"]),
        (&json!("failed"), &json!("FailedCreate"))
    );
}

#[test]
fn the_clusters_fault_has_its_own_exit_code() {
    let shop = Shop::new(3);
    let ended = shop.tool(&FAILS).expect(6);
    assert!(
        ended.stderr.contains("Unschedulable") && ended.stderr.contains("former version is back"),
        "{}",
        ended.stderr
    );
    shop.expect_own_fields(V1);
    assert_eq!(shop.pods_of(V1), (3, 3));
}

#[test]
fn a_failure_can_be_held_or_told_only() {
    let shop = Shop::new(3);
    shop.tool(&[&FAILS[..], &["--on-failure", "hold"]].concat()).expect(6);
    let status = shop.status();
    assert_eq!((&status["phase"], &status["canary"]["replicas"]), (&json!("Held"), &json!(1)));
    assert_eq!(shop.pods_of(V1), (3, 3));
    shop.tool(&["abort", "frontend"]).expect(0);
    shop.expect_own_fields(V1);
    let ended = shop.tool(&[&FAILS[..], &["--on-failure", "continue", "--timeout", "3s"]].concat()).expect(4);
    assert_eq!(ended.stderr.matches("FAILED: Unschedulable").count(), 1, "{}", ended.stderr);
    assert_eq!(image(&shop), V2, "it goes on");
    shop.tool(&["abort", "frontend"]).expect(0);
    shop.expect_own_fields(V1);
    let ended = shop.tool(&["rolling", "frontend", "--image", V2, "--tolerate", "Nope=1s"]).expect(2);
    assert!(ended.stderr.contains("CrashLoopBackOff"), "{}", ended.stderr);
}

#[test]
fn somebody_elses_version_is_left_alone() {
    let shop = Shop::new(3);
    let slow = ["rolling", "frontend", "-f", NOWHERE, "--timeout", "60s"];
    let live = shop.start(&shop.kubeconfig, &slow);
    shop.until("the rollout is under way", |shop| image(shop) == V2);
    shop.kubectl(&["set", "image", "deployment/frontend", "frontend=shop/web:v3"]);
    let ended = crate::shop::finish(live).expect(1);
    assert!(ended.stderr.contains("shop/web:v3") && ended.stderr.contains("left alone"), "{}", ended.stderr);
    assert_eq!(image(&shop), "shop/web:v3");
}

#[test]
fn a_pause_stops_the_run_in_a_safe_state() {
    let shop = Shop::new(3);
    let live = shop.start(&shop.kubeconfig, &["rolling", "frontend", "-f", NOWHERE, "--timeout", "60s"]);
    shop.until("the rollout is under way", |shop| image(shop) == V2);
    shop.kubectl(&["rollout", "pause", "deployment/frontend"]);
    crate::shop::finish(live).expect(4);
    shop.tool(&["abort", "frontend"]).expect(0);
    shop.expect_own_fields(V1);
}

#[test]
fn a_broken_rollout_of_others_is_fixed_forward_and_its_way_back_is_what_serves() {
    let shop = Shop::new(3);
    shop.kubectl(&["patch", "deployment/frontend", "-p",
        r#"{"spec":{"template":{"spec":{"nodeSelector":{"nowhere":"x"},"containers":[{"name":"frontend","image":"shop/web:v9"}]}}}}"#]);
    shop.until("it is stuck", |shop| shop.pods_of("shop/web:v9").0 == 1);
    shop.tool(&FAILS).expect(6);
    assert_eq!(image(&shop), V1, "back to what serves, not to what was stuck");
    assert_eq!(shop.pods_of(V1), (3, 3));
}

#[test]
fn rollback_goes_to_the_last_healthy_version_and_does_not_toggle() {
    let shop = Shop::new(3);
    roll(&shop, V2);
    roll(&shop, "shop/web:v3");
    // A version of somebody else's, that our history does not know.
    shop.kubectl(&["set", "image", "deployment/frontend", "frontend=shop/web:v4"]);
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=60s"]);
    let ended = shop.tool(&["rollback", "frontend"]).expect(0);
    assert!(ended.stderr.contains("image of frontend: shop/web:v4 -> shop/web:v3"), "{}", ended.stderr);
    assert_eq!((image(&shop), shop.pods_of("shop/web:v3")), (json!("shop/web:v3"), (3, 3)));
    // Once more: not to v4, which was left, but further back.
    shop.tool(&["rollback", "frontend"]).expect(0);
    assert_eq!(image(&shop), V2);
    let revision =
        history(&shop).iter().find(|row| row["images"] == json!([V1])).unwrap()["revision"].clone();
    shop.tool(&["rollback", "frontend", "--to-revision", &revision.to_string()]).expect(0);
    assert_eq!(image(&shop), V1);
    shop.tool(&["rollback", "frontend", "--to-revision", "99"]).expect(2);
}

#[test]
fn a_rollback_by_kubectl_is_not_toggled() {
    let shop = Shop::new(3);
    shop.kubectl(&["set", "image", "deployment/frontend", "frontend=shop/web:v2"]);
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=60s"]);
    shop.kubectl(&["rollout", "undo", "deployment/frontend"]);
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=60s"]);
    let ended = shop.tool(&["rollback", "frontend"]).expect(8);
    assert!(ended.stderr.contains("toggle"), "{}", ended.stderr);
    assert_eq!(image(&shop), V1);
}

#[test]
fn a_rollback_says_what_else_has_changed() {
    let shop = Shop::new(3);
    shop.kubectl(&["create", "configmap", "web", "--from-literal=mode=slow"]);
    shop.kubectl(&["set", "env", "deployment/frontend", "--from=configmap/web"]);
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=60s"]);
    roll(&shop, V2);
    // The API's times have seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    shop.kubectl(&["patch", "configmap/web", "-p", r#"{"data":{"mode":"fast"}}"#]);
    let ended = shop.tool(&["rollback", "frontend"]).expect(0);
    assert!(ended.stderr.contains("configmap web was changed"), "{}", ended.stderr);
}

#[test]
fn history_tells_our_runs_from_others() {
    let shop = Shop::new(3);
    roll(&shop, V2);
    shop.kubectl(&["set", "image", "deployment/frontend", "frontend=shop/web:v3"]);
    shop.kubectl(&["annotate", "deployment/frontend", "kubernetes.io/change-cause=by hand"]);
    shop.kubectl(&["rollout", "status", "deployment/frontend", "--timeout=60s"]);
    shop.until("the cause is on the ReplicaSet", |shop| history(shop)[2]["cause"] == "by hand");
    let rows = history(&shop);
    let outcome = |row: usize| rows[row]["outcome"]["ending"].clone();
    assert_eq!(
        (rows.len(), outcome(0), outcome(1), outcome(2)),
        (3, Value::Null, json!("healthy"), Value::Null)
    );
    assert_eq!((&rows[1]["live"], &rows[2]["live"]), (&json!(false), &json!(true)));
    let table = shop.tool(&["history", "frontend"]).expect(0).stdout;
    assert!(table.contains("3 (live)") && table.contains("by hand") && table.contains("tester@"), "{table}");
    let one = shop.tool(&["history", "frontend", "--revision", "2"]).expect(0).stdout;
    assert!(one.contains(V2) && one.contains("template:"), "{one}");
    shop.tool(&["history", "frontend", "--revision", "9"]).expect(2);
}

#[test]
fn restart_makes_new_pods_of_the_same_version() {
    let shop = Shop::new(3);
    let names =
        |shop: &Shop| shop.kubectl(&["get", "pods", "-o", "name", "--field-selector=status.phase=Running"]);
    let before = names(&shop);
    shop.tool(&["restart", "frontend"]).expect(0);
    assert_eq!(image(&shop), V1);
    assert_eq!(shop.status()["stable"]["ready"], 3);
    shop.until("the old pods are gone", |shop| names(shop).lines().all(|pod| !before.contains(pod)));
    let annotations = &shop.deployment()["spec"]["template"]["metadata"]["annotations"];
    assert!(annotations["kubectl.kubernetes.io/restartedAt"].is_string());
}

#[test]
fn a_run_is_told_again_in_files() {
    let shop = Shop::new(3);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let report = format!("junit={},json={},markdown={}", at("r.xml"), at("r.json"), at("r.md"));
    shop.tool(&[&FAILS[..], &["--report", &report]].concat()).expect(6);
    let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    assert!(read("r.xml").contains("<failure type=\"Unschedulable\""), "{}", read("r.xml"));
    assert!(read("r.md").contains("frontend: failed"), "{}", read("r.md"));
    let told: Vec<Value> = serde_json::from_str(&read("r.json")).unwrap();
    assert_eq!(told.last().unwrap()["exitCode"], 6);
    let ended = shop.tool(&["rolling", "frontend", "--image", V2, "--report", "junit=/no/such/folder/r.xml"]);
    assert_eq!(ended.code, Some(2), "a report that cannot be written is refused before: {}", ended.stderr);
    assert_eq!(image(&shop), V1);
}

#[test]
fn a_held_canary_has_to_be_ended_first() {
    let shop = Shop::new(3);
    shop.tool(&["canary", "frontend", "--image", V2, "--weight", "10"]).expect(0);
    for args in [
        &["rolling", "frontend", "--image", "shop/web:v3"][..],
        &["restart", "frontend"],
        &["rollback", "frontend", "--to-revision", "1"],
    ] {
        shop.tool(args).expect(8);
    }
    assert_eq!(shop.status()["phase"], "Held");
}

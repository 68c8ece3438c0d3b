//! Faults that are made on purpose, on a real kubelet: who stands them, and that they end whatever happens to the process.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::jobs::Lane;
use crate::shop::{Shop, Started};
use crate::traffic::Traffic;

const V1: &str = "shop/web:v1";
const V2: &str = "shop/web:v2";

fn text(ended: &crate::shop::Ended) -> String {
    format!("{}{}", ended.stdout, ended.stderr)
}

/// What is noted on the Lease of a fault that is not over.
fn record(shop: &Shop) -> Value {
    let lease = shop.get("lease/rollout-plus.deployment.frontend");
    lease["metadata"]["annotations"]["rollout-plus/fault"].clone()
}

fn pods(shop: &Shop) -> Vec<Value> {
    shop.get("pods")["items"].as_array().cloned().unwrap_or_default()
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    pod["metadata"]["deletionTimestamp"].is_null()
        && conditions
            .is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
}

#[test]
fn both_versions_stand_a_killed_pod_and_no_request_is_lost() {
    let _lane = Lane::take();
    let shop = Shop::new(3);
    let traffic = Traffic::start(&shop);
    shop.tool(&["canary", "frontend", "--image", V2, "--weight", "25"]).expect(0);
    let tried = shop.tool(&["chaos", "kill-pods", "frontend", "--compare", "--steady", "/"]).expect(0);
    let told = text(&tried);
    assert!(told.contains("stable recovered in ") && told.contains(", canary recovered in "), "{told}");
    // The only canary pod is hit first if nothing else is said.
    let hit = shop.tool(&["chaos", "kill-pods", "frontend", "-o", "json", "--for", "3s"]).expect(0);
    let fault: Value = hit
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|event: &Value| event["type"] == "fault")
        .unwrap();
    assert_eq!((&fault["group"], &fault["verdict"]), (&json!("canary"), &json!("held")));
    shop.tool(&["promote", "frontend"]).expect(0);
    shop.expect_own_fields(V2);
    traffic.stop("killed pods");
}

#[test]
fn a_fault_ends_by_itself_if_its_process_is_killed() {
    let shop = Shop::new(3);
    let mut run = shop.start(&shop.kubeconfig, &["chaos", "fail-pods", "frontend", "--for", "15s"]);
    shop.until("a pod is hit", |shop| {
        record(shop).is_string() && pods(shop).iter().any(|pod| !is_ready(pod))
    });
    let noted: Value = serde_json::from_str(record(&shop).as_str().unwrap()).unwrap();
    run.kill().unwrap();
    let killed = Instant::now();
    assert_eq!(run.end().code, None);
    assert!(shop.status()["warnings"].to_string().contains("fail-pods of tester@"), "{}", shop.status());
    let uid = &noted["victims"][0]["uid"];
    let is_over = |shop: &Shop| {
        let pods = pods(shop);
        let victim = pods.iter().find(|pod| pod["metadata"]["uid"] == *uid);
        let is_ended = victim.is_none_or(|victim| victim["status"]["phase"] == "Failed");
        is_ended && pods.iter().filter(|pod| is_ready(pod)).count() == 3
    };
    shop.until("the kubelet has ended the pod, and another is Ready", is_over);
    let took = killed.elapsed();
    println!("killed during fail-pods for 15 s: over {:.1} s after the kill", took.as_secs_f64());
    // Fifteen seconds, five to spare, and the kubelet looks every ten.
    assert!(took < Duration::from_secs(20 + 15), "{took:?}");
    let ended = shop.tool(&["abort", "frontend"]).expect(0);
    assert!(text(&ended).contains("fail-pods of tester@"), "{}", text(&ended));
    assert_eq!((record(&shop), pods(&shop).len()), (Value::Null, 3));
    shop.expect_own_fields(V1);
}

#[test]
fn whoever_aborts_ends_a_fault_from_elsewhere_and_so_does_a_signal() {
    let shop = Shop::new(3);
    let run = shop.start(&shop.kubeconfig, &["chaos", "fail-pods", "frontend", "--for", "60s"]);
    shop.until("a pod is hit", |shop| pods(shop).iter().any(|pod| !is_ready(pod)));
    shop.tool(&["abort", "frontend"]).expect(0);
    assert!(run.end().expect(5).stderr.contains("it writes no more"));
    assert_eq!(record(&shop), Value::Null);
    shop.until("all are Ready", |shop| pods(shop).iter().filter(|pod| is_ready(pod)).count() == 3);
    let run = shop.start(&shop.kubeconfig, &["chaos", "slow-pods", "frontend", "--for", "60s"]);
    shop.until("a pod has hardly any CPU", |shop| {
        let slow = |pod: &Value| pod["status"]["containerStatuses"][0]["resources"]["limits"]["cpu"] == "20m";
        pods(shop).iter().any(slow)
    });
    crate::shop::run(std::process::Command::new("kill").args(["-TERM", &run.id().to_string()])).expect(0);
    let ended = run.end().expect(130);
    assert!(ended.stderr.contains("stopped by a signal; the fault is undone"), "{}", ended.stderr);
    assert_eq!(record(&shop), Value::Null);
}

#[test]
fn a_canary_that_stands_the_fault_is_promoted() {
    let shop = Shop::new(3);
    let gate = ["--chaos", "fail-pods", "--chaos-for", "15s", "--promote"];
    let canary = ["canary", "frontend", "--image", V2, "--weight", "25"];
    let ended = shop.tool(&[&canary[..], &gate].concat()).expect(0);
    assert!(text(&ended).contains("1 canary pod recovered in "), "{}", text(&ended));
    shop.expect_own_fields(V2);
    // Where nothing enforces policies, nobody is cut off, and that proves nothing.
    let cut =
        ["canary", "frontend", "--image", V1, "--weight", "25", "--chaos", "cut-pods", "--chaos-for", "3s"];
    let ended = shop.tool(&cut).expect(7);
    assert!(ended.stderr.contains("cut-pods did not take"), "{}", ended.stderr);
    shop.tool(&["abort", "frontend"]).expect(0);
    shop.expect_own_fields(V2);
    assert_eq!(shop.kubectl(&["get", "networkpolicies", "-o", "name"]), "");
}

#[test]
fn the_experiment_of_the_book_has_its_three_ends() {
    let shop = Shop::new(3);
    let ip = shop.kubectl(&["get", "service/frontend", "-o", "jsonpath={.spec.clusterIP}"]);
    let url = format!("http://{ip}/");
    shop.until("the Service answers", |_| std::net::TcpStream::connect((ip.as_str(), 80)).is_ok());
    let folder = tempfile::tempdir().unwrap();
    let text_of = include_str!("../fixtures/chaos/01-seed-shape.json");
    let seed = |labels: &str| {
        let path = folder.path().join("experiment.json");
        let text = text_of
            .replace("run=frontend", labels)
            .replace("\"default\"", &format!("\"{}\"", shop.namespace));
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let journal = folder.path().join("journal.json");
    let run = |labels: &str, more: &[&str]| {
        let (file, journal) = (seed(labels), journal.to_str().unwrap());
        let arguments = [&["chaos", "run", &*file, "--journal-path", journal], more].concat();
        let mut command = shop.command(&shop.kubeconfig, &arguments);
        crate::shop::run(command.env("FRONTEND_URL", &url))
    };
    let held = run("app=frontend", &[]).expect(0);
    assert!(text(&held).contains("the hypothesis held with 1 pod hit"), "{}", text(&held));
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&journal).unwrap()).unwrap();
    assert_eq!((&written["status"], &written["deviated"]), (&json!("completed"), &json!(false)));
    assert_eq!(written["rollout-plus"]["victims"].as_array().map(Vec::len), Some(1));
    shop.until("all are Ready", |shop| pods(shop).iter().filter(|pod| is_ready(pod)).count() == 3);
    let strict = run("app=frontend", &["--strict"]).expect(1);
    assert!(strict.stderr.contains("deviated: all-running: not all pods are Running"), "{}", strict.stderr);
    let nobody = run("run=frontend", &[]).expect(7);
    assert!(nobody.stderr.contains("nothing was done"), "{}", nobody.stderr);
}

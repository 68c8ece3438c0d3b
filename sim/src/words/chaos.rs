//! Faults that are made on purpose: alone, and as what a new version has to stand.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::stage::{Stage, play};
use crate::driver::faults::How;
use crate::object::Kind;
use crate::scenario::shop::{self, NAME, NAMESPACE};
use crate::server::request::Request;

const MERGE: &str = "application/merge-patch+json";
const HOLD: &str = "canary web --image shop:v2-good --weight 25 -n shop";

/// Types lines one after the other.
fn lines(lines: &[&str]) -> String {
    play(async |stage| {
        for line in lines {
            stage.types(line).await;
            // What came back is there, and its Deployment says so.
            stage.passes(5).await;
        }
    })
}

/// Somebody changes the containers of the Deployment, and its pods are replaced.
async fn has(stage: &mut Stage, change: &Value) {
    let mut container = json!({"name": "web", "image": shop::FORMER});
    for (member, value) in change.as_object().unwrap() {
        container[member] = value.clone();
    }
    let uri = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}");
    let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
    stage.driver.serve(&Request::new("user", "PATCH", &uri, MERGE, patch)).unwrap();
    stage.passes(60).await;
}

fn port() -> Value {
    json!({"ports": [{"containerPort": 8080}]})
}

fn cpu() -> Value {
    json!({"resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": "1"}}})
}

#[test]
fn pods_are_killed_and_come_back() {
    assert_snapshot!(lines(&[
        "chaos kill-pods web -n shop",
        "chaos kill-pods web --count 2 --for 10s --steady / --steady-port 8080 -n shop",
        "chaos fail-pods deployment/web -n shop",
    ]));
}

#[test]
fn pods_are_slowed() {
    assert_snapshot!(play(async |stage| {
        stage.types("chaos slow-pods web -n shop").await;
        has(stage, &cpu()).await;
        stage.types("chaos slow-pods web --percent 50 --for 10s -n shop").await;
    }));
}

#[test]
fn pods_are_cut_off() {
    assert_snapshot!(play(async |stage| {
        stage.types("chaos cut-pods web -n shop").await;
        has(stage, &port()).await;
        stage.types("chaos cut-pods web -n shop").await;
        stage.driver.server.has_firewall = false;
        stage.passes(10).await;
        stage.types("chaos cut-pods web -n shop").await;
    }));
}

#[test]
fn pods_come_back_too_late() {
    assert_snapshot!(play(async |stage| {
        stage.does("rolling web --image shop:v2-slow -n shop").await;
        stage.types("chaos kill-pods web --recover-within 10s -n shop").await;
        stage.types("status web -n shop").await;
    }));
}

#[test]
fn nobody_is_hit() {
    assert_snapshot!(play(async |stage| {
        stage.types("chaos kill-pods web --canary -n shop").await;
        stage.types("chaos kill-pods web --percent 100 -n shop").await;
        stage.types("chaos kill-pods web --count 2 --min-ready 3 -n shop").await;
        stage.types("chaos fail-pods web --for 0s -n shop").await;
        let off = json!({"spec": {"template": {"metadata": {"annotations": {"rollout-plus/chaos": "off"}}}}});
        let uri = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}");
        stage.driver.serve(&Request::new("user", "PATCH", &uri, MERGE, off)).unwrap();
        stage.passes(60).await;
        stage.types("chaos kill-pods web -n shop").await;
        stage.somebody(&crate::acts::Act::Scale(0));
        stage.passes(60).await;
        stage.types("chaos kill-pods web -n shop").await;
    }));
}

#[test]
fn a_budget_lets_no_pod_go() {
    assert_snapshot!(play(async |stage| {
        let spec = json!({"maxUnavailable": 0, "selector": {"matchLabels": {"app": NAME}}});
        let uri = format!("/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets");
        let budget = json!({"metadata": {"name": "all"}, "spec": spec});
        stage.driver.serve(&Request::new("user", "POST", &uri, "", budget)).unwrap();
        stage.types("chaos kill-pods web -n shop").await;
        stage.types("chaos kill-pods web --dry-run=server -n shop").await;
    }));
}

#[test]
fn it_is_not_steady_before() {
    assert_snapshot!(play(async |stage| {
        stage.does("rolling web --image shop:v2-broken -n shop").await;
        stage.types("chaos kill-pods web --steady / --steady-port 8080 -n shop").await;
    }));
}

#[test]
fn it_takes_too_little_time_to_be_seen() {
    assert_snapshot!(lines(&["chaos fail-pods web --for 1s -n shop"]));
}

#[test]
fn somebody_ends_it() {
    assert_snapshot!(play(async |stage| {
        let run = stage.begins("chaos fail-pods web -n shop");
        stage.passes(10).await;
        stage.hides(&stage.driver.now().to_string(), "TIME");
        stage.types("status web -n shop").await;
        stage.driver.signal(Duration::ZERO, run);
        stage.ends(run).await;
        stage.passes(10).await;
        let run = stage.begins("chaos fail-pods web --count 2 -n shop");
        stage.passes(10).await;
        stage.types("abort web -n shop").await;
        stage.ends(run).await;
        stage.types("status web -n shop").await;
    }));
}

#[test]
fn a_run_is_killed_while_it_is_on() {
    assert_snapshot!(play(async |stage| {
        stage.kills(10);
        stage.types("chaos fail-pods web -n shop").await;
        stage.types("status web -n shop").await;
        stage.passes(40).await;
        stage.types("status web -n shop").await;
        stage.types("abort web -n shop").await;
        stage.types("abort web -n shop").await;
        stage.kills(10);
        stage.does("chaos fail-pods web -n shop").await;
        stage.types("chaos kill-pods web -n shop").await;
        stage.kills(10);
        stage.does("chaos fail-pods web -n shop").await;
        stage.types("resume web --dry-run -n shop").await;
        stage.types("resume web -n shop").await;
        stage.types("resume web -n shop").await;
    }));
}

#[test]
fn it_cannot_be_ended_at_once() {
    assert_snapshot!(play(async |stage| {
        stage.fails(16, How::ErrorBefore);
        stage.types("chaos fail-pods web --for 10s -n shop").await;
        stage.types("status web -n shop").await;
        stage.types("abort web -n shop").await;
    }));
}

#[test]
fn two_versions_side_by_side() {
    assert_snapshot!(play(async |stage| {
        stage.types("chaos kill-pods web --compare -n shop").await;
        stage.does(HOLD).await;
        stage.types("chaos kill-pods web -n shop").await;
        stage.types("chaos kill-pods web --compare --steady / --steady-port 8080 -n shop").await;
        stage.types("chaos fail-pods web --stable --for 10s -n shop").await;
    }));
}

#[test]
fn dry_runs_and_events() {
    assert_snapshot!(lines(&[
        "chaos kill-pods web --dry-run -n shop",
        "chaos fail-pods web --count 2 --dry-run=server -n shop",
        "chaos kill-pods web --dry-run -o json -n shop",
        "chaos kill-pods web -o json -n shop",
        "chaos kill-pods web --recover-within 0s -o json -n shop",
    ]));
}

#[test]
fn a_canary_stands_a_fault() {
    assert_snapshot!(lines(&[
        "canary web --image shop:v2-good --weight 25 --chaos kill-pods --dry-run -n shop",
        "canary web --image shop:v2-good --steps 25,50 --promote --chaos kill-pods -n shop",
        "canary web --image shop:v3-good --weight 25 --chaos fail-pods --chaos-for 10s -n shop",
        "promote web -n shop",
        "blue-green web --image shop:v4-good --chaos kill-pods --auto-promote -n shop",
        "history web -n shop",
    ]));
}

#[test]
fn a_canary_does_not_stand_a_fault() {
    assert_snapshot!(lines(&[
        "canary web --image shop:v2-once --weight 25 --promote --chaos kill-pods -n shop",
        "status web -n shop",
        "canary web --image shop:v3-once --weight 25 --chaos kill-pods --on-failure hold -n shop",
        "status web -n shop",
        "abort web -n shop",
        "history web -n shop",
    ]));
}

#[test]
fn a_fault_does_not_reach_a_canary() {
    assert_snapshot!(play(async |stage| {
        stage.types("canary web --image shop:v2-good --weight 25 --promote --chaos cut-pods -n shop").await;
        stage.passes(5).await;
        stage
            .types(
                "canary web --image shop:v2-good --weight 25 --chaos kill-pods --chaos-min-ready 4 -n shop",
            )
            .await;
        stage.passes(5).await;
        has(stage, &port()).await;
        stage.driver.server.has_firewall = false;
        stage.types("canary web --image shop:v2-good --weight 25 --promote --chaos cut-pods -n shop").await;
        stage.types("status web -n shop").await;
    }));
}

#[test]
fn a_canary_is_stopped_while_a_fault_is_on() {
    assert_snapshot!(play(async |stage| {
        let gated = format!("{HOLD} --chaos fail-pods");
        let run = stage.begins(&gated);
        stage.passes(25).await;
        stage.driver.signal(Duration::ZERO, run);
        stage.ends(run).await;
        stage.types("abort web -n shop").await;
        stage.passes(10).await;
        let run = stage.begins(&gated);
        stage.passes(25).await;
        stage.types("abort web -n shop").await;
        stage.ends(run).await;
        stage.passes(10).await;
        stage.kills(25);
        stage.does(&gated).await;
        stage.passes(35).await;
        stage.types("resume web -n shop").await;
    }));
}

#[test]
fn a_route_has_one_canary_pod() {
    assert_snapshot!(play(async |stage| {
        stage.has_route().await;
        stage.does("canary web --image shop:v2-good --weight 10 -n shop").await;
        stage.types("chaos kill-pods web -n shop").await;
        stage.types("chaos kill-pods web --min-ready 0 -n shop").await;
        stage.makes(Kind::ResourceQuota, json!({"metadata": {"name": "few"}, "spec": {"hard": {"pods": "4"}}, "status": {"hard": {"pods": "4"}, "used": {"pods": "5"}}}));
        stage.types("chaos kill-pods web --min-ready 0 --recover-within 20s -n shop").await;
    }));
}

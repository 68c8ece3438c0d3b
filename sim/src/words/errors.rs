//! Errors with what to type next and their exit codes, of every kind.

use std::fs;
use std::path::Path;
use std::time::Duration;

use insta::assert_snapshot;
use rollout_plus::error::Kind as Why;
use serde_json::json;

use super::stage::{Stage, play};
use crate::acts::Act;
use crate::driver::faults::How;
use crate::object::Kind;

const HOLD: &str = "canary web --image shop:v2-good --weight 25 -n shop";

async fn types(stage: &mut Stage, lines: &[&str]) {
    for line in lines {
        stage.types(line).await;
    }
}

/// What is typed wrong, whatever there is.
const TYPED_WRONG: [&str; 26] = [
    "canray web --weight 10",
    "canary",
    "canary web",
    "canary web --weigth 10",
    "canary web --weight 101",
    "canary web --weight ten",
    "canary web --weight 10 --steps 10,20",
    "canary web --image shop:v2-good --steps 50,20 -n shop",
    "canary web --image shop: --weight 10 -n shop",
    "canary web --image web=Shop:v2 --weight 10 -n shop",
    "canary web --image shop:v2-good --weight 0 -n shop",
    "canary web --image shop:v2-good --weight 100 -n shop",
    "canary pod/web --image shop:v2-good --weight 10 -n shop",
    "canary web --image shop:v2-good --weight 10 --report junit=/no/such/folder/run.xml -n shop",
    "canary web --image shop:v2-good --weight 10 --report html=run.html -n shop",
    "canary web --image shop:v2-good --weight 10 --router istoi -n shop",
    "canary web --image shop:v2-good --weight 10 --on-failure panic -n shop",
    "canary web --image shop:v2-good --weight 10 --tolerate Nothing -n shop",
    "canary web --image shop:v2-good --weight 10 --timeout soon -n shop",
    "canary web --image shop:v2-good --weight 10 --force=RP999 -n shop",
    "blue-green web --image shop:v2-good --verify healthz -n shop",
    "status -A web",
    "status --watch -o yaml -n shop",
    "status web -o sarif -n shop",
    "status web -n Shop",
    "completion tcsh",
];

#[test]
fn typed_wrong() {
    assert_snapshot!(play(async |stage| types(stage, &TYPED_WRONG).await));
}

/// What does not fit the workload as it is.
const IDLE: [&str; 21] = [
    "canary shop --image shop:v2-good --weight 10 -n shop",
    "canary web --image shop:v2-good --weight 10 -n elsewhere",
    "canary web --weight 10 -n shop",
    "canary web --image shop:v1-good --weight 10 -n shop",
    "canary web --image db=shop:v2-good --weight 10 -n shop",
    "canary web --image shop:v2-good --weight 10 --exact -n shop",
    "canary web --image shop:v2-good --weight 25 --router gateway-api -n shop",
    "canary web --image shop:v2-good --weight 25 --header x-canary=1 -n shop",
    "canary web -f no-such-file.yaml --weight 10 -n shop",
    "blue-green web --image shop:v2-good --service other -n shop",
    "rolling web -n shop",
    "rolling web --image shop:v1-good -n shop",
    "promote web -n shop",
    "abort web -n shop",
    "resume web -n shop",
    "rollback web -n shop",
    "rollback web --to-revision 9 -n shop",
    "history web --revision 9 -n shop",
    "status shop -n shop",
    "status -l app=other -n shop",
    "apply -f no-such-file.yaml -n shop",
];

#[test]
fn of_a_workload_at_rest() {
    assert_snapshot!(play(async |stage| types(stage, &IDLE).await));
}

#[test]
fn of_a_held_workload() {
    assert_snapshot!(play(async |stage| {
        stage.does(HOLD).await;
        let lines = [
            "canary web --image shop:v3-good --weight 25 -n shop",
            "rolling web --image shop:v3-good -n shop",
            "blue-green web --image shop:v3-good -n shop",
            "restart web -n shop",
            "rollback web -n shop",
            "canary web --steps 10,20 -n shop",
        ];
        types(stage, &lines).await;
    }));
}

#[test]
fn of_versions_that_fail() {
    assert_snapshot!(play(async |stage| {
        for tag in ["crash", "oom", "noimage", "noconfig", "unready", "late", "flaps"] {
            stage.types(&format!("rolling web --image shop:v2-{tag} --timeout 3m -n shop")).await;
            stage.passes(60).await;
        }
    }));
}

#[test]
fn of_a_version_that_fails_and_is_kept() {
    assert_snapshot!(play(async |stage| {
        types(stage, &["canary web --image shop:v2-crash --weight 25 --on-failure hold -n shop"]).await;
        types(stage, &["promote web -n shop"]).await;
    }));
}

#[test]
fn of_time_that_is_over() {
    assert_snapshot!(play(async |stage| {
        types(stage, &["canary web --image shop:v2-slow --weight 25 --timeout 5s -n shop"]).await;
        types(stage, &["status web --until paused --timeout 5s -n shop"]).await;
    }));
}

#[test]
fn of_a_cluster_that_has_no_room() {
    assert_snapshot!(play(async |stage| {
        types(stage, &["canary web --image shop:v2-unschedulable --weight 25 --timeout 2m -n shop"]).await;
        stage.passes(60).await;
        stage.somebody(&Act::Quota(4));
        stage.passes(5).await;
        types(stage, &["canary web --image shop:v2-good --weight 25 -n shop"]).await;
        types(stage, &["canary web --image shop:v2-good --weight 25 --force --timeout 1m -n shop"]).await;
    }));
}

#[test]
fn of_a_lock_that_another_run_holds() {
    assert_snapshot!(play(async |stage| {
        stage.begins("canary web --image shop:v2-slow --weight 25 -n shop");
        stage.passes(5).await;
        types(stage, &["canary web --image shop:v3-good --weight 25 --wait-lock 5s -n shop"]).await;
        types(stage, &["rolling web --image shop:v3-good -n shop", "abort web -n shop"]).await;
    }));
}

#[test]
fn of_a_deployment_that_is_deleted() {
    assert_snapshot!(play(async |stage| {
        let run = stage.begins("canary web --image shop:v2-slow --weight 25 -n shop");
        stage.passes(5).await;
        stage.somebody(&Act::Delete);
        stage.ends(run).await;
    }));
}

#[test]
fn of_a_signal() {
    assert_snapshot!(play(async |stage| {
        let run = stage.begins("canary web --image shop:v2-slow --weight 25 -n shop");
        stage.passes(5).await;
        stage.driver.signal(Duration::ZERO, run);
        stage.ends(run).await;
        types(stage, &["status web -n shop"]).await;
    }));
}

#[test]
fn of_a_server_that_does_not_answer_well() {
    assert_snapshot!(play(async |stage| {
        for how in [How::ErrorBefore, How::HangBefore, How::ResetBefore, How::Busy] {
            stage.title(&format!("{how:?}, from the first request on, and from the tenth on"));
            for from in [1, 10] {
                stage.fails(from, how);
                stage.types(HOLD).await;
            }
            stage.passes(60).await;
            stage.does("abort web -n shop").await;
        }
    }));
}

#[test]
fn of_preflight() {
    assert_snapshot!(play(async |stage| {
        stage.makes(
            Kind::Autoscaler,
            json!({"metadata": {"name": "web"}, "spec": {"minReplicas": 4, "maxReplicas": 4, "metrics": [],
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}}),
        );
        types(stage, &["canary web --image shop:v2-good --weight 25 -n shop", "abort web -n shop"]).await;
        stage.somebody(&Act::Pause);
        types(stage, &["canary web --image shop:v2-good --weight 25 -n shop"]).await;
        stage.somebody(&Act::Resume);
        stage.somebody(&Act::Scale(0));
        stage.passes(60).await;
        types(stage, &["canary web --image shop:v2-good --weight 25 -n shop"]).await;
    }));
}

#[test]
fn every_kind_has_its_scene() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/words/snapshots");
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let all: String = files.collect();
    for kind in Why::ALL {
        assert!(all.contains(&format!("-- exit code {}\n", kind.exit_code())), "no scene ends with {kind:?}");
    }
}

//! What `status` says of a workload in each situation: as a tree, in colours, and as a table.

use insta::assert_snapshot;
use serde_json::json;

use super::stage::{Stage, play};
use crate::acts::Act;
use crate::controllers::kubelet::script::Behaviour;
use crate::object::Kind;

async fn look(stage: &mut Stage) {
    stage.shows(false, false);
    stage.types("status web -n shop").await;
    stage.types("status -n shop").await;
    stage.shows(true, false);
    stage.types("status web -n shop").await;
    stage.shows(false, false);
}

/// Looks after a line has been typed.
fn after(line: &str) -> String {
    play(async |stage| {
        stage.does(line).await;
        look(stage).await;
    })
}

/// Looks while a line goes on.
fn during(line: &str, seconds: u64) -> String {
    play(async |stage| {
        stage.begins(line);
        stage.passes(seconds).await;
        look(stage).await;
    })
}

/// Looks some time after somebody did something while a canary was held.
fn after_act(act: &Act) -> String {
    play(async |stage| {
        stage.does("canary web --image shop:v2-good --weight 25 -n shop").await;
        stage.somebody(act);
        stage.passes(20).await;
        look(stage).await;
    })
}

#[test]
fn idle() {
    assert_snapshot!(play(async |stage| {
        look(stage).await;
        stage.types("status web -n shop -o json").await;
        stage.types("status -A").await;
    }));
}

#[test]
fn canary_held() {
    assert_snapshot!(play(async |stage| {
        stage.does("canary web --image shop:v2-good --weight 25 -n shop").await;
        look(stage).await;
        stage.types("status web -n shop -o json").await;
        stage.types("status web -n shop -o yaml").await;
        stage.types("history web -n shop").await;
    }));
}

#[test]
fn canary_held_with_a_router() {
    assert_snapshot!(play(async |stage| {
        stage.has_route().await;
        stage.does("canary web --image shop:v2-good --weight 10 -n shop").await;
        look(stage).await;
        stage.types("status web -n shop -o json").await;
    }));
}

#[test]
fn canary_superseded() {
    assert_snapshot!(after_act(&Act::ThirdVersion(Behaviour::Good)));
}

#[test]
fn canary_undone() {
    assert_snapshot!(after_act(&Act::Undo));
}

#[test]
fn canary_whose_manifest_was_applied_again() {
    assert_snapshot!(after_act(&Act::Revert));
}

#[test]
fn canary_let_go_by_kubectl_rollout_resume() {
    assert_snapshot!(after_act(&Act::Resume));
}

#[test]
fn canary_scaled_down() {
    assert_snapshot!(after_act(&Act::Scale(2)));
}

#[test]
fn canary_whose_node_was_lost() {
    assert_snapshot!(play(async |stage| {
        stage.does("canary web --image shop:v2-good --weight 25 -n shop").await;
        stage.somebody(&Act::NodeLost(1));
        stage.passes(60).await;
        look(stage).await;
    }));
}

#[test]
fn canary_that_crashes_while_held() {
    assert_snapshot!(play(async |stage| {
        stage.does("canary web --image shop:v2-late --weight 25 -n shop").await;
        stage.passes(60).await;
        look(stage).await;
    }));
}

#[test]
fn canary_that_crashes_in_a_run() {
    assert_snapshot!(during("canary web --image shop:v2-crash --weight 25 -n shop", 5));
}

#[test]
fn canary_that_starts() {
    assert_snapshot!(during("canary web --image shop:v2-slow --weight 25 -n shop", 10));
}

#[test]
fn canary_that_failed_and_is_held() {
    assert_snapshot!(after("canary web --image shop:v2-noimage --weight 25 --on-failure hold -n shop"));
}

#[test]
fn canary_whose_run_was_killed() {
    assert_snapshot!(play(async |stage| {
        stage.kills(5);
        stage.does("canary web --image shop:v2-slow --weight 25 -n shop").await;
        look(stage).await;
        stage.title("When its lock has run out");
        stage.passes(60).await;
        look(stage).await;
    }));
}

#[test]
fn leftover_of_a_route() {
    assert_snapshot!(play(async |stage| {
        stage.has_route().await;
        stage.does("canary web --image shop:v2-good --weight 10 -n shop").await;
        stage.somebody(&Act::Revert);
        stage.passes(60).await;
        look(stage).await;
    }));
}

#[test]
fn blue_green_with_a_preview() {
    assert_snapshot!(after("blue-green web --image shop:v2-good -n shop"));
}

#[test]
fn rolling() {
    assert_snapshot!(during("rolling web --image shop:v2-slow -n shop", 20));
}

#[test]
fn rolling_by_somebody_else() {
    assert_snapshot!(play(async |stage| {
        stage.somebody(&Act::ThirdVersion(Behaviour::Unready));
        stage.passes(30).await;
        look(stage).await;
    }));
}

#[test]
fn paused_by_kubectl_rollout_pause() {
    assert_snapshot!(play(async |stage| {
        stage.somebody(&Act::Pause);
        stage.somebody(&Act::ThirdVersion(Behaviour::Good));
        stage.passes(10).await;
        look(stage).await;
    }));
}

#[test]
fn scaled_to_nothing() {
    assert_snapshot!(play(async |stage| {
        stage.somebody(&Act::Scale(0));
        stage.passes(60).await;
        look(stage).await;
    }));
}

#[test]
fn quota_that_lets_no_pod_in() {
    assert_snapshot!(play(async |stage| {
        stage.somebody(&Act::Quota(4));
        stage.passes(5).await;
        stage.begins("canary web --image shop:v2-good --weight 25 --force -n shop");
        stage.passes(8).await;
        look(stage).await;
    }));
}

#[test]
fn autoscaler_during_a_canary() {
    assert_snapshot!(play(async |stage| {
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
        let spec = json!({"scaleTargetRef": target, "minReplicas": 4, "maxReplicas": 8, "metrics": []});
        stage.makes(Kind::Autoscaler, json!({"metadata": {"name": "web"}, "spec": spec}));
        stage.does("canary web --image shop:v2-good --weight 25 -n shop").await;
        look(stage).await;
    }));
}

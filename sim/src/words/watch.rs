//! What somebody sees who follows a workload: lines in a pipe, a picture on a terminal, events.

use insta::assert_snapshot;

use super::stage::{Stage, play};

const CANARY: &str = "canary web --image shop:v2-good --weight 25 -n shop";

/// Follows the shop while a canary starts, until somebody presses ^C.
async fn follow(stage: &mut Stage, line: &str) {
    let watch = stage.begins(line);
    stage.passes(2).await;
    stage.shows(false, false);
    stage.does(CANARY).await;
    stage.passes(2).await;
    stage.driver.runs[watch].signal();
    stage.ends(watch).await;
}

#[test]
fn one_in_a_pipe() {
    assert_snapshot!(play(async |stage| follow(stage, "status web --watch -n shop").await));
}

#[test]
fn all_in_a_pipe() {
    assert_snapshot!(play(async |stage| follow(stage, "status --watch -A").await));
}

#[test]
fn one_on_a_terminal() {
    assert_snapshot!(play(async |stage| {
        stage.shows(true, true);
        follow(stage, "status web --watch -n shop").await;
    }));
}

#[test]
fn one_as_events() {
    assert_snapshot!(play(async |stage| follow(stage, "status web --watch -o json -n shop").await));
}

#[test]
fn until_it_is_healthy_and_until_it_is_not() {
    assert_snapshot!(play(async |stage| {
        stage.types("status web --until healthy -n shop").await;
        stage.types("status web --until held --timeout 1m -n shop").await;
        stage.begins("canary web --image shop:v2-crash --weight 25 -n shop");
        stage.passes(1).await;
        stage.types("status web --until healthy -n shop").await;
    }));
}

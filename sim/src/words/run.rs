//! Whole runs: in a pipe, with data on a terminal, and as events of JSON.

use insta::assert_snapshot;

use super::stage::{play, play_slowly};

const STEPS: &str = "canary web --image shop:v2-good --steps 25,50 --step-wait 30s --promote -n shop";

/// Types lines one after the other.
fn lines(lines: &[&str]) -> String {
    play(async |stage| {
        for line in lines {
            stage.types(line).await;
        }
    })
}

#[test]
fn canary_by_steps_in_a_pipe() {
    assert_snapshot!(lines(&[STEPS, "history web -n shop", "history web --revision 2 -n shop"]));
}

#[test]
fn canary_by_steps_with_data_on_a_terminal() {
    assert_snapshot!(play(async |stage| {
        stage.shows(true, false);
        stage.types(STEPS).await;
    }));
}

#[test]
fn canary_by_steps_as_events() {
    assert_snapshot!(play(async |stage| {
        stage.types(&format!("{STEPS} -o json")).await;
    }));
}

#[test]
fn canary_that_crashes_in_a_pipe() {
    assert_snapshot!(lines(&[
        "canary web --image shop:v2-crash --weight 25 -n shop",
        "status web -n shop",
        "history web -n shop",
    ]));
}

#[test]
fn canary_that_crashes_as_events() {
    assert_snapshot!(lines(&["canary web --image shop:v2-crash --weight 25 -n shop -o json"]));
}

#[test]
fn canary_held_then_changed_and_promoted() {
    assert_snapshot!(lines(&[
        "canary web --image shop:v2-good --weight 25 -n shop",
        "canary web --weight 50 -n shop",
        "promote web -n shop",
        "promote web -n shop",
    ]));
}

#[test]
fn canary_held_then_aborted() {
    assert_snapshot!(lines(&[
        "canary web --image shop:v2-good --weight 25 -n shop",
        "abort web -n shop",
        "abort web -n shop",
    ]));
}

#[test]
fn canary_by_a_route_then_promoted() {
    assert_snapshot!(play(async |stage| {
        stage.has_route().await;
        stage.types("canary web --image shop:v2-good --weight 10 -n shop").await;
        stage.types("promote web -n shop").await;
    }));
}

#[test]
fn blue_green_then_promoted() {
    assert_snapshot!(lines(&["blue-green web --image shop:v2-good -n shop", "promote web -n shop"]));
}

#[test]
fn blue_green_that_fails_after_its_switch() {
    assert_snapshot!(lines(&["blue-green web --image shop:v2-late --auto-promote --soak 120s -n shop"]));
}

#[test]
fn blue_green_whose_preview_is_asked() {
    assert_snapshot!(lines(&[
        "blue-green web --image shop:v2-broken --verify /ready=200 -n shop",
        "blue-green web --image shop:v2-broken --verify /ready=200 --on-failure hold -n shop",
        "abort web -n shop",
        "blue-green web --image shop:v2-good --verify /=200 --verify /missing=404 -n shop",
        "abort web -n shop",
        "blue-green web --image shop:v2-good --verify /=200 --auto-promote -n shop",
    ]));
}

#[test]
fn a_version_that_is_tested() {
    assert_snapshot!(play(async |stage| {
        stage.has_route().await;
        let line = "canary web --image shop:v2-good --steps 10,50 --step-wait 5s -n shop --verify-command";
        stage.types(&format!("{line} /bin/true --verify /=200")).await;
        stage.types("abort web -n shop").await;
        stage.types(&format!("{line} /bin/false")).await;
        stage.types(&format!("{line} /bin/false --on-failure continue")).await;
        stage.types("rolling web --image shop:v3-good -n shop --verify-command /bin/no-such").await;
    }));
}

#[test]
fn a_rolled_out_version_that_fails_its_test() {
    assert_snapshot!(lines(&[
        "rolling web --image shop:v2-good -n shop --verify-command /bin/false --dry-run",
        "rolling web --image shop:v2-good -n shop --verify-command /bin/false",
        "blue-green web --image shop:v2-good -n shop --verify-command /bin/false",
        "status web -n shop",
    ]));
}

#[test]
fn a_test_that_only_the_lease_names_is_not_run() {
    assert_snapshot!(play(async |stage| {
        let line = "canary web --image shop:v2-slow --weight 25 -n shop --verify-command /bin/true";
        stage.types(&format!("{line} --timeout 3s")).await;
        stage.types("resume web -n shop").await;
        stage.types(line).await;
    }));
}

#[test]
fn rolling_restart_and_rollback() {
    assert_snapshot!(lines(&[
        "rolling web --image shop:v2-good -n shop",
        "restart web -n shop",
        "rollback web -n shop",
    ]));
}

#[test]
fn a_killed_run_is_resumed() {
    assert_snapshot!(play(async |stage| {
        stage.kills(5);
        stage.types("canary web --image shop:v2-slow --weight 25 -n shop").await;
        stage.passes(60).await;
        stage.types("resume web -n shop").await;
    }));
}

#[test]
fn dry_runs() {
    assert_snapshot!(lines(&[
        "canary web --image shop:v2-good --steps 25,50 --promote --dry-run -n shop",
        "blue-green web --image shop:v2-good --dry-run -n shop",
        "rolling web --image shop:v2-good --dry-run -n shop",
        "restart web --dry-run -n shop",
        "canary web --image shop:v2-good --weight 25 --dry-run -o json -n shop",
    ]));
}

#[test]
fn dry_runs_of_the_ways_out() {
    assert_snapshot!(lines(&[
        "canary web --image shop:v2-good --weight 25 -n shop",
        "promote web --dry-run -n shop",
        "abort web --dry-run -n shop",
        "canary web --weight 50 --dry-run -n shop",
    ]));
}

#[test]
fn what_kubectl_does_too() {
    assert_snapshot!(lines(&[
        "scale deployment/web --replicas 3 -n shop",
        "pause deployment/web -n shop",
        "unpause deployment/web -n shop",
        "wait deployment/web --for=condition=Available -n shop",
    ]));
}

#[test]
fn words_that_complete_a_line() {
    assert_snapshot!(lines(&[
        "__complete ca",
        "__complete canary web --st",
        "__complete status web --until h"
    ]));
}

#[test]
fn checks() {
    assert_snapshot!(lines(&[
        "check web --image shop:v2-good -n shop",
        "check web --image shop:v2-good -n shop -o json",
        "check web --image shop:v2-good -n shop -o sarif",
    ]));
}

#[test]
fn canary_that_metrics_judge() {
    assert_snapshot!(lines(&[
        "canary web --image shop:v2-fails20 --weight 25 --analyze --metrics-port 8080 -n shop",
        "canary web --image shop:v3-good --steps 25,50 --step-wait 1m --promote --analyze --metrics-port 8080 -n shop",
        "canary web --image shop:v4-mute --weight 25 --analyze --metrics-port 8080 -n shop",
        "history web -n shop",
    ]));
}

#[test]
fn canary_that_a_file_of_metrics_judges() {
    const COUNTER: &str = "- {name: errors, counter: http_requests_total, bad: {code: \"5..\"}}\n";
    const QUERY: &str = "- {name: queue, query: \"max(depth{pod=~\\\"${canary.pods}\\\"})\", max: 100}\n\
                         prometheus: {url: \"service:shop/web:80\"}\n";
    assert_snapshot!(play(async |stage| {
        let folder = tempfile::tempdir().unwrap();
        stage.hides(folder.path().to_str().unwrap(), "DIR");
        let files = [("counter", COUNTER), ("query", QUERY), ("wrong", "- {name: a, counter: b, max: 1}\n")];
        for (name, metrics) in files {
            std::fs::write(folder.path().join(name), format!("schema: 1\nmetrics:\n{metrics}")).unwrap();
        }
        let path = folder.path().display();
        let canary = |image: &str, file: &str| {
            let looks = format!("--analysis {path}/{file} --metrics-port 8080 --analysis-time 1m");
            format!("canary web --image shop:{image} --weight 25 {looks} -n shop")
        };
        for (image, file) in
            [("v2-fails20", "counter"), ("v3-good", "query"), ("v3-good", "wrong"), ("v3-good", "none")]
        {
            stage.types(&canary(image, file)).await;
        }
    }));
}

#[test]
fn rolling_update_that_metrics_judge() {
    assert_snapshot!(play_slowly(20, async |stage| {
        let rolling = |image: &str, flags: &str| {
            format!("rolling web --image shop:{image} --analyze --metrics-port 8080 {flags} -n shop")
        };
        stage.types(&rolling("v2-fails20", "--warm-up 2s")).await;
        stage.types(&rolling("v3-good", "--warm-up 2s")).await;
        stage.types(&rolling("v4-good", "")).await;
        stage.types(&rolling("v5-good", "--on-inconclusive abort")).await;
        stage.types(&rolling("v6-good", "--on-inconclusive promote")).await;
        stage.types(&rolling("v6-good", "--warm-up 2s")).await;
        stage.types("history web -n shop").await;
    }));
}

#[test]
fn blue_green_that_metrics_judge_after_its_switch() {
    assert_snapshot!(play(async |stage| {
        let blue_green = |image: &str, flags: &str| {
            format!(
                "blue-green web --image shop:{image} --soak 5s --analyze --metrics-port 8080 {flags} -n shop"
            )
        };
        stage.types(&blue_green("v2-good", "--auto-promote")).await;
        stage.types(&blue_green("v2-good", "--max-error-rate 2")).await;
        stage.types(&blue_green("v2-fails20", "--auto-promote --max-error-rate 2")).await;
        stage.types(&blue_green("v3-good", "--auto-promote --max-error-rate 2")).await;
        stage
            .types(&blue_green(
                "v4-mute",
                "--auto-promote --max-error-rate 2 --force RP032 --analysis-time 1m",
            ))
            .await;
    }));
}

/// The pods say nothing of their requests: those that the run sends itself are all that counts.
#[test]
fn canary_that_a_probe_judges() {
    assert_snapshot!(play(async |stage| {
        let canary = |image: &str, flags: &str| {
            let probe = "--analyze --metrics-from probe --probe-port 8080";
            format!("canary web --image shop:{image} {probe} {flags} -n shop")
        };
        stage.does("rolling web --image shop:v1-mute -n shop").await;
        stage.types(&canary("v2-fails20", "--weight 25 --probe 20/s")).await;
        stage.types(&canary("v3-good", "--steps 25,50 --promote --probe 20/s --probe-path /healthz")).await;
        stage.types(&canary("v4-good", "--weight 25 --probe 1/s --analysis-time 1m")).await;
        stage.types(&canary("v4-good", "--weight 25 --probe 60/s")).await;
        stage.types(&canary("v4-good", "--weight 25")).await;
        stage.types("canary web --image shop:v4-good --weight 25 --analyze --probe 5/s -n shop").await;
        stage.types(&canary("v4-good", "--weight 25 --probe 20/s --dry-run")).await;
        stage.kills(78);
        stage.types(&canary("v5-fails20", "--weight 25 --probe 20/s")).await;
        stage.passes(60).await;
        stage.types("resume web -n shop").await;
    }));
}

/// Beside what the pods count of their users, each with lines of its own.
#[test]
fn looks_at_both_versions_with_a_probe() {
    assert_snapshot!(play(async |stage| {
        stage.does("canary web --image shop:v2-fails20 --weight 25 -n shop").await;
        let probe = "--metrics-port 8080 --probe 20/s --probe-path /healthz --probe-port 8080";
        stage.types(&format!("analyze web {probe} --warm-up 2s -n shop")).await;
        stage.does("abort web -n shop").await;
        let blue_green = "blue-green web --soak 5s --auto-promote --analyze --metrics-from probe --probe 20/s --probe-port 8080";
        stage.types(&format!("{blue_green} --image shop:v2-good -n shop")).await;
        stage.types(&format!("{blue_green} --image shop:v2-fails20 --max-error-rate 2 -n shop")).await;
        let rolling =
            "rolling web --warm-up 1s --analyze --metrics-from probe --probe 50/s --probe-port 8080";
        stage.types(&format!("{rolling} --image shop:v3-fails20 -n shop")).await;
    }));
}

/// `promote` judges what it switches to, and refuses where there is nothing to judge.
#[test]
fn a_blue_green_version_that_metrics_judge_when_it_is_promoted() {
    assert_snapshot!(play(async |stage| {
        let promote = "promote web --analyze --metrics-port 8080 -n shop";
        let judged = format!("{promote} --max-error-rate 2");
        stage.types(&judged).await;
        stage.does("canary web --image shop:v2-good --weight 25 -n shop").await;
        stage.types(&judged).await;
        stage.does("abort web -n shop").await;
        stage.does("blue-green web --image shop:v2-fails20 --soak 5s -n shop").await;
        stage.types(promote).await;
        stage.types(&format!("{judged} --dry-run")).await;
        stage.types(&judged).await;
        stage.does("blue-green web --image shop:v3-good --soak 5s -n shop").await;
        stage.types(&judged).await;
    }));
}

#[test]
fn looks_at_two_versions_that_serve() {
    assert_snapshot!(play(async |stage| {
        let folder = tempfile::tempdir().unwrap();
        stage.hides(folder.path().to_str().unwrap(), "DIR");
        let looks = "analyze web --metrics-port 8080 --warm-up 2s -n shop";
        stage.types(looks).await;
        let report = format!("--report markdown={}/report.md", folder.path().display());
        stage.does("canary web --image shop:v2-fails20 --weight 25 -n shop").await;
        stage.types(looks).await;
        stage.types("analyze web --metrics-port 9999 -n shop").await;
        stage.does("abort web -n shop").await;
        stage
            .does(&format!(
                "canary web --image shop:v3-good --weight 25 --analyze --metrics-port 8080 {report} -n shop"
            ))
            .await;
        let path = folder.path().join("report.md");
        stage.reads("report.md", &std::fs::read_to_string(&path).unwrap());
        stage.types(&format!("analyze --replay {}", path.display())).await;
        stage.types(&format!("analyze --replay {} -o json", path.display())).await;
        let others = stage.begins(looks);
        stage.passes(20).await;
        stage.does("canary web --weight 50 -n shop").await;
        stage.ends(others).await;
        let cut_short = stage.begins(looks);
        stage.passes(15).await;
        stage.does("abort web -n shop").await;
        stage.ends(cut_short).await;
        std::fs::write(&path, "no events").unwrap();
        stage.types(&format!("analyze --replay {}", path.display())).await;
        stage.does("blue-green web --image shop:v2-good -n shop").await;
        stage.types(looks).await;
    }));
}

/// What a plan on the Lease says of files, programs and addresses is done for nobody whose command line does not say it.
#[test]
fn a_resumed_run_asks_only_what_its_command_line_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let file = format!(
        "schema: 1\nmetrics:\n\
         - {{name: smoke, command: [/bin/sh, -c, \"touch {path}/trace; echo 1\"], min: 1, onNoData: ignore}}\n\
         - {{name: gate, web: {{url: \"http://127.0.0.1:1/${{canary.hash}}\"}}, max: 0}}\n\
         - {{name: queue, query: up, max: 1}}\n\
         prometheus: {{url: \"http://127.0.0.1:1\", tokenFile: {path}/token}}\n"
    );
    std::fs::write(folder.path().join("file"), file).unwrap();
    std::fs::write(folder.path().join("token"), "hush").unwrap();
    let resumed = |line: &str| {
        play(async |stage| {
            stage.hides(&path, "DIR");
            stage.kills(20);
            stage.does(&format!("canary web --image shop:v2-good --weight 25 --analysis {path}/file --analysis-time 1m -n shop")).await;
            stage.passes(60).await;
            stage.types(line).await;
        })
    };
    assert_snapshot!(resumed("resume web -n shop"));
    let events = resumed("resume web -n shop -o json");
    for kind in [r#""type":"look""#, r#""type":"analysis""#] {
        let event = events.lines().find(|line| line.contains(kind)).unwrap();
        for asked in [r#""asked":"/bin/sh -c 'touch DIR/trace; echo 1'""#, r#""asked":"up""#] {
            assert!(event.contains(asked), "{event}");
        }
    }
    assert!(!events.contains("hush"), "{events}");
    assert!(!folder.path().join("trace").exists());
}

/// Bad looks in a row stand on the Lease: whoever goes on does not begin with them again.
#[test]
fn a_killed_canary_with_bad_looks_in_a_row_is_resumed() {
    assert_snapshot!(play(async |stage| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        stage.hides(path.to_str().unwrap(), "FILE");
        let file = "schema: 1\nevery: 5s\nmetrics:\n\
                    - {name: queue, query: up, max: 100, looks: 10, onNoData: fail}\n\
                    prometheus: {url: \"service:shop/web:80\"}\n";
        std::fs::write(&path, file).unwrap();
        let looks = format!("--analysis {} --warm-up 5s --metrics-port 8080", path.display());
        stage.kills(50);
        stage.does(&format!("canary web --image shop:v2-good --weight 25 {looks} -n shop")).await;
        stage.passes(60).await;
        stage.types("resume web -n shop").await;
    }));
}

#[test]
fn a_killed_canary_whose_counts_did_not_fit_on_the_lease_is_resumed() {
    assert_snapshot!(play(async |stage| {
        stage.kills(50);
        let canary = "canary web --image shop:v2-fails20 --weight 25 --analyze --metrics-port 8080 --warm-up 30s -n shop";
        stage.does(canary).await;
        stage.passes(60).await;
        stage.loses_counts();
        stage.types("resume web -n shop").await;
    }));
}

#[test]
fn a_killed_rolling_update_that_metrics_judge_is_resumed() {
    assert_snapshot!(play_slowly(90, async |stage| {
        let rolling =
            "rolling web --image shop:v2-fails20 --analyze --metrics-port 8080 --warm-up 2s -n shop";
        stage.kills(18);
        stage.types(rolling).await;
        stage.passes(35).await;
        stage.types("resume web -n shop").await;
        let again = rolling.replace("v2", "v3");
        stage.kills(18);
        stage.does(&again).await;
        stage.passes(35).await;
        stage.types(&again).await;
    }));
}

//! SIGKILL between the evidence and the undo, and at the undo itself: what is left is named, and finished by others.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::place::Place;
use super::tool::{Killer, Running};
use super::undo::is_write;
use crate::jobs::each;
use crate::proxy::{Fault, Proxy, Rule, When};

/// When the tool is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// When its line of evidence appears.
    Evidence,
    /// When its undo has arrived, but before the API server has it.
    BeforeUndo,
    /// When the API server has done the undo, and the tool does not know yet.
    AfterUndo,
}

#[test]
fn killed_between_evidence_and_undo_and_during_undo() {
    let mut jobs = Vec::new();
    for strategy in ["canary", "rolling"] {
        let moments = [Moment::Evidence, Moment::BeforeUndo, Moment::AfterUndo];
        jobs.extend(moments.map(|moment| (strategy, moment)));
    }
    let failed = each(jobs, 6, |&(strategy, moment)| kill(strategy, moment));
    assert!(failed.is_empty(), "{failed:?}");
}

fn kill(strategy: &str, moment: Moment) {
    let place = Place::new(|_| {}, |_| {});
    let file = place.next_version(|pod| pod["containers"][0]["command"] = json!(["/bin/nothing"]));
    let proxy = Proxy::start(&place.shop.kubeconfig);
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = proxy.kubeconfig(folder.path(), &place.shop.namespace);
    let killer = Killer::new();
    let kill = {
        let killer = killer.clone();
        move || killer.kill()
    };
    // The first write begins the rollout, the second one undoes it.
    let count = AtomicUsize::new(0);
    let when = When::matching(move |seen| is_write(seen) && count.fetch_add(1, Ordering::SeqCst) == 1);
    let fault = match moment {
        // The test would otherwise have to be faster than the tool.
        Moment::Evidence => Fault::Hang,
        Moment::BeforeUndo => Fault::kill_before(kill.clone()),
        Moment::AfterUndo => Fault::kill_after(kill.clone()),
    };
    proxy.on(Rule { when, times: 1, fault });
    let weight: &[&str] = if strategy == "canary" { &["--weight", "10"] } else { &[] };
    let args = [&[strategy, "frontend", "-f", &file], weight].concat();
    let running = Running::start_and(&place.shop, &kubeconfig, &args, &killer, move |event| {
        if moment == Moment::Evidence && event["type"] == "evidence" {
            kill();
        }
    });
    let run = running.finish(120);
    assert_eq!(run.code, None, "it was not killed: {}", run.story());
    assert!(run.first("evidence").is_some(), "no evidence: {}", run.story());
    // Another process, which knows nothing of this.
    let status = place.shop.status();
    let brief = json!({"phase": status["phase"], "canary": status["canary"], "run": status["run"], "warnings": status["warnings"]});
    println!("{strategy}, killed at {moment:?}: status {brief}");
    // After the undo the controller may have done all of it by itself; then only the run is left.
    let named = status["phase"] != "Idle" || moment == Moment::AfterUndo && status["run"].is_object();
    assert!(named, "what is left is not named: {status}");
    place.shop.tool(&["abort", "frontend"]).expect(0);
    place.is_as_before().unwrap_or_else(|wrong| panic!("{strategy}, {moment:?}: {wrong}"));
    let idle = place.shop.status();
    assert_eq!(idle["phase"], "Idle", "{idle}");
}

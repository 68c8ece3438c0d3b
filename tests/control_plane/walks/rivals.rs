//! Two runs on one workload.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use super::scene::{Scene, Verb, deployment, expect_picture, lease_path, manifest, own, writes};
use crate::api::{get, within, write};
use crate::jobs::alone;
use crate::shop::{Run, finish};

/// Writes a manifest whose pods find no node unless one has this label.
pub fn nowhere(dir: &Path, label: &str) -> PathBuf {
    let mut manifest = manifest();
    let spec = &mut manifest["spec"]["template"]["spec"];
    spec["nodeSelector"] = json!({label: "yes"});
    spec["containers"][0]["image"] = json!("shop/web:v2");
    let path = dir.join("nowhere.yaml");
    std::fs::write(&path, manifest.to_string()).unwrap();
    path
}

/// Starts a canary through the scene's proxy that waits for pods that never become Ready.
pub fn waiting(scene: &Scene, dir: &Path, label: &str) -> Run {
    let manifest = nowhere(dir, label);
    let args = ["canary", "frontend", "-f", manifest.to_str().unwrap(), "--weight", "10"];
    let run = scene.shop.start(&scene.kubeconfig, &args);
    assert!(within(30, || !writes(&scene.proxy).is_empty()), "it holds nothing: {:?}", finish(run));
    run
}

/// Waits for a process of which an end is expected; kills it if none comes.
pub fn end_within(mut run: Run, seconds: u64) -> crate::shop::Ended {
    if !within(seconds, || run.try_wait().unwrap().is_some()) {
        run.kill().unwrap();
    }
    finish(run)
}

#[test]
fn the_second_canary_is_refused_and_an_abort_takes_over() {
    // From the start: a live run that waits for its turn meets its own deadline.
    let alone = alone();
    let scene = Scene::new(Verb::Start);
    let dir = tempfile::tempdir().unwrap();
    let live = waiting(&scene, dir.path(), "nowhere");
    let holder = get(&lease_path(&scene.shop))["spec"]["holderIdentity"].as_str().unwrap().to_owned();
    assert!(holder.starts_with("tester@"), "{holder}");
    let generation = deployment(&scene.shop)["metadata"]["generation"].clone();
    let begin = Instant::now();
    let second =
        scene.shop.tool(&["canary", "frontend", "--image", "shop/web:v3", "--weight", "50"]).expect(5);
    println!("second canary: exit 5 after {:.1} s", begin.elapsed().as_secs_f64());
    assert!(second.stderr.contains(&holder), "{}", second.stderr);
    assert_eq!(deployment(&scene.shop)["metadata"]["generation"], generation);

    let other = crate::proxy::Proxy::start(&scene.shop.kubeconfig);
    let other_dir = tempfile::tempdir().unwrap();
    let kubeconfig = other.kubeconfig(other_dir.path(), &scene.shop.namespace);
    let begin = Instant::now();
    finish(scene.shop.start(&kubeconfig, &["abort", "frontend"])).expect(0);
    drop(alone);
    let patches = writes(&other);
    assert_eq!(patches.iter().filter(|seen| !seen.is_of_owners()).count(), 1, "{patches:?}");
    let took = patches[0].at - begin;
    println!("abort against a live run: its patch came after {:.2} s", took.as_secs_f64());
    assert!(took <= Duration::from_secs(3), "{took:?}");
    let ended = end_within(live, 60).expect(1);
    println!("the live run ended {:.1} s after the patch", patches[0].at.elapsed().as_secs_f64());
    assert!(ended.stderr.contains("taken over") || ended.stderr.contains("aborted"), "{}", ended.stderr);
    let late =
        scene.proxy.requests().into_iter().filter(|seen| seen.method != "GET" && seen.at > patches[0].at);
    let late: Vec<_> = late.filter(|seen| seen.status.is_none_or(|status| status < 300)).collect();
    assert!(late.is_empty(), "it wrote after it was aborted: {late:?}");
    assert!(!scene.proxy.requests().iter().any(|seen| seen.method == "PATCH" && seen.at > patches[0].at));
    expect_picture(&scene.shop, &[own("shop/web:v1")]);
    scene.witness.expect_whole(true);
    scene.end();
}

#[test]
fn whoever_lost_the_lease_stops_writing() {
    let scene = Scene::new(Verb::Start);
    let args = [
        "canary",
        "frontend",
        "--image",
        "shop/web:v2",
        "--steps",
        "10,50",
        "--step-wait",
        "4s",
        "--timeout",
        "12s",
    ];
    let live = scene.shop.start(&scene.kubeconfig, &args);
    assert!(within(30, || writes(&scene.proxy).len() == 1), "it holds nothing: {:?}", finish(live));
    let somebody = json!({"spec": {"holderIdentity": "somebody@else/1"}});
    write("PATCH", &lease_path(&scene.shop), &somebody);
    let taken = Instant::now();
    let ended = end_within(live, 60);
    println!(
        "a run whose Lease was taken: exit {:?} after {:.1} s",
        ended.code,
        taken.elapsed().as_secs_f64()
    );
    assert!(matches!(ended.code, Some(4 | 5)), "{ended:?}");
    assert!(ended.stderr.contains("somebody@else/1"), "{}", ended.stderr);
    // It may try its Lease once, and has to be refused.
    let is_late = |seen: &crate::proxy::Seen| seen.method != "GET" && seen.at > taken;
    let late: Vec<_> = scene.proxy.requests().into_iter().filter(is_late).collect();
    assert!(late.iter().all(|seen| seen.status == Some(409) && seen.method == "PUT"), "{late:?}");
    assert_eq!(get(&lease_path(&scene.shop))["spec"]["holderIdentity"], "somebody@else/1");
    let surge = &deployment(&scene.shop)["spec"]["strategy"]["rollingUpdate"]["maxSurge"];
    assert_eq!(*surge, 1, "the second step was done");
    scene.expect_abort();
    scene.end();
}

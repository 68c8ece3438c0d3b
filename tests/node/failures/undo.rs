//! An undo under load: it loses no request, and it is one patch of the Deployment.

use std::time::Duration;

use serde_json::{Value, json};

use super::place::Place;
use super::tool::{Run, Running};
use crate::api::{within, write};
use crate::jobs::Lane;
use crate::proxy::{Proxy, Seen};
use crate::traffic::Traffic;

/// How long kube-proxy may take to follow: it puts changes together for up to a second.
const SETTLE: Duration = Duration::from_secs(2);

const CANARY: [&str; 6] = ["canary", "frontend", "--weight", "10", "--tolerate", "NeverReady=20s"];
const ROLLING: [&str; 4] = ["rolling", "frontend", "--tolerate", "NeverReady=20s"];

#[test]
fn the_undo_of_a_canary_loses_no_request() {
    loses_none("canary, never Ready", &CANARY);
}

#[test]
fn the_undo_of_a_rolling_update_loses_no_request() {
    loses_none("rolling, never Ready", &ROLLING);
}

/// Its pods are Ready, and answer: only the user's own test says that it is wrong.
#[test]
fn a_version_that_fails_its_test_is_undone_before_it_gets_more() {
    let _lane = Lane::take();
    let what = "canary, fails its test";
    let scene = Scene::new(|_| {});
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let test = format!("sh -c 'env | grep ^ROLLOUT_ > {}; echo no cart >&2; exit 3'", told.display());
    let args = ["canary", "frontend", "--weight", "10", "--verify-command", &test];
    scene.fail(what, &args, |pod| pod["containers"][0]["args"] = json!(["v2"]));
    scene.traffic.expect_none_lost(what);
    let told = std::fs::read_to_string(told).unwrap();
    assert!(told.contains("ROLLOUT_WORKLOAD=deployment/frontend\n"), "{told}");
    assert!(told.contains("ROLLOUT_PODS=frontend-") && told.contains("ROLLOUT_WEIGHT=10\n"), "{told}");
}

fn loses_none(what: &str, args: &[&str]) {
    let _lane = Lane::take();
    let scene = Scene::new(|_| {});
    scene.fail(what, args, |pod| pod["containers"][0]["args"] = json!(["v2", "NEVER_READY=1"]));
    scene.traffic.expect_none_lost(what);
}

/// It serves, and then crashes again and again: that loses requests, but the undo must not.
#[test]
fn the_undo_of_a_version_that_crashes_loses_no_more_requests() {
    let _lane = Lane::take();
    let what = "canary, crashes once it serves";
    let scene = Scene::new(|spec| spec["minReadySeconds"] = json!(20));
    let crash = |pod: &mut Value| pod["containers"][0]["args"] = json!(["v2", "EXIT_AFTER=6"]);
    let [at_verdict, settled] = scene.fail(what, &CANARY, crash);
    std::thread::sleep(SETTLE);
    let lost = scene.traffic.failures();
    println!(
        "{what}: {at_verdict} requests lost up to the verdict, {} in the time after it",
        lost - at_verdict
    );
    assert_eq!(lost, settled, "{what}: the undo lost requests");
    scene.traffic.stop(what);
}

struct Scene {
    place: Place,
    traffic: Traffic,
}

impl Scene {
    fn new(change: impl FnOnce(&mut Value)) -> Self {
        let place = Place::new(
            |namespace| {
                let text = include_str!("../../../testbed/shop.yaml").split("\n---\n").nth(1).unwrap();
                let service: Value = serde_saphyr::from_str(text).unwrap();
                write("POST", &format!("/api/v1/namespaces/{namespace}/services"), &service);
            },
            change,
        );
        let traffic = Traffic::start(&place.shop);
        Self { place, traffic }
    }

    /// Rolls a version out that fails and is undone. Returns how many requests were lost up to the verdict, and once
    /// kube-proxy must have noticed what the version itself did.
    fn fail(&self, what: &str, args: &[&str], change: impl FnOnce(&mut Value)) -> [u64; 2] {
        let proxy = Proxy::start(&self.place.shop.kubeconfig);
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = proxy.kubeconfig(folder.path(), &self.place.shop.namespace);
        let file = self.place.next_version(change);
        let args = [args, &["-f", &file]].concat();
        let running = Running::start(&self.place.shop, &kubeconfig, &args);
        assert!(within(120, || running.has("verdict") || !running.is_running()), "{what}: no verdict");
        let at_verdict = self.traffic.failures();
        std::thread::sleep(SETTLE);
        let settled = self.traffic.failures();
        let run = running.finish(60).expect(1);
        let titles: Vec<String> =
            writes(&proxy).iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
        println!("{what}: {}, {titles:?}", reason(&run));
        assert_eq!(titles.len(), 2, "{what}: not one patch to begin and one to undo: {}", run.story());
        self.place.is_as_before().unwrap_or_else(|wrong| panic!("{what}: {wrong}"));
        [at_verdict, settled]
    }
}

fn reason(run: &Run) -> String {
    run.first("verdict").map_or("no verdict".to_owned(), |line| line.event["reason"].to_string())
}

/// The writes of Deployments, ReplicaSets and pods that were done.
pub fn writes(proxy: &Proxy) -> Vec<Seen> {
    proxy.requests().into_iter().filter(is_write).collect()
}

/// Whether a request is meant to change a Deployment, a ReplicaSet or a pod.
pub fn is_write(seen: &Seen) -> bool {
    let workload = seen.path.starts_with("/apis/apps/") || seen.path.contains("/pods");
    // Giving fields back to their owners changes no workload.
    seen.method != "GET" && workload && !seen.query.contains("dryRun") && !seen.is_of_owners()
}

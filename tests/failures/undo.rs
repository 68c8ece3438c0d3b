//! An undo under load: it loses no request, and it is one patch of the Deployment.

use serde_json::{Value, json};

use crate::api::write;
use crate::jobs::alone;
use crate::place::Place;
use crate::proxy::{Proxy, Seen};
use crate::tool::{Run, Running};
use crate::traffic::Traffic;

#[test]
fn an_undo_loses_no_request() {
    let _alone = alone();
    let never = |pod: &mut Value| pod["containers"][0]["args"] = json!(["v2", "NEVER_READY=1"]);
    let canary = ["canary", "frontend", "--weight", "10"];
    let rolling = ["rolling", "frontend"];
    for (what, args) in [("canary, never Ready", &canary[..]), ("rolling, never Ready", &rolling[..])] {
        let scene = Scene::new(|_| {});
        scene.fail(what, args, never);
        scene.traffic.expect_none_lost(what);
    }
    // It serves, and then crashes again and again: that loses requests, but the undo must not.
    let what = "canary, crashes once it serves";
    let scene = Scene::new(|spec| spec["minReadySeconds"] = json!(60));
    let crash = |pod: &mut Value| pod["containers"][0]["args"] = json!(["v2", "EXIT_AFTER=6"]);
    let run = scene.fail(what, &canary, crash);
    let lost = scene.traffic.failures();
    println!("{what}: {lost} requests were lost up to the end, reason {}", reason(&run));
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(scene.traffic.failures(), lost, "{what}: requests were lost after the undo");
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
                let text = include_str!("../../testbed/shop.yaml").split("\n---\n").nth(1).unwrap();
                let service: Value = serde_saphyr::from_str(text).unwrap();
                write("POST", &format!("/api/v1/namespaces/{namespace}/services"), &service);
            },
            change,
        );
        let traffic = Traffic::start(&place.shop);
        Self { place, traffic }
    }

    /// Rolls a version out that fails and is undone.
    fn fail(&self, what: &str, args: &[&str], change: impl FnOnce(&mut Value)) -> Run {
        let proxy = Proxy::start(&self.place.shop.kubeconfig);
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = proxy.kubeconfig(folder.path(), &self.place.shop.namespace);
        let file = self.place.next_version(change);
        let args = [args, &["-f", &file]].concat();
        let run = Running::start(&self.place.shop, &kubeconfig, &args).finish(180).expect(1);
        let writes = writes(&proxy);
        println!("{what}: {}", reason(&run));
        let titles: Vec<String> =
            writes.iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
        assert_eq!(writes.len(), 2, "{what}: not one patch to begin and one to undo, but {titles:#?}");
        self.place.is_as_before().unwrap_or_else(|wrong| panic!("{what}: {wrong}"));
        run
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
    seen.method != "GET" && workload && !seen.query.contains("dryRun")
}

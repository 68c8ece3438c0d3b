//! `status` of one and of many, followed and waited for, on a real control plane with fake pods.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::proxy::{Fault, Proxy, Rule, Seen, When};
use crate::shop::{Ended, Shop, finish};
use serde_json::{Value, json};

const V2: &str = "shop/web:v2";

/// A process whose stdout goes to a file.
struct Followed {
    child: Child,
    file: PathBuf,
    _dir: tempfile::TempDir,
}

impl Followed {
    fn start(shop: &Shop, kubeconfig: &std::path::Path, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("stdout");
        let mut command = shop.command(kubeconfig, args);
        command.stdout(File::create(&file).unwrap()).stderr(std::process::Stdio::piped());
        Self { child: command.spawn().unwrap(), file, _dir: dir }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.file).unwrap()
    }

    fn events(&self) -> Vec<Value> {
        let text = self.text();
        // The last line may not be whole yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).expect("one event per line")).collect()
    }

    #[track_caller]
    fn until(&self, what: &str, seconds: u64, is_so: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        while !is_so(self) {
            assert!(begin.elapsed() < Duration::from_secs(seconds), "not seen: {what}\n{}", self.text());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn interrupt(self) -> (Ended, Vec<Value>) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let ended = end_within(self.child, 20);
        let text = std::fs::read_to_string(&self.file).unwrap();
        (ended, text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }
}

/// Waits for a process of which an end is expected; kills it if none comes.
fn end_within(mut child: Child, seconds: u64) -> Ended {
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(Duration::from_millis(50));
    }
    // It has ended, or is to.
    child.kill().unwrap_or_default();
    finish(child)
}

/// Makes so many pods of the shop crash.
fn break_pods(shop: &Shop, count: usize) {
    crash(shop, count, 7);
}

/// kwok leaves alone what runs, so a status that is written stays.
fn crash(shop: &Shop, count: usize, restarts: u32) {
    let pods = shop.get("pods");
    let status = json!({"status": {
        "phase": "Running",
        "conditions": [
            {"type": "Ready", "status": "False", "reason": "ContainersNotReady"},
            {"type": "ContainersReady", "status": "False", "reason": "ContainersNotReady"},
        ],
        "containerStatuses": [{
            "name": "frontend", "image": "shop/web:v1", "imageID": "", "ready": false, "restartCount": restarts,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
        }],
    }});
    for pod in &pods["items"].as_array().unwrap()[..count] {
        let name = pod["metadata"]["name"].as_str().unwrap();
        shop.kubectl(&["patch", "pod", name, "--subresource=status", "-p", &status.to_string()]);
    }
}

#[test]
fn one_and_many_say_what_is_wrong() {
    let shop = Shop::new(3);
    break_pods(&shop, 1);
    shop.until("the pod counts as broken", |shop| shop.status()["health"]["state"] == "failing");
    let status = shop.status();
    assert_eq!(status["health"]["reason"], "CrashLoopBackOff");
    let pods = status["stable"]["pods"].as_array().unwrap();
    assert_eq!(pods.len(), 3);
    let broken = pods.iter().find(|pod| pod["ready"] == false).unwrap();
    assert_eq!((&broken["reason"], &broken["restarts"]), (&json!("CrashLoopBackOff"), &json!(7)));
    assert!(broken["created"].is_string() && broken["node"] == "fake-node", "{broken}");
    let tree = shop.tool(&["status", "frontend"]).expect(0).stdout;
    assert!(tree.contains("CrashLoopBackOff  7 restarts"), "{tree}");

    let table = shop.tool(&["status", "-l", "app=frontend"]).expect(0);
    assert!(table.stdout.contains("failing: CrashLoopBackOff"), "{}", table.stdout);
    assert!(table.stderr.contains("1 of 1 is failing"), "{}", table.stderr);
    let many: Value = serde_json::from_str(&shop.tool(&["status", "-o", "json"]).expect(0).stdout).unwrap();
    assert_eq!(many[0]["stable"]["pods"].as_array().map(Vec::len), Some(1), "only broken pods: {many}");
    let all = shop.tool(&["status", "-A"]).expect(0).stdout;
    assert!(all.lines().any(|line| line.starts_with(&format!("{} ", shop.namespace))), "{all}");

    for args in [["status", "-l", "app=nope"].as_slice(), &["status", "-w", "-l", "app=nope"]] {
        let ended = shop.tool(args).expect(2);
        assert!(ended.stderr.contains("there is no Deployment"), "{}", ended.stderr);
    }
    let ended = shop.tool(&["status", "-l", "app=nope", "--until", "healthy"]).expect(2);
    assert!(ended.stderr.contains("app=nope"), "{}", ended.stderr);
    shop.tool(&["status", "nope", "--until", "healthy"]).expect(2);
}

#[test]
fn each_word_is_waited_for() {
    let shop = Shop::new(3);
    let until = |state: &'static str| ["status", "frontend", "--until", state, "--timeout", "3s"];
    let begin = Instant::now();
    shop.tool(&until("healthy")).expect(0);
    println!("healthy already: {:.1} s", begin.elapsed().as_secs_f64());
    for state in ["held", "paused", "failed"] {
        let ended = shop.tool(&until(state)).expect(4);
        assert!(ended.stderr.contains("frontend: Idle"), "{}", ended.stderr);
    }
    let waits =
        Followed::start(&shop, &shop.kubeconfig, &["status", "-l", "app=frontend", "--until", "held"]);
    shop.tool(&["canary", "frontend", "--image", V2, "--weight", "10"]).expect(0);
    end_within(waits.child, 60).expect(0);
    shop.tool(&until("healthy")).expect(4);
    shop.tool(&["abort", "frontend"]).expect(0);
    shop.kubectl(&["rollout", "pause", "deployment/frontend"]);
    shop.tool(&["status", "frontend", "--until", "paused"]).expect(0);
    shop.tool(&until("healthy")).expect(4);
    shop.kubectl(&["rollout", "resume", "deployment/frontend"]);
    // A change that nobody has looked at yet is not healthy.
    shop.kubectl(&["set", "image", "deployment/frontend", &format!("frontend={V2}")]);
    let ended = shop.tool(&["status", "frontend", "--until", "healthy", "-o", "json"]).expect(0);
    let status: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&status["stable"]["images"][0], &status["phase"]), (&json!(V2), &json!("Idle")));
    break_pods(&shop, 3);
    shop.tool(&["status", "frontend", "--until", "failed"]).expect(0);
    let ended = shop.tool(&["status", "frontend", "--until", "healthy"]).expect(1);
    assert!(ended.stderr.contains("CrashLoopBackOff"), "{}", ended.stderr);
}

#[test]
fn changes_are_events_or_lines() {
    let shop = Shop::new(3);
    let events = Followed::start(&shop, &shop.kubeconfig, &["status", "frontend", "-w", "-o", "json"]);
    let lines = Followed::start(&shop, &shop.kubeconfig, &["status", "-w"]);
    events.until("the first picture", 20, |one| !one.events().is_empty());
    lines.until("the first line", 20, |one| one.text().contains("/frontend: Idle: stable 3/3 Ready"));
    break_pods(&shop, 1);
    events.until("the broken pod", 20, |one| {
        one.events().iter().any(|event| event["status"]["health"]["reason"] == "CrashLoopBackOff")
    });
    lines.until("the broken pod", 20, |one| one.text().contains("failing: CrashLoopBackOff"));
    // Once the controllers have said what they have to say, nothing but the pod tells of that.
    std::thread::sleep(Duration::from_secs(1));
    crash(&shop, 1, 9);
    events.until("another restart", 20, |one| {
        one.events()
            .last()
            .is_some_and(|event| event["status"]["stable"]["pods"].to_string().contains(r#""restarts":9"#))
    });
    let (ended, events) = events.interrupt();
    ended.expect(0);
    let (last, rest) = events.split_last().unwrap();
    assert_eq!((&last["type"], &last["exitCode"]), (&json!("finished"), &json!(0)));
    for event in rest {
        assert_eq!((&event["schema"], &event["type"]), (&json!(1), &json!("status")), "{event}");
        assert_eq!((&event["workload"]["name"], event["time"].is_string()), (&json!("frontend"), true));
        assert_eq!(event["status"]["stable"]["pods"].as_array().map(Vec::len), Some(3));
    }
    lines.interrupt().0.expect(0);
}

#[test]
fn a_deletion_ends_the_watch_of_one() {
    let shop = Shop::new(1);
    let one = Followed::start(&shop, &shop.kubeconfig, &["status", "frontend", "-w"]);
    let many = Followed::start(&shop, &shop.kubeconfig, &["status", "-w", "-o", "json"]);
    one.until("the first line", 20, |one| !one.text().is_empty());
    many.until("the first event", 20, |many| !many.events().is_empty());
    shop.kubectl(&["delete", "deployment", "frontend"]);
    let ended = end_within(one.child, 20).expect(6);
    assert!(ended.stderr.contains("was deleted"), "{}", ended.stderr);
    many.until("the deletion", 20, |many| many.events().iter().any(|event| event["type"] == "deleted"));
    many.interrupt().0.expect(0);
}

/// 200 Deployments of three pods, all rolled out at once: two pages of pods, and one watch of each kind.
#[test]
fn two_hundred_rollouts_are_followed_by_one_process() {
    const COUNT: usize = 200;
    let shop = Shop::empty();
    let manifest = include_str!("../../testbed/shop.yaml").split("\n---\n").next().unwrap();
    let named = |n: usize| {
        manifest.replace("app: frontend", &format!("app: web-{n}")).replacen(
            "name: frontend",
            &format!("name: web-{n}"),
            1,
        )
    };
    let all: Vec<String> = (0..COUNT).map(named).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.yaml");
    std::fs::write(&file, all.join("\n---\n")).unwrap();
    shop.kubectl(&["create", "-f", file.to_str().unwrap()]);
    shop.tool(&["status", "--until", "healthy", "--timeout", "3m"]).expect(0);

    let proxy = Proxy::start(&shop.kubeconfig);
    let kubeconfig = proxy.kubeconfig(dir.path(), &shop.namespace);
    // The server forgets where the second page begins, once.
    let second = |seen: &Seen| seen.path.ends_with("/pods") && seen.query.contains("continue=");
    proxy.on(Rule { when: When::matching(second), times: 1, fault: Fault::Status(410, None) });
    let ended = finish(shop.start(&kubeconfig, &["status", "-o", "json"])).expect(0);
    let statuses: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(statuses.len(), COUNT);
    assert!(statuses.iter().all(|one| one["stable"]["ready"] == 3 && one["health"]["state"] == "healthy"));
    let pages = proxy.requests().iter().filter(|seen| seen.path.ends_with("/pods")).count();
    assert_eq!(pages, 4, "one page, the refusal, and two pages");

    proxy.clear();
    let followed = Followed::start(&shop, &kubeconfig, &["status", "-w", "-o", "json"]);
    let seen = |followed: &Followed, phase: &str, image: &str| {
        let events = followed.events();
        let there = events.iter().filter(|event| {
            event["status"]["phase"] == phase
                && ["stable", "canary"].iter().any(|role| event["status"][role]["images"][0] == image)
        });
        there.map(|event| event["workload"]["name"].to_string()).collect::<BTreeSet<_>>().len()
    };
    followed.until("all at rest", 60, |followed| seen(followed, "Idle", "shop/web:v1") == COUNT);
    shop.kubectl(&["set", "image", "deployment", "--all", &format!("frontend={V2}")]);
    followed.until("all rolled out", 180, |followed| seen(followed, "Idle", V2) == COUNT);
    assert_eq!(seen(&followed, "Progressing", V2), COUNT, "every rollout was seen under way");
    let (ended, events) = followed.interrupt();
    ended.expect(0);
    let requests = proxy.requests();
    let watches = requests.iter().filter(|seen| seen.watch).count();
    println!(
        "{COUNT} rollouts: {} events, {} requests, {watches} of them watches",
        events.len(),
        requests.len()
    );
    // Four lists, one of them in two pages, and four watches; a slow machine may see them start again after 90 s.
    assert!(requests.len() <= 5 + 4 * 3 && watches >= 4, "{} requests", requests.len());
}

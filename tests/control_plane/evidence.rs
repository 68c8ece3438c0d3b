//! What is told of a version that failed, and that its undo does not wait for it.

use std::time::Duration;

use crate::proxy::{Fault, Proxy, Rule, Seen, When};
use crate::shop::{Shop, finish};
use serde_json::{Value, json};

const V2: &str = "shop/web:v2";
const SECRET: &str = "hunter22";

/// A canary whose pod is made to have this container status, while no kubelet answers.
struct Failed {
    /// stdout, stderr and the reports, and what others see: the status and the Lease.
    told: Vec<(&'static str, String)>,
    seen: Vec<Seen>,
}

impl Failed {
    fn with(state: &Value) -> Self {
        let shop = Shop::new(3);
        let settle = |seconds: u32| {
            let patch = json!({"spec": {"minReadySeconds": seconds}}).to_string();
            shop.kubectl(&["patch", "deployment/frontend", "-p", &patch]);
        };
        // So long the canary is not done.
        settle(120);
        let dir = tempfile::tempdir().unwrap();
        let proxy = Proxy::start(&shop.kubeconfig);
        let is_log = |seen: &Seen| seen.path.ends_with("/log");
        proxy.on(Rule { when: When::matching(is_log), times: usize::MAX, fault: Fault::Hang });
        let file = |name: &str| dir.path().join(name).display().to_string();
        let reports = format!("junit={},json={},markdown={}", file("junit"), file("json"), file("markdown"));
        let config = proxy.kubeconfig(dir.path(), &shop.namespace);
        let args =
            ["canary", "frontend", "--image", V2, "--weight", "25", "-o", "json", "--report", &reports];
        let child = shop.start(&config, &args);
        shop.until("the canary's pod is there", |shop| shop.pods_of(V2) == (1, 1));
        let pods = shop.get("pods");
        let is_canary = |pod: &&Value| pod["spec"]["containers"][0]["image"] == V2;
        let pod =
            pods["items"].as_array().unwrap().iter().find(is_canary).unwrap()["metadata"]["name"].clone();
        let mut container =
            json!({"name": "frontend", "image": V2, "imageID": "", "ready": false, "restartCount": 0});
        container.as_object_mut().unwrap().extend(state.as_object().unwrap().clone());
        let conditions =
            ["Ready", "ContainersReady"].map(|name| json!({"type": name, "status": "False", "reason": "x"}));
        let status = json!({"status": {"phase": "Running", "conditions": conditions, "containerStatuses": [container]}});
        shop.kubectl(&[
            "patch",
            "pod",
            pod.as_str().unwrap(),
            "--subresource=status",
            "-p",
            &status.to_string(),
        ]);
        let of_others = shop.tool(&["status", "frontend", "-o", "json"]).stdout;
        shop.until("it is undone", |shop| shop.deployment()["spec"]["minReadySeconds"] == 120);
        settle(0);
        let ended = finish(child).expect(1);
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        let told = vec![
            ("stdout", ended.stdout),
            ("stderr", ended.stderr),
            ("junit", read("junit")),
            ("json", read("json")),
            ("markdown", read("markdown")),
            ("status", of_others),
            ("lease", shop.get("leases").to_string()),
        ];
        Self { told, seen: proxy.requests() }
    }

    fn told(&self, name: &str) -> &str {
        &self.told.iter().find(|(known, _)| *known == name).unwrap().1
    }

    fn logs(&self) -> Vec<&Seen> {
        self.seen.iter().filter(|seen| seen.path.ends_with("/log")).collect()
    }
}

#[test]
fn the_undo_waits_a_second_for_a_log_and_no_output_has_a_secret() {
    let words = format!("fatal: DB_PASSWORD={SECRET} ##[set-env name=A]b");
    let failed =
        Failed::with(&json!({"restartCount": 7, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": words}}}));
    let asked = failed.logs().first().expect("its log is asked for").at;
    let back = |seen: &&Seen| {
        seen.method == "PATCH" && seen.path.ends_with("/deployments/frontend") && seen.at > asked
    };
    let waited = failed.seen.iter().find(back).expect("it is undone").at - asked;
    println!("{:.1} s from the question for the log to the first step back", waited.as_secs_f64());
    assert!(waited < Duration::from_secs(3), "{waited:?}");
    assert!(failed.told("stdout").contains("no answer within 5 s"), "{}", failed.told("stdout"));
    for (name, text) in &failed.told {
        assert!(!text.contains(SECRET), "{name}: {text}");
        if *name != "stderr" && *name != "lease" {
            assert!(text.contains("DB_PASSWORD") || text.contains("DB\\_PASSWORD"), "{name}: {text}");
        }
        if ["stdout", "stderr", "status"].contains(name) {
            assert!(!text.contains("##["), "{name}: {text}");
        }
    }
}

#[test]
fn no_log_is_asked_of_a_container_that_never_ran() {
    let failed = Failed::with(&json!({"state": {"waiting": {"reason": "ErrImageNeverPull",
        "message": "Container image is not present with pull policy of Never"}}}));
    assert!(failed.logs().is_empty(), "{:?}", failed.logs());
    assert!(!failed.told("stdout").contains("no answer"), "{}", failed.told("stdout"));
}

//! What no scene of the simulator prints, held in snapshots: `sim/src/words.rs` has the rest.

use std::sync::{Arc, Mutex};

use indicatif::TermLike;
use insta::assert_snapshot;
use jiff::Timestamp;
use rollout_plus_core::fixtures;
use serde_json::json;

use super::live::Live;
use super::{account, card, diagnosis, evidence, objects, report, table, tree};
use crate::apply::{Action, Change, Row};
use crate::ci_account::{Granted, Issued, Proof, Rule};
use crate::credentials::Diagnosis;
use crate::evidence::Evidence;
use crate::status::WorkloadStatus;

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

fn row(group: &str, kind: &str, name: &str, action: Action) -> Row {
    let namespace = (kind != "Namespace").then(|| "shop".to_owned());
    Row { group: group.into(), kind: kind.into(), namespace, name: name.into(), action, changes: None }
}

#[test]
fn objects_that_were_applied() {
    let text = table::objects(&[
        row("", "Namespace", "shop", Action::Created),
        row("", "ConfigMap", "web", Action::Configured),
        row("", "Service", "web", Action::Unchanged),
        row("apps", "Deployment", "web", Action::Held),
        row("apps", "Deployment", "api", Action::Failed),
        row("batch", "CronJob", "report", Action::NotApplied),
        row("", "ConfigMap", "old", Action::Pruned),
    ]);
    assert_snapshot!(text);
}

#[test]
fn difference_of_an_object() {
    let mut row = row("apps", "Deployment", "web", Action::Configured);
    let change = |path: &str, before, after| Change { path: path.into(), before, after };
    row.changes = Some(vec![
        change("spec.replicas", Some(json!(3)), Some(json!(4))),
        change("spec.paused", Some(json!(true)), None),
        change("metadata.labels.team", None, Some(json!("shop"))),
    ]);
    let text = objects::difference(&row).join("\n");
    assert_snapshot!(text);
}

#[test]
fn a_workload_of_another_kind_is_called_by_its_name() {
    let status = WorkloadStatus::of(&fixtures::stateful::Cluster::idle().observed(), &[]);
    let lines = tree::lines(&status, false, Timestamp::UNIX_EPOCH, 0);
    assert_eq!(lines[0], "statefulset/db  Idle  (namespace shop)");
    let told = super::about(Some(&status.id()), &crate::event::Event::Deleted);
    assert_eq!(told["workload"], json!({"namespace": "shop", "kind": "StatefulSet", "name": "db"}));
}

#[test]
fn account_for_ci() {
    let rule = |group: &str, resource: &str, names: &[&str], verbs: &[&str]| Rule {
        api_groups: texts(&[group]),
        resources: texts(&[resource]),
        resource_names: texts(names),
        verbs: texts(verbs),
    };
    let made = |lasts: bool| Granted {
        schema: 1,
        user: "system:serviceaccount:shop:ci".into(),
        account: "ci".into(),
        namespace: "shop".into(),
        rules: (!lasts).then(|| {
            vec![
                rule("", "pods", &[], &["get", "list", "watch"]),
                rule("apps", "deployments", &["web"], &["get", "patch"]),
            ]
        }),
        token: Some("ci-token-1".into()),
        expires: (!lasts).then(|| "2026-04-01T00:00:00Z".into()),
        delivered: texts(&["github/shop/web"]),
        proof: Proof {
            allowed: if lasts { 0 } else { 17 },
            denied: texts(&["get secrets", "delete deployments.apps"]),
        },
        revoked: texts(&["secret/ci-token-0"]),
    };
    let text = [false, true].map(|lasts| account::lines(&made(lasts))).join("\n\n");
    assert_snapshot!(text);
}

#[test]
fn tokens_of_accounts() {
    let issued = |token: &str, expires: Option<&str>, used: Option<&str>| Issued {
        account: "ci".into(),
        token: token.into(),
        created: "2026-01-01T00:00:00Z".into(),
        expires: expires.map(str::to_owned),
        delivered: used.map(|_| "github/shop/web".to_owned()),
        last_used: used.map(str::to_owned),
    };
    let text = table::tokens(&[
        issued("ci-token-1", Some("2026-04-01T00:00:00Z"), Some("2026-01-02")),
        issued("ci-token-2", None, None),
    ]);
    assert_snapshot!(text);
}

#[test]
fn credential_that_was_looked_at() {
    let good = || Diagnosis {
        schema: 1,
        credential: "a token of the ServiceAccount ci in shop".into(),
        origin: "the kubeconfig ~/.kube/config".into(),
        expires: Some("2026-01-08T00:00:00Z".parse().unwrap()),
        server: "https://shop.example:6443".into(),
        verified: true,
        authorities: texts(&["CN=kubernetes"]),
        notes: texts(&["through the proxy http://proxy.example:3128"]),
        version: Some("v1.36.1".into()),
        user: Some("system:serviceaccount:shop:ci".into()),
        problem: None,
    };
    let bad = Diagnosis {
        expires: Some("2025-12-31T00:00:00Z".parse().unwrap()),
        verified: false,
        notes: Vec::new(),
        version: None,
        user: None,
        problem: Some("the token is over".into()),
        ..good()
    };
    let open = Diagnosis { expires: None, authorities: Vec::new(), ..good() };
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let text = [good(), bad, open].map(|found| diagnosis::render(&found, now)).join("\n\n");
    assert_snapshot!(text);
}

#[test]
fn proof_of_a_failure() {
    let found = Evidence {
        pod: Some("web-1".into()),
        container: Some("web".into()),
        image: Some("shop:v2".into()),
        state: Some("CrashLoopBackOff: back-off 10s".into()),
        restarts: 2,
        limits: Some(json!({"memory": "64Mi"})),
        log: texts(&["starts", "no database"]),
        previous_log: texts(&["starts"]),
        events: texts(&["3x BackOff: Back-off restarting failed container"]),
        missing: texts(&["the log of web-2: forbidden"]),
    };
    let text = evidence::lines(&found).join("\n");
    assert_snapshot!(text);
}

#[test]
fn card_of_a_build() {
    let data = card::data(&report::example(), Some("https://ci.example/42")).unwrap();
    let text = serde_json::to_string_pretty(&data).unwrap();
    assert_snapshot!(text);
}

/// A terminal that keeps what is drawn.
#[derive(Clone, Debug, Default)]
struct Paper(Arc<Mutex<Vec<String>>>);

impl TermLike for Paper {
    fn width(&self) -> u16 {
        80
    }

    fn move_cursor_up(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> std::io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> std::io::Result<()> {
        self.0.lock().unwrap().push(text.to_owned());
        Ok(())
    }

    fn clear_line(&self) -> std::io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    /// The lines that were drawn, each once: how often something is drawn is a matter of time, and so is the spinner's look.
    fn lines(&self) -> String {
        let mut seen: Vec<String> = Vec::new();
        for text in self.0.lock().unwrap().iter() {
            let line = text.trim_end().replace(|letter| ('\u{2800}'..='\u{28ff}').contains(&letter), "*");
            let line = line.replace('\u{1b}', "␛");
            // How long it takes is a matter of the machine.
            let line = if line.starts_with('*') {
                line.trim_end_matches(|letter| letter != ' ').trim_end().to_owned()
            } else {
                line
            };
            if !matches!(line.as_str(), "" | "*") && !seen.contains(&line) {
                seen.push(line);
            }
        }
        seen.join("\n")
    }
}

#[test]
fn run_on_a_terminal() {
    let paper = Paper::default();
    let mut live = Live::on(Box::new(paper.clone()), true);
    live.line("hold at 10 %");
    let status = WorkloadStatus::of(&fixtures::held(), &[]);
    let lines = tree::lines(&status, live.color(), Timestamp::UNIX_EPOCH, tree::PODS);
    live.show("shop/web", &lines, "wait for 1 pod of the canary");
    live.line("warning: the share is 25 %");
    live.clear();
    let text = paper.lines();
    assert_snapshot!(text);
}

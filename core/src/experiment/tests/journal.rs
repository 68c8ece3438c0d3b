//! The document of a run.

use serde_json::json;

use super::{values, with, yaml};
use crate::experiment::{Activity, Journal, JournalStatus, Run, RunStatus, SteadyState};

fn run(status: RunStatus) -> Run {
    Run {
        activity: json!({"type": "probe", "name": "p"}),
        output: json!({"status": 200, "headers": {"Set-Cookie": "sid=abcdef", "Server": "x"}, "body": "token is tok-8472-abc"}),
        start: "2026-11-28T16:00:00+00:00".into(),
        status,
        end: "2026-11-28T16:00:01+00:00".into(),
        duration: 1.0,
        exception: Vec::new(),
        tolerance_met: None,
    }
}

#[test]
fn the_document_has_the_fields_of_chaos_toolkit() {
    let experiment = yaml(&with("method: []"));
    let mut journal = Journal::new(&experiment, "2026-11-28T16:00:00+00:00");
    journal.run.push(run(RunStatus::Failed));
    journal.steady_states.before = Some(SteadyState {
        steady_state_met: Some(true),
        probes: vec![Run { tolerance_met: Some(true), ..run(RunStatus::Succeeded) }],
    });
    journal.status = JournalStatus::Interrupted;
    let document = journal.document(&values(&experiment).scrubber());
    let keys: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "chaoslib-version",
            "deviated",
            "duration",
            "end",
            "experiment",
            "node",
            "platform",
            "rollbacks",
            "rollout-plus",
            "run",
            "start",
            "status",
            "steady_states",
        ]
    );
    assert_eq!(
        (&document["chaoslib-version"], &document["status"]),
        (&json!("1.44.0"), &json!("interrupted"))
    );
    assert_eq!(document["run"][0]["status"], "failed");
    assert_eq!(document["run"][0].get("exception"), None);
    assert_eq!(document["steady_states"]["before"]["probes"][0]["tolerance_met"], true);
    assert_eq!(document["steady_states"]["after"], json!(null));
    assert_eq!(document["experiment"], json!({"title": "t", "description": "d", "method": []}));
}

#[test]
fn no_secret_is_in_the_document() {
    let experiment = yaml(&with(
        "configuration: {api_token: {type: env, key: API_TOKEN}, password: '${x}'}\nsecrets:\n  k8s: {mine: hunter22, from: {type: env, key: API_TOKEN}, n: 5}\nmethod:\n- type: action\n  name: call\n  provider: {type: http, url: 'http://u:pw12@h/hunter22', headers: {Authorization: 'Token abcd', X-Api-Key: '${mine}'}}",
    ));
    let mut journal = Journal::new(&experiment, "t");
    let mut run = run(RunStatus::Succeeded);
    run.activity = experiment.method[0].document.clone();
    run.exception = vec!["failed with hunter22".into()];
    run.output["hunter22"] = json!([{"deep": "xhunter22x"}]);
    journal.run.push(run);
    journal.rollout_plus = json!({"victims": ["a"], "note": "hunter22"});
    let document = journal.document(&values(&experiment).scrubber());
    let text = document.to_string();
    for secret in ["hunter22", "tok-8472-abc", "pw12", "sid=", "Token abcd"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert_eq!(document["experiment"]["secrets"]["k8s"]["from"], json!({"type": "env", "key": "API_TOKEN"}));
    assert_eq!(document["experiment"]["secrets"]["k8s"]["n"], "***");
    assert_eq!(document["run"][0]["output"]["headers"]["Server"], "x");
    assert_eq!(document["run"][0]["activity"]["provider"]["headers"]["X-Api-Key"], "${mine}");
    assert_eq!(document["rollout-plus"]["victims"], json!(["a"]));
}

#[test]
fn reports_have_an_entry_for_each_probe_and_each_activity() {
    let experiment = yaml(&with(
        "secrets: {k: {token: tok-8472-abc}}\n\
         steady-state-hypothesis:\n  title: h\n  probes:\n\
         \x20 - {type: probe, name: url, tolerance: 200, provider: {type: http, url: 'http://a/'}}\n\
         \x20 - {type: probe, name: pods, tolerance: 0, provider: {type: process, path: b}}\n\
         method:\n\
         - {type: action, name: act, provider: {type: process, path: a}}\n\
         - {type: probe, name: look, provider: {type: process, path: a}}\n\
         - {type: probe, name: judged, tolerance: 0, provider: {type: process, path: c}}\n\
         - {type: action, name: played, dry: actions, provider: {type: process, path: a}}\n\
         rollbacks:\n\
         - {type: action, name: back, provider: {type: process, path: a}}",
    ));
    let of = |activity: &Activity, status, met| Run {
        activity: activity.document.clone(),
        tolerance_met: met,
        ..run(status)
    };
    let (good, bad) = (RunStatus::Succeeded, RunStatus::Failed);
    let probes = &experiment.hypothesis.as_ref().unwrap().probes;
    let state = |of_url, of_pods| SteadyState {
        steady_state_met: None,
        probes: vec![of(&probes[0], good, Some(of_url)), of(&probes[1], good, Some(of_pods))],
    };
    let mut journal = Journal::new(&experiment, "");
    journal.steady_states.before = Some(state(true, true));
    journal.steady_states.after = Some(state(true, false));
    let method = &experiment.method;
    journal.run = vec![
        Run { exception: vec!["tok-8472-abc is refused".into()], ..of(&method[0], bad, None) },
        of(&method[1], bad, None),
        Run { output: json!({"a": "tok-8472-abc", "password": "hush"}), ..of(&method[2], good, Some(false)) },
        of(&method[3], good, None),
    ];
    journal.rollbacks = vec![of(&experiment.rollbacks[0], bad, None)];
    let told = |strict| {
        let told = journal.told(&experiment, strict, &values(&experiment).scrubber());
        told.into_iter()
            .map(|one| format!("{} {} {}: {:?}: {}", one.part, one.kind, one.name, one.state, one.text))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(false),
        [
            "hypothesis probe url: Good: status 200",
            "hypothesis probe pods: Failed: after the method: status 200",
            "method action act: Failed: *** is refused",
            "method probe look: Unknown: status 200",
            "method probe judged: Failed: {\"a\":\"***\",\"password\":\"***\"}",
            "method action played: Unknown: it was only played",
            "rollbacks action back: Unknown: status 200",
        ]
    );
    assert!(told(true)[4].contains("judged: Good"));
    assert!(experiment.is_played() && !yaml(&with("method: []\ndry: pause")).is_played());
}

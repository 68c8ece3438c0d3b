use super::*;
use crate::model::DEPLOYMENT;

#[test]
fn one_pod_is_not_pods() {
    let hold = |size| {
        Step::Hold { template: None, size, stable: Stable::Whole, changes: false }.title(DEPLOYMENT.names())
    };
    assert_eq!(hold(Size::Pods(1)), "hold at 1 canary pod");
    assert_eq!(hold(Size::Routed { weight: 5, pods: 1, by_share: true }), "hold at 5 %, with 1 canary pod");
    assert_eq!(hold(Size::Pods(2)), "hold at 2 canary pods");
}

#[test]
fn whom_a_verification_asks_is_told() {
    let title = |port| {
        let checks = vec!["/a".parse().unwrap(), "/b~up".parse().unwrap()];
        Step::Verify { checks, port }.title(DEPLOYMENT.names())
    };
    let asked = r#"/a answers 200, /b answers 200 with "up""#;
    assert_eq!(title(None), format!("verify through the preview: {asked}"));
    assert_eq!(title(Some(8080)), format!("verify by port 8080 of each new pod: {asked}"));
}

#[test]
fn a_verification_that_is_noted_already_still_reads() {
    let noted = serde_json::json!({"step": "verify", "checks": [{"path": "/a", "status": 200}]});
    let step: Step = serde_json::from_value(noted.clone()).unwrap();
    assert_eq!(step, Step::Verify { checks: vec!["/a".parse().unwrap()], port: None });
    assert_eq!(serde_json::to_value(step).unwrap(), noted);
}

#[test]
fn a_plan_that_asks_the_live_version_brings_nothing_new() {
    let verify = |port| Step::Verify { checks: Vec::new(), port };
    let mut plan = Plan { steps: vec![Step::AwaitRollout, verify(None)] };
    assert!(plan.only_follows() && !plan.asks_pods());
    plan.steps.push(verify(Some(80)));
    assert!(plan.only_follows() && plan.asks_pods());
    plan.steps.push(Step::AwaitCanary);
    assert!(!plan.only_follows());
}

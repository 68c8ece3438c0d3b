//! How a Canary goes on, as a command line.

use std::time::Duration;

use serde_json::Value;

use super::super::line::{Line, steps};
use super::super::times::{seconds, time};
use super::super::{FILE, Gathered, Object};
use super::{BUILT_IN, analysis, list, tidy};

/// Reads how a Canary goes on, and returns its command line.
pub(in crate::import) fn canary(gathered: &mut Gathered<'_>, object: Object<'_>, has_file: bool) {
    let spec = &object.value["spec"];
    let (base, analysis) = analysis(object);
    let known = [
        "interval",
        "threshold",
        "maxWeight",
        "stepWeight",
        "stepWeights",
        "stepWeightPromotion",
        "iterations",
        "metrics",
        "webhooks",
        "match",
        "mirror",
        "mirrorWeight",
        "alerts",
        "sessionAffinity",
        "primaryReadyThreshold",
        "canaryReadyThreshold",
    ];
    gathered.strangers(object, base, analysis, &known);
    for (index, hook) in list(&analysis["webhooks"]).iter().enumerate() {
        let kind = hook["type"].as_str().unwrap_or("rollout");
        gathered.note(
            object,
            format!("{base}.webhooks[{index}]"),
            format!("left out: a webhook of type {kind}"),
        );
    }
    for key in [
        "match",
        "mirror",
        "alerts",
        "sessionAffinity",
        "stepWeightPromotion",
        "primaryReadyThreshold",
        "canaryReadyThreshold",
    ] {
        if !analysis[key].is_null() {
            gathered.note(object, format!("{base}.{key}"), "left out");
        }
    }
    let target = &spec["targetRef"];
    if target["kind"].as_str().is_some_and(|kind| kind != "Deployment") {
        gathered.note(
            object,
            "spec.targetRef.kind",
            format!("left out: {} is not a Deployment", target["kind"]),
        );
        return;
    }
    let weights = weights(analysis);
    if weights.is_empty() {
        let text = "left out: it has no stepWeight or stepWeights; for iterations see 'kubectl rollout-plus blue-green --help'";
        gathered.note(object, base, text);
        return;
    }
    let wait = time(&analysis["interval"]).unwrap_or(Duration::from_secs(60));
    gathered.note(
        object,
        format!("{base}.interval"),
        format!("one share each {}: --step-wait", seconds(wait)),
    );
    let mut flags = Vec::new();
    for metric in list(&analysis["metrics"]) {
        let name = metric["name"].as_str().unwrap_or_default();
        let range = &metric["thresholdRange"];
        match (BUILT_IN.iter().position(|known| *known == name), range["min"].as_f64(), range["max"].as_f64())
        {
            (Some(0), Some(min), _) if (0.0..100.0).contains(&min) => {
                flags.extend(["--max-error-rate".to_owned(), tidy(100.0 - min).to_string()]);
            }
            (Some(1), _, Some(max)) if max > 0.0 => {
                flags.extend(["--slower-than".to_owned(), format!("{}ms", tidy(max))]);
            }
            _ => {}
        }
    }
    // Without a file there is no other way to ask for an analysis.
    if !flags.is_empty() || !has_file {
        flags.insert(0, "--analyze".to_owned());
    }
    if has_file {
        flags.extend(["--analysis".to_owned(), FILE.to_owned()]);
    }
    let name = target["name"].as_str().unwrap_or_else(|| object.name());
    let line = Line {
        name,
        namespace: object.namespace(),
        image: Some("CONTAINER=IMAGE".to_owned()),
        weights,
        wait: Some(wait),
        promote: analysis["skipAnalysis"] != true,
        analysis: flags,
    };
    gathered.import.commands.push(line.written());
}

/// The shares of a Canary (`pkg/controller/scheduler.go`: `nextStepWeight`, `maxWeight`, 100 by default).
fn weights(analysis: &Value) -> Vec<u64> {
    let listed: Vec<u64> = list(&analysis["stepWeights"]).iter().filter_map(Value::as_u64).collect();
    if !listed.is_empty() {
        return steps(&listed);
    }
    let most = analysis["maxWeight"].as_u64().unwrap_or(100).min(100);
    match analysis["stepWeight"].as_u64() {
        Some(step @ 1..=100) => {
            let mut all: Vec<u64> =
                (1..=100).map(|count| count * step).take_while(|weight| *weight < most).collect();
            all.push(most);
            steps(&all)
        }
        Some(_) | None => Vec::new(),
    }
}

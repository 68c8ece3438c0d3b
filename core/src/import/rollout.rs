//! Rollouts: their steps as a command line, and what they give their templates.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::line::{Line, promote, steps};
use super::times::{ordinal, seconds, time};
use super::{FILE, Gathered, Object};

/// One stretch of steps up to a pause without an end.
#[derive(Default)]
struct Stretch {
    weights: Vec<u64>,
    /// How long it pauses at each, by its place.
    pauses: BTreeMap<usize, Duration>,
    /// Whether it ends with a pause without an end.
    held: bool,
}

/// Reads a Rollout's steps.
pub(super) fn read(gathered: &mut Gathered<'_>, object: Object<'_>, objects: &[Object<'_>], has_file: bool) {
    let spec = &object.value["spec"];
    let canary = &spec["strategy"]["canary"];
    if canary.is_null() {
        let text = "left out: only its canary strategy is read; for blueGreen see 'kubectl rollout-plus blue-green --help'";
        gathered.note(object, "spec.strategy", text);
        return;
    }
    let known = [
        "canaryService",
        "stableService",
        "analysis",
        "steps",
        "maxSurge",
        "maxUnavailable",
        "trafficRouting",
        "scaleDownDelaySeconds",
        "abortScaleDownDelaySeconds",
        "dynamicStableScale",
        "antiAffinity",
        "canaryMetadata",
        "stableMetadata",
        "minPodsPerReplicaSet",
        "scaleDownDelayRevisionLimit",
        "pingPong",
    ];
    gathered.strangers(object, "spec.strategy.canary", canary, &known);
    background(gathered, object, objects);
    if !canary["trafficRouting"].is_null() {
        let text =
            "left out: the router is found by the routes of the Deployment's Service, or named by --router";
        gathered.note(object, "spec.strategy.canary.trafficRouting", text);
    }
    let stretches = stretches(gathered, object, objects);
    let held = stretches.last().is_some_and(|last| last.held);
    let name = spec["workloadRef"]["name"].as_str().unwrap_or_else(|| object.name());
    let last = stretches.len().saturating_sub(1);
    let mut taken = false;
    for (index, stretch) in stretches.into_iter().enumerate() {
        let weights = steps(&stretch.weights);
        let promotes = index == last && !held;
        if weights.is_empty() {
            continue;
        }
        if promotes && stretch.weights.len() > weights.len() {
            gathered.note(object, "spec.strategy.canary.steps", "a share of 100 is what --promote does");
        }
        let pauses: Vec<Duration> = stretch.pauses.into_values().collect();
        let wait = pauses.iter().max().copied();
        if pauses.iter().any(|pause| Some(*pause) != wait) {
            let all = pauses.iter().map(|pause| seconds(*pause)).collect::<Vec<_>>().join(", ");
            let text = format!("its pauses differ ({all}): --step-wait is one for all, and the longest");
            gathered.note(object, "spec.strategy.canary.steps", text);
        }
        let analysis = if has_file { vec!["--analysis".to_owned(), FILE.to_owned()] } else { Vec::new() };
        let image = if taken { None } else { image(spec) };
        let line =
            Line { name, namespace: object.namespace(), image, weights, wait, promote: promotes, analysis };
        gathered.import.commands.push(line.written());
        taken = true;
    }
    if held && taken {
        gathered.import.commands.push(promote(name, object.namespace()));
    }
    if !taken {
        gathered.note(
            object,
            "spec.strategy.canary.steps",
            "left out: it has no steps with a share from 1 to 99",
        );
    }
}

/// The images of its own template, or a word in their place.
fn image(spec: &Value) -> Option<String> {
    let containers = spec["template"]["spec"]["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    match containers {
        [only] => only["image"].as_str().map(|image| match only["name"].as_str() {
            Some(name) => format!("{name}={image}"),
            None => image.to_owned(),
        }),
        _ => Some("CONTAINER=IMAGE".to_owned()),
    }
}

fn background(gathered: &mut Gathered<'_>, object: Object<'_>, objects: &[Object<'_>]) {
    let analysis = &object.value["spec"]["strategy"]["canary"]["analysis"];
    if analysis.is_null() {
        return;
    }
    let path = "spec.strategy.canary.analysis";
    missing(gathered, object, path, analysis, objects);
    let from = analysis["startingStep"].as_i64().unwrap_or(0);
    let text = format!(
        "Argo's background analysis runs from the {} step (index {from}) on; here looks are taken after each rise",
        ordinal(from.saturating_add(1))
    );
    gathered.note(object, format!("{path}.startingStep"), text);
    for (index, argument) in analysis["args"].as_array().into_iter().flatten().enumerate() {
        if let Some(hash) = argument["valueFrom"]["podTemplateHashValue"].as_str() {
            let of = if hash == "Latest" {
                "the canary: ${canary.hash}"
            } else {
                "the stable version: ${stable.hash}"
            };
            let name = argument["name"].as_str().unwrap_or_default();
            gathered.note(object, format!("{path}.args[{index}]"), format!("{name} is the hash of {of}"));
        }
    }
}

/// Notes the templates that are not among the files.
fn missing(
    gathered: &mut Gathered<'_>,
    object: Object<'_>,
    path: &str,
    analysis: &Value,
    objects: &[Object<'_>],
) {
    for (index, template) in analysis["templates"].as_array().into_iter().flatten().enumerate() {
        let name = template["templateName"].as_str().unwrap_or_default();
        let kind =
            if template["clusterScope"] == true { "ClusterAnalysisTemplate" } else { "AnalysisTemplate" };
        if !objects.iter().any(|object| object.is("argoproj.io", kind) && object.name() == name) {
            let text =
                format!("{}/{name} is not among the files: its metrics are left out", kind.to_lowercase());
            gathered.note(object, format!("{path}.templates[{index}]"), text);
        }
    }
}

/// Splits steps at pauses without an end.
fn stretches(gathered: &mut Gathered<'_>, object: Object<'_>, objects: &[Object<'_>]) -> Vec<Stretch> {
    let (mut done, mut now) = (Vec::new(), Stretch::default());
    let list =
        object.value["spec"]["strategy"]["canary"]["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, step) in list.iter().enumerate() {
        let path = format!("spec.strategy.canary.steps[{index}]");
        let kind = step.as_object().and_then(|map| map.keys().next()).map_or("", String::as_str);
        match kind {
            "setWeight" => {
                if now.held {
                    done.push(std::mem::take(&mut now));
                }
                match step["setWeight"].as_u64() {
                    Some(weight @ 1..=100) => now.weights.push(weight),
                    _ => gathered.note(object, path, "left out: a share of 0 is no step"),
                }
            }
            "pause" => {
                let duration = &step["pause"]["duration"];
                match time(duration) {
                    Some(_) if now.held => {
                        gathered.note(object, path, "left out: it follows a pause without an end");
                    }
                    Some(pause) => {
                        let sum = now.pauses.entry(now.weights.len()).or_default();
                        *sum = sum.saturating_add(pause);
                    }
                    None if duration.is_null() => {
                        now.held = true;
                        if let Some(pause) = now.pauses.remove(&now.weights.len()) {
                            let text =
                                format!("the {} before a pause without an end are left out", seconds(pause));
                            gathered.note(object, path.clone(), text);
                        }
                        let text = "it waits until somebody goes on: the command line ends here, with the canary held";
                        gathered.note(object, path, text);
                    }
                    None => gathered.note(object, path, format!("left out: {duration} is not a time")),
                }
            }
            "analysis" => {
                missing(gathered, object, &path, &step["analysis"], objects);
                gathered.note(object, path, "read as part of the one analysis, which looks after each rise");
            }
            other => gathered.note(object, path, format!("left out: a step '{other}' is not read")),
        }
    }
    done.push(now);
    done
}

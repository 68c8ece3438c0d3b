//! The JSON Patches that put a hold on a workload and take it off. One request each, because a template
//! that lands before its hold would let a rollout escape.

use serde_json::{Value, json};

use crate::journal::{HeldRecord, Originals};
use crate::keys;
use crate::model::{same_template, without_hash};
use crate::situation::Situation;

/// Which template a workload has after the hold is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The new one: promote.
    New,
    /// The stable one: abort.
    Stable,
}

/// A patch that takes a hold off, and what of other people's it leaves alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// JSON Patch operations; empty if nothing is to be done.
    pub patch: Vec<Value>,
    /// Fields that somebody changed during the hold: their value stays.
    pub kept: Vec<String>,
}

/// Returns the patch that holds a workload, or that changes its hold.
pub fn hold(situation: &Situation<'_>, record: &HeldRecord, template: Option<&Value>) -> Vec<Value> {
    let workload = situation.workload();
    let mut patch = fence(situation);
    if let Some(template) = template.filter(|new| !same_template(new, &workload.spec.template)) {
        patch.push(set("/spec/template", &without_hash(template)));
    }
    let held = Originals::held(workload, record.bounds).fields(workload.kind.names());
    patch.extend(held.into_iter().filter_map(|(path, value)| Some(set(&path, &value?))));
    if workload.spec.paused {
        patch.push(json!({"op": "remove", "path": "/spec/paused"}));
    }
    if workload.metadata.annotations.is_none() {
        patch.push(set("/metadata/annotations", &json!({})));
    }
    let text = serde_json::to_string(record).unwrap_or_default();
    patch.push(set(&annotation_path(), &Value::from(text)));
    patch
}

/// Returns the patch that sets a template and leaves all else alone.
pub fn update(situation: &Situation<'_>, template: &Value) -> Vec<Value> {
    let mut patch = fence(situation);
    patch.push(set("/spec/template", &without_hash(template)));
    patch
}

/// Returns the patch that keeps a workload as it is: while new pods serve that are not Available, the controller
/// would take them away first if another version came.
pub fn freeze(situation: &Situation<'_>) -> Vec<Value> {
    let mut patch = fence(situation);
    patch.push(set("/spec/paused", &json!(true)));
    patch
}

/// Returns the patch that ends a hold, or what is left of one.
///
/// Three-way: a field goes back to the user's own value only where it still has ours.
pub fn release(situation: &Situation<'_>, keep: Keep) -> Release {
    let workload = situation.workload();
    let spec = &workload.spec;
    let mut patch = Vec::new();
    if keep == Keep::Stable
        && let Some(stable) = situation.home()
        && !same_template(stable, &spec.template)
    {
        patch.push(set("/spec/template", &without_hash(stable)));
    }
    let (live, own) = (Originals::of(workload), situation.own_settings());
    let kind = workload.kind.names();
    for ((path, live), (_, own)) in live.fields(kind).into_iter().zip(own.fields(kind)) {
        if live != own {
            patch.push(restore(&path, own.as_ref()));
        }
    }
    if spec.paused && (situation.hold.is_some() || !patch.is_empty() || is_frozen(situation)) {
        // A paused workload would neither finish nor go back.
        patch.push(json!({"op": "remove", "path": "/spec/paused"}));
    }
    if workload.annotation(keys::HELD_ANNOTATION).is_some() {
        patch.push(json!({"op": "remove", "path": annotation_path()}));
    }
    if workload.annotation(keys::OWNERS_ANNOTATION).is_some() {
        patch.push(json!({"op": "remove", "path": path_of(keys::OWNERS_ANNOTATION)}));
    }
    if !patch.is_empty() {
        patch.splice(0..0, fence(situation));
    }
    Release { patch, kept: situation.observed.foreign_settings() }
}

/// Whether the record is of a blue-green, which pauses the Deployment: where another client ended its hold, that is left over.
/// Whatever a journal says, no undo brought that record: it is refused where a Deployment is paused.
fn is_frozen(situation: &Situation<'_>) -> bool {
    let traffic = situation.workload().held_record().and_then(|record| record.traffic);
    traffic.is_some_and(|traffic| traffic.switch.is_some())
}

/// What a write relies on: the same object, its spec as we read it, and the record of the run that we follow.
fn fence(situation: &Situation<'_>) -> Vec<Value> {
    let workload = situation.workload();
    let mut tests = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": workload.uid()}),
        json!({"op": "test", "path": "/metadata/generation", "value": workload.generation()}),
    ];
    if let Some(text) = workload.annotation(keys::HELD_ANNOTATION) {
        tests.push(json!({"op": "test", "path": annotation_path(), "value": text}));
    }
    tests
}

fn annotation_path() -> String {
    path_of(keys::HELD_ANNOTATION)
}

fn path_of(annotation: &str) -> String {
    format!("/metadata/annotations/{}", annotation.replace('~', "~0").replace('/', "~1"))
}

/// `add` sets a member whether it exists or not (RFC 6902, 4.1).
fn set(path: &str, value: &Value) -> Value {
    json!({"op": "add", "path": path, "value": value})
}

fn restore(path: &str, original: Option<&Value>) -> Value {
    match original {
        Some(value) => set(path, value),
        None => json!({"op": "remove", "path": path}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{held, template};
    use crate::share::{Bounds, Unavailable};

    fn paths(patch: &[Value], op: &str) -> Vec<String> {
        patch.iter().filter(|o| o["op"] == op).map(|o| o["path"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_patch_begins_with_what_it_relies_on() {
        let observed = held();
        let release = release(&Situation::of(&observed), Keep::New);
        let tests = ["/metadata/uid", "/metadata/generation", "/metadata/annotations/rollout-plus~1held"];
        assert_eq!(paths(&release.patch, "test"), tests);
        assert!(release.patch[..3].iter().all(|operation| operation["op"] == "test"));
    }

    #[test]
    fn the_way_home_restores_each_field_that_is_still_ours() {
        let observed = held();
        let back = release(&Situation::of(&observed), Keep::Stable);
        assert!(back.kept.is_empty());
        let set: Vec<_> = back.patch.iter().filter(|o| o["op"] == "add").collect();
        assert_eq!(set[0]["value"], template("web:1"));
        assert_eq!(set[1]["value"], 600);
        assert_eq!(set[2]["value"]["rollingUpdate"]["maxSurge"], "25%");
        let removed = ["/spec/minReadySeconds", "/metadata/annotations/rollout-plus~1held"];
        assert_eq!(paths(&back.patch, "remove"), removed);
    }

    #[test]
    fn what_somebody_changed_during_the_hold_is_kept() {
        let mut observed = held();
        observed.workload.spec.progress_deadline_seconds = Some(300);
        observed.workload.spec.strategy =
            Some(Bounds { surge: 2, unavailable: Unavailable::Pods(1) }.strategy());
        let back = release(&Situation::of(&observed), Keep::Stable);
        assert_eq!(back.kept, ["spec.progressDeadlineSeconds", "spec.strategy"]);
        assert_eq!(paths(&back.patch, "add"), ["/spec/template"]);
    }

    #[test]
    fn a_freeze_whose_hold_another_client_ended_is_taken_back() {
        let released = |switch: Option<u64>| {
            let mut observed = held();
            let annotations = observed.workload.metadata.annotations.as_mut().unwrap();
            let mut record = HeldRecord::parse(&annotations[keys::HELD_ANNOTATION]).unwrap();
            record.traffic =
                Some(crate::traffic::Traffic { switch, ..crate::traffic::Traffic::direct("web") });
            annotations.insert(keys::HELD_ANNOTATION.into(), serde_json::to_string(&record).unwrap());
            // An agent applies the user's own manifest, which does not name `paused`.
            let own = record.original;
            observed.workload.spec.min_ready_seconds = own.min_ready_seconds;
            observed.workload.spec.progress_deadline_seconds = own.progress_deadline_seconds;
            observed.workload.spec.strategy = own.strategy;
            observed.workload.spec.paused = true;
            paths(&release(&Situation::of(&observed), Keep::New).patch, "remove")
        };
        let record = "/metadata/annotations/rollout-plus~1held";
        assert_eq!(released(Some(30)), ["/spec/paused", record]);
        assert_eq!(released(None), [record], "its user paused it");
    }

    #[test]
    fn a_deployment_that_is_not_held_needs_nothing() {
        let observed = crate::fixtures::idle();
        assert_eq!(release(&Situation::of(&observed), Keep::Stable).patch, Vec::<Value>::new());
    }
}

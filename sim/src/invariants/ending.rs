//! What a run said at its end, against what is in the store.

use std::sync::Arc;

use rollout_plus::keys::HELD_ANNOTATION;
use serde_json::Value;

use super::claims::{Objects, Others, Told, untrue};
use crate::controllers;
use crate::driver::Driver;
use crate::driver::runs::{End, Run};
use crate::object::{Key, Kind};
use crate::scenario::shop::{self, NAME, NAMESPACE, Settings};
use crate::server::resources::of_kind;
use crate::server::store::{Entry, Objects as Kept};

pub use super::claims::is_held;

/// The requests of a run by which it looks at the end.
const LAST_LOOK: usize = 12;

/// Names what of ours is left on a Deployment, and which fields are not the user's.
pub fn leftovers(deployment: &Value, settings: &Settings) -> Vec<String> {
    let mut left = Vec::new();
    let (spec, wanted) = (&deployment["spec"], settings.deployment());
    let wanted = &wanted["spec"];
    for member in ["strategy", "progressDeadlineSeconds", "replicas", "paused"] {
        if spec[member] != wanted[member] {
            left.push(format!("spec.{member} is {}, the user's is {}", spec[member], wanted[member]));
        }
    }
    let ready = spec["minReadySeconds"].as_i64().unwrap_or_default();
    if ready != i64::from(settings.ready_seconds) {
        left.push(format!("spec.minReadySeconds is {ready}, the user's is {}", settings.ready_seconds));
    }
    if deployment["metadata"]["annotations"][HELD_ANNOTATION].is_string() {
        left.push(format!("the annotation {HELD_ANNOTATION} is left"));
    }
    left
}

/// The Deployment and its ReplicaSets among all.
fn objects(deployments: &Kept, sets: &Kept) -> Objects {
    let deployment =
        deployments.get(&Key::new(NAMESPACE, NAME)).map_or(Value::Null, |one| one.as_ref().clone());
    let uid = deployment["metadata"]["uid"].clone();
    let own = sets.values().filter(|set| set["metadata"]["ownerReferences"][0]["uid"] == uid);
    Objects { sets: own.map(|set| set.as_ref().clone()).collect(), deployment }
}

/// Those of a version of the store.
fn at(driver: &Driver, version: u64) -> Objects {
    let all =
        |kind| of_kind(kind).map(|resource| driver.server.store.at(resource, version)).unwrap_or_default();
    objects(&all(Kind::Deployment), &all(Kind::ReplicaSet))
}

fn now(driver: &Driver) -> Objects {
    let all = |kind| {
        let objects = of_kind(kind).into_iter().flat_map(|resource| driver.server.store.all(resource));
        objects.map(|(key, object)| (key.clone(), Arc::clone(object))).collect()
    };
    objects(&all(Kind::Deployment), &all(Kind::ReplicaSet))
}

/// What others wrote since a version: neither a controller nor this run.
pub fn by_others(driver: &Driver, run: usize, since: u64) -> impl Iterator<Item = &Entry> {
    let own = format!("run {run}");
    let names: Vec<&str> = controllers::all().iter().map(|controller| controller.name()).collect();
    let entries = driver.server.store.since(since).iter();
    entries.filter(move |entry| entry.by != own && !names.contains(&entry.by.as_str()))
}

/// Compares exit code and sentences of a run with the store.
pub fn check(driver: &mut Driver, run: usize) {
    let Some(told) = driver.runs.get(run) else { return };
    let Some(End::Code(code)) = told.end else { return };
    let verb = told.words.first().cloned().unwrap_or_default();
    let wrong = untruths(driver, run, told, code, &verb);
    driver.seen.look("what was said is true");
    for why in wrong {
        driver.breaks("what was said is true", format!("'{verb}' ended with {code}, and {why}"));
    }
}

fn untruths(driver: &Driver, run: usize, ended: &Run, code: u8, verb: &str) -> Vec<String> {
    let Some(begin) = ended.versions.first().copied() else { return Vec::new() };
    let printed = ended.printed();
    let text = format!("{}{}", printed.stderr, printed.stdout);
    let (before, now) = (at(driver, begin), now(driver));
    let last = ended.versions.len().saturating_sub(LAST_LOOK);
    let is_quiet = |since| by_others(driver, run, since).next().is_none();
    let alone = is_quiet(begin);
    let quiet = alone || is_quiet(ended.versions.get(last).copied().unwrap_or(begin));
    let told = Told { verb: Some(verb), is_rehearsal: false, code: Some(i32::from(code)), text: &text };
    let mut wrong = untrue(&before, &now, told, Others { alone, quiet });
    if alone {
        wrong.extend(by_itself(&before, &now, ended, code, &text));
    }
    wrong
}

/// What has to be so where nobody else was there.
fn by_itself(before: &Objects, now: &Objects, ended: &Run, code: u8, text: &str) -> Vec<String> {
    let verb = ended.words.first().map_or("", String::as_str);
    let (held, image) = (is_held(&now.deployment), shop::image(&now.deployment));
    let has = |flag: &str| ended.words.iter().any(|word| word == flag);
    let promotes = has("--promote") || has("--auto-promote");
    let asked = ended.words.iter().position(|word| word == "--image").and_then(|at| ended.words.get(at + 1));
    let other = asked.is_some_and(|asked| asked != image);
    let gone = before.deployment["metadata"]["uid"] != now.deployment["metadata"]["uid"];
    let all = [
        (code == 0 && promotes && (held || other), "the new version is not in place"),
        (code == 0 && verb == "rolling" && other, "the new version is not in place"),
        (code == 0 && verb == "canary" && !promotes && (!held || other), "it is not held"),
        (code == 0 && verb == "blue-green" && !promotes && (!held || other), "it is not held"),
        (code == 0 && verb == "abort" && is_held(&before.deployment) && held, "it is still held"),
        (text.contains("another client has put"), "no other client was there"),
        (text.contains("was deleted meanwhile") && !gone, "it is there"),
    ];
    all.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, why)| why.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is untrue of a text where the sets are to have so many pods.
    fn told(text: &str, sizes: &[u64]) -> Vec<String> {
        let set = |size: &u64| {
            let labels = json!({"pod-template-hash": format!("hash{size}")});
            json!({"metadata": {"labels": labels}, "spec": {"replicas": size}})
        };
        let deployment = json!({"spec": {"minReadySeconds": 2_147_483_646}});
        let now = Objects { deployment, sets: sizes.iter().map(set).collect() };
        let told = Told { verb: Some("canary"), is_rehearsal: false, code: Some(0), text };
        untrue(&now, &now, told, Others { alone: true, quiet: true })
    }

    #[test]
    fn all_versions_that_are_held_have_to_be_named() {
        let two = "error: it failed; it is held where it stands: 1 pod of it beside 3 pods";
        assert!(told(two, &[1, 3]).is_empty() && told(two, &[0, 3, 1]).is_empty());
        assert_eq!((told(two, &[1, 3, 2]).len(), told(two, &[1, 4]).len()), (1, 2));
        let three = format!("{two}, and 2 pods of other versions");
        assert!(told(&three, &[1, 2, 3]).is_empty() && told(&three, &[1, 1, 3, 1]).is_empty());
        assert!(!told(&three, &[1, 3]).is_empty() && !told(&three, &[1, 2, 4]).is_empty());
    }

    #[test]
    fn surplus_pods_are_ready_until_they_go() {
        let line = |ready: &str| format!("├─ stable  shop:v1  revision 1  hash4  {ready}  66.7 %");
        for ready in ["4/4 Ready", "0/4 Ready", "5 Ready, 4 wanted"] {
            assert_eq!(told(&line(ready), &[4]), [] as [&str; 0], "{ready}");
        }
        for ready in ["4/5 Ready", "5 Ready, 3 wanted", "14 Ready, 14 wanted"] {
            assert_eq!(told(&line(ready), &[4]).len(), 1, "{ready}");
        }
    }
}

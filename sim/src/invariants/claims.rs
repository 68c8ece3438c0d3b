//! What the tool said at its end, against the objects as they are then. The simulator and the tests of a real control plane
//! include this file alike.
//!
//! Other clients may write meanwhile, other runs of the tool among them. What they can have changed is not asked: of a
//! sentence about the end, if one of them was there in the last moments; of one about all that the run did, if at any time.

use serde_json::Value;

/// `minReadySeconds` of a held Deployment.
const HELD: i64 = 2_147_483_646;

/// A Deployment and its ReplicaSets.
#[derive(Clone, Debug)]
pub struct Objects {
    /// Null if there is none.
    pub deployment: Value,
    /// Those that it owns.
    pub sets: Vec<Value>,
}

/// What a run did and said.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Its verb; nothing for several of them.
    pub verb: Option<&'a str>,
    /// Whether it was only to try.
    pub is_rehearsal: bool,
    /// Its exit code, if it was not killed.
    pub code: Option<i32>,
    /// All that it printed.
    pub text: &'a str,
}

/// Who else was there.
#[derive(Clone, Copy, Debug)]
pub struct Others {
    /// Nobody wrote from the begin on.
    pub alone: bool,
    /// Nobody wrote at the end.
    pub quiet: bool,
}

/// Whether our hold is on a Deployment.
pub fn is_held(deployment: &Value) -> bool {
    deployment["spec"]["minReadySeconds"] == HELD
}

/// Names what was said that is not so.
pub fn untrue(before: &Objects, now: &Objects, told: Told<'_>, others: Others) -> Vec<String> {
    let says = |words: &str| told.text.contains(words);
    let Others { alone, quiet } = others;
    let mut wrong = Vec::new();
    let mut ask = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    // Bad input, a check before the first write, another run's lock, or a mere rehearsal. Of several lines those that came
    // before may have written.
    let is_nothing = told.verb.is_some()
        && (told.is_rehearsal
            || matches!(told.code, Some(2 | 8))
            || told.code == Some(5) && !says("it writes no more")
            || says("nothing is in flight")
            || says("nothing was changed"));
    if is_nothing && alone {
        let generation = |of: &Objects| of.deployment["metadata"]["generation"].clone();
        ask(generation(before) == generation(now), "it was written");
    }
    if !quiet {
        return wrong;
    }
    let same = |member: &str| before.deployment["spec"][member] == now.deployment["spec"][member];
    let (was_held, held) = (is_held(&before.deployment), is_held(&now.deployment));
    let serving: Vec<&Value> = now.sets.iter().filter(|set| set["spec"]["replicas"] != 0).collect();
    let is_one = serving.len() <= 1;
    if says("the former version is back") || says("the former version's template is back") {
        ask(!held, "it is still held");
        // Of a rollout under way the way back is what serves.
        let known = alone && !was_held && is_whole(&before.deployment);
        ask(!known || same("template"), "it has another template than before");
    }
    if says("the former version is back") {
        ask(is_one, "several versions have pods");
    }
    if says("it was not undone") {
        ask(!same("template") || was_held, "the template is as before");
    }
    if says("held where it stands") || says("the version is held") {
        ask(held, "it is not held");
    }
    if let Some((parts, others)) = held_beside(told.text) {
        let mut sizes: Vec<u64> = serving.iter().filter_map(|set| set["spec"]["replicas"].as_u64()).collect();
        let wanted = format!("{sizes:?} pods are wanted");
        for part in parts.into_iter().filter(|part| *part > 0) {
            match sizes.iter().position(|size| *size == part) {
                Some(at) => drop(sizes.remove(at)),
                None => ask(false, &wanted),
            }
        }
        ask(sizes.iter().sum::<u64>() == others, &wanted);
    }
    if says("the hold is off") || says("the version was aborted") || says("the version was promoted") {
        ask(!held, "it is held");
    }
    let Some(verb) = told.verb.filter(|_| told.code == Some(0) && !is_nothing) else {
        if told.verb.is_none() && told.code == Some(0) && held {
            wrong.extend(shares(&now.sets, told.text));
        }
        return wrong;
    };
    if let Some(phase) = phase(told.text) {
        ask((phase == "Held") == held, &format!("held is {held}"));
    }
    if matches!(verb, "promote" | "abort" | "rolling" | "rollback") {
        ask(!held, "it is held");
        // Another client's version may be on its way after an abort.
        ask(is_one || verb == "abort", "several versions have pods");
    }
    let stable = record(&before.deployment).and_then(|record| record["stable"].as_str().map(str::to_owned));
    if let (Some(stable), [one], true) = (stable, serving.as_slice(), alone && was_held) {
        let is_stable = one["metadata"]["labels"]["pod-template-hash"] == *stable;
        let was_there =
            before.sets.iter().any(|set| set["metadata"]["labels"]["pod-template-hash"] == *stable);
        if was_there && verb == "abort" {
            ask(is_stable, "the stable version is not the one that serves");
        }
        // The stable template may have been put back under the hold before.
        if verb == "promote" {
            ask(same("template"), "it promoted another template than the one that was held");
        }
    }
    if held {
        wrong.extend(shares(&now.sets, told.text));
    }
    wrong
}

/// The record of a hold.
fn record(deployment: &Value) -> Option<Value> {
    let text = deployment["metadata"]["annotations"]["rollout-plus/held"].as_str()?;
    serde_json::from_str(text).ok()
}

/// The phase of the last picture.
fn phase(text: &str) -> Option<&str> {
    let line =
        text.lines().rev().find(|line| line.starts_with("deployment/") && line.contains("  (namespace "))?;
    line.split("  ").nth(1)
}

/// "held where it stands: 2 pods of it beside 3 pods, and 1 pod of other versions".
fn held_beside(text: &str) -> Option<([u64; 2], u64)> {
    let (_, rest) = text.lines().find_map(|line| line.split_once("held where it stands: "))?;
    let (canary, rest) = rest.split_once(" of it beside ")?;
    let number = |text: &str| text.split(' ').next()?.parse().ok();
    let others = match rest.split_once(", and ") {
        Some((_, others)) => number(others)?,
        None => 0,
    };
    Some(([number(canary)?, number(rest)?], others))
}

/// The last picture says how many pods each version has.
fn shares(sets: &[Value], text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.contains(" Ready") && line.contains("revision"));
    let wrong = lines.filter_map(|line| {
        let hash = |set: &&Value| {
            set["metadata"]["labels"]["pod-template-hash"].as_str().is_some_and(|hash| line.contains(hash))
        };
        let set = sets.iter().find(hash)?;
        // Surplus pods are Ready until they go.
        let wanted = &set["spec"]["replicas"];
        let ways = [format!("/{wanted} Ready"), format!(" Ready, {wanted} wanted")];
        let is_told = ways.iter().any(|way| line.contains(way));
        (!is_told).then(|| format!("{wanted} are wanted, and it is '{line}'"))
    });
    wrong.collect()
}

/// Whether a Deployment has all of one version that it wants, and its controller has seen it.
fn is_whole(deployment: &Value) -> bool {
    let status = &deployment["status"];
    if status["observedGeneration"] != deployment["metadata"]["generation"] {
        return false;
    }
    let all = &deployment["spec"]["replicas"];
    [&status["replicas"], &status["updatedReplicas"], &status["availableReplicas"]]
        .iter()
        .all(|count| *count == all)
}

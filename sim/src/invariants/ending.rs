//! What a run said at its end, against what is in the store.

use rollout_plus::keys::{HELD, HELD_ANNOTATION};
use serde_json::{Value, json};

use crate::driver::Driver;
use crate::driver::runs::End;
use crate::scenario::shop::{self, FORMER, Settings};

/// Whether our hold is on a Deployment.
pub fn is_held(deployment: &Value) -> bool {
    deployment["spec"]["minReadySeconds"] == json!(HELD)
}

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

/// Compares exit code and sentences of a run with the store.
pub fn check(driver: &mut Driver, run: usize) {
    let Some(told) = driver.runs.get(run) else { return };
    let Some(End::Code(code)) = told.end else { return };
    let verb = told.words.first().cloned().unwrap_or_default();
    let printed = told.printed();
    let deployment = shop::deployment(driver);
    let (held, former) = (is_held(&deployment), shop::image(&deployment) == FORMER);
    let promotes = verb == "promote" || told.words.iter().any(|word| word == "--promote");
    let said = format!("{}{}", printed.stderr, printed.stdout);
    let why = match code {
        0 if promotes && (held || former) && verb != "promote" => Some("the new version is not in place"),
        0 if verb == "promote" && held => Some("it is still held"),
        0 if verb == "abort" && held => Some("it is still held"),
        0 if verb == "canary" && !promotes && !held => Some("nothing is held"),
        1 if said.contains("the former version is back") && (held || !former) => {
            Some("the former version is not back")
        }
        _ => None,
    };
    if let Some(why) = why {
        driver.breaks("what was said is true", format!("'{verb}' ended with {code}, and {why}"));
    }
}

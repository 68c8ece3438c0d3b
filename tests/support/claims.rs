//! What the tool said is compared with the objects as they are in the server at that moment, by the rules of the simulator.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::Ended;
use super::runs::Place;
use crate::api::get;

#[path = "../../sim/src/invariants/claims.rs"]
mod rules;

use rules::{Objects, Others, Told, untrue};

/// Stands for the verb where a pipeline's step has the settings of one.
const STEP: &str = "step";

/// How long before its end a run may have looked last. The times in `managedFields` are whole seconds.
const LAST_LOOK: Duration = Duration::from_secs(3);

/// What is there at a time.
#[derive(Clone)]
pub struct Picture {
    objects: Objects,
    at: (Instant, jiff::Timestamp),
}

/// The Deployment that a command line is about, as it was before.
#[derive(Clone)]
pub struct Claims {
    args: Vec<String>,
    namespace: String,
    before: Picture,
    place: Option<Place>,
}

impl Claims {
    /// Reads it; nothing if the command line names none, or writes nothing.
    pub fn of(namespace: &str, args: &[&str]) -> Option<Self> {
        const VERBS: [&str; 8] =
            ["canary", "blue-green", "rolling", "promote", "abort", "rollback", "restart", STEP];
        let (verb, name) = (args.first()?, args.get(1)?);
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !VERBS.contains(verb) || !is_plain || name.starts_with('-') {
            return None;
        }
        let before = picture(namespace, name);
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        (!before.objects.deployment.is_null()).then(|| Self {
            args,
            namespace: namespace.to_owned(),
            before,
            place: None,
        })
    }

    /// Reads it for a pipeline's step.
    pub fn of_step(namespace: &str, name: &str) -> Option<Self> {
        Self::of(namespace, &[STEP, name])
    }

    /// Says which run it is of.
    pub fn by(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    /// Reads what is there now.
    pub fn read(&self) -> Picture {
        picture(&self.namespace, &self.args[1])
    }

    /// Whether others wrote between two pictures, not before this time.
    fn disturbed(&self, now: &Picture, since: (Instant, jiff::Timestamp)) -> bool {
        let before = entries(&self.before.objects.deployment);
        let others = entries(&now.objects.deployment).into_iter().filter(|entry| !before.contains(entry));
        let mut times = others.map(|(_, _, time)| time.parse::<jiff::Timestamp>().expect("a time"));
        times.any(|time| time >= since.1) || self.place.is_some_and(|place| place.has_company(since.0))
    }

    /// Fails the test if something that was said is not so.
    #[track_caller]
    pub fn check(&self, now: &Picture, ended: &Ended) {
        let begun = self.place.map_or(self.before.at.0, |place| place.begun);
        let alone = !self.disturbed(now, (begun, jiff::Timestamp::UNIX_EPOCH));
        let looked = (now.at.0.checked_sub(LAST_LOOK).unwrap_or(begun), now.at.1 - LAST_LOOK);
        let others = Others { alone, quiet: alone || !self.disturbed(now, looked) };
        // With `-o json` it is said on stdout.
        let text = format!("{}{}", ended.stderr, ended.stdout);
        let verb = Some(self.args[0].as_str()).filter(|verb| *verb != STEP);
        let is_rehearsal = self.args.iter().any(|arg| arg.starts_with("--dry-run"));
        let told = Told { verb, is_rehearsal, code: ended.code, text: &text };
        let wrong = untrue(&self.before.objects, &now.objects, told, others);
        assert!(
            wrong.is_empty(),
            "{}, although {:?} ended with {:?} and said\n{text}",
            wrong.join("; "),
            self.args,
            ended.code
        );
    }
}

fn picture(namespace: &str, name: &str) -> Picture {
    let apps = format!("/apis/apps/v1/namespaces/{namespace}");
    let (deployment, list) =
        (get(&format!("{apps}/deployments/{name}")), get(&format!("{apps}/replicasets")));
    let at = (Instant::now(), jiff::Timestamp::now());
    let uid = deployment["metadata"]["uid"].clone();
    let all = list["items"].as_array().cloned().unwrap_or_default();
    let own = all.into_iter().filter(|set| set["metadata"]["ownerReferences"][0]["uid"] == uid);
    Picture { objects: Objects { sets: own.collect(), deployment }, at }
}

/// Who wrote fields of a Deployment, besides the controller and ourselves: manager, operation and time.
fn entries(deployment: &Value) -> Vec<(String, String, String)> {
    let entries = deployment["metadata"]["managedFields"].as_array().into_iter().flatten();
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    entries
        .filter(|entry| entry["subresource"] != "status")
        .map(|entry| (text(entry, "manager"), text(entry, "operation"), text(entry, "time")))
        .filter(|(manager, ..)| manager != "kube-controller-manager" && manager != "kubectl-rollout-plus")
        .collect()
}

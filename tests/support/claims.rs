//! What the tool said is compared with the objects as they are in the server at that moment.
//!
//! Other clients may write meanwhile, other runs of the tool among them. What they can have changed is not asked: of a
//! sentence about the end, if one of them was there in the last seconds; of one about all that the run did, if at any time.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::Ended;
use super::runs::Place;
use crate::api::get;

const HELD: i64 = 2_147_483_646;

/// Stands for the verb where a pipeline's step has the settings of one.
const STEP: &str = "step";

/// How long before its end a run may have looked last. The times in `managedFields` are whole seconds.
const LAST_LOOK: Duration = Duration::from_secs(3);

/// A Deployment and its ReplicaSets.
#[derive(Clone)]
pub struct Picture {
    deployment: Value,
    sets: Vec<Value>,
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
        (!before.deployment.is_null()).then(|| Self {
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
        let before = entries(&self.before.deployment);
        let others = entries(&now.deployment).into_iter().filter(|entry| !before.contains(entry));
        let mut times = others.map(|(_, _, time)| time.parse::<jiff::Timestamp>().expect("a time"));
        times.any(|time| time >= since.1) || self.place.is_some_and(|place| place.has_company(since.0))
    }

    /// Fails the test if something that was said is not so.
    #[track_caller]
    pub fn check(&self, now: &Picture, ended: &Ended) {
        let said =
            format!("{:?} ended with {:?} and said\n{}{}", self.args, ended.code, ended.stderr, ended.stdout);
        let verb = self.args[0].as_str();
        let begun = self.place.map_or(self.before.at.0, |place| place.begun);
        let alone = !self.disturbed(now, (begun, jiff::Timestamp::UNIX_EPOCH));
        let looked = (now.at.0.checked_sub(LAST_LOOK).unwrap_or(begun), now.at.1 - LAST_LOOK);
        let quiet = alone || !self.disturbed(now, looked);
        let was_held = is_held(&self.before.deployment);
        let same = |field: &str| self.before.deployment["spec"][field] == now.deployment["spec"][field];
        let serving = now.sets.iter().filter(|set| set["spec"]["replicas"] != 0).count();
        // With `-o json` it is said on stdout.
        let says = |words: &str| ended.stderr.contains(words) || ended.stdout.contains(words);
        let is_rehearsal = self.args.iter().any(|arg| arg.starts_with("--dry-run"));
        // Bad input, a check before the first write, another run's lock, or a mere rehearsal.
        // The lines of a step that came before may have written.
        let is_nothing = verb != STEP
            && (is_rehearsal
                || matches!(ended.code, Some(2 | 8))
                || ended.code == Some(5) && !says("it writes no more")
                || says("nothing is in flight"));
        if is_nothing && alone {
            let generation = |of: &Picture| of.deployment["metadata"]["generation"].clone();
            assert_eq!(generation(&self.before), generation(now), "written, although {said}");
        }
        if !quiet {
            return;
        }
        let is_held = is_held(&now.deployment);
        if says("the former version is back") {
            assert!(!is_held, "still held, although {said}");
            // Of a rollout under way the way back is what serves.
            assert!(
                !alone || was_held || !is_whole(&self.before.deployment) || same("template"),
                "another template, although {said}"
            );
            assert!(serving <= 1, "{serving} versions have pods, although {said}");
        }
        if says("it was not undone") {
            assert!(!same("template") || was_held, "the template is as before, although {said}");
        }
        if says("held where it stands") || says("the version is held") {
            assert!(is_held, "not held, although {said}");
        }
        if says("the hold is off") || says("the version was aborted") || says("the version was promoted") {
            assert!(!is_held, "held, although {said}");
        }
        if is_nothing || ended.code != Some(0) {
            return;
        }
        if matches!(verb, "promote" | "abort" | "rolling" | "rollback") {
            assert!(!is_held, "held, although {said}");
            // Another client's version may be on its way after an abort.
            assert!(serving <= 1 || verb == "abort", "{serving} versions have pods, although {said}");
        } else if is_held {
            check_share(&now.sets, &said);
        }
    }
}

/// The last picture says how many pods each version has.
#[track_caller]
fn check_share(sets: &[Value], said: &str) {
    for line in said.lines().filter(|line| line.contains(" Ready") && line.contains("revision")) {
        let hash = |set: &&Value| {
            set["metadata"]["labels"]["pod-template-hash"].as_str().is_some_and(|hash| line.contains(hash))
        };
        let Some(set) = sets.iter().find(hash) else { continue };
        let wanted = format!("/{} Ready", set["spec"]["replicas"]);
        assert!(line.contains(&wanted), "it has {wanted}, although {said}");
    }
}

fn is_held(deployment: &Value) -> bool {
    deployment["spec"]["minReadySeconds"] == HELD
}

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

fn picture(namespace: &str, name: &str) -> Picture {
    let apps = format!("/apis/apps/v1/namespaces/{namespace}");
    let (deployment, list) =
        (get(&format!("{apps}/deployments/{name}")), get(&format!("{apps}/replicasets")));
    let at = (Instant::now(), jiff::Timestamp::now());
    let uid = deployment["metadata"]["uid"].clone();
    let all = list["items"].as_array().cloned().unwrap_or_default();
    let own = all.into_iter().filter(|set| set["metadata"]["ownerReferences"][0]["uid"] == uid);
    Picture { sets: own.collect(), deployment, at }
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

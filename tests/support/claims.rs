//! What the tool said is compared with the objects as they are in the server at that moment.

use serde_json::Value;

use super::{Ended, Shop};

const HELD: i64 = 2_147_483_646;

/// The Deployment that a command line is about, as it was before.
pub struct Before {
    name: String,
    deployment: Value,
}

impl Before {
    /// Reads it; nothing if the command line names none, or writes nothing.
    pub fn of(shop: &Shop, args: &[&str]) -> Option<Self> {
        const VERBS: [&str; 7] =
            ["canary", "blue-green", "rolling", "promote", "abort", "rollback", "restart"];
        let (verb, name) = (args.first()?, args.get(1)?);
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !VERBS.contains(verb) || !is_plain || name.starts_with('-') {
            return None;
        }
        let deployment = shop.get(&format!("deployment/{name}"));
        (!deployment.is_null()).then(|| Self { name: (*name).to_owned(), deployment })
    }

    /// Fails the test if something that was said is not so.
    #[track_caller]
    pub fn check(&self, shop: &Shop, args: &[&str], ended: &Ended) {
        let now = shop.get(&format!("deployment/{}", self.name));
        let said = format!("{args:?} ended with {:?} and said\n{}{}", ended.code, ended.stderr, ended.stdout);
        let (was_held, is_held) = (is_held(&self.deployment), is_held(&now));
        let same = |field: &str| self.deployment["spec"][field] == now["spec"][field];
        let live = sets(shop, &now);
        let serving = live.iter().filter(|set| set["spec"]["replicas"] != 0).count();
        let says = |words: &str| ended.stderr.contains(words);
        if says("the former version is back") {
            assert!(!is_held, "still held, although {said}");
            // Of a rollout under way the way back is what serves.
            assert!(
                was_held || !is_whole(&self.deployment) || same("template"),
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
        let is_rehearsal = args.iter().any(|arg| arg.starts_with("--dry-run"));
        // Bad input, a check before the first write, another run's lock, or a mere rehearsal.
        if is_rehearsal || matches!(ended.code, Some(2 | 5 | 8)) || says("nothing is in flight") {
            let generation = |of: &Value| of["metadata"]["generation"].clone();
            assert_eq!(generation(&self.deployment), generation(&now), "written, although {said}");
        } else if ended.code == Some(0) && matches!(args[0], "promote" | "abort" | "rolling" | "rollback") {
            assert!(!is_held, "held, although {said}");
            // Another client's version may be on its way after an abort.
            assert!(serving <= 1 || args[0] == "abort", "{serving} versions have pods, although {said}");
        } else if ended.code == Some(0) && is_held {
            self.check_share(&live, &said);
        }
    }

    /// The last picture says how many pods each version has.
    #[track_caller]
    fn check_share(&self, live: &[Value], said: &str) {
        for line in said.lines().filter(|line| line.contains(" Ready") && line.contains("revision")) {
            let hash = |set: &&Value| {
                set["metadata"]["labels"]["pod-template-hash"]
                    .as_str()
                    .is_some_and(|hash| line.contains(hash))
            };
            let Some(set) = live.iter().find(hash) else { continue };
            let wanted = format!("/{} Ready", set["spec"]["replicas"]);
            assert!(line.contains(&wanted), "{} has {wanted}, although {said}", self.name);
        }
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

/// The ReplicaSets of a Deployment.
fn sets(shop: &Shop, deployment: &Value) -> Vec<Value> {
    let list = shop.get("replicasets");
    let owner = &deployment["metadata"]["uid"];
    let all = list["items"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|set| set["metadata"]["ownerReferences"][0]["uid"] == *owner).collect()
}

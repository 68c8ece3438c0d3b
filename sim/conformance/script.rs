//! Scripts that the real control plane and the simulated one play alike: what is done in each step, and what is compared after
//! it. Both sides include this file.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

/// The name of the Deployment.
pub const NAME: &str = "web";

/// `minReadySeconds` and `progressDeadlineSeconds` of a held Deployment.
const HELD: (i64, i64) = (2_147_483_646, 2_147_483_647);

/// One script.
#[derive(Clone, Debug)]
pub struct Script {
    /// The name of its file.
    pub name: String,
    /// The Deployment that is made first.
    pub manifest: Value,
    /// What is done then, in order.
    pub steps: Vec<Step>,
    /// Whether the order of sizes does not depend on when pods become Ready, and is compared too.
    pub serial: bool,
    /// The states as the real control plane gave them: after the Deployment was made, and after each step.
    pub states: Vec<Value>,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// The reason of the condition Progressing that is waited for, besides quiet.
    pub until: Option<String>,
}

/// What is done.
#[derive(Clone, Debug)]
pub enum Action {
    /// A merge patch of the Deployment.
    Patch(Value),
    /// A quota of so many pods, or none any more.
    Quota(Option<u64>),
    /// Somebody scales a `ReplicaSet` itself.
    ScaleSet(String, u64),
    /// Somebody deletes a `ReplicaSet`.
    DeleteSet(String),
    /// Somebody takes the label off a pod of a set.
    Relabel(String),
}

/// Reads all scripts of a folder, in the order of their names.
///
/// # Errors
/// What is wrong with which file.
pub fn scripts(folder: &Path) -> Result<Vec<Script>, String> {
    let files = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<_> = files.filter_map(|file| file.ok().map(|file| file.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Script, String> {
    let wrong = |what: &str| format!("{}: {what}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
    let steps = value["steps"].as_array().ok_or_else(|| wrong("no steps"))?;
    let steps: Option<Vec<Step>> = steps.iter().map(step).collect();
    Ok(Script {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        manifest: manifest(&value["spec"]),
        steps: steps.ok_or_else(|| wrong("an unknown step"))?,
        serial: value["serial"] == true,
        states: value["states"].as_array().cloned().unwrap_or_default(),
    })
}

fn template(image: &str, stuck: bool) -> Value {
    // No node has the label, so the pod is never bound.
    let nodes = if stuck { json!({"example.com/none": "here"}) } else { Value::Null };
    json!({"spec": {"nodeSelector": nodes, "containers": [{"name": "web", "image": format!("shop:{image}")}]}})
}

fn manifest(spec: &Value) -> Value {
    let labels = json!({"app": NAME});
    let containers = json!([{"name": "web", "image": "shop:v1"}]);
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": containers}});
    let mut all = json!({"selector": {"matchLabels": labels}, "template": template});
    for (key, value) in spec.as_object().into_iter().flatten() {
        all[key] = value.clone();
    }
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME}, "spec": all})
}

fn step(step: &Value) -> Option<Step> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let action = if let Some(image) = step["image"].as_str() {
        Action::Patch(json!({"spec": {"template": template(image, step["stuck"] == true)}}))
    } else if let Some([surge, unavailable]) = step["hold"].as_array().map(Vec::as_slice) {
        let limits = json!({"maxSurge": surge, "maxUnavailable": unavailable});
        Action::Patch(json!({"spec": {
            "minReadySeconds": HELD.0, "progressDeadlineSeconds": HELD.1,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": limits},
        }}))
    } else if step["release"] == true {
        let limits = json!({"maxSurge": "25%", "maxUnavailable": "25%"});
        Action::Patch(json!({"spec": {
            "minReadySeconds": 0, "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": limits},
        }}))
    } else if let Some(replicas) = step["scale"].as_u64() {
        Action::Patch(json!({"spec": {"replicas": replicas}}))
    } else if !step["patch"].is_null() {
        Action::Patch(step["patch"].clone())
    } else if let Some(quota) = step.get("quota") {
        Action::Quota(quota.as_u64())
    } else if let Some(set) = text(&step["scale-set"]) {
        Action::ScaleSet(set, step["to"].as_u64()?)
    } else if let Some(set) = text(&step["delete-set"]) {
        Action::DeleteSet(set)
    } else {
        Action::Relabel(text(&step["relabel"])?)
    };
    Some(Step { action, until: text(&step["until"]) })
}

/// The names of sets, in the order in which they came: their real ones hold a hash that each side makes for itself.
#[derive(Clone, Debug, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    fn number(set: &Value) -> u64 {
        let revision = set["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str();
        revision.and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Takes in sets that are new.
    pub fn learn(&mut self, sets: &[Value]) {
        let mut sets: Vec<&Value> = sets.iter().collect();
        sets.sort_by_key(|set| {
            (set["metadata"]["creationTimestamp"].as_str().map(str::to_owned), Self::number(set))
        });
        for set in sets {
            let next = format!("set {}", self.0.len() + 1);
            self.0.entry(set["metadata"]["uid"].as_str().unwrap_or_default().to_owned()).or_insert(next);
        }
    }

    /// The name of a set.
    pub fn of(&self, set: &Value) -> &str {
        self.0.get(set["metadata"]["uid"].as_str().unwrap_or_default()).map_or("", String::as_str)
    }
}

/// The reason of a condition. Which of the two is told while a rollout is under way depends on who is quicker: a new pod counts
/// as progress only if the status had been written after the new set was made (`DeploymentProgressing`,
/// `pkg/controller/deployment/util/deployment_util.go`).
fn reason(condition: &Value) -> &str {
    match condition["reason"].as_str() {
        Some("NewReplicaSetCreated" | "ReplicaSetUpdated") => "UnderWay",
        Some(reason) => reason,
        None => "",
    }
}

fn conditions(status: &Value) -> Value {
    let text = |condition: &Value, key: &str| condition[key].as_str().unwrap_or_default().to_owned();
    let told = |one: &Value| format!("{} {} {}", text(one, "type"), text(one, "status"), reason(one));
    let mut told: Vec<String> = status["conditions"].as_array().into_iter().flatten().map(told).collect();
    told.sort();
    json!(told)
}

fn count(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// What is compared: no times, no hashes, no messages.
pub fn picture(deployment: &Value, sets: &[Value], names: &Names) -> Value {
    let (spec, status) = (&deployment["spec"], &deployment["status"]);
    let revision =
        |object: &Value| object["metadata"]["annotations"]["deployment.kubernetes.io/revision"].clone();
    let mut all = json!({"deployment": {
        "wants": count(&spec["replicas"]),
        "has": [
            count(&status["replicas"]), count(&status["updatedReplicas"]), count(&status["readyReplicas"]),
            count(&status["availableReplicas"]), count(&status["unavailableReplicas"]),
        ],
        "revision": revision(deployment),
        "seen": deployment["metadata"]["generation"] == status["observedGeneration"],
        "conditions": conditions(status),
    }});
    for set in sets {
        let (spec, status) = (&set["spec"], &set["status"]);
        let note =
            |key: &str| set["metadata"]["annotations"][format!("deployment.kubernetes.io/{key}")].clone();
        let mut told = json!({
            "wants": count(&spec["replicas"]),
            "has": [
                count(&status["replicas"]), count(&status["fullyLabeledReplicas"]), count(&status["readyReplicas"]),
                count(&status["availableReplicas"]),
            ],
            "revision": revision(set),
            "sizes": [note("desired-replicas"), note("max-replicas")],
            "seen": set["metadata"]["generation"] == status["observedGeneration"],
            "conditions": conditions(status),
        });
        if !note("revision-history").is_null() {
            told["history"] = note("revision-history");
        }
        if count(&spec["minReadySeconds"]) != 0 {
            told["delay"] = spec["minReadySeconds"].clone();
        }
        let own = &set["metadata"]["annotations"]["example.com/note"];
        if !own.is_null() {
            told["note"] = own.clone();
        }
        all[names.of(set)] = told;
    }
    all
}

/// Whether what is waited for has come, as far as one look tells.
pub fn is_reached(step: Option<&Step>, deployment: &Value) -> bool {
    let status = &deployment["status"];
    let until = step.and_then(|step| step.until.as_deref());
    let progressing =
        status["conditions"].as_array().into_iter().flatten().find(|one| one["type"] == "Progressing");
    status["observedGeneration"] == deployment["metadata"]["generation"]
        && until.is_none_or(|reason| progressing.is_some_and(|one| self::reason(one) == reason))
}

/// The sizes that sets were given one after the other, from those that they had before.
pub fn sizes<'a>(before: &[Value], changes: impl Iterator<Item = &'a Value>, names: &mut Names) -> Value {
    let size = |set: &Value| count(&set["spec"]["replicas"]);
    let mut last: BTreeMap<String, i64> =
        before.iter().map(|set| (names.of(set).to_owned(), size(set))).collect();
    let mut told = Vec::new();
    for set in changes {
        names.learn(std::slice::from_ref(set));
        let (name, size) = (names.of(set).to_owned(), size(set));
        if last.insert(name.clone(), size) != Some(size) {
            told.push(format!("{name}: {size}"));
        }
    }
    json!(told)
}

/// Compares the states of one side with those that were recorded.
///
/// # Errors
/// The first that differs.
pub fn compare(script: &Script, states: &[Value]) -> Result<(), String> {
    for (at, (recorded, state)) in script.states.iter().zip(states).enumerate() {
        if recorded != state {
            let what = at.checked_sub(1).and_then(|step| script.steps.get(step));
            return Err(format!(
                "{} after {}:\nrecorded {recorded}\nnow      {state}",
                script.name,
                what.map_or_else(|| "the begin".to_owned(), |step| format!("{:?}", step.action))
            ));
        }
    }
    if script.states.len() == states.len() {
        Ok(())
    } else {
        Err(format!(
            "{}: {} states are recorded, and {} came",
            script.name,
            script.states.len(),
            states.len()
        ))
    }
}

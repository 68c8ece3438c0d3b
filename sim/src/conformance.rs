//! The simulated side of conformance: the scripts of `sim/conformance`, whose states were recorded on a real control plane by
//! `tests/control_plane/conformance.rs`.

#[path = "../conformance/script.rs"]
pub mod script;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::draw::Draw;
use crate::driver::Driver;
use crate::object::{Key, Kind};
use crate::server::request::Request;
use crate::server::resources::of_kind;
use crate::server::store::Entry;
use script::{Action, NAME, Names, Script, Step, is_reached, picture, sizes};

const NAMESPACE: &str = "shop";
/// For so long nothing may change before a state counts as one: longer than any controller lags.
const QUIET: Duration = Duration::from_secs(30);
/// After so many times of quiet it is said that there is none.
const PATIENCE: u32 = 100;

/// Plays a script with the delays that follow from a seed, and returns its states.
///
/// # Errors
/// Why it could not be played.
pub fn play(script: &Script, seed: u64) -> Result<Vec<Value>, String> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let mut side = Side { driver: Driver::new(Draw::new(seed), None, false), names: Names::default() };
        let mut states = Vec::new();
        for step in std::iter::once(None).chain(script.steps.iter().map(Some)) {
            let (version, before) = (side.driver.server.store.version(), side.sets());
            match step {
                None => side.send("POST", Kind::Deployment, "", script.manifest.clone())?,
                Some(step) => side.act(&step.action)?,
            }
            let mut state = side.settled(script, step).await?;
            if script.serial {
                state["order"] = side.order(version, &before);
            }
            states.push(state);
        }
        Ok(states)
    })
}

struct Side {
    driver: Driver,
    names: Names,
}

impl Side {
    fn all(&self, kind: Kind) -> Vec<Value> {
        let objects = of_kind(kind).into_iter().flat_map(|resource| self.driver.server.store.all(resource));
        objects.map(|(_, object)| object.as_ref().clone()).collect()
    }

    fn sets(&self) -> Vec<Value> {
        self.all(Kind::ReplicaSet)
    }

    fn deployment(&self) -> Value {
        let resource = of_kind(Kind::Deployment);
        let found =
            resource.and_then(|resource| self.driver.server.store.get(resource, &Key::new(NAMESPACE, NAME)));
        found.map_or(Value::Null, |object| object.as_ref().clone())
    }

    /// Sends one request of the script.
    fn send(&mut self, method: &str, kind: Kind, name: &str, body: Value) -> Result<(), String> {
        let (group, plural) = kind.resource();
        let api = if group.is_empty() { "/api".to_owned() } else { format!("/apis/{group}") };
        let name = if name.is_empty() { String::new() } else { format!("/{name}") };
        let uri = format!("{api}/v1/namespaces/{NAMESPACE}/{plural}{name}");
        let request = Request::new("script", method, &uri, "application/merge-patch+json", body);
        let answer = self.driver.serve(&request);
        answer.map(drop).map_err(|refusal| format!("{method} {uri}: {}", refusal.message))
    }

    fn named(&self, name: &str) -> Result<String, String> {
        let sets = self.sets();
        let set = sets.iter().find(|set| self.names.of(set) == name);
        let set = set.and_then(|set| set["metadata"]["name"].as_str());
        set.map(str::to_owned).ok_or_else(|| format!("there is no {name}"))
    }

    fn act(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Patch(patch) => self.send("PATCH", Kind::Deployment, NAME, patch.clone()),
            Action::Quota(Some(pods)) => {
                let hard = json!({"pods": pods.to_string()});
                let quota = json!({"metadata": {"name": "few"}, "spec": {"hard": hard}});
                self.send("POST", Kind::ResourceQuota, "", quota)
            }
            Action::Quota(None) => self.send("DELETE", Kind::ResourceQuota, "few", Value::Null),
            Action::ScaleSet(name, replicas) => {
                let name = self.named(name)?;
                self.send("PATCH", Kind::ReplicaSet, &name, json!({"spec": {"replicas": replicas}}))
            }
            Action::DeleteSet(name) => {
                let name = self.named(name)?;
                self.send("DELETE", Kind::ReplicaSet, &name, Value::Null)
            }
            Action::Relabel(name) => {
                let set = self.named(name)?;
                let pods = self.all(Kind::Pod);
                let own = |pod: &&Value| pod["metadata"]["ownerReferences"][0]["name"] == set.as_str();
                let pod = pods.iter().find(own).and_then(|pod| pod["metadata"]["name"].as_str());
                let pod = pod.ok_or_else(|| format!("{set} has no pod"))?;
                self.send("PATCH", Kind::Pod, pod, json!({"metadata": {"labels": {"app": null}}}))
            }
        }
    }

    /// Lets time pass until what is waited for is there and nothing has changed for a while.
    async fn settled(&mut self, script: &Script, step: Option<&Step>) -> Result<Value, String> {
        let mut last = Value::Null;
        for _ in 0..PATIENCE {
            self.driver.until(QUIET, |_| false).await;
            let (deployment, sets) = (self.deployment(), self.sets());
            self.names.learn(&sets);
            let now = picture(&deployment, &sets, &self.names);
            if now == last && is_reached(step, &deployment) {
                return Ok(now);
            }
            last = now;
        }
        Err(format!("{} does not come to rest after {step:?}: {last}", script.name))
    }

    /// The sizes that sets were given since a version.
    fn order(&mut self, version: u64, before: &[Value]) -> Value {
        let is_set = |entry: &&Entry| entry.resource.seen_as == Some(Kind::ReplicaSet);
        let changed = self.driver.server.store.since(version).iter().filter(is_set);
        let changed: Vec<Arc<Value>> = changed.filter_map(|entry| entry.after.clone()).collect();
        sizes(before, changed.iter().map(Arc::as_ref), &mut self.names)
    }
}

//! The real control plane does what the simulated one does: both play the scripts of `sim/conformance`, whose states were
//! recorded here.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

use crate::api::{call, direct, get, namespace, write};
use crate::shop::Shop;

#[path = "../../sim/conformance/script.rs"]
mod script;

use script::{Action, NAME, Names, Script, Step, compare, is_reached, picture, scripts, sizes};

/// For so long nothing may change before a state counts as one.
const QUIET: Duration = Duration::from_millis(1500);
const PATIENCE: Duration = Duration::from_secs(60);
/// Scripts at once: most of the time they wait.
const AT_ONCE: usize = 8;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("sim/conformance")
}

struct Side {
    shop: Shop,
    names: Names,
}

impl Side {
    fn path(&self, plural: &str) -> String {
        format!("/apis/apps/v1/namespaces/{}/{plural}", self.shop.namespace)
    }

    fn core(&self, plural: &str) -> String {
        format!("/api/v1/namespaces/{}/{plural}", self.shop.namespace)
    }

    fn deployment(&self) -> Value {
        get(&format!("{}/{NAME}", self.path("deployments")))
    }

    fn sets(&self) -> (String, Vec<Value>) {
        let list = get(&self.path("replicasets"));
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
        (version, list["items"].as_array().cloned().unwrap_or_default())
    }

    fn named(&self, name: &str) -> String {
        let (_, sets) = self.sets();
        let set = sets.iter().find(|set| self.names.of(set) == name).expect("a set of that name");
        set["metadata"]["name"].as_str().unwrap().to_owned()
    }

    fn act(&self, action: &Action) {
        match action {
            Action::Patch(patch) => {
                drop(write("PATCH", &format!("{}/{NAME}", self.path("deployments")), patch));
            }
            Action::Quota(Some(pods)) => {
                let hard = json!({"pods": pods.to_string()});
                write(
                    "POST",
                    &self.core("resourcequotas"),
                    &json!({"metadata": {"name": "few"}, "spec": {"hard": hard}}),
                );
                let counted = |_: &Shop| {
                    get(&format!("{}/few", self.core("resourcequotas")))["status"]["used"].is_object()
                };
                self.shop.until("the quota counts", counted);
            }
            Action::Quota(None) => {
                drop(call("DELETE", &format!("{}/few", self.core("resourcequotas")), None));
            }
            Action::ScaleSet(name, replicas) => {
                let path = format!("{}/{}", self.path("replicasets"), self.named(name));
                write("PATCH", &path, &json!({"spec": {"replicas": replicas}}));
            }
            Action::DeleteSet(name) => {
                let path = format!("{}/{}", self.path("replicasets"), self.named(name));
                write("DELETE", &path, &json!({"propagationPolicy": "Background"}));
            }
            Action::Relabel(name) => {
                let set = self.named(name);
                let pods = get(&self.core("pods"));
                let mut pods = pods["items"].as_array().unwrap().iter();
                let pod =
                    pods.find(|pod| pod["metadata"]["ownerReferences"][0]["name"] == set.as_str()).unwrap();
                let path = format!("{}/{}", self.core("pods"), pod["metadata"]["name"].as_str().unwrap());
                write("PATCH", &path, &json!({"metadata": {"labels": {"app": null}}}));
            }
        }
    }

    /// Waits until what is waited for is there and nothing has changed for a while.
    fn settled(&mut self, script: &Script, step: Option<&Step>) -> Value {
        let begin = Instant::now();
        let (mut last, mut since) = (Value::Null, Instant::now());
        loop {
            let (deployment, (_, sets)) = (self.deployment(), self.sets().clone());
            self.names.learn(&sets);
            let now = picture(&deployment, &sets, &self.names);
            if now != last || !is_reached(step, &deployment) {
                (last, since) = (now, Instant::now());
            } else if since.elapsed() > QUIET {
                return last;
            }
            assert!(
                begin.elapsed() < PATIENCE,
                "{} does not come to rest after {step:?}: {last}",
                script.name
            );
            std::thread::sleep(Duration::from_millis(150));
        }
    }

    /// The sizes that sets were given since a version.
    fn sizes(&mut self, from: &str, before: &[Value]) -> Value {
        let uri = format!("{}?watch=1&resourceVersion={from}&timeoutSeconds=1", self.path("replicasets"));
        let request = http::Request::builder().uri(uri).body(Body::empty()).unwrap();
        let bytes = direct().runtime.block_on(async {
            let answer = direct().client.send(request).await.unwrap();
            answer.into_body().collect().await.unwrap().to_bytes()
        });
        let events: Vec<Value> =
            serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>().map(Result::unwrap).collect();
        let changed = events.iter().filter(|event| event["type"] != "DELETED").map(|event| &event["object"]);
        sizes(before, changed, &mut self.names)
    }
}

fn play(script: &Script) -> Vec<Value> {
    let mut side = Side { shop: namespace("conformance"), names: Names::default() };
    let mut states = Vec::new();
    let steps = std::iter::once(None).chain(script.steps.iter().map(Some));
    for step in steps {
        let (version, before) = side.sets();
        match step {
            None => drop(write("POST", &side.path("deployments"), &script.manifest)),
            Some(step) => side.act(&step.action),
        }
        let mut state = side.settled(script, step);
        if script.serial {
            state["order"] = side.sizes(&version, &before);
        }
        states.push(state);
    }
    states
}

/// Plays all, some at once, and returns the states of each.
fn played() -> Vec<(Script, Vec<Value>)> {
    let scripts = scripts(&folder()).unwrap();
    let (next, done) = (Mutex::new(scripts.into_iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(script) = next.lock().unwrap().next() else { break };
                    let states = play(&script);
                    done.lock().unwrap().push((script, states));
                }
            });
        }
    });
    done.into_inner().unwrap()
}

#[test]
fn the_control_plane_does_what_the_simulation_does() {
    let wrong: Vec<String> =
        played().iter().filter_map(|(script, states)| compare(script, states).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Writes the states into the scripts: `-- --ignored conformance::record`.
#[test]
#[ignore = "it writes into sim/conformance"]
fn record() {
    for (script, states) in played() {
        let path = folder().join(format!("{}.json", script.name));
        let mut value: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        value["states"] = json!(states);
        let mut text = String::from("{\n");
        let lines: Vec<String> = ["what", "spec", "serial", "steps", "states"]
            .into_iter()
            .filter(|key| !value[key].is_null())
            .map(|key| match &value[key] {
                Value::Array(items) if !items.is_empty() => {
                    let items: Vec<String> = items.iter().map(|item| format!("    {item}")).collect();
                    format!("  \"{key}\": [\n{}\n  ]", items.join(",\n"))
                }
                other => format!("  \"{key}\": {other}"),
            })
            .collect();
        text.push_str(&lines.join(",\n"));
        text.push_str("\n}\n");
        std::fs::write(path, text).unwrap();
    }
}

//! The sample shop in a namespace of its own, and ways to look at it and to run the tool on it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api;
use crate::seats::{Exclusive, Seat};
pub use claims::Claims;
pub use runs::Run;

#[path = "claims.rs"]
mod claims;
#[path = "runs.rs"]
mod runs;

/// The built binary.
pub const TOOL: &str = env!("CARGO_BIN_EXE_kubectl-rollout_plus");

/// A namespace with the shop in it. It is deleted at the end.
pub struct Shop {
    pub namespace: String,
    pub kubeconfig: PathBuf,
    seat: Option<Seat>,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test unless the exit code is this one.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl Shop {
    /// Deploys the shop with so many replicas and waits until they are Ready.
    pub fn new(replicas: u32) -> Self {
        Self::empty().deployed(replicas)
    }

    /// As [`Self::new`], for the test that has the cluster for itself.
    pub fn alone(_cluster: &Exclusive, replicas: u32) -> Self {
        Self::numbered(None).created().deployed(replicas)
    }

    /// Makes the namespace alone.
    pub fn empty() -> Self {
        Self::numbered(Some(Seat::take())).created()
    }

    /// Names a namespace that the caller makes.
    pub fn named(namespace: String) -> Self {
        Self::seated(namespace, Some(Seat::take()))
    }

    fn numbered(seat: Option<Seat>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::seated(format!("shop-{}-{number}", std::process::id()), seat)
    }

    fn seated(namespace: String, seat: Option<Seat>) -> Self {
        #[allow(clippy::disallowed_methods, reason = "a test")]
        let kubeconfig =
            std::env::var("KUBECONFIG").expect("KUBECONFIG: run through 'testbed/cluster exec NAME --'");
        Self { namespace, kubeconfig: PathBuf::from(kubeconfig), seat }
    }

    fn created(self) -> Self {
        api::create_namespace(&self.namespace);
        self
    }

    /// Forgets a namespace that the caller has deleted.
    pub fn discard(mut self) {
        drop(self.seat.take());
        std::mem::forget(self);
    }

    fn deployed(self, replicas: u32) -> Self {
        let shop = self;
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/testbed/shop.yaml");
        shop.kubectl(&["apply", "-f", manifest, "--validate=false"]);
        if replicas != 3 {
            shop.kubectl(&["scale", "deployment/frontend", &format!("--replicas={replicas}")]);
        }
        let is_available = || {
            let deployment = shop.deployment();
            deployment["status"]["observedGeneration"] == deployment["metadata"]["generation"]
                && deployment["status"]["availableReplicas"].as_u64().unwrap_or(0) == u64::from(replicas)
        };
        assert!(api::within(120, is_available), "{}", shop.kubectl(&["get", "deploy,rs,pods"]));
        shop
    }

    /// Runs kubectl in the namespace; fails the test if it fails.
    #[track_caller]
    pub fn kubectl(&self, args: &[&str]) -> String {
        run(Command::new("kubectl").args(["-n", &self.namespace]).args(args)).expect(0).stdout
    }

    /// Applies an object with kubectl.
    #[track_caller]
    pub fn apply(&self, object: &Value) {
        let mut kubectl = Command::new("kubectl");
        kubectl
            .args(["-n", &self.namespace, "apply", "-f", "-", "--validate=false"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut child = kubectl.spawn().expect("kubectl");
        let text = object.to_string();
        std::io::Write::write_all(child.stdin.as_mut().expect("stdin"), text.as_bytes()).expect("write");
        assert!(child.wait().expect("wait").success(), "kubectl apply");
    }

    /// Reads an object, or null, or a list, as `kubectl get -o json` prints it.
    pub fn get(&self, what: &str) -> Value {
        if let Some(path) = api::path(&self.namespace, what) {
            let mut found = api::get(&path);
            without_managed_fields(&mut found);
            for object in found.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
                without_managed_fields(object);
            }
            return found;
        }
        let text = self.kubectl(&["get", what, "-o", "json", "--ignore-not-found"]);
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Reads the Deployment.
    pub fn deployment(&self) -> Value {
        self.get("deployment/frontend")
    }

    /// Returns (wanted, ready) of the ReplicaSet with this image, (0, 0) if there is none.
    pub fn pods_of(&self, image: &str) -> (u64, u64) {
        let list = self.get("replicasets");
        let found = list["items"].as_array().and_then(|items| {
            items.iter().find(|rs| rs["spec"]["template"]["spec"]["containers"][0]["image"] == image).cloned()
        });
        let rs = found.unwrap_or(Value::Null);
        (rs["spec"]["replicas"].as_u64().unwrap_or(0), rs["status"]["readyReplicas"].as_u64().unwrap_or(0))
    }

    /// Prepares the tool, in the namespace and with a clean environment.
    pub fn command(&self, kubeconfig: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(TOOL);
        command.env_clear().env("USER", "tester").env("KUBECONFIG", kubeconfig);
        command.args(args).args(["-n", &self.namespace]).stdin(Stdio::null());
        command
    }

    /// Runs the tool against the real API server, and compares what it said with what is there.
    #[track_caller]
    pub fn tool(&self, args: &[&str]) -> Ended {
        self.start(&self.kubeconfig, args).finish()
    }

    /// Starts the tool with a kubeconfig, for example a proxy's. Its end is compared with what is there then.
    pub fn start(&self, kubeconfig: &Path, args: &[&str]) -> Run {
        let claims = Claims::of(&self.namespace, args);
        let writes = !matches!(args.first(), Some(&("status" | "history" | "check" | "get" | "wait")));
        Run::of(self.spawn(kubeconfig, args), &self.namespace, writes, claims)
    }

    /// Starts the tool and nothing else, where time is measured.
    pub fn spawn(&self, kubeconfig: &Path, args: &[&str]) -> Child {
        let mut command = self.command(kubeconfig, args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start the tool")
    }

    /// Returns what `status` says as JSON.
    #[track_caller]
    pub fn status(&self) -> Value {
        serde_json::from_str(&self.tool(&["status", "frontend", "-o", "json"]).expect(0).stdout)
            .expect("JSON")
    }

    /// Waits until something is so; fails the test after a minute.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        while !is_so(self) {
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "not within 60 s: {what}\n{}",
                self.kubectl(&["get", "deploy,rs,pods"])
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Fails the test unless the user's own fields are as `testbed/shop.yaml` and the API server have them.
    #[track_caller]
    pub fn expect_own_fields(&self, image: &str) {
        let deployment = self.deployment();
        let spec = &deployment["spec"];
        assert_eq!(spec["minReadySeconds"], Value::Null);
        assert_eq!(spec["progressDeadlineSeconds"], 600);
        assert_eq!(
            spec["strategy"],
            serde_json::json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
        );
        assert_eq!(spec["template"]["spec"]["containers"][0]["image"], image);
        assert_eq!(deployment["metadata"]["annotations"]["rollout-plus/held"], Value::Null);
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            api::delete_namespace(&self.namespace);
        }
    }
}

fn without_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ended {
    Ended::of(&command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")))
}

/// A process that was started with pipes.
pub trait Started {
    /// Waits for its end.
    fn end(self) -> Ended;
}

impl Started for Child {
    fn end(self) -> Ended {
        Ended::of(&self.wait_with_output().expect("wait"))
    }
}

impl Started for Run {
    #[track_caller]
    fn end(self) -> Ended {
        self.finish()
    }
}

/// Waits for a process.
#[track_caller]
pub fn finish(process: impl Started) -> Ended {
    process.end()
}

/// The Deployment of `testbed/shop.yaml`.
pub fn deployment() -> Value {
    let text = include_str!("../../testbed/shop.yaml").split("\n---\n").next().unwrap();
    serde_saphyr::from_str(text).unwrap()
}

/// Writes the sample with another image and a setting of its own as a manifest, and returns the path.
pub fn next_version(folder: &tempfile::TempDir, image: &str, (setting, value): (&str, &str)) -> String {
    let mut deployment = deployment();
    let container = &mut deployment["spec"]["template"]["spec"]["containers"][0];
    container["image"] = json!(image);
    container["env"] = json!([{"name": setting, "value": value}]);
    let path = folder.path().join("next.json");
    std::fs::write(&path, deployment.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

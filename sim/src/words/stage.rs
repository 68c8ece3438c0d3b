//! The place where scenes are played: a shop that is open, command lines one after the other, and what others do meanwhile.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use rollout_plus::environment::Environment;
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::acts::{Act, Sight};
use crate::controllers;
use crate::controllers::gateway::{EDGE, Gateways, Words};
use crate::dataplane::proxies::{Proxy, Shared, Way};
use crate::draw::Draw;
use crate::driver::Driver;
use crate::driver::faults::{Fault, How, Kill};
use crate::driver::pace::Pace;
use crate::driver::runs::{End, Printed};
use crate::object::{Key, Kind};
use crate::scenario::PATIENCE;
use crate::scenario::shop::{self, NAME, NAMESPACE, Settings};
use crate::server::Reply;
use crate::server::request::Request;

/// So many requests of a run go wrong where all do.
const ALL_REQUESTS: u64 = 200;

/// Where a scene is played.
pub(super) struct Stage {
    /// The cluster.
    pub(super) driver: Driver,
    /// Where the next lines are typed.
    pub(super) at: Environment,
    settings: Settings,
    /// What is another each time, and what stands for it.
    hidden: Vec<(String, String)>,
    told: String,
}

/// Plays a scene in a shop of four pods, and returns what its users read.
pub(super) fn play(scene: impl AsyncFnOnce(&mut Stage)) -> String {
    play_slowly(0, scene)
}

/// The same where a pod counts as Available after so many Ready seconds.
pub(super) fn play_slowly(ready_seconds: u32, scene: impl AsyncFnOnce(&mut Stage)) -> String {
    let settings = Settings { replicas: 4, surge: json!("25%"), unavailable: json!("25%"), ready_seconds };
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let pace = Pace::quick(controllers::all().len());
        let mut driver = Driver::new(Draw::new(1), Some(pace), false);
        assert!(shop::open(&mut driver, &settings).await, "the shop does not open");
        let at = Environment { host: "laptop".into(), user: "jane".into(), ..Environment::default() };
        let mut stage = Stage { driver, at, settings, hidden: Vec::new(), told: String::new() };
        scene(&mut stage).await;
        assert_eq!(stage.driver.server.unknown, Vec::<String>::new(), "not simulated");
        let told = stage.told.trim_end().to_owned();
        stage.hidden.iter().fold(told, |told, (text, instead)| told.replace(text, instead))
    })
}

impl Stage {
    /// Puts a route of the Gateway API before the shop.
    pub(super) async fn has_route(&mut self) {
        let shared = Shared::default();
        self.driver.server.has_custom = true;
        let gateways = Gateways { words: Words::Envoy, shared: Arc::clone(&shared) };
        self.driver.join(Box::new(gateways), 1..=10, 1..=3);
        for way in Way::ALL {
            self.driver.join(Box::new(Proxy { way, shared: Arc::clone(&shared) }), 1..=10, 0..=1);
        }
        let rules = json!([{"backendRefs": [{"name": NAME, "port": 80}]}]);
        let spec = json!({"parentRefs": [{"name": EDGE}], "hostnames": ["shop.example"], "rules": rules});
        shop::create(&mut self.driver, Kind::Route, json!({"metadata": {"name": NAME}, "spec": spec}));
        self.passes(15).await;
    }

    /// Has what is typed from here on go to a terminal: data, and feedback.
    pub(super) fn shows(&mut self, stdout: bool, stderr: bool) {
        (self.at.stdout_is_terminal, self.at.stderr_is_terminal) = (stdout, stderr);
    }

    /// Has something stand for a text that is another each time.
    pub(super) fn hides(&mut self, text: &str, instead: &str) {
        self.hidden.push((text.to_owned(), instead.to_owned()));
    }

    /// A title above what follows.
    pub(super) fn title(&mut self, text: &str) {
        write!(self.told, "# {text}\n\n").unwrap();
    }

    /// Types a line, waits for its end, and tells what it printed.
    pub(super) async fn types(&mut self, line: &str) {
        let run = self.begins(line);
        self.ends(run).await;
    }

    /// Types a line that nobody reads, and waits for its end.
    pub(super) async fn does(&mut self, line: &str) {
        let run = self.begins(line);
        self.driver.end_of(run, PATIENCE).await;
    }

    /// Types a line, whose run is under way from here on.
    pub(super) fn begins(&mut self, line: &str) -> usize {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        self.driver.start_in(&words, self.at.clone())
    }

    /// Waits for the end of a run, and tells what it printed.
    pub(super) async fn ends(&mut self, run: usize) {
        self.driver.end_of(run, PATIENCE).await;
        self.tells(run);
    }

    /// Tells what a run has printed.
    pub(super) fn tells(&mut self, run: usize) {
        let run = &self.driver.runs[run];
        let Printed { stdout, stderr } = run.printed();
        let told = &mut self.told;
        let typed = format!("$ kubectl rollout-plus {}", run.words.join(" "));
        writeln!(told, "{}", typed.trim_end()).unwrap();
        for (stream, text) in [("stderr", stderr), ("stdout", stdout)] {
            if !text.is_empty() {
                writeln!(told, "-- {stream}\n{}", visible(&text)).unwrap();
            }
        }
        let end = match run.end {
            Some(End::Code(code)) => format!("exit code {code}"),
            Some(End::Killed) => "killed".to_owned(),
            Some(End::Spun) => "goes round in circles".to_owned(),
            None => "goes on".to_owned(),
        };
        write!(told, "-- {end}\n\n").unwrap();
    }

    /// Tells a text that stands somewhere else, such as in a file.
    pub(super) fn reads(&mut self, title: &str, text: &str) {
        write!(self.told, "-- {title}\n{}\n\n", visible(text.trim_end())).unwrap();
    }

    /// Takes the counts of looks off the Lease, as where they do not fit.
    pub(super) fn loses_counts(&mut self) {
        const JOURNAL: &str = "rollout-plus/journal";
        let uri = format!(
            "/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/rollout-plus.deployment.{NAME}"
        );
        let request = Request::new("user", "GET", &uri, "application/json", Value::Null);
        let Ok(Reply::Object(_, lease)) = self.driver.serve(&request) else { panic!("there is no Lease") };
        let mut journal: Value =
            serde_json::from_str(lease["metadata"]["annotations"][JOURNAL].as_str().unwrap()).unwrap();
        let compared = &mut journal["compared"];
        *compared = json!({"canary": compared["canary"], "step": compared["step"], "bases": {}, "leftOut": true,
            "analysis": {"millis": 0, "errors": compared["analysis"]["errors"], "slow": {}}});
        compared["analysis"]["errors"]["looks"] = json!([]);
        let body = json!({"metadata": {"annotations": {JOURNAL: journal.to_string()}}});
        let request = Request::new("user", "PATCH", &uri, "application/merge-patch+json", body);
        assert!(self.driver.serve(&request).is_ok());
    }

    /// Lets time pass.
    pub(super) async fn passes(&mut self, seconds: u64) {
        self.driver.until(Duration::from_secs(seconds), |_| false).await;
    }

    /// Somebody else does something.
    pub(super) fn somebody(&mut self, act: &Act) {
        let (target, manifest, now) =
            (Key::new(NAMESPACE, NAME), self.settings.deployment(), self.driver.now());
        let sight = Sight { store: &self.driver.server.store, target: &target, manifest: &manifest, now };
        let requests = act.requests(&sight, &mut Draw::new(2));
        assert!(!requests.is_empty(), "{act:?} has nothing to do");
        for request in &requests {
            self.driver.serve(request).unwrap();
        }
    }

    /// Somebody makes an object.
    pub(super) fn makes(&mut self, kind: Kind, object: Value) {
        shop::create(&mut self.driver, kind, object);
    }

    /// Has the next run killed so many seconds after its start.
    pub(super) fn kills(&mut self, seconds: u64) {
        let run = self.driver.runs.len();
        self.driver.kills.push((run, Kill::After(seconds * 1000)));
    }

    /// Has all requests of the next run go wrong in a way, from this one on.
    pub(super) fn fails(&mut self, from: u64, how: How) {
        let run = self.driver.runs.len();
        self.driver.faults.extend((from..ALL_REQUESTS).map(|nth| Fault { run, nth, how }));
    }
}

/// Makes escapes visible; insta would leave them to the reader's terminal.
fn visible(text: &str) -> String {
    text.trim_end().replace('\u{1b}', "␛").replace('\r', "␍")
}

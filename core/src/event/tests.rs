//! What older versions wrote is read, and written again as it was. `core/tests/recorded` has it: objects of a simulated
//! cluster in the midst and at the end of runs, and what was printed of them, by the program as it was before its core became
//! a crate of its own. Never make them anew: whoever has such objects in a cluster has them still.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Event, Trouble};
use crate::evidence::Evidence;
use crate::health::Failure;
use crate::history::revisions;
use crate::journal::{self, HeldRecord, Journal, Lease, Outcome};
use crate::keys;
use crate::model::{Deployment, Pod, ReplicaSet};
use crate::ownership::displaced::{given_back, note};
use crate::plan::{Plan, Step};
use crate::preflight::{Finding, NotChecked, Report};
use crate::router::{ROUTERS, weave};
use crate::situation::{HoldSource, Observed, Phase, Situation};
use crate::status::WorkloadStatus;
use crate::strategy::abort;
use crate::traffic::{Split, Target, Traffic, pin, pinned_to, unpin};

macro_rules! recorded {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../tests/recorded/", $name, ".json")))),+]
    };
}

/// Moments of runs.
const SCENES: [(&str, &str); 16] = recorded![
    "idle",
    "canary-held",
    "canary-changed",
    "canary-promoted",
    "rolled-back",
    "canary-undone",
    "canary-aborted",
    "canary-superseded",
    "canary-failed",
    "canary-killed",
    "routed-killed",
    "routed-held",
    "routed-promoted",
    "blue-green-held",
    "blue-green-switched",
    "rolling-killed",
];

/// One of them.
struct Scene {
    name: &'static str,
    value: Value,
}

fn scenes() -> impl Iterator<Item = Scene> {
    SCENES.into_iter().map(|(name, text)| Scene { name, value: read(text) })
}

fn scene(name: &str) -> Scene {
    scenes().find(|scene| scene.name == name).unwrap()
}

fn read<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}

fn of<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn json_of(value: &(impl Serialize + ?Sized)) -> Value {
    serde_json::to_value(value).unwrap()
}

fn annotation<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object["metadata"]["annotations"][name].as_str()
}

/// Reads a text, and holds that it is written again as it was.
fn same<T: DeserializeOwned + Serialize>(scene: &str, text: &str) -> T {
    let value: T = read(text);
    assert_eq!(serde_json::to_string(&value).unwrap(), text, "{scene}");
    value
}

impl Scene {
    fn objects(&self, kind: &str) -> impl Iterator<Item = &Value> {
        let all = self.value["objects"].as_array().unwrap().iter();
        all.filter(move |object| object["kind"] == kind)
    }

    fn one(&self, kind: &str) -> Option<&Value> {
        self.objects(kind).next()
    }

    /// Puts the objects together as a look at the cluster does.
    fn observed(&self) -> Observed {
        let Deployment(workload) = of(self.one("Deployment").unwrap());
        let sets = self.objects("ReplicaSet").map(of::<ReplicaSet>);
        let lease = self.one("Lease");
        let journal = lease.and_then(journal::journal);
        let held = workload.held_record().and_then(|record| record.traffic);
        let traffic = journal.as_ref().and_then(|journal| journal.traffic.clone()).or(held);
        let mut observed = Observed {
            revisions: sets
                .filter(|set| set.is_owned_by(workload.uid()))
                .map(|ReplicaSet(set)| set)
                .collect(),
            pods: self.objects("Pod").map(|pod| Arc::new(of::<Pod>(pod))).collect(),
            lock: lease.map(journal::lock_state),
            workload,
            journal,
            ..Observed::default()
        };
        if let Some(traffic) = &traffic {
            let services = self.objects("Service").map(|service| (target(service), service.clone()));
            let routes = self
                .objects("HTTPRoute")
                .zip(&traffic.routes)
                .map(|(route, target)| (target.clone(), route.clone()));
            observed.traffic_objects.objects = services.chain(routes).collect();
        }
        observed.traffic = traffic;
        observed
    }
}

fn target(service: &Value) -> Target {
    let text = |field: &str| service["metadata"][field].as_str().unwrap();
    Target::service(text("namespace"), text("name"))
}

#[test]
fn journals_and_histories_are_read_and_written_as_they_were() {
    let (mut steps, mut loans) = (0, 0);
    for scene in scenes() {
        let Some(lease) = scene.one("Lease") else { continue };
        let text = annotation(lease, keys::JOURNAL_ANNOTATION).unwrap();
        let journal: Journal = same(scene.name, text);
        assert_eq!(journal::journal(lease).as_ref(), Some(&journal), "{}", scene.name);
        let record = Lease::record(&of::<Lease>(lease).packed()).unwrap();
        assert_eq!((record.journal, record.lock), (Some(journal.clone()), journal::lock_state(lease)));
        steps += journal.plan.steps.len();
        loans += usize::from(journal.loan.is_some());
        if let Some(text) = annotation(lease, keys::HISTORY_ANNOTATION) {
            let outcomes: Vec<Outcome> = same(scene.name, text);
            assert_eq!(journal::outcomes(lease), outcomes, "{}", scene.name);
        }
    }
    assert!(steps > 30 && loans > 3, "{steps} steps, {loans} loans");
}

#[test]
fn records_of_holds_are_read_and_written_as_they_were() {
    for scene in scenes() {
        let observed = scene.observed();
        let situation = Situation::of(&observed);
        if let Some(text) = observed.workload.annotation(keys::HELD_ANNOTATION) {
            let record: HeldRecord = same(scene.name, text);
            assert_eq!(observed.record(), Some(record), "{}", scene.name);
        }
        let own = observed.own_settings();
        let shares = &own.strategy.as_ref().unwrap()["rollingUpdate"];
        assert_eq!(*shares, json!({"maxSurge": "25%", "maxUnavailable": "25%"}), "{}", scene.name);
        assert_eq!(
            (own.min_ready_seconds, own.progress_deadline_seconds),
            (None, Some(600)),
            "{}",
            scene.name
        );
        let source = match scene.name {
            "canary-undone" => Some(HoldSource::Journal),
            _ if observed.is_held() => Some(HoldSource::Annotation),
            _ => None,
        };
        assert_eq!(situation.hold.map(|hold| hold.source), source, "{}", scene.name);
    }
}

#[test]
fn a_run_that_was_left_half_done_is_understood() {
    let phase = |name: &str| {
        let observed = scene(name).observed();
        let plan = abort(&observed);
        (Situation::of(&observed).phase, plan.steps.contains(&Step::Restore))
    };
    assert_eq!(phase("canary-killed"), (Phase::Held, true));
    assert_eq!(phase("routed-killed"), (Phase::Held, true));
    assert_eq!(phase("rolling-killed"), (Phase::Progressing, true));
    assert_eq!(phase("canary-promoted"), (Phase::Idle, false));
}

#[test]
fn a_note_of_owners_is_written_and_followed_as_it_was() {
    let recorded: Value = read(include_str!("../../tests/recorded/owners.json"));
    let patch = |name: &str| recorded[name].as_array().unwrap().clone();
    assert_eq!(note(&recorded["live"], &patch("hold")), Some(recorded["note"].clone()));
    assert_eq!(note(&recorded["held"], &patch("end")), Some(recorded["gone"].clone()));
    assert_eq!(given_back(&recorded["held"], &recorded["released"]), Some(patch("back")));
}

#[test]
fn a_pinned_service_and_a_split_route_are_given_back_as_they_were() {
    let scene = scene("blue-green-held");
    let service = scene.objects("Service").find(|service| pinned_to(service).is_some()).unwrap();
    let back = unpin(service);
    assert!(back.iter().any(|one| one["op"] == "add" && one["value"] == json!({"app": "web"})), "{back:?}");
    let mut own = service.clone();
    own["spec"]["selector"] = json!({"app": "web"});
    own["metadata"].as_object_mut().unwrap().remove("annotations");
    let again = pin(&own, pinned_to(service).unwrap());
    let noted = annotation(service, keys::SELECTOR_ANNOTATION).unwrap();
    assert!(again.iter().any(|one| one["value"] == noted), "{again:?}");

    let scene = self::scene("routed-held");
    let observed = scene.observed();
    let traffic: Traffic = observed.traffic.unwrap();
    let router = ROUTERS.iter().find(|router| router.name() == traffic.router).unwrap();
    let route = scene.one("HTTPRoute").unwrap();
    let woven = weave(*router, &traffic.routes[0], route, &Split::undone("web", "shop")).unwrap();
    let rules = woven.patch.iter().find(|one| one["op"] == "replace").unwrap();
    let noted = annotation(route, keys::ROUTE_ANNOTATION).unwrap();
    let before = read::<Value>(noted)["before"]["/spec/rules"].clone();
    assert_eq!(rules["value"], before);
    let mut own = route.clone();
    own["spec"]["rules"] = before;
    own["metadata"].as_object_mut().unwrap().remove("annotations");
    let steps = observed.journal.unwrap().plan.steps;
    let split = steps.iter().rev().find_map(Step::routed).unwrap();
    let again = weave(*router, &traffic.routes[0], &own, split).unwrap();
    assert!(again.patch.iter().any(|one| one["value"] == noted), "{again:?}");
    assert!(again.patch.iter().any(|one| one["value"] == route["spec"]["rules"]), "{again:?}");
}

#[test]
fn status_and_history_say_the_same_of_the_same_objects() {
    for scene in scenes() {
        let observed = scene.observed();
        assert_eq!(json_of(&WorkloadStatus::of(&observed, &[])), scene.value["status"], "{}", scene.name);
        assert_eq!(json_of(&[WorkloadStatus::brief(&observed)]), scene.value["table"], "{}", scene.name);
        let outcomes = scene.one("Lease").map(journal::outcomes).unwrap_or_default();
        assert_eq!(json_of(&revisions(&observed, &outcomes)), scene.value["history"], "{}", scene.name);
    }
}

#[test]
fn plans_and_findings_are_written_as_they_were() {
    let recorded: Value = read(include_str!("../../tests/recorded/plans.json"));
    let mut kinds = std::collections::BTreeSet::new();
    for plan in recorded["plans"].as_array().unwrap() {
        let read: Plan = of(plan);
        assert_eq!(json_of(&read), *plan);
        kinds.extend(plan["steps"].as_array().unwrap().iter().map(|step| step["step"].to_string()));
    }
    assert_eq!(kinds.len(), 16, "{kinds:?}");
    let check = &recorded["check"];
    let report = Report {
        schema: 1,
        findings: of::<Vec<Finding>>(&check["findings"]),
        not_checked: of::<Vec<NotChecked>>(&check["notChecked"]),
    };
    assert_eq!(json_of(&report), *check);
}

/// Makes an event of a line that it became. A status is that of the scene: [`alike`] compares it.
fn again(line: &Value, status: &WorkloadStatus) -> Event {
    let text = || of::<String>(&line["text"]);
    let status = || Box::new(status.clone());
    match line["type"].as_str().unwrap() {
        "step" => Event::Step { text: text() },
        "note" => Event::Note { text: text() },
        "warning" => Event::Warning { text: text() },
        "progress" => Event::Progress { text: text(), status: status() },
        "verdict" => Event::Verdict(of::<Failure>(line)),
        "evidence" => Event::Evidence(Evidence {
            pod: of(&line["pod"]),
            container: of(&line["container"]),
            image: of(&line["image"]),
            state: of(&line["state"]),
            restarts: of(&line["restarts"]),
            limits: of(&line["limits"]),
            log: of(&line["log"]),
            previous_log: of(&line["previousLog"]),
            events: of(&line["events"]),
            missing: of(&line["missing"]),
        }),
        "finished" => Event::Finished {
            exit_code: of(&line["exitCode"]),
            error: line["error"].is_object().then(|| Trouble {
                message: of(&line["error"]["message"]),
                next: of(&line["error"]["next"]),
            }),
            status: line["status"].is_object().then(status),
            seconds: of(&line["seconds"]),
        },
        other => panic!("{other}"),
    }
}

/// Whether two values have the same members, of the same types. What is null or empty may be anything.
fn alike(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Null, _) | (_, Value::Null) => true,
        (Value::Object(old), Value::Object(new)) => {
            old.len() == new.len()
                && old.iter().all(|(name, old)| new.get(name).is_some_and(|new| alike(old, new)))
        }
        (Value::Array(old), Value::Array(new)) => old.iter().all(|old| new.iter().all(|new| alike(old, new))),
        _ => std::mem::discriminant(old) == std::mem::discriminant(new),
    }
}

#[test]
fn events_are_written_as_they_were() {
    let mut types = std::collections::BTreeSet::new();
    for scene in scenes() {
        let status = WorkloadStatus::of(&scene.observed(), &[]);
        for line in scene.value["events"].as_array().unwrap() {
            let (mut old, mut new) = (line.clone(), json_of(&again(line, &status)));
            assert!(alike(&old["status"], &new["status"]), "{}: {old}\n{new}", scene.name);
            // These are put on every line where it is written.
            for member in ["schema", "time", "workload", "status"] {
                old.as_object_mut().unwrap().remove(member);
            }
            new.as_object_mut().unwrap().remove("status");
            assert_eq!(new, old, "{}", scene.name);
            types.insert(line["type"].to_string());
        }
    }
    assert_eq!(types.len(), 7, "{types:?}");
}

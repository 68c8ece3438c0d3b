//! What `status -o json` says, against the store: each danger is named, and nothing is that is none.
//!
//! Nothing here goes by what the product makes of what it reads: a hold, a half-way promotion, a pinned Service are looked for in
//! the objects themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use rollout_plus::journal::{self, HeldRecord, Journal, Snapshot, Verb};
use rollout_plus::keys::{HELD, HELD_ANNOTATION, MANAGED_BY, NO_DEADLINE, POD_TEMPLATE_HASH};
use rollout_plus::model::{DEPLOYMENT, fingerprint, same_template};
use rollout_plus::share;
use serde_json::{Value, json};

use super::pods::{pods, serves};
use crate::object::{Key, Kind};
use crate::scenario::shop::{NAME, NAMESPACE};
use crate::server::resources::{find, of_kind};
use crate::server::store::Store;

/// Warnings that each are there if and only if what they tell is so.
const EXACT: [&str; 8] = [
    "held-without-annotation",
    "superseded",
    "undone",
    "field-changed",
    "stable-shrunk",
    "leftover",
    "paused",
    "pinned",
];

/// A version, as its ReplicaSet and its pods have it.
#[derive(Clone, Debug, PartialEq)]
struct Version {
    replicas: u64,
    pods: u64,
    ready: u64,
    is_live: bool,
}

/// What is so.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    deployment: Arc<Value>,
    /// By their hashes.
    versions: BTreeMap<String, Version>,
    holder: Option<String>,
    journal: Option<Journal>,
    /// Services of ours beside the user's own.
    ours: Vec<String>,
    pinned: bool,
}

impl Facts {
    /// Reads them; nothing if there is no Deployment.
    pub fn of(store: &Store) -> Option<Self> {
        let key = Key::new(NAMESPACE, NAME);
        let deployment = Arc::clone(store.get(of_kind(Kind::Deployment)?, &key)?);
        let live = &deployment["spec"]["template"];
        let own =
            |object: &Value| object["metadata"]["ownerReferences"][0]["uid"] == deployment["metadata"]["uid"];
        let count = |value: &Value| value.as_u64().unwrap_or_default();
        let version = |set: &Value| Version {
            replicas: count(&set["spec"]["replicas"]),
            pods: count(&set["status"]["replicas"]),
            ready: ready(store, set["metadata"]["uid"].as_str().unwrap_or_default()),
            is_live: same_template(&set["spec"]["template"], live),
        };
        let hash = |set: &Value| {
            set["metadata"]["labels"][POD_TEMPLATE_HASH].as_str().unwrap_or_default().to_owned()
        };
        let sets = store.all(of_kind(Kind::ReplicaSet)?).filter(|(_, set)| own(set));
        let versions = sets.map(|(_, set)| (hash(set), version(set))).collect();
        let services: Vec<&Arc<Value>> =
            store.all(of_kind(Kind::Service)?).map(|(_, service)| service).collect();
        let ours = services.iter().filter(|one| one["metadata"]["labels"][MANAGED_BY].is_string());
        let ours = ours.filter_map(|one| one["metadata"]["name"].as_str().map(str::to_owned)).collect();
        let pinned = store.get(of_kind(Kind::Service)?, &key);
        let pinned = pinned.is_some_and(|one| one["spec"]["selector"][POD_TEMPLATE_HASH].is_string());
        let lease = Key::new(NAMESPACE, &journal::lease_name(DEPLOYMENT.names(), NAME));
        let lease = find("coordination.k8s.io", "v1", "leases").and_then(|leases| store.get(leases, &lease));
        let holder = lease.and_then(|lease| journal::lock_state(lease).holder);
        let journal = lease.and_then(|lease| journal::journal(lease));
        Some(Self { deployment, versions, holder, journal, ours, pinned })
    }

    fn is_held(&self) -> bool {
        self.deployment["spec"]["minReadySeconds"] == json!(HELD)
    }

    /// The record of this very hold: an undo brings older ones back, and the journal knows better.
    fn record(&self) -> Option<HeldRecord> {
        let text = self.deployment["metadata"]["annotations"][HELD_ANNOTATION].as_str()?;
        let record = HeldRecord::parse(text).filter(|_| self.is_held())?;
        let loan = self.journal.as_ref().and_then(|journal| journal.loan.as_ref());
        let is_set = loan.is_none_or(|loan| loan.limits.contains(&record.bounds));
        (is_set && self.snapshot().is_none_or(|snapshot| snapshot.stable == record.stable)).then_some(record)
    }

    fn snapshot(&self) -> Option<&Snapshot> {
        self.journal.as_ref()?.snapshot.as_ref()
    }

    /// The stable version and the canary of the hold.
    fn roles(&self) -> Option<(String, String)> {
        let noted = self.snapshot().filter(|_| self.is_held());
        let noted = noted.map(|snapshot| (snapshot.stable.clone(), snapshot.canary.clone()));
        self.record().map(|record| (record.stable, record.canary)).or(noted)
    }

    /// Whether fields have values of a hold although there is none.
    fn is_broken(&self) -> bool {
        let spec = &self.deployment["spec"];
        let loan = self.journal.as_ref().and_then(|journal| journal.loan.as_ref());
        let is_lent = loan.is_some_and(|loan| {
            let limits = loan.limits.iter().any(|limits| spec["strategy"] == limits.strategy());
            self.has_no_deadline() || (limits && loan.original.strategy.as_ref() != Some(&spec["strategy"]))
        });
        let annotated = self.deployment["metadata"]["annotations"][HELD_ANNOTATION].is_string();
        !self.is_held() && (is_lent || (annotated && self.has_no_deadline()))
    }

    fn live(&self) -> Option<(&String, &Version)> {
        self.versions.iter().find(|(_, version)| version.is_live)
    }

    fn has_no_deadline(&self) -> bool {
        self.deployment["spec"]["progressDeadlineSeconds"] == json!(NO_DEADLINE)
    }

    /// Whether pods of one version alone are there, as many as are wanted or more (surplus pods of a smaller size go meanwhile, and
    /// `kubectl rollout status` calls that complete), and the controller has seen it.
    fn is_whole(&self) -> bool {
        let (spec, status) = (&self.deployment["spec"], &self.deployment["status"]);
        let count = |member: &str| status[member].as_u64().unwrap_or_default();
        let updated = count("updatedReplicas");
        status["observedGeneration"] == self.deployment["metadata"]["generation"]
            && updated >= spec["replicas"].as_u64().unwrap_or(1)
            && ["replicas", "availableReplicas"].into_iter().all(|member| count(member) == updated)
            && self
                .versions
                .values()
                .all(|version| version.is_live || (version.replicas == 0 && version.pods == 0))
    }

    fn is_given_up(&self) -> bool {
        let conditions = self.deployment["status"]["conditions"].as_array().into_iter().flatten();
        let mut progressing = conditions.filter(|condition| condition["type"] == "Progressing");
        progressing.any(|condition| condition["reason"] == "ProgressDeadlineExceeded")
    }

    /// The dangers that are there, by their codes.
    fn dangers(&self) -> Vec<&'static str> {
        let (held, record) = (self.is_held(), self.record());
        let spec = &self.deployment["spec"];
        let live = fingerprint(&spec["template"]);
        let roles = self.roles();
        let stable = roles.as_ref().and_then(|(stable, _)| self.versions.get(stable));
        let is_stable = stable.is_some_and(|stable| stable.is_live);
        let is_third = roles.as_ref().is_some_and(|(_, canary)| !canary.is_empty() && *canary != live);
        let limits = |record: &HeldRecord| spec["strategy"] == record.bounds.strategy();
        let shrunk = |stable: &Version| stable.replicas < spec["replicas"].as_u64().unwrap_or(1);
        let is_noted =
            self.journal.as_ref().is_some_and(|journal| journal.snapshot.is_some() || journal.loan.is_some());
        let all = [
            ("held-without-annotation", held && record.is_none() && is_noted),
            ("superseded", is_third && !is_stable),
            ("undone", is_stable),
            (
                "field-changed",
                record.as_ref().is_some_and(|record| !limits(record) || !self.has_no_deadline()),
            ),
            ("stable-shrunk", stable.is_some_and(shrunk)),
            ("leftover", self.is_broken()),
            ("paused", spec["paused"] == true),
            ("pinned", self.pinned && !held),
        ];
        all.into_iter().filter(|(_, is_so)| *is_so).map(|(code, _)| code).collect()
    }

    /// The phases that it may be in.
    fn phases(&self) -> &'static [&'static str] {
        if self.is_held() {
            return &["Held"];
        }
        if self.is_given_up() {
            return &["Failed"];
        }
        if self.is_whole() {
            return &["Idle"];
        }
        let open = self.journal.as_ref().filter(|journal| journal.is_open());
        let snapshot =
            open.and_then(|journal| journal.snapshot.as_ref().map(|snapshot| (journal.verb, snapshot)));
        let Some((verb, snapshot)) = snapshot else { return &["Progressing", "Promoting", "Aborting"] };
        let is_canary = snapshot.canary == fingerprint(&self.deployment["spec"]["template"]);
        let is_home = self.versions.get(&snapshot.stable).is_some_and(|stable| stable.is_live);
        match verb {
            Verb::Promote if is_canary => &["Promoting"],
            Verb::Abort if is_home && !is_canary => &["Aborting"],
            Verb::Canary | Verb::BlueGreen if is_canary => &["Promoting", "Progressing"],
            Verb::Canary
            | Verb::BlueGreen
            | Verb::Promote
            | Verb::Abort
            | Verb::Rolling
            | Verb::Rollback
            | Verb::Restart => &["Progressing", "Promoting", "Aborting"],
        }
    }
}

/// Ready pods of a set.
fn ready(store: &Store, uid: &str) -> u64 {
    let owned = pods(store).filter(|pod| {
        pod.metadata
            .owner_references
            .iter()
            .flatten()
            .any(|owner| owner.uid == uid && owner.controller == Some(true))
    });
    u64::try_from(owned.filter(|pod| serves(pod)).count()).unwrap_or(u64::MAX)
}

/// Names what a document of `status` says that is not so, and what it does not say.
pub fn untrue(facts: &Facts, said: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let phase = said["phase"].as_str().unwrap_or_default();
    if !facts.phases().contains(&phase) {
        wrong.push(format!("phase {phase}, and it is {}", facts.phases().join(" or ")));
    }
    let codes: Vec<&str> = said["warnings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|warning| warning["code"].as_str())
        .collect();
    let dangers = facts.dangers();
    for code in EXACT {
        match (dangers.contains(&code), codes.contains(&code)) {
            (true, false) => wrong.push(format!("nothing of the danger {code}")),
            (false, true) => wrong.push(format!("the danger {code}, which there is not")),
            (true, true) | (false, false) => {}
        }
    }
    let open = facts.journal.as_ref().is_some_and(Journal::is_open);
    let interrupted = open && !facts.is_held() && facts.holder.is_none() && phase != "Idle";
    if interrupted != codes.contains(&"interrupted") {
        wrong.push(format!("of an interrupted run: {}, and it is {interrupted}", !interrupted));
    }
    wrong.extend(run(facts, &said["run"]));
    wrong.extend(versions(facts, said));
    if !facts.ours.is_empty() && said["traffic"].is_null() {
        wrong.push(format!("nothing of traffic, and service/{} is there", facts.ours.join(", service/")));
    }
    wrong
}

/// A lock that somebody has is named, whether that run lives or not; a free one is not.
fn run(facts: &Facts, said: &Value) -> Option<String> {
    let active = said["active"] == true;
    match &facts.holder {
        Some(holder) => {
            let named =
                said["holder"].as_str().zip(said["id"].as_str()).map(|(who, id)| format!("{who}/{id}"));
            let same = active && named.as_ref() == Some(holder);
            (!same).then(|| format!("{said} holds it, and the lock is that of {holder}"))
        }
        None if active => Some(format!("{said} is active, and nobody has the lock")),
        None if facts.is_held() && facts.record().is_some() && said.is_null() => {
            Some("nobody holds it".to_owned())
        }
        None => None,
    }
}

/// The two versions, their pods, and the share.
fn versions(facts: &Facts, said: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for role in ["stable", "canary"] {
        let Some(hash) = said[role]["hash"].as_str() else { continue };
        let told = (said[role]["replicas"].as_u64(), said[role]["ready"].as_u64());
        let is = facts.versions.get(hash).map(|version| (Some(version.replicas), Some(version.ready)));
        if is.is_none_or(|is| is != told) {
            wrong.push(format!("{role} {hash} has {told:?} of its pods Ready, and it is {is:?}"));
        }
    }
    let Some(held) = facts.record() else { return wrong };
    let has = |hash: &str| facts.versions.contains_key(hash);
    if has(&held.stable) && said["stable"]["hash"] != held.stable {
        wrong.push(format!("stable is {}, and it is {}", said["stable"]["hash"], held.stable));
    }
    if let Some((hash, _)) = facts.live().filter(|(hash, _)| **hash != held.stable)
        && said["canary"]["hash"] != *hash
    {
        wrong.push(format!("canary is {}, and it is {hash}", said["canary"]["hash"]));
    }
    if said["weight"]["asked"] != json!(held.asked) {
        wrong.push(format!("asked were {} %, and it was {:?}", said["weight"]["asked"], held.asked));
    }
    let ready =
        |role: &str| said[role]["ready"].as_u64().and_then(|ready| u32::try_from(ready).ok()).unwrap_or(0);
    let actual = share::percent(ready("canary"), ready("stable"));
    if said["traffic"].is_null()
        && said["weight"]["actual"].as_f64().is_none_or(|told| (told - actual).abs() > 0.01)
    {
        wrong.push(format!("a share of {} %, and it is {actual} %", said["weight"]["actual"]));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"v":1,"original":{},"stable":"s1","canary":"","asked":20,"bounds":{"surge":1,"unavailable":0},"run":{"id":"r1","holder":"jane@here","since":""},"epoch":1}"#;

    fn held() -> Facts {
        let template = |image: &str| json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}});
        let mut record: Value = serde_json::from_str(RECORD).unwrap();
        record["canary"] = json!(fingerprint(&template("v2")));
        let deployment = json!({"metadata": {"generation": 2, "annotations": {HELD_ANNOTATION: record.to_string()}},
            "spec": {"replicas": 4, "minReadySeconds": HELD, "progressDeadlineSeconds": NO_DEADLINE, "template": template("v2"),
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}},
            "status": {"observedGeneration": 2}});
        let version = |replicas, is_live| Version { replicas, pods: replicas, ready: replicas, is_live };
        let versions = [("s1".to_owned(), version(4, false)), ("c1".to_owned(), version(1, true))];
        let deployment = Arc::new(deployment);
        Facts {
            deployment,
            versions: versions.into(),
            holder: None,
            journal: None,
            ours: Vec::new(),
            pinned: false,
        }
    }

    fn said() -> Value {
        json!({"phase": "Held", "weight": {"asked": 20, "actual": 20.0}, "traffic": null, "warnings": [],
            "stable": {"hash": "s1", "replicas": 4, "ready": 4}, "canary": {"hash": "c1", "replicas": 1, "ready": 1},
            "run": {"id": "r1", "holder": "jane@here", "active": false}})
    }

    fn told(change: impl Fn(&mut Value)) -> Vec<String> {
        let mut said = said();
        change(&mut said);
        untrue(&held(), &said)
    }

    #[test]
    fn a_hold_is_told_as_it_is() {
        assert_eq!(untrue(&held(), &said()), [""; 0]);
        assert_eq!(told(|said| said["phase"] = json!("Idle")), ["phase Idle, and it is Held"]);
        assert_eq!(
            told(|said| said["weight"]["actual"] = json!(25.0)),
            ["a share of 25.0 %, and it is 20 %"]
        );
        assert_eq!(told(|said| said["weight"]["asked"] = json!(10)).len(), 1);
        assert!(told(|said| said["canary"]["ready"] = json!(0)).len() > 1, "and with it the share");
        assert_eq!(told(|said| said["run"] = Value::Null), ["nobody holds it"]);
        assert_eq!(told(|said| said["run"]["active"] = json!(true)).len(), 1);
        let warned = told(|said| said["warnings"] = json!([{"code": "superseded"}]));
        assert_eq!(warned, ["the danger superseded, which there is not"]);
    }

    #[test]
    fn a_danger_that_is_not_named_is_missed() {
        let missed = |change: &dyn Fn(&mut Facts)| {
            let mut facts = held();
            change(&mut facts);
            untrue(&facts, &said()).join("; ")
        };
        let spec = |facts: &mut Facts, member: &str, value: Value| {
            Arc::make_mut(&mut facts.deployment)["spec"][member] = value;
        };
        assert!(missed(&|facts: &mut Facts| spec(facts, "paused", json!(true))).contains("paused"));
        assert!(
            missed(&|facts: &mut Facts| spec(facts, "progressDeadlineSeconds", json!(600)))
                .contains("field-changed")
        );
        assert!(missed(&|facts: &mut Facts| spec(facts, "replicas", json!(5))).contains("stable-shrunk"));
        assert!(missed(&|facts: &mut Facts| spec(facts, "template", json!({}))).contains("superseded"));
        assert!(missed(&|facts: &mut Facts| spec(facts, "minReadySeconds", json!(0))).contains("leftover"));
        assert!(
            missed(&|facts: &mut Facts| facts.holder = Some("joe@there/r2".into()))
                .contains("the lock is that of joe@there/r2")
        );
        assert!(
            missed(&|facts: &mut Facts| facts.ours.push("web-rp-stable".into()))
                .contains("service/web-rp-stable")
        );
    }
}

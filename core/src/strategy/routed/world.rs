//! A world of values for plans: steps are done to it write by write, and controllers follow each at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::ways::{Backend, Way};
use crate::fixtures::{idle, journal, replica_set, template};
use crate::journal::{Journal, RunRef, State, Verb};
use crate::keys;
use crate::model::{Pod, Revision, Workload, images};
use crate::plan::{Plan, Step};
use crate::router::own_targets;
use crate::situation::{Observed, Situation};
use crate::step::{self, Mutation, Progress};
use crate::strategy::{self, CanaryRequest, VerifyRequest, Wanted};
use crate::traffic::{Role, Split, Target, Traffic};

/// What a user types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Canary(Option<&'static str>, u8),
    Promote,
    Abort,
    /// What is done about a version that somebody replaced.
    Retreat,
}

/// Whose pods the root may have while it has a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Stable,
    New,
    Any,
}

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) observed: Observed,
    way: Way,
    /// As a search finds it.
    found: Traffic,
    runs: u64,
    /// What new pods are asked.
    pub(super) verify: VerifyRequest,
    /// The picture before anything was done.
    pub(super) user: Value,
}

impl World {
    /// Three pods of `web:1` behind routes.
    pub(super) fn new(way: Way, routes: &[&str], isolate: bool) -> Self {
        let mut observed = idle();
        let service = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "s1"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
        observed.traffic_objects.objects.insert(Target::service("shop", "web"), service);
        for name in routes {
            let (target, route) = way.route(name);
            observed.traffic_objects.objects.insert(target, route);
        }
        let mut found = Traffic {
            router: way.router().into(),
            routes: routes.iter().map(|name| way.route(name).0).collect(),
            isolate,
            ..Traffic::direct("web")
        };
        if let Some((target, object)) = way.beside() {
            observed.traffic_objects.objects.insert(target.clone(), object);
            found.beside.push(target);
        }
        let split = Split::undone("web", "shop").with(Some(0), Some(100), Some(0));
        found.own = own_targets(&found, &observed.traffic_objects.view(&found, Vec::new()), &split).unwrap();
        let verify = VerifyRequest::default();
        let mut world = Self { observed, way, found, runs: 0, verify, user: Value::Null };
        world.settle();
        world.user = world.picture();
        world
    }

    /// Whether there is one route of the simplest kind and nothing more.
    pub(super) fn is_plain(&self) -> bool {
        self.way == Way::Backends && self.found.routes.len() == 1 && !self.found.isolate
    }

    pub(super) fn plan(&mut self, command: Command) -> Result<Plan, crate::error::Error> {
        let held = Situation::of(&self.observed).hold.and_then(|hold| hold.record);
        let journaled = self.observed.journal.as_ref().and_then(|journal| journal.traffic.clone());
        self.observed.traffic = journaled.or_else(|| held.and_then(|record| record.traffic));
        match command {
            Command::Canary(image, weight) => {
                self.observed.traffic.get_or_insert_with(|| self.found.clone());
                let request = CanaryRequest {
                    template: image.map(template),
                    wanted: Wanted { weights: vec![weight], ..Wanted::default() },
                    verify: self.verify.clone(),
                    ..CanaryRequest::default()
                };
                strategy::canary(&request, &self.observed)
            }
            Command::Promote => strategy::promote(&self.observed),
            Command::Abort => Ok(strategy::abort(&self.observed)),
            Command::Retreat => Ok(strategy::retreat(&self.observed)),
        }
    }

    /// Runs a command until so many writes are done. Returns whether it came to its end, as the engine does it.
    pub(super) fn run(&mut self, command: Command, writes: usize, judge: &dyn Fn(&Self)) -> bool {
        let plan = self.plan(command).unwrap();
        self.runs += 1;
        let run = RunRef { id: self.runs.to_string(), ..RunRef::default() };
        let verb = match command {
            Command::Canary(..) | Command::Retreat => Verb::Canary,
            Command::Promote => Verb::Promote,
            Command::Abort => Verb::Abort,
        };
        self.observed.journal = Some(Journal {
            run,
            epoch: self.runs,
            snapshot: self.snapshot(&plan),
            traffic: self.observed.traffic.clone(),
            ..journal(verb, plan)
        });
        self.go_on(writes, judge)
    }

    /// Does the rest of the plan in the journal.
    pub(super) fn go_on(&mut self, writes: usize, judge: &dyn Fn(&Self)) -> bool {
        let journal = self.observed.journal.clone().unwrap();
        let mut left = writes;
        for (index, step) in journal.plan.steps.iter().enumerate().skip(journal.cursor) {
            let work = step::work(step, &Situation::of(&self.observed), &journal.run, journal.epoch).unwrap();
            for mutation in &work.mutations {
                if left == 0 {
                    return false;
                }
                left -= 1;
                self.write(mutation);
                self.settle();
                judge(self);
            }
            let progress = step::progress(step, &Situation::of(&self.observed), &|_| Some(Duration::MAX));
            assert_eq!(progress, Progress::Done, "{step:?} of {:?}: {self:#?}", journal.plan.steps);
            self.observed.journal.as_mut().unwrap().cursor = index + 1;
        }
        let held = Situation::of(&self.observed).hold.is_some();
        let routed = held || strategy::is_woven(&self.observed);
        let journal = self.observed.journal.as_mut().unwrap();
        journal.state = State::Done;
        journal.snapshot = journal.snapshot.take().filter(|_| held);
        journal.traffic = journal.traffic.take().filter(|_| routed);
        true
    }

    /// As the lock writes it down.
    fn snapshot(&self, plan: &Plan) -> Option<crate::journal::Snapshot> {
        let new = plan.steps.iter().find_map(|step| match step {
            Step::Hold { template, .. } => template.as_ref(),
            _ => None,
        });
        let known = self.observed.snapshot().map(|snapshot| snapshot.canary.clone());
        let situation = Situation::of(&self.observed);
        let mut snapshot = situation.snapshot(new.unwrap_or(&self.observed.workload.spec.template))?;
        if new.is_none() && plan.steps.contains(&Step::Restore) && situation.is_on_stable_template() {
            snapshot.canary = known.unwrap_or_default();
        }
        Some(snapshot)
    }

    fn write(&mut self, mutation: &Mutation) {
        let objects = &mut self.observed.traffic_objects.objects;
        match mutation {
            Mutation::PatchWorkload { patch } => {
                let mut value = serde_json::to_value(&self.observed.workload).unwrap();
                crate::router::tests::patch(&mut value, patch);
                self.observed.workload = serde_json::from_value(value).unwrap();
                *self.observed.workload.metadata.generation.as_mut().unwrap() += 1;
            }
            Mutation::ScaleRevision { name, replicas, .. } => {
                let set = self.observed.revisions.iter_mut().find(|set| set.name() == name);
                set.unwrap().spec.replicas = Some(i64::from(*replicas));
            }
            Mutation::Create { target, object } => {
                let mut object = object.clone();
                object["metadata"]["uid"] = json!(format!("uid-of-{}", target.name));
                assert!(objects.insert(target.clone(), object).is_none(), "{target} is there already");
            }
            Mutation::Patch { target, patch } => {
                let object = objects.get_mut(target).unwrap();
                crate::router::tests::patch(object, patch);
                if let Some(generation) = object["metadata"]["generation"].as_i64() {
                    object["metadata"]["generation"] = json!(generation + 1);
                }
            }
            Mutation::Delete { target, uid } => {
                assert_eq!(objects.remove(target).unwrap()["metadata"]["uid"], json!(uid));
            }
        }
    }

    /// Somebody else rolls another version out.
    pub(super) fn replace(&mut self, image: &str) {
        self.observed.workload.spec.template = template(image);
        *self.observed.workload.metadata.generation.as_mut().unwrap() += 1;
        self.settle();
    }

    /// Somebody applies a whole manifest with this version: the hold goes with it.
    pub(super) fn apply(&mut self, image: &str) {
        self.observed.workload.spec = idle().workload.spec;
        self.replace(image);
    }

    /// What the controllers make of it.
    pub(super) fn settle(&mut self) {
        let stable = Situation::of(&self.observed).stable.map(|set| set.name().to_owned());
        let Observed { workload, revisions, pods, traffic_objects, .. } = &mut self.observed;
        let image = images(&workload.spec.template).remove(0);
        let name = replica_set(&image, 0).name().to_owned();
        if !revisions.iter().any(|set| set.name() == name) {
            revisions.push(replica_set(&image, 0));
        }
        let held = workload.spec.min_ready_seconds == Some(keys::HELD);
        let surge = workload.spec.strategy.as_ref().unwrap()["rollingUpdate"]["maxSurge"].as_u64();
        let surge = u32::try_from(surge.filter(|_| held).unwrap_or_default()).unwrap();
        for set in revisions.iter_mut() {
            let is_stable = stable.as_deref() == Some(set.name());
            let replicas = match (held, set.name() == name) {
                (true, true) => set.replicas().max(surge),
                (true, false) if is_stable => 3,
                (false, true) => 3,
                _ => 0,
            };
            let image = images(&set.spec.template).remove(0);
            *set = replica_set(&image, replicas);
        }
        let count = |is: &dyn Fn(&Revision) -> bool| -> i64 {
            revisions.iter().filter(|set| is(set)).map(|set| i64::from(set.replicas())).sum()
        };
        workload.status.observed_generation = workload.generation();
        let (all, new) = (count(&|_| true), count(&|set| set.name() == name));
        (workload.status.replicas, workload.status.ready_replicas) = (all, all);
        (workload.status.updated_replicas, workload.status.available_replicas) = (new, all);
        *pods = revisions.iter().flat_map(pods_of).collect();
        traffic_objects.slices.clear();
        for (target, object) in &mut traffic_objects.objects {
            if target.kind == "Service" {
                let hash = &object["spec"]["selector"][keys::POD_TEMPLATE_HASH];
                let endpoints: Vec<Value> = pods
                    .iter()
                    .filter(|pod| {
                        hash.as_str().is_none_or(|hash| pod.name().starts_with(&format!("{hash}.")))
                    })
                    .map(|pod| json!({"targetRef": {"name": pod.name()}}))
                    .collect();
                let labels = json!({"kubernetes.io/service-name": target.name});
                let slice = json!({"metadata": {"labels": labels}, "endpoints": endpoints});
                traffic_objects.slices.push(Arc::new(slice));
            } else {
                let condition = |kind: &str| json!({"type": kind, "status": "True", "observedGeneration": object["metadata"]["generation"]});
                let conditions = json!([condition("Accepted"), condition("ResolvedRefs")]);
                object["status"] = json!({"parents": [{"controllerName": "c",
                    "parentRef": object["spec"]["parentRefs"][0], "conditions": conditions}]});
            }
        }
    }

    /// What is wrong with the traffic now.
    pub(super) fn complaint(&self, most: u64, root: Root) -> Option<String> {
        let traffic_objects = &self.observed.traffic_objects;
        for (target, route) in traffic_objects.routes(&self.found) {
            let backends = match self.way.backends(traffic_objects, route) {
                Ok(backends) => backends,
                Err(name) => return Some(format!("{target} names {name}, which is not there")),
            };
            let all: u64 = backends.iter().map(|backend| backend.weight).sum();
            for Backend { name, weight, ready } in &backends {
                if *weight > 0 && ready.is_empty() {
                    return Some(format!("{name} has a share and no pods"));
                }
                if *name == Role::Canary.service("web") && weight * 100 > most * all {
                    return Some(format!("the canary has {weight} of {all}"));
                }
                let former = ready.iter().filter(|pod| pod.starts_with("web-1.")).count();
                let strangers = match root {
                    Root::Stable => ready.len() - former,
                    Root::New => former,
                    Root::Any => 0,
                };
                if name == "web" && *weight > 0 && strangers > 0 {
                    return Some(format!("the root has a share and pods of the wrong version: {ready:?}"));
                }
            }
        }
        None
    }

    /// All that two ends of the same thing have in common.
    pub(super) fn picture(&self) -> Value {
        let workload: &Workload = &self.observed.workload;
        let mut spec = serde_json::to_value(&workload.spec).unwrap();
        spec["held"] = json!(Situation::of(&self.observed).hold.is_some());
        let pods: BTreeMap<&str, u32> = self
            .observed
            .revisions
            .iter()
            .map(|set| (set.name(), set.replicas()))
            .filter(|(_, n)| *n > 0)
            .collect();
        let objects: Vec<Value> = self.observed.traffic_objects.objects.values().map(stripped).collect();
        json!([spec, pods, objects])
    }
}

/// Without what the API server and controllers write.
fn stripped(object: &Value) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("generation");
    // An empty map is none.
    if metadata.get("annotations").is_some_and(|annotations| *annotations == json!({})) {
        metadata.remove("annotations");
    }
    object
}

fn pods_of(set: &Revision) -> Vec<Arc<Pod>> {
    let pod = |number: u32| {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": format!("{}.{number}", set.hash()), "uid": format!("{}.{number}", set.hash()), "ownerReferences":
                [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set.name(), "uid": set.hash(), "controller": true}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        }))
        .unwrap();
        Arc::new(pod)
    };
    (0..set.replicas()).map(pod).collect()
}

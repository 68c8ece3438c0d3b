//! What the steps of a router mean: Services of ours, routes that name them, and how far the data plane is.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::replaced::replaced;
use super::{Mutation, Progress, Work};
use crate::error::{Error, Kind};
use crate::model::{Pod, Revision};
use crate::plan::Step;
use crate::router::{Router, Settled, drifted, router, weave};
use crate::situation::Situation;
use crate::traffic::{self, Role, Split, Target, Traffic, own_service};

/// The traffic of a workload, with the router that knows its routes.
fn way<'s>(situation: &'s Situation<'_>) -> Option<(&'s Traffic, &'static dyn Router)> {
    let traffic = situation.observed.traffic.as_ref()?;
    Some((traffic, router(&traffic.router)?))
}

fn direct<'s>(situation: &'s Situation<'_>) -> Option<&'s Traffic> {
    situation.observed.traffic.as_ref()
}

fn version<'s>(situation: &'s Situation<'_>, role: Role) -> Option<&'s Revision> {
    match role {
        Role::Stable => situation.stable,
        Role::Canary | Role::Preview => situation.canary,
    }
}

fn service<'s>(situation: &'s Situation<'_>, traffic: &Traffic) -> Result<&'s Value, Error> {
    let id = situation.workload().id();
    situation.observed.traffic_objects.service(&traffic.service).ok_or_else(|| {
        Error::refused(format!(
            "service/{} in namespace {} is gone: no route can go back to it",
            traffic.service, id.namespace
        ))
        .next(format!("make service/{} again, then {}", traffic.service, id.command("abort")))
    })
}

fn is_owned(object: &Value, situation: &Situation<'_>) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners.into_iter().flatten().any(|owner| owner["uid"] == situation.workload().uid())
}

fn somebody_elses(target: &Target) -> Error {
    Error::refused(format!("{target} is there already and is not ours"))
        .next(format!("kubectl get {} {} -n {} -o yaml", target.plural, target.name, target.namespace))
}

pub(super) fn publish(situation: &Situation<'_>, role: Role) -> Result<Work, Error> {
    let Some(traffic) = direct(situation) else { return Ok(Work::default()) };
    let Some(version) = version(situation, role) else { return Ok(Work::default()) };
    let root = service(situation, traffic)?;
    let wanted = own_service(root, situation.workload(), traffic, role, version.hash());
    let target = Target::service(&situation.workload().id().namespace, &role.service(&traffic.service));
    let mutations = match situation.observed.traffic_objects.objects.get(&target) {
        None => vec![Mutation::Create { target, object: wanted }],
        Some(live) if !is_owned(live, situation) => return Err(somebody_elses(&target)),
        Some(live) if live["spec"]["selector"] == wanted["spec"]["selector"] => vec![],
        Some(live) => {
            let patch = vec![
                json!({"op": "test", "path": "/metadata/uid", "value": live["metadata"]["uid"]}),
                json!({"op": "add", "path": "/spec/selector", "value": wanted["spec"]["selector"]}),
            ];
            vec![Mutation::Patch { target, patch }]
        }
    };
    Ok(Work { mutations, ..Work::default() })
}

pub(super) fn published(situation: &Situation<'_>, role: Role) -> Progress {
    let Some(traffic) = direct(situation) else { return Progress::Done };
    if let Some(error) = replaced(situation).filter(|_| role != Role::Stable) {
        return Progress::Halted(error);
    }
    let Some(version) = version(situation, role) else { return Progress::Done };
    let name = role.service(&traffic.service);
    let known = situation.observed.traffic_objects.ready(&name);
    let ready = ready_pods(situation, version);
    let missing = ready.difference(&known).count();
    if missing == 0 && !ready.is_empty() && known.is_subset(&ready) {
        return Progress::Done;
    }
    Progress::Waiting(format!("service/{name} knows {} of {} Ready pods", known.len(), ready.len()), None)
}

fn ready_pods<'s>(situation: &'s Situation<'_>, version: &'s Revision) -> BTreeSet<&'s str> {
    situation.pods_of(version).filter(|pod| pod.is_ready() && !pod.is_terminating()).map(Pod::name).collect()
}

/// The labels of the pods of each version.
fn pods<'s>(situation: &'s Situation<'_>) -> Vec<&'s Value> {
    let sets = [situation.stable, situation.canary].into_iter().flatten();
    sets.map(|set| &set.spec.template["metadata"]["labels"]).collect()
}

pub(super) fn own(situation: &Situation<'_>, split: &Split) -> Result<Work, Error> {
    let Some((traffic, router)) = way(situation) else { return Ok(Work::default()) };
    let traffic_objects = &situation.observed.traffic_objects;
    let view = traffic_objects.view(traffic, pods(situation));
    let wanted = router.own(&view, split)?;
    let mut mutations = Vec::new();
    for (target, mut object) in wanted.iter().cloned() {
        match traffic_objects.objects.get(&target) {
            None => {
                object["metadata"]["ownerReferences"] = json!([traffic::owner(situation.workload())]);
                mutations.push(Mutation::Create { target, object });
            }
            Some(live) if !is_owned(live, situation) => return Err(somebody_elses(&target)),
            Some(live) => {
                let patch = traffic::made_so(live, &object, &traffic.service);
                if !patch.is_empty() {
                    mutations.push(Mutation::Patch { target, patch });
                }
            }
        }
    }
    mutations.extend(amended(situation, split)?);
    let unwanted = |target: &&Target| !wanted.iter().any(|(wanted, _)| wanted == *target);
    // They may name each other, so all stay until the routes name none.
    let named = traffic.own.iter().any(|target| {
        let name = json!(target.name).to_string();
        view.routes.iter().any(|(_, route)| route["spec"].to_string().contains(&name))
    });
    for target in traffic.own.iter().filter(unwanted).filter(|_| !named) {
        mutations.extend(removal(situation, target));
    }
    Ok(Work { mutations, ..Work::default() })
}

/// Returns why a step must not be done: no request is given to a version whose pods make room for those of another, and
/// that other one does not get what was meant for it.
pub fn refused(step: &Step, situation: &Situation<'_>) -> Option<Error> {
    let is_for_canary = match step {
        Step::Own { split, .. } | Step::Route { split, .. } => split.uses_canary(),
        Step::Publish { role } => *role != Role::Stable,
        Step::Hold { .. }
        | Step::Stop
        | Step::AwaitCanary
        | Step::Soak { .. }
        | Step::Update { .. }
        | Step::Release
        | Step::AwaitRollout
        | Step::Follow { .. }
        | Step::Restore
        | Step::AwaitStable
        | Step::Pin { .. }
        | Step::Withdraw
        | Step::Freeze
        | Step::Verify { .. }
        | Step::Fault { .. }
        | Step::Smoke { .. } => false,
    };
    replaced(situation)
        .filter(|_| is_for_canary && way(situation).is_some())
        .or_else(|| outlived(step, situation))
}

/// Returns why no request may be given to the stable version alone: nothing holds its pods yet, and since the run began
/// somebody put another version in their place.
pub(super) fn outlived(step: &Step, situation: &Situation<'_>) -> Option<Error> {
    let is_for_stable = match step {
        Step::Own { split, .. } | Step::Route { split, .. } => split.stable.is_some_and(|share| share > 0),
        Step::Publish { role } | Step::Pin { role: Some(role) } => *role == Role::Stable,
        Step::Hold { .. }
        | Step::Stop
        | Step::AwaitCanary
        | Step::Soak { .. }
        | Step::Update { .. }
        | Step::Release
        | Step::AwaitRollout
        | Step::Follow { .. }
        | Step::Restore
        | Step::AwaitStable
        | Step::Pin { role: None }
        | Step::Withdraw
        | Step::Freeze
        | Step::Verify { .. }
        | Step::Fault { .. }
        | Step::Smoke { .. } => false,
    };
    super::foreign(situation).filter(|_| is_for_stable && situation.hold.is_none())
}

/// The parts of ours in the user's objects beside the routes.
fn amended(situation: &Situation<'_>, split: &Split) -> Result<Vec<Mutation>, Error> {
    let Some((traffic, router)) = way(situation) else { return Ok(Vec::new()) };
    let traffic_objects = &situation.observed.traffic_objects;
    let view = traffic_objects.view(traffic, Vec::new());
    let mut mutations = Vec::new();
    for (target, live) in
        traffic.beside.iter().filter_map(|target| traffic_objects.objects.get_key_value(target))
    {
        let patch = router.amend(live, &view, split)?;
        if !patch.is_empty() {
            mutations.push(Mutation::Patch { target: target.clone(), patch });
        }
    }
    Ok(mutations)
}

fn removal(situation: &Situation<'_>, target: &Target) -> Option<Mutation> {
    let live =
        situation.observed.traffic_objects.objects.get(target).filter(|live| is_owned(live, situation))?;
    Some(Mutation::Delete { target: target.clone(), uid: traffic::text(live, "/metadata/uid").to_owned() })
}

pub(super) fn route(situation: &Situation<'_>, split: &Split) -> Result<Work, Error> {
    let Some((traffic, router)) = way(situation) else { return Ok(Work::default()) };
    if split.root.is_some_and(|share| share > 0) {
        service(situation, traffic)?;
    }
    let mut work = Work::default();
    for target in &traffic.routes {
        let Some(live) = situation.observed.traffic_objects.objects.get(target) else {
            work.notes.push(format!("{target} is gone: nothing is changed there"));
            continue;
        };
        let woven = weave(router, target, live, split)?;
        work.notes.extend(woven.notes);
        if !woven.patch.is_empty() {
            work.mutations.push(Mutation::Patch { target: target.clone(), patch: woven.patch });
        }
    }
    Ok(work)
}

pub(super) fn routed(situation: &Situation<'_>, split: &Split) -> Progress {
    if let Some(error) = halted(situation, split) {
        return Progress::Halted(error);
    }
    unanswered(situation).map_or(Progress::Done, |why| Progress::Waiting(why, None))
}

/// Whether no status says that a route is not served as it is.
pub fn is_answered(situation: &Situation<'_>) -> bool {
    unanswered(situation).is_none()
}

fn unanswered(situation: &Situation<'_>) -> Option<String> {
    let (traffic, router) = way(situation)?;
    // A status that complains of a Service that is gone says nothing of those that are there: only time helps.
    situation.observed.traffic_objects.service(&traffic.service)?;
    situation.observed.traffic_objects.routes(traffic).find_map(|(target, live)| {
        match router.settled(live, &traffic.service) {
            Settled::No(why) => Some(format!("{target}: {why}")),
            Settled::Yes | Settled::Silent => None,
        }
    })
}

/// Returns why the traffic does not go as asked any more: somebody else changed a route.
pub fn halted(situation: &Situation<'_>, split: &Split) -> Option<Error> {
    let (traffic, router) = way(situation)?;
    if let Some(error) = replaced(situation).filter(|_| split.uses_canary()) {
        return Some(error);
    }
    let id = situation.workload().id();
    let verb = |verb: &str| id.command(verb);
    let traffic_objects = &situation.observed.traffic_objects;
    for target in &traffic.routes {
        let Some(live) = traffic_objects.objects.get(target) else {
            // On the way back nothing is asked of it any more.
            if split.canary.is_none() {
                continue;
            }
            let error = Error::new(Kind::VersionFailed, format!("somebody deleted {target} meanwhile"));
            return Some(error.next(verb("abort")));
        };
        if drifted(router, target, live, split) {
            let who = last_writer(live).map(|who| format!(" ({who})")).unwrap_or_default();
            let error = Error::new(
                Kind::VersionFailed,
                format!(
                    "somebody{who} changed {target} meanwhile: it does not say \"{}\" any more",
                    split.sentence()
                ),
            );
            return Some(
                error
                    .next(verb("abort"))
                    .next(format!("{} --weight N (writes the shares again)", verb("canary"))),
            );
        }
    }
    for role in [split.stable.map(|_| Role::Stable), split.canary.map(|_| Role::Canary)].into_iter().flatten()
    {
        let name = role.service(&traffic.service);
        if traffic_objects.service(&name).is_none() {
            let error = Error::new(Kind::VersionFailed, format!("somebody deleted service/{name} meanwhile"));
            return Some(error.next(verb("abort")));
        }
    }
    None
}

/// The manager that changed the object's own fields last, other than us.
fn last_writer(live: &Value) -> Option<String> {
    let entries = live["metadata"]["managedFields"].as_array()?;
    let others = entries.iter().filter(|entry| {
        entry["manager"] != crate::keys::FIELD_MANAGER
            && entry["subresource"].is_null()
            && entry["time"].is_string()
    });
    let last = others.max_by_key(|entry| entry["time"].as_str().unwrap_or_default().to_owned())?;
    last["manager"].as_str().map(str::to_owned)
}

pub(super) fn pin(situation: &Situation<'_>, role: Option<Role>) -> Result<Work, Error> {
    let Some(traffic) = direct(situation) else { return Ok(Work::default()) };
    let root = match role {
        Some(_) => service(situation, traffic)?,
        None => match situation.observed.traffic_objects.service(&traffic.service) {
            Some(root) => root,
            None => return Ok(Work::default()),
        },
    };
    let patch = match role.map(|role| version(situation, role)) {
        Some(Some(version)) => traffic::pin(root, version.hash()),
        Some(None) => Vec::new(),
        None => traffic::unpin(root),
    };
    let target = Target::service(&situation.workload().id().namespace, &traffic.service);
    let mutations = if patch.is_empty() { vec![] } else { vec![Mutation::Patch { target, patch }] };
    Ok(Work { mutations, ..Work::default() })
}

pub(super) fn pinned(situation: &Situation<'_>, role: Option<Role>) -> Progress {
    let Some(traffic) = direct(situation) else { return Progress::Done };
    let known = situation.observed.traffic_objects.ready(&traffic.service);
    let sets = situation.observed.revisions.iter();
    let ready: BTreeSet<&str> = match role {
        Some(role) => {
            version(situation, role).map(|version| ready_pods(situation, version)).unwrap_or_default()
        }
        None => sets.flat_map(|set| ready_pods(situation, set)).collect(),
    };
    if known == ready || (role.is_none() && known.is_superset(&ready)) {
        return Progress::Done;
    }
    Progress::Waiting(
        format!(
            "service/{} knows {} of {} Ready pods",
            traffic.service,
            known.intersection(&ready).count(),
            ready.len()
        ),
        None,
    )
}

/// The root may get requests only once it has forgotten the pods that went: its EndpointSlices come after.
pub(super) fn left(situation: &Situation<'_>, progress: Progress) -> Progress {
    let (Progress::Done, Some((traffic, _)), Some(version)) = (&progress, way(situation), situation.stable)
    else {
        return progress;
    };
    let others = situation.observed.revisions.iter().filter(|set| set.name() != version.name());
    // Other workloads may have pods behind it, too.
    let names: Vec<String> = others.map(|set| format!("{}-", set.name())).collect();
    let known = situation.observed.traffic_objects.ready(&traffic.service);
    match known.iter().filter(|pod| names.iter().any(|name| pod.starts_with(name))).count() {
        0 => progress,
        gone => {
            Progress::Waiting(format!("service/{} still knows pods that went: {gone}", traffic.service), None)
        }
    }
}

pub(super) fn withdraw(situation: &Situation<'_>) -> Work {
    let Some(traffic) = direct(situation) else { return Work::default() };
    let namespace = &situation.workload().id().namespace;
    let undone = Split::undone(&traffic.service, namespace);
    let mut work = Work::default();
    for (target, live) in situation.observed.traffic_objects.routes(traffic) {
        if router(&traffic.router).is_some_and(|router| drifted(router, target, live, &undone)) {
            work.notes.push(format!("{target} names Services of ours again: they stay"));
            return work;
        }
    }
    let gone = traffic
        .routes
        .iter()
        .filter(|target| !situation.observed.traffic_objects.objects.contains_key(target));
    work.notes.extend(gone.map(|target| format!("{target} is gone: nothing is changed there")));
    let services = Role::ALL.map(|role| Target::service(namespace, &role.service(&traffic.service)));
    // A run may have been killed before a route named them.
    work.mutations = amended(situation, &undone).unwrap_or_default();
    work.mutations
        .extend(traffic.own.iter().chain(&services).filter_map(|target| removal(situation, target)));
    work
}

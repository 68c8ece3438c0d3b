//! What a step means for a workload as it is now: which writes are missing, and whether it is done.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::error::{Error, Kind};
use crate::hold::{self, Keep};
use crate::model::{
    HeldRecord, Originals, Phase, Pod, ReplicaSet, RunRef, Situation, fingerprint, same_template,
};
use crate::plan::Step;
use crate::share::{Size, Sizing, Stable};

/// A write, as data.
#[derive(Clone, Debug, PartialEq)]
pub enum Mutation {
    /// A JSON Patch of the Deployment, with the tests that it relies on.
    PatchDeployment {
        /// RFC 6902 operations.
        patch: Vec<Value>,
    },
    /// The `scale` subresource of a ReplicaSet, if the object is unchanged since we read it.
    ScaleReplicaSet {
        /// The ReplicaSet.
        name: String,
        /// As read: a later state must not be scaled by a decision about an earlier one.
        resource_version: String,
        /// Pods to have.
        replicas: u32,
    },
}

/// The writes that a step needs, and what to say about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// In order; empty if the step's state is there already.
    pub mutations: Vec<Mutation>,
    /// Sentences for the user, printed before the writes.
    pub notes: Vec<String>,
}

/// How far a step's waiting is.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// There.
    Done,
    /// Not yet; the text says what is missing. With a duration, time alone will do it.
    Waiting(String, Option<Duration>),
    /// Somebody else changed the course.
    Halted(Error),
}

/// For how long each pod has been seen Ready without a break, by name.
pub type ReadyFor = BTreeMap<String, Duration>;

/// Returns the writes that are missing for a step.
///
/// # Errors
/// [`Kind::Refused`] if the step is impossible for the workload as it is.
pub fn work(step: &Step, situation: &Situation<'_>, run: &RunRef, epoch: u64) -> Result<Work, Error> {
    match step {
        Step::Hold { template, size, stable } => {
            hold_work(situation, template.as_ref(), *size, *stable, run, epoch)
        }
        Step::Update { template } => update_work(situation, template),
        Step::Release => Ok(release_work(situation, Keep::New)),
        Step::Restore => {
            if situation.hold.is_some() && situation.stable_template().is_none() {
                return Err(no_way_home(situation));
            }
            Ok(release_work(situation, Keep::Stable))
        }
        Step::AwaitCanary | Step::Soak { .. } | Step::AwaitRollout | Step::AwaitStable => Ok(Work::default()),
    }
}

/// Returns the sizing that a [`Step::Hold`] means for a workload.
///
/// # Errors
/// [`Kind::Refused`] if no such numbers can be kept.
pub fn sizing(situation: &Situation<'_>, size: Size, stable: Stable) -> Result<(Sizing, Stable), Error> {
    let replicas = situation.deployment().replicas();
    let left = situation.stable.map_or(replicas, ReplicaSet::replicas);
    // A set that was shrunk on purpose has to stay so: it cannot grow back under a hold.
    let shrunk = situation.hold.is_some() && situation.live_bounds().is_some_and(|live| live.unavailable > 0);
    let stable = if stable == Stable::Whole && shrunk { Stable::AsIs } else { stable };
    Ok((Sizing::choose(size, stable, replicas, left)?, stable))
}

fn hold_work(
    situation: &Situation<'_>,
    template: Option<&Value>,
    size: Size,
    stable: Stable,
    run: &RunRef,
    epoch: u64,
) -> Result<Work, Error> {
    let deployment = situation.deployment();
    let live = &deployment.spec.template;
    let wanted = template.unwrap_or(live);
    let (sizing, stable) = sizing(situation, size, stable)?;
    let stable_hash = situation.stable.map(ReplicaSet::hash).unwrap_or_default();
    let original = match &situation.hold {
        Some(hold) => hold.original.clone(),
        None => Originals::of(deployment),
    };
    let record = HeldRecord {
        v: HeldRecord::SCHEMA,
        run: run.clone(),
        epoch,
        asked: match size {
            Size::Weight(weight) => Some(weight),
            Size::Pods(_) => None,
        },
        bounds: sizing.bounds(stable),
        stable: stable_hash.to_owned(),
        canary: fingerprint(wanted),
        original,
    };
    let mut work = Work::default();
    let there = situation.hold.as_ref().and_then(|hold| hold.record.as_ref()) == Some(&record)
        && same_template(wanted, live)
        && deployment.spec.strategy == Some(hold::strategy(record.bounds))
        && deployment.spec.progress_deadline_seconds == Some(crate::keys::NO_DEADLINE)
        && !deployment.spec.paused;
    if !there {
        work.notes.push(sizing.sentence());
        work.notes.extend(sizing.advice());
        if deployment.spec.paused {
            work.notes.push("the Deployment was paused: it goes on with the hold, and stays unpaused".into());
        }
        if stable == Stable::Shrink {
            work.notes.push(format!(
                "the stable set shrinks to {} of {} pods; it grows back only by abort",
                sizing.stable, sizing.replicas
            ));
        }
        work.mutations.push(Mutation::PatchDeployment { patch: hold::hold(situation, &record, template) });
    }
    // The new version never shrinks by its limits alone.
    if let Some(canary) = situation.canary
        && same_template(&canary.spec.template, wanted)
        && canary.replicas() > sizing.canary
    {
        work.mutations.push(Mutation::ScaleReplicaSet {
            name: canary.name().to_owned(),
            resource_version: canary.metadata.resource_version.clone().unwrap_or_default(),
            replicas: sizing.canary,
        });
    }
    Ok(work)
}

fn update_work(situation: &Situation<'_>, template: &Value) -> Result<Work, Error> {
    let live = &situation.deployment().spec.template;
    if same_template(template, live) {
        return Ok(Work::default());
    }
    // A run that goes on later replaces only what it was to replace.
    let replaced = situation.observed.snapshot().map(|snapshot| snapshot.live.as_str());
    if replaced.is_some_and(|replaced| !replaced.is_empty() && replaced != fingerprint(live)) {
        return Err(superseded(situation));
    }
    Ok(Work {
        mutations: vec![Mutation::PatchDeployment { patch: hold::update(situation, template) }],
        ..Work::default()
    })
}

fn superseded(situation: &Situation<'_>) -> Error {
    let id = situation.deployment().id();
    let images = crate::model::images(&situation.deployment().spec.template).join(", ");
    Error::new(
        Kind::VersionFailed,
        format!("somebody put another version ({images}) on {id} meanwhile: it is left alone"),
    )
    .next(format!("kubectl rollout-plus status {} -n {}", id.name, id.namespace))
}

fn release_work(situation: &Situation<'_>, keep: Keep) -> Work {
    let release = hold::release(situation, keep);
    if release.patch.is_empty() {
        return Work::default();
    }
    let mut notes: Vec<String> = release
        .kept
        .iter()
        .map(|field| format!("{field} was changed by somebody during the hold and keeps that value"))
        .collect();
    if situation.deployment().spec.paused {
        notes.push("the Deployment was paused and is resumed".into());
    }
    Work { mutations: vec![Mutation::PatchDeployment { patch: release.patch }], notes }
}

/// Returns how far a step's waiting is.
pub fn progress(step: &Step, situation: &Situation<'_>, ready_for: &ReadyFor) -> Progress {
    match step {
        Step::Hold { .. } | Step::Update { .. } | Step::Release | Step::Restore => Progress::Done,
        Step::AwaitCanary | Step::Soak { .. } => canary_progress(situation, ready_for),
        Step::AwaitRollout => rollout_progress(situation),
        Step::AwaitStable => stable_progress(situation),
    }
}

fn canary_progress(situation: &Situation<'_>, ready_for: &ReadyFor) -> Progress {
    let deployment = situation.deployment();
    let id = deployment.id();
    let Some(hold) = &situation.hold else {
        return Progress::Halted(Error::new(
            Kind::VersionFailed,
            format!("{id} is no longer held: somebody else ended the canary"),
        ));
    };
    if situation.is_superseded() {
        return Progress::Halted(
            Error::new(
                Kind::VersionFailed,
                format!("somebody replaced the canary of {id} by a third version; stable pods are untouched"),
            )
            .next(format!("kubectl rollout-plus status {} -n {}", id.name, id.namespace)),
        );
    }
    if situation.is_on_stable_template() {
        return Progress::Halted(
            Error::new(Kind::VersionFailed, format!("somebody put the stable template of {id} back"))
                .next(format!("kubectl rollout-plus abort {} -n {}", id.name, id.namespace)),
        );
    }
    let target = situation.canary_target().unwrap_or(0);
    if deployment.spec.paused {
        return Progress::Halted(paused(situation));
    }
    let Some(canary) = situation.canary.filter(|_| deployment.is_observed()) else {
        return Progress::Waiting("the Deployment controller has not seen the change yet".into(), None);
    };
    let needed = Duration::from_secs(hold.original.min_ready_seconds.unwrap_or(0).max(0).unsigned_abs());
    let pods: Vec<&Pod> = situation.pods_of(canary).filter(|pod| !pod.is_terminating()).collect();
    let age = |pod: &&&Pod| ready_for.get(pod.name()).copied();
    let ready = pods.iter().filter(|pod| pod.is_ready()).count();
    let steady =
        pods.iter().filter(|pod| pod.is_ready() && age(pod).is_some_and(|age| age >= needed)).count();
    let target_pods = usize::try_from(target).unwrap_or(usize::MAX);
    if canary.replicas() == target && pods.len() == target_pods && steady == target_pods && target > 0 {
        return Progress::Done;
    }
    let mut text = format!("{ready} of {target} canary pods Ready");
    let mut in_time = None;
    if ready == target_pods && pods.len() == target_pods {
        let youngest = pods.iter().filter_map(|pod| age(&pod)).min().unwrap_or_default();
        let left = needed.saturating_sub(youngest);
        in_time = Some(left);
        text = format!("{text}, {} s more of minReadySeconds", left.as_secs());
    }
    Progress::Waiting(text, in_time)
}

fn rollout_progress(situation: &Situation<'_>) -> Progress {
    let deployment = situation.deployment();
    let id = deployment.id();
    if situation.hold.is_some() {
        return Progress::Halted(Error::new(Kind::Locked, format!("another run holds {id} again")));
    }
    let live = &deployment.spec.template;
    if let Some(snapshot) = situation.observed.snapshot()
        && snapshot.canary != fingerprint(live)
    {
        if !same_template(&snapshot.template, live) {
            return Progress::Halted(superseded(situation));
        }
        return Progress::Halted(
            Error::new(Kind::VersionFailed, format!("somebody put the former version of {id} back"))
                .next(format!("kubectl rollout-plus status {} -n {}", id.name, id.namespace)),
        );
    }
    if deployment.spec.paused {
        return Progress::Halted(paused(situation));
    }
    if !deployment.is_observed() {
        return Progress::Waiting("the Deployment controller has not seen the change yet".into(), None);
    }
    // Old pods that are still counted would make the last picture say "Progressing".
    if situation.phase == Phase::Idle {
        return Progress::Done;
    }
    let status = &deployment.status;
    Progress::Waiting(
        format!(
            "{} of {} pods updated, {} available",
            status.updated_replicas,
            deployment.replicas(),
            status.available_replicas
        ),
        None,
    )
}

fn paused(situation: &Situation<'_>) -> Error {
    let id = situation.deployment().id();
    Error::new(
        Kind::Deadline,
        format!("somebody paused {id}: nothing moves, and what is there stays as it is"),
    )
    .next(format!("kubectl rollout resume deployment/{} -n {}", id.name, id.namespace))
    .next(format!("kubectl rollout-plus resume {} -n {}", id.name, id.namespace))
    .next(format!("kubectl rollout-plus abort {} -n {}", id.name, id.namespace))
}

fn stable_progress(situation: &Situation<'_>) -> Progress {
    if situation.hold.is_some() {
        let id = situation.deployment().id();
        return Progress::Halted(Error::new(Kind::Locked, format!("another run holds {id} again")));
    }
    if !situation.deployment().is_observed() {
        return Progress::Waiting("the Deployment controller has not seen the change yet".into(), None);
    }
    let stable = situation.stable.map_or("", ReplicaSet::name);
    let others = situation.observed.replica_sets.iter().filter(|rs| rs.name() != stable);
    let left: usize = others
        .map(|rs| situation.pods_of(rs).count().max(usize::from(rs.replicas() > 0 || rs.status.replicas > 0)))
        .sum();
    let (ready, wanted) = (situation.stable.map_or(0, ReplicaSet::ready), situation.deployment().replicas());
    match (left, ready >= wanted) {
        (0, true) if situation.deployment().is_complete() => Progress::Done,
        (0, true) => Progress::Waiting("the Deployment controller has not counted the pods yet".into(), None),
        (0, false) => Progress::Waiting(format!("{ready} of {wanted} stable pods Ready"), None),
        (left, _) => {
            Progress::Waiting(format!("pods of the other version that are still there: {left}"), None)
        }
    }
}

fn no_way_home(situation: &Situation<'_>) -> Error {
    let id = situation.deployment().id();
    Error::refused(format!(
        "the stable version of {id} is not known: its ReplicaSet and our journal are gone"
    ))
    .next(format!("kubectl rollout history deployment/{} -n {}", id.name, id.namespace))
    .next(format!("kubectl rollout-plus promote {} -n {} (keeps the new version)", id.name, id.namespace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fixtures::{held, idle, template};

    fn hold(weight: u8, image: Option<&str>) -> Step {
        Step::Hold { template: image.map(template), size: Size::Weight(weight), stable: Stable::Whole }
    }

    fn run() -> RunRef {
        RunRef { id: "r1".into(), holder: "me@here".into(), ..RunRef::default() }
    }

    #[test]
    fn a_start_is_one_patch_with_template_and_hold_together() {
        let observed = idle();
        let work = work(&hold(10, Some("web:2")), &Situation::of(&observed), &run(), 1).unwrap();
        let [Mutation::PatchDeployment { patch }] = work.mutations.as_slice() else { panic!("{work:?}") };
        let set = |path: &str| {
            patch.iter().find(|o| o["op"] == "add" && o["path"] == path).unwrap()["value"].clone()
        };
        assert_eq!(set("/spec/template"), template("web:2"));
        assert_eq!(set("/spec/minReadySeconds"), crate::keys::HELD);
        assert_eq!(set("/spec/strategy")["rollingUpdate"]["maxUnavailable"], 0);
    }

    #[test]
    fn a_step_that_is_done_needs_no_write() {
        let observed = held();
        let work = work(&hold(10, Some("web:2")), &Situation::of(&observed), &run(), 1).unwrap();
        assert_eq!(work, Work::default());
    }

    #[test]
    fn lowering_scales_the_canary_by_what_was_read() {
        let mut observed = held();
        observed.replica_sets[1] = crate::model::fixtures::replica_set("web:2", 3);
        let work = work(&hold(10, None), &Situation::of(&observed), &run(), 2).unwrap();
        let scale =
            Mutation::ScaleReplicaSet { name: "web-web-2".into(), resource_version: "7".into(), replicas: 1 };
        assert_eq!(work.mutations.len(), 2);
        assert_eq!(work.mutations[1], scale);
    }

    #[test]
    fn a_wait_ends_with_ready_pods_and_halts_on_a_third_version() {
        let mut observed = held();
        let waiting = progress(&Step::AwaitCanary, &Situation::of(&observed), &ReadyFor::new());
        assert!(matches!(waiting, Progress::Waiting(text, _) if text == "0 of 1 canary pods Ready"));
        observed.deployment.spec.template = template("web:3");
        let halted = progress(&Step::AwaitCanary, &Situation::of(&observed), &ReadyFor::new());
        assert!(matches!(halted, Progress::Halted(error) if error.kind == Kind::VersionFailed));
    }
}

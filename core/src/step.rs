//! What a step means for a workload as it is now: which writes are missing, and whether it is done.

mod limits;
mod patience;
mod progress;
mod replaced;
mod smoke;
mod traffic;

use serde_json::Value;

use crate::error::{Error, Kind};
use crate::hold::{self, Keep};
use crate::journal::{HeldRecord, Loan, RunRef};
use crate::model::{Revision, fingerprint, same_template};
use crate::plan::Step;
use crate::share::{Bounds, Size, Stable};
use crate::situation::Situation;
use crate::traffic::Target;

pub use limits::{limits, sizing};
pub use patience::least;
pub use progress::{Progress, ReadyFor, progress};
pub use smoke::variables;
pub use traffic::{halted, is_answered, refused};

/// A write, as data.
#[derive(Clone, Debug, PartialEq)]
pub enum Mutation {
    /// A JSON Patch of the workload, with the tests that it relies on.
    PatchWorkload {
        /// RFC 6902 operations.
        patch: Vec<Value>,
    },
    /// The `scale` subresource of a version, if its object is unchanged since we read it.
    ScaleRevision {
        /// The object of the version.
        name: String,
        /// As read: a later state must not be scaled by a decision about an earlier one.
        resource_version: String,
        /// Pods to have.
        replicas: u32,
    },
    /// An object of ours that is not there.
    Create {
        /// Where.
        target: Target,
        /// The whole object.
        object: Value,
    },
    /// A JSON Patch of an object, with the tests that it relies on.
    Patch {
        /// Which.
        target: Target,
        /// RFC 6902 operations.
        patch: Vec<Value>,
    },
    /// An object of ours that is not needed any more.
    Delete {
        /// Which.
        target: Target,
        /// Just this one, and not another of that name.
        uid: String,
    },
}

/// The writes that a step needs, and what to say about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// In order; empty if the step's state is there already.
    pub mutations: Vec<Mutation>,
    /// Sentences for the user, printed before the writes.
    pub notes: Vec<String>,
    /// What the journal has to say before the writes.
    pub loan: Option<Loan>,
}

/// Returns the writes that are missing for a step.
///
/// # Errors
/// [`Kind::Refused`] if the step is impossible for the workload as it is.
pub fn work(step: &Step, situation: &Situation<'_>, run: &RunRef, epoch: u64) -> Result<Work, Error> {
    match step {
        Step::Hold { template, size, stable, changes } => {
            let ended = replaced::ended(situation, template.as_ref()).filter(|_| *changes);
            if let Some(error) = ended.or_else(|| foreign(situation).filter(|_| is_own(situation, run))) {
                return Err(error);
            }
            hold_work(situation, template.as_ref(), *size, *stable, run, epoch)
        }
        Step::Stop => Ok(stop_work(situation, run, epoch)),
        Step::Update { template } => update_work(situation, template, run),
        Step::Release => Ok(release_work(situation, Keep::New)),
        Step::Restore => {
            if situation.hold.is_some() && situation.home().is_none() {
                return Err(no_way_home(situation));
            }
            Ok(release_work(situation, Keep::Stable))
        }
        Step::AwaitStable => Ok(leftover_work(situation)),
        Step::Publish { role } => traffic::publish(situation, *role),
        Step::Own { split, .. } => traffic::own(situation, split),
        Step::Route { split, .. } => traffic::route(situation, split),
        Step::Pin { role } => traffic::pin(situation, *role),
        Step::Withdraw => Ok(traffic::withdraw(situation)),
        Step::Freeze => Ok(freeze_work(situation)),
        Step::AwaitCanary
        | Step::Soak { .. }
        | Step::Follow { .. }
        | Step::AwaitRollout
        | Step::Verify { .. }
        | Step::Fault { .. }
        | Step::Smoke { .. } => Ok(Work::default()),
    }
}

fn hold_work(
    situation: &Situation<'_>,
    template: Option<&Value>,
    size: Size,
    stable: Stable,
    run: &RunRef,
    epoch: u64,
) -> Result<Work, Error> {
    let workload = situation.workload();
    let live = &workload.spec.template;
    let wanted = template.unwrap_or(live);
    let (sizing, stable) = sizing(situation, size, stable)?;
    let asked = match size {
        Size::Weight(weight) | Size::Routed { weight, .. } => Some(weight),
        Size::Pods(_) => None,
    };
    let record = HeldRecord {
        canary: fingerprint(wanted),
        ..record(situation, asked, workload.kind.bounds(&sizing, stable), run, epoch)
    };
    let mut work = Work::default();
    let there = situation.hold.as_ref().and_then(|hold| hold.record.as_ref()) == Some(&record)
        && same_template(wanted, live)
        && workload.has_limits(record.bounds)
        && workload.has_no_deadline()
        && !workload.spec.paused;
    if !there {
        // All of the traffic is switched at once: until then the pods decide no share.
        work.notes.push(if situation.observed.switches() {
            format!(
                "{} of {} pods, without a share of the requests",
                sizing.canary,
                sizing.canary + sizing.stable
            )
        } else {
            sizing.sentence()
        });
        work.notes.extend(sizing.advice());
        if workload.spec.paused {
            let kind = workload.kind.names().kind;
            work.notes.push(format!("the {kind} was paused: it goes on with the hold, and stays unpaused"));
        }
        if stable == Stable::Shrink {
            work.notes.push(format!(
                "the stable set shrinks to {} of {} pods; it grows back only by abort",
                sizing.stable, sizing.replicas
            ));
        }
        work.mutations.push(Mutation::PatchWorkload { patch: hold::hold(situation, &record, template) });
        work.loan = situation.observed.lending([record.bounds]);
    }
    // The new version never shrinks by its limits alone.
    if let Some(canary) = situation.canary
        && workload.kind.scales_revisions()
        && same_template(&canary.spec.template, wanted)
        && canary.replicas() > sizing.canary
    {
        work.mutations.push(Mutation::ScaleRevision {
            name: canary.name().to_owned(),
            resource_version: canary.metadata.resource_version.clone().unwrap_or_default(),
            replicas: sizing.canary,
        });
    }
    Ok(work)
}

/// Returns the record of a hold of the live template.
fn record(
    situation: &Situation<'_>,
    asked: Option<u8>,
    bounds: Bounds,
    run: &RunRef,
    epoch: u64,
) -> HeldRecord {
    HeldRecord {
        v: HeldRecord::SCHEMA,
        run: run.clone(),
        epoch,
        asked,
        bounds,
        stable: situation.stable.map(Revision::hash).unwrap_or_default().to_owned(),
        canary: fingerprint(&situation.workload().spec.template),
        original: situation.own_settings(),
        traffic: situation.observed.traffic.clone(),
    }
}

/// The controller writes a new `minReadySeconds` into the new ReplicaSet and goes on with the pods that it had counted as
/// Available before (`syncRolloutStatus` and `reconcileOldReplicaSets` in kubernetes/pkg/controller/deployment). With
/// no unavailable pods allowed, that takes no pod that the rolling update would not have taken at that moment.
fn stop_work(situation: &Situation<'_>, run: &RunRef, epoch: u64) -> Work {
    if situation.hold.is_some() {
        return Work::default();
    }
    let record = record(situation, None, limits::stopping(situation), run, epoch);
    let patch = hold::hold(situation, &record, None);
    let loan = situation.observed.lending([record.bounds]);
    Work { mutations: vec![Mutation::PatchWorkload { patch }], loan, ..Work::default() }
}

fn freeze_work(situation: &Situation<'_>) -> Work {
    if situation.workload().spec.paused || situation.hold.is_none() {
        return Work::default();
    }
    Work { mutations: vec![Mutation::PatchWorkload { patch: hold::freeze(situation) }], ..Work::default() }
}

fn update_work(situation: &Situation<'_>, template: &Value, run: &RunRef) -> Result<Work, Error> {
    let live = &situation.workload().spec.template;
    if same_template(template, live) {
        return Ok(Work::default());
    }
    if let Some(error) = foreign(situation).filter(|_| is_own(situation, run)) {
        return Err(error);
    }
    Ok(Work {
        mutations: vec![Mutation::PatchWorkload { patch: hold::update(situation, template) }],
        ..Work::default()
    })
}

/// Returns why a run must not go on: the live template is none that it knows. It replaces only what it was to
/// replace.
pub fn foreign(situation: &Situation<'_>) -> Option<Error> {
    let live = &situation.workload().spec.template;
    let snapshot = situation.observed.snapshot().filter(|snapshot| !snapshot.live.is_empty())?;
    let name = fingerprint(live);
    let known =
        [&snapshot.live, &snapshot.canary].contains(&&name) || same_template(&snapshot.template, live);
    (!known).then(|| superseded(situation))
}

/// Whether the journal is that of this run: before it has the lock, an older one says nothing about it.
fn is_own(situation: &Situation<'_>, run: &RunRef) -> bool {
    situation.observed.journal.as_ref().is_some_and(|journal| journal.run.id == run.id)
}

fn superseded(situation: &Situation<'_>) -> Error {
    let id = situation.workload().id();
    let images = crate::model::images(&situation.workload().spec.template).join(", ");
    Error::new(
        Kind::VersionFailed,
        format!("another client put another version ({images}) on {id}: it is left alone"),
    )
    .next(id.command("status"))
}

/// The controller takes no pod away while the stable ones are not Available by the user's own `minReadySeconds`
/// (`reconcileOldReplicaSets` in kubernetes/pkg/controller/deployment). They are Ready, and that is what serves: a
/// version that failed must not go on beside them.
fn leftover_work(situation: &Situation<'_>) -> Work {
    let workload = situation.workload();
    let wanted = workload.replicas();
    let whole = situation.stable.is_some_and(|stable| stable.ready() >= wanted);
    let delayed = workload.status.available_replicas < i64::from(wanted);
    let can_be_scaled = workload.kind.scales_revisions();
    if situation.hold.is_some() || !situation.is_on_stable_template() || !whole || !delayed || !can_be_scaled
    {
        return Work::default();
    }
    let Some(canary) = situation.canary.filter(|canary| canary.replicas() > 0) else {
        return Work::default();
    };
    Work {
        mutations: vec![Mutation::ScaleRevision {
            name: canary.name().to_owned(),
            resource_version: canary.metadata.resource_version.clone().unwrap_or_default(),
            replicas: 0,
        }],
        ..Work::default()
    }
}

fn release_work(situation: &Situation<'_>, keep: Keep) -> Work {
    let release = hold::release(situation, keep);
    if release.patch.is_empty() {
        return Work::default();
    }
    let mut notes: Vec<String> = release
        .kept
        .iter()
        .map(|field| format!("{field} was changed by another client during the hold and keeps that value"))
        .collect();
    if situation.workload().spec.paused {
        notes.push(format!("the {} was paused and is resumed", situation.workload().kind.names().kind));
    }
    Work { mutations: vec![Mutation::PatchWorkload { patch: release.patch }], notes, loan: None }
}

fn no_way_home(situation: &Situation<'_>) -> Error {
    let id = situation.workload().id();
    Error::refused(format!(
        "the stable version of {id} is not known: its {} and our journal are gone",
        id.kind.revision
    ))
    .next(id.kubectl("rollout history"))
    .next(format!("{} (keeps the new version)", id.command("promote")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{held, idle, template};

    fn hold(weight: u8, image: Option<&str>) -> Step {
        Step::Hold {
            template: image.map(template),
            size: Size::Weight(weight),
            stable: Stable::Whole,
            changes: image.is_none(),
        }
    }

    fn run() -> RunRef {
        RunRef { id: "r1".into(), holder: "me@here".into(), ..RunRef::default() }
    }

    #[test]
    fn a_start_is_one_patch_with_template_and_hold_together() {
        let observed = idle();
        let work = work(&hold(10, Some("web:2")), &Situation::of(&observed), &run(), 1).unwrap();
        let [Mutation::PatchWorkload { patch }] = work.mutations.as_slice() else { panic!("{work:?}") };
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
    fn a_version_that_failed_goes_although_the_stable_pods_are_young() {
        let mut observed = held();
        observed.workload = idle().workload;
        observed.journal = Some(crate::journal::Journal {
            run: run(),
            snapshot: Situation::of(&held()).snapshot(&template("web:2")),
            ..crate::fixtures::journal(crate::journal::Verb::Abort, crate::plan::Plan::default())
        });
        let writes = |observed: &crate::situation::Observed| {
            work(&Step::AwaitStable, &Situation::of(observed), &run(), 1).unwrap().mutations
        };
        assert_eq!(writes(&observed), [], "the controller does it");
        observed.workload.status.available_replicas = 0;
        let scale =
            Mutation::ScaleRevision { name: "web-web-2".into(), resource_version: "7".into(), replicas: 0 };
        assert_eq!(writes(&observed), [scale]);
        observed.revisions[0].status.ready_replicas = 2;
        assert_eq!(writes(&observed), [], "it is needed");
    }

    #[test]
    fn lowering_scales_the_canary_by_what_was_read() {
        let mut observed = held();
        observed.revisions[1] = crate::fixtures::replica_set("web:2", 3);
        let work = work(&hold(10, None), &Situation::of(&observed), &run(), 2).unwrap();
        let scale =
            Mutation::ScaleRevision { name: "web-web-2".into(), resource_version: "7".into(), replicas: 1 };
        assert_eq!(work.mutations.len(), 2);
        assert_eq!(work.mutations[1], scale);
    }
}

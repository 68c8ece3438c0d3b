//! Make the canary the only version.

use crate::error::Error;
use crate::model::{fingerprint, images};
use crate::plan::{Analyze, Plan, Step};
use crate::situation::{Observed, Situation};
use crate::strategy::routed::RoutedSteps;
use crate::traffic::Role;

/// Returns the plan of a promotion.
///
/// # Errors
/// [`crate::error::Kind::Usage`] if nothing is held, [`crate::error::Kind::Refused`] if what is held is not
/// what was tried.
pub fn promote(observed: &Observed) -> Result<Plan, Error> {
    promote_judged(observed, None)
}

/// Returns the same, with what the metrics of a second set are to tell after its switch.
///
/// # Errors
/// As [`promote()`]; [`crate::error::Kind::Refused`] if there is no such set, [`crate::error::Kind::Usage`] if there is nothing
/// to hold it against.
pub fn promote_judged(observed: &Observed, analyze: Option<&Analyze>) -> Result<Plan, Error> {
    let situation = Situation::of(observed);
    let id = observed.workload.id();
    if analyze.is_some() && situation.hold.is_some() && !observed.switches() {
        return Err(Error::refused(format!(
            "metrics judge a canary while both versions serve, and promote ends that: judge {id} before"
        ))
        .next(format!("kubectl rollout-plus analyze {} -n {}", id.name, id.namespace))
        .next(format!("{} --weight N --promote --analyze", id.command("canary"))));
    }
    if analyze.is_some() && situation.hold.is_none() {
        return Err(Error::refused(format!("there is no second set of {id} whose metrics could be judged"))
            .next(format!("{} (without metrics)", id.command("promote"))));
    }
    let follow = Plan { steps: follow(observed, &situation) };
    if situation.hold.is_none() {
        // A promotion that was interrupted may have finished by itself: then only its record is open.
        let live = fingerprint(&observed.workload.spec.template);
        if situation.way_back.is_some_and(|snapshot| snapshot.canary == live) {
            return Ok(follow);
        }
        // No record tells of it any more. The pods of the live version may serve alone until the others are gone.
        let is_live = |hash| situation.current.is_some_and(|current| current.hash() == hash);
        let first = match situation.loose_pin().filter(|_| RoutedSteps::of(observed).is_none()) {
            Some((_, hash)) if is_live(hash) => Some(Step::AwaitRollout),
            Some(_) => Some(Step::Pin { role: None }),
            None if has_preview(observed) => Some(Step::AwaitRollout),
            None => None,
        };
        if let Some(first) = first {
            return Ok(Plan { steps: vec![first, Step::Pin { role: None }, Step::Withdraw] });
        }
        return Err(Error::usage(format!("there is nothing to promote: {id} is not held"))
            .next(format!("{} --image IMAGE --weight N", id.command("canary"))));
    }
    if observed.switches() {
        let alone = analyze.cloned().map(Analyze::alone).transpose().map_err(Error::usage)?;
        return super::blue_green::promote(observed, alone.as_ref());
    }
    refuse_what_was_not_tried(&situation)?;
    Ok(follow)
}

/// Whether the Service for whoever wants to try the new version is there, although nothing is tried.
fn has_preview(observed: &Observed) -> bool {
    let service = |name: &str| observed.traffic_objects.service(&Role::Preview.service(name)).is_some();
    let traffic = observed.traffic.as_ref().filter(|_| RoutedSteps::of(observed).is_none());
    traffic.is_some_and(|traffic| service(&traffic.service))
}

/// What is promoted has to be the version that was held.
pub(super) fn refuse_what_was_not_tried(situation: &Situation<'_>) -> Result<(), Error> {
    let observed = situation.observed;
    let id = observed.workload.id();
    let abort = id.command("abort");
    if situation.is_on_stable_template() {
        return Err(Error::refused(format!(
            "the stable template of {id} is back under the hold: the canary's pods are left over and its template is gone"
        ))
        .next(abort));
    }
    if situation.is_superseded() {
        return Err(Error::refused(format!(
            "another client replaced the canary of {id} by a version that was never tried: {}",
            images(&observed.workload.spec.template).join(", ")
        ))
        .next(abort)
        .next(format!("{} --weight N with --image or -f (to try it)", id.command("canary"))));
    }
    Ok(())
}

fn follow(observed: &Observed, situation: &Situation<'_>) -> Vec<Step> {
    let record = situation.hold.as_ref().and_then(|hold| hold.record.as_ref());
    let (mut steps, after) = match RoutedSteps::of(observed) {
        Some(moves) => moves.promote(record.and_then(|record| record.asked)),
        None if observed.traffic.is_some() => (Vec::new(), vec![Step::Pin { role: None }, Step::Withdraw]),
        None => Default::default(),
    };
    steps.extend([Step::Release, Step::AwaitRollout]);
    steps.extend(after);
    steps
}

//! Start a canary, or change the share of one that is held.

use serde_json::Value;

use crate::chaos::Gate;
use crate::error::{Error, Kind};
use crate::model::{Revision, fingerprint, images, same_template};
use crate::plan::{Analyze, Plan, Step};
use crate::share::{Size, Stable};
use crate::situation::{Observed, Phase, Situation};
use crate::step;
use crate::strategy::anew::anew;
use crate::strategy::rolling::still_pinned;
use crate::strategy::routed::{RoutedSteps, STABLE};
use crate::strategy::{VerifyRequest, Wanted};
use crate::words::counted;

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub struct CanaryRequest {
    /// The new version's template; `None` if none was named.
    pub template: Option<Value>,
    /// What the canary is to get.
    pub wanted: Wanted,
    /// Seconds between two shares.
    pub wait_seconds: u64,
    /// What the metrics are to tell at each share.
    pub analyze: Option<Analyze>,
    /// What new pods have to answer, and to pass, before their first share, and after each rise.
    pub verify: VerifyRequest,
    /// A fault that it has to stand, and at which share; absent: at the last.
    pub gate: Option<(Gate, Option<u8>)>,
    /// Promote after the last.
    pub promote: bool,
    /// Refuse a share that is not exact.
    pub exact: bool,
    /// Take stable pods away to meet the share.
    pub shrink: bool,
}

impl CanaryRequest {
    /// The time between two shares.
    fn soak(&self) -> Option<Step> {
        Step::soak(self.wait_seconds, self.analyze.as_ref())
    }

    /// The time after the last share: before a promotion, or for what the metrics are to tell.
    fn last_soak(&self) -> Option<Step> {
        self.soak().filter(|_| self.promote || self.analyze.is_some())
    }
}

impl CanaryRequest {
    /// Puts the fault after all that is done at its share.
    fn put_gate(&self, steps: &mut Vec<Step>, situation: &Situation<'_>) -> Result<(), Error> {
        let Some((gate, at)) = &self.gate else { return Ok(()) };
        gate.fits(self.template.as_ref().unwrap_or(&situation.workload().spec.template))?;
        let place = match at {
            None => steps.len(),
            Some(at) if self.wanted.weights.contains(at) => {
                let shares = |step: &Step| step.size().and_then(Size::weight);
                let is_higher = |step: &Step| shares(step).is_some_and(|weight| weight > *at);
                steps.iter().position(is_higher).unwrap_or(steps.len())
            }
            Some(at) => {
                let error = Error::usage(format!("--chaos-at {at}: the canary never has that share"));
                let shares: Vec<String> =
                    self.wanted.weights.iter().map(|weight| format!("--chaos-at {weight}")).collect();
                return Err(shares.into_iter().fold(error, Error::next));
            }
        };
        // A router sends a share of the requests to these alone.
        if let Some(Size::Routed { pods, .. }) = steps[..place].iter().rev().find_map(Step::size)
            && pods < gate.pods.saturating_add(gate.min_ready)
        {
            let wanted = gate.pods.saturating_add(gate.min_ready);
            return Err(Error::refused(format!(
                "--chaos {}: with {} too few would be left for the canary's requests: {} has to stay Ready",
                gate.fault.name(),
                counted(pods, "canary pod"),
                counted(gate.min_ready, "pod")
            ))
            .next(format!("--canary-replicas {wanted}"))
            .next("--chaos-min-ready 0 (its requests fail meanwhile)"));
        }
        steps.insert(place, Step::Fault { gate: gate.clone() });
        Ok(())
    }
}

/// Returns the plan of a canary.
///
/// # Errors
/// [`Kind::Usage`] if there is nothing to roll out, [`Kind::Refused`] if this workload cannot be held.
pub fn canary(request: &CanaryRequest, observed: &Observed) -> Result<Plan, Error> {
    let situation = Situation::of(observed);
    if request.promote
        && let Some(plan) = promotion(request.template.as_ref(), observed, &situation)
    {
        return Ok(plan);
    }
    let template = new_template(request.template.as_ref(), &situation)?;
    refuse_what_cannot_be_held(&situation)?;
    let first = anew(&situation);
    let live = &situation.workload().spec.template;
    let template = template.or_else(|| (!first.is_empty()).then(|| live.clone()));
    let mid_rollout = situation.hold.is_none() && situation.canary.is_some_and(|rs| rs.replicas() > 0);
    let stable = match (request.shrink, mid_rollout) {
        (true, _) => Stable::Shrink,
        (false, true) => Stable::AsIs,
        (false, false) => Stable::Whole,
    };
    if observed.switches() && situation.hold.is_some() {
        let id = situation.workload().id();
        return Err(Error::refused(format!(
            "{id} is held by blue-green: all of the traffic is switched at once"
        ))
        .next(id.command("promote"))
        .next(id.command("abort")));
    }
    let isolates = observed.traffic.as_ref().is_some_and(|traffic| traffic.isolate);
    if let Some((service, _)) = situation.loose_pin().filter(|_| !isolates) {
        return Err(still_pinned(service, &situation.workload().id()));
    }
    refuse_what_no_router_counts(request, observed)?;
    let verify = request.verify.steps(template.as_ref().unwrap_or(live), observed)?;
    if let Some(moves) = RoutedSteps::of(observed) {
        return routed(request, &moves, template, &verify, &situation);
    }
    refuse_what_takes_a_router(request, &situation)?;
    let held = situation.hold.is_some() && first.is_empty();
    let mut steps = first;
    // Only numbers that the controller itself has seen stand still can be kept.
    steps.extend(mid_rollout.then_some(Step::Stop));
    for (index, size) in request.wanted.sizes().into_iter().enumerate() {
        let (sizing, _) =
            step::sizing(&situation, size, stable).map_err(|error| with_name(error, &situation))?;
        if request.exact && !sizing.is_exact() {
            let advice = sizing.advice().unwrap_or_default();
            return Err(Error::refused(format!("--exact: {}", sizing.sentence())).next(advice));
        }
        if index > 0 {
            steps.extend(request.soak());
        }
        let template = if index == 0 { template.clone() } else { None };
        // Only the first step finds the rollout under way; later ones find a hold.
        let stable = if index > 0 && stable == Stable::AsIs { Stable::Whole } else { stable };
        let changes = index > 0 || held || mid_rollout;
        steps.push(Step::Hold { template, size, stable, changes });
        steps.push(Step::AwaitCanary);
        steps.extend(verify.clone());
    }
    steps.extend(request.last_soak());
    request.put_gate(&mut steps, &situation)?;
    if request.promote {
        steps.extend([Step::Release, Step::AwaitRollout]);
    }
    Ok(Plan { steps })
}

/// Returns what is left of a promotion that was begun, or done: whoever asks twice for the same end wants to know twice.
///
/// A build that was killed in it is run again, and must not give the version a share anew that has all.
fn promotion(template: Option<&Value>, observed: &Observed, situation: &Situation<'_>) -> Option<Plan> {
    let workload = situation.workload();
    let live = &workload.spec.template;
    let same = template.is_some_and(|template| same_template(template, live));
    if !same || situation.hold.is_some() || workload.spec.paused {
        return None;
    }
    let open = observed.journal.as_ref().filter(|journal| journal.is_open());
    let ours = open.filter(|journal| {
        journal.snapshot.as_ref().is_some_and(|snapshot| snapshot.canary == fingerprint(live))
    });
    let left = ours.and_then(|journal| journal.plan.steps.get(journal.cursor..)).unwrap_or_default();
    let begun = left.contains(&Step::AwaitRollout) && !left.iter().any(|s| matches!(s, Step::Hold { .. }));
    if begun {
        return Some(Plan { steps: left.to_vec() });
    }
    // Routes that still name its pods are no end.
    let through =
        situation.phase == Phase::Idle && !RoutedSteps::of(observed).is_some_and(|moves| moves.is_in_force());
    through.then(|| Plan { steps: vec![Step::AwaitRollout] })
}

/// Returns the plan of a canary whose share a router gives.
fn routed(
    request: &CanaryRequest,
    moves: &RoutedSteps<'_>,
    mut template: Option<Value>,
    verify: &[Step],
    situation: &Situation<'_>,
) -> Result<Plan, Error> {
    let id = situation.workload().id();
    if request.shrink {
        return Err(Error::usage("--shrink-stable: a router gives the share, so no stable pod has to go"));
    }
    if situation.hold.is_none() && situation.canary.is_some_and(|rs| rs.replicas() > 0) {
        return Err(Error::refused(format!("a rollout of {id} is under way: its pods get requests already"))
            .next(id.kubectl("rollout status")));
    }
    // Who names the version that is held already wants another share of it.
    let live = &situation.workload().spec.template;
    let another = template.as_ref().is_some_and(|template| !same_template(template, live));
    let begins = situation.hold.is_none() || !anew(situation).is_empty();
    let new = another || begins || situation.is_superseded();
    let mut changes = !begins;
    let mut hold = |size| Step::Hold {
        template: template.take(),
        size,
        stable: STABLE,
        changes: std::mem::replace(&mut changes, true),
    };
    let soak = request.soak();
    let mut steps = moves.canary(&request.wanted, soak.as_ref(), verify, new, &mut hold);
    moves.check(&steps)?;
    for step in &steps {
        if let Step::Hold { size, stable, .. } = step {
            step::sizing(situation, *size, *stable).map_err(|error| with_name(error, situation))?;
        }
    }
    steps.extend(request.last_soak());
    request.put_gate(&mut steps, situation)?;
    if request.promote {
        let (before, after) = moves.promote_after(request.wanted.weights.last().copied().unwrap_or_default());
        steps.extend(before);
        steps.extend([Step::Release, Step::AwaitRollout]);
        steps.extend(after);
    }
    Ok(Plan { steps })
}

/// Without a router the share is that of the pods.
fn refuse_what_takes_a_router(request: &CanaryRequest, situation: &Situation<'_>) -> Result<(), Error> {
    let id = situation.workload().id();
    let wanted = &request.wanted;
    let asks = |weight| wanted.sizes().contains(&Size::Weight(weight));
    let what = if !wanted.matches.is_empty() {
        "--header and --cookie take a router"
    } else if wanted.mirror.is_some() {
        "--mirror takes a router"
    } else if asks(0) {
        "0 % takes a router: without one 'abort' takes the new version away"
    } else if asks(100) {
        "100 % takes a router: without one 'promote' makes the new version the only one"
    } else {
        return Ok(());
    };
    Err(Error::usage(format!("{what}, and none splits the traffic of {id}"))
        .next(format!("kubectl get services,ingresses -n {}", id.namespace)))
}

/// What a router's counters do not tell apart cannot be compared.
fn refuse_what_no_router_counts(request: &CanaryRequest, observed: &Observed) -> Result<(), Error> {
    let Some(asked) = &request.analyze else { return Ok(()) };
    let namespace = &observed.workload.id().namespace;
    let why = asked.unfit(observed.traffic.as_ref(), &observed.traffic_objects, namespace);
    why.map_or(Ok(()), |why| Err(uncountable(&why, observed)))
}

/// What a router has counted cannot be compared.
pub(super) fn uncountable(why: &str, observed: &Observed) -> Error {
    let id = observed.workload.id();
    Error::refused(format!("{id}: the router's metrics cannot be compared: {why}"))
        .next("leave --metrics-from router out (in a file: from: router), and the pods' own metrics are read")
}

pub(super) fn with_name(mut error: Error, situation: &Situation<'_>) -> Error {
    let id = situation.workload().id();
    error.message = format!("{id}: {}", error.message);
    if situation.workload().replicas() == 0 {
        error = error.next(format!("{} --replicas=1", id.kubectl("scale")));
    }
    error
}

/// Decides which template the canary has, by the one that was named; `None` means the live one.
pub(super) fn new_template(named: Option<&Value>, situation: &Situation<'_>) -> Result<Option<Value>, Error> {
    let workload = situation.workload();
    let id = workload.id();
    let live = &workload.spec.template;
    // A promotion that is through but for its record leaves one version, whatever the record says.
    let on_stable = situation.is_on_stable_template() || situation.phase == Phase::Idle;
    match named {
        Some(new) if situation.hold.is_some() => {
            if situation.stable_template().is_some_and(|stable| same_template(stable, new)) {
                return Err(
                    Error::usage(format!("that is the stable version of {id}")).next(id.command("abort"))
                );
            }
            Ok(Some(new.clone()))
        }
        Some(new) if situation.canary.is_some_and(|rs| rs.replicas() > 0) && !same_template(new, live) => {
            Err(Error::refused(format!(
                "a rollout of {id} is under way: a third version beside it would replace it"
            ))
            .next(id.kubectl("rollout status"))
            .next(format!(
                "{} --weight N (without a new version: holds this rollout where it stands)",
                id.command("canary")
            )))
        }
        Some(new) if workload.spec.paused => {
            if !on_stable && !same_template(new, live) {
                return Err(Error::usage(format!(
                    "two new versions: {id} is paused with a pending one ({}), and another was named",
                    images(live).join(", ")
                ))
                .next(format!("{} --weight N (the pending one)", id.command("canary")))
                .next(format!("{} (drop the pending one)", id.kubectl("rollout undo"))));
            }
            Err(Error::refused(format!("{id} is paused")).next(id.kubectl("rollout resume")))
        }
        Some(new) if same_template(new, live) && on_stable => {
            Err(Error::usage(format!("{id} runs that version already: {}", images(live).join(", "))))
        }
        Some(new) => Ok(Some(new.clone())),
        None if situation.hold.is_some() => {
            if on_stable {
                return Err(Error::refused(format!(
                    "the stable template of {id} is back under the hold: there is no canary to weigh"
                ))
                .next(id.command("abort")));
            }
            if situation.is_superseded() {
                return Err(Error::refused(format!(
                    "another client replaced the canary of {id} by a third version ({})",
                    images(live).join(", ")
                ))
                .next(id.command("abort"))
                .next("kubectl rollout-plus canary with --image or -f (to say which version is meant)"));
            }
            Ok(None)
        }
        None if !on_stable => Ok(None),
        None => Err(Error::usage(format!("there is nothing to roll out for {id}"))
            .next("name the new version: --image [CONTAINER=]IMAGE")
            .next("or give a manifest: -f FILE|DIRECTORY|-")
            .next(format!("or '{}', change it, and run canary again", id.kubectl("rollout pause")))),
    }
}

pub(super) fn refuse_what_cannot_be_held(situation: &Situation<'_>) -> Result<(), Error> {
    let workload = situation.workload();
    let id = workload.id();
    if situation.hold.is_none()
        && let Some(error) = workload.refuses_hold()
    {
        return Err(error);
    }
    if situation.stable_template().is_none() {
        let why = if workload.spec.replicas == Some(0) {
            "0 replicas".into()
        } else {
            format!("no {} yet", id.kind.revision)
        };
        return Err(Error::refused(format!("{id} has no stable version to compare with: it has {why}"))
            .next(id.kubectl("rollout status")));
    }
    if situation.phase == Phase::Failed && situation.canary.is_none() {
        return Err(Error::new(Kind::Refused, format!("{id} is not healthy: its own rollout failed"))
            .next(id.kubectl("rollout undo")));
    }
    if situation.hold.is_none()
        && situation.stable.is_some_and(|rs: &Revision| rs.ready() == 0)
        && workload.replicas() > 0
    {
        return Err(Error::refused(format!(
            "no stable pod of {id} is Ready: a canary would get all requests"
        ))
        .next(id.kubectl("rollout status")));
    }
    Ok(())
}

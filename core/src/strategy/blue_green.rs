//! Start a whole second set beside the first, try it through a preview, and switch all traffic at once.
//!
//! Without a router the user's own Service is pinned to one version, and the switch is one patch of its selector.
//! With one it is one patch of each route, between two pinned Services.

use serde_json::Value;

use super::anew::anew;
use super::canary::{new_template, refuse_what_cannot_be_held, with_name};
use super::promote::refuse_what_was_not_tried;
use super::routed::{RoutedSteps, foreign_pod};
use super::verify::smoke;
use crate::chaos::Gate;
use crate::error::{Error, Kind};
use crate::model::{Revision, images, same_template};
use crate::plan::{Analyze, Check, Plan, SmokeTest, Step};
use crate::share::{Size, Stable};
use crate::situation::{Observed, Situation};
use crate::step;
use crate::traffic::{Role, selected};

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub struct BlueGreenRequest {
    /// The new version's template; `None` if none was named.
    pub template: Option<Value>,
    /// What the preview has to answer before the switch.
    pub checks: Vec<Check>,
    /// What is run against it after that.
    pub tests: Vec<SmokeTest>,
    /// A fault that the second set has to stand before the switch.
    pub gate: Option<Gate>,
    /// Switch and finish without a `promote`.
    pub promote: bool,
    /// What the metrics are to tell after the switch.
    pub analyze: Option<Analyze>,
}

/// Returns the plan that brings the second set up, and switches if that was asked.
///
/// # Errors
/// As [`super::canary()`]; [`Kind::Refused`] if no Service selects the pods.
pub fn blue_green(request: &BlueGreenRequest, observed: &Observed) -> Result<Plan, Error> {
    let situation = Situation::of(observed);
    let id = situation.workload().id();
    if situation.hold.is_some() && !observed.switches() {
        return Err(Error::refused(format!(
            "a canary of {id} is held: it has to be promoted or aborted first"
        ))
        .next(id.command("promote"))
        .next(id.command("abort")));
    }
    let Some(traffic) = &observed.traffic else {
        return Err(Error::refused(format!(
            "no Service selects the pods of {id}: there is nothing to switch"
        ))
        .next(format!("{} --port PORT", id.kubectl("expose"))));
    };
    if let Some(pod) =
        foreign_pod(&situation, &traffic.service).filter(|_| RoutedSteps::of(observed).is_none())
    {
        return Err(Error::refused(format!(
            "service/{} also has pods that are not of {id} ({pod}): switched to one version of it, it would lose them",
            traffic.service
        ))
        .next(format!("--service NAME (one that has the pods of this {} alone)", id.kind.kind)));
    }
    if is_switched(observed) {
        if let Some(error) = request.template.as_ref().and_then(|asked| another_serves(asked, &situation)) {
            return Err(error);
        }
        // The second set serves already: what is left is to finish.
        return if request.promote {
            finished(observed, request.analyze.as_ref())
        } else {
            Ok(Plan::default())
        };
    }
    let mut unpaused = observed.clone();
    unpaused.workload.spec.paused &= situation.hold.is_none();
    let template = new_template(request.template.as_ref(), &Situation::of(&unpaused))?;
    refuse_what_cannot_be_held(&situation)?;
    if situation.hold.is_none() && situation.canary.is_some_and(|rs| rs.replicas() > 0) {
        return Err(
            Error::refused(format!("a rollout of {id} is under way")).next(id.kubectl("rollout status"))
        );
    }
    let size = Size::Pods(situation.workload().replicas());
    step::sizing(&situation, size, Stable::Whole).map_err(|error| with_name(error, &situation))?;
    let mut hold = anew(&situation);
    let changes = situation.hold.is_some() && hold.is_empty();
    let live = &situation.workload().spec.template;
    let template = template.or_else(|| (!hold.is_empty()).then(|| live.clone()));
    hold.extend([Step::Hold { template, size, stable: Stable::Whole, changes }, Step::AwaitCanary]);
    let mut steps = if let Some(moves) = RoutedSteps::of(observed) {
        let steps = moves.second_set(hold);
        moves.check(&steps)?;
        steps
    } else {
        [Step::Pin { role: Some(Role::Stable) }].into_iter().chain(hold).collect()
    };
    steps.push(Step::Publish { role: Role::Preview });
    if !request.checks.is_empty() {
        steps.push(Step::Verify { checks: request.checks.clone(), port: None });
    }
    steps.extend(smoke(&request.tests));
    if let Some(gate) = &request.gate {
        gate.fits(request.template.as_ref().unwrap_or(live))?;
    }
    steps.extend(request.gate.clone().map(|gate| Step::Fault { gate }));
    if request.promote {
        steps.extend(finish(observed, request.analyze.as_ref()));
    }
    Ok(Plan { steps })
}

/// Returns the plan that switches to the second set and retires the first.
///
/// # Errors
/// [`Kind::Refused`] if what is held is not what was tried.
pub(super) fn promote(observed: &Observed, analyze: Option<&Analyze>) -> Result<Plan, Error> {
    finished(observed, analyze)
}

fn finished(observed: &Observed, analyze: Option<&Analyze>) -> Result<Plan, Error> {
    let situation = Situation::of(observed);
    refuse_what_was_not_tried(&situation)?;
    if situation.canary.is_some_and(|rs: &Revision| rs.ready() == 0) && !is_switched(observed) {
        let id = situation.workload().id();
        return Err(Error::new(Kind::Refused, format!("no pod of the new version of {id} is Ready"))
            .next(id.command("status")));
    }
    let mut steps = finish(observed, analyze);
    let before = RoutedSteps::of(observed).map(|moves| moves.before_switch());
    // Its pods are waited for first: they are what its Service is to have.
    steps.splice(1..1, before.unwrap_or_default());
    Ok(Plan { steps })
}

/// The switch, the time in which it is judged, and the end of the first set.
fn finish(observed: &Observed, analyze: Option<&Analyze>) -> Vec<Step> {
    let soak = observed.traffic.as_ref().and_then(|traffic| traffic.switch).unwrap_or_default();
    let mut steps = vec![Step::AwaitCanary, Step::Freeze];
    let soak = Step::Soak { seconds: soak, analyze: analyze.cloned().map(Box::new) };
    let mut after = vec![Step::Pin { role: None }, Step::Withdraw];
    match RoutedSteps::of(observed) {
        Some(moves) => {
            steps.extend(moves.switch());
            let (before, moves_after) = moves.promote_after(100);
            steps.push(soak);
            steps.extend(before);
            after = moves_after;
        }
        None => steps.extend([Step::Pin { role: Some(Role::Canary) }, soak]),
    }
    steps.extend([Step::Release, Step::AwaitRollout]);
    steps.extend(after);
    steps
}

/// Returns why a version cannot be tried now: the second set is that of another one, and has the traffic.
fn another_serves(asked: &Value, situation: &Situation<'_>) -> Option<Error> {
    let id = situation.workload().id();
    let serving = &situation.canary?.spec.template;
    (!same_template(asked, serving)).then(|| {
        Error::refused(format!(
            "{} has the traffic of {id} already: it has to be promoted or aborted before another version is tried",
            images(serving).join(", ")
        ))
        .next(id.command("promote"))
        .next(id.command("abort"))
    })
}

/// Whether the second set has the traffic.
fn is_switched(observed: &Observed) -> bool {
    let situation = Situation::of(observed);
    let (Some(traffic), Some(canary)) = (&observed.traffic, situation.canary) else { return false };
    if let Some(moves) = RoutedSteps::of(observed) {
        return situation.hold.is_some() && moves.is_switched();
    }
    let hash = observed.traffic_objects.service(&traffic.service).and_then(selected);
    situation.hold.is_some() && hash == Some(canary.hash())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::fixtures::{held, idle, replica_set, template};
    use crate::keys::{POD_TEMPLATE_HASH, SELECTOR_ANNOTATION};
    use crate::strategy::{CanaryRequest, Wanted, abort, canary, promote, rolling};
    use crate::traffic::{Target, Traffic};

    const PREVIEW: Step = Step::Publish { role: Role::Preview };
    const OWN: Step = Step::Pin { role: None };
    const TO_STABLE: Step = Step::Pin { role: Some(Role::Stable) };
    const TO_CANARY: Step = Step::Pin { role: Some(Role::Canary) };

    /// With a Service that is pinned to these pods, or is the user's own.
    fn served(mut observed: Observed, pinned: Option<&str>) -> Observed {
        let mut service =
            json!({"metadata": {"name": "web", "annotations": {}}, "spec": {"selector": {"app": "web"}}});
        if let Some(hash) = pinned {
            service["metadata"]["annotations"][SELECTOR_ANNOTATION] = json!("{\"app\":\"web\"}");
            service["spec"]["selector"][POD_TEMPLATE_HASH] = json!(hash);
        }
        observed.traffic_objects.objects.insert(Target::service("shop", "web"), service);
        observed.traffic = Some(Traffic { switch: Some(30), ..Traffic::direct("web") });
        observed
    }

    /// A whole second set, held.
    fn second_set(pinned: &str) -> Observed {
        let mut observed = served(held(), Some(pinned));
        observed.revisions[1] = replica_set("web:2", 3);
        observed
    }

    fn request(image: &str) -> BlueGreenRequest {
        BlueGreenRequest { template: Some(template(image)), ..BlueGreenRequest::default() }
    }

    fn hold(image: &str) -> Step {
        Step::Hold {
            template: Some(template(image)),
            size: Size::Pods(3),
            stable: Stable::Whole,
            changes: false,
        }
    }

    fn refused(request: &BlueGreenRequest, observed: &Observed) -> (Kind, String) {
        let error = blue_green(request, observed).unwrap_err();
        assert!(!error.next.is_empty() || error.kind == Kind::Usage, "{error:?}");
        (error.kind, error.message)
    }

    #[test]
    fn a_start_pins_the_service_before_a_pod_of_the_new_version_is_there() {
        let start = [TO_STABLE, hold("web:2"), Step::AwaitCanary, PREVIEW];
        let observed = served(idle(), None);
        assert_eq!(blue_green(&request("web:2"), &observed).unwrap().steps, start);
        let checks: Vec<Check> = vec!["/ready".parse().unwrap()];
        let mut asked = BlueGreenRequest { checks: checks.clone(), ..request("web:2") };
        let verified = [&start[..], &[Step::Verify { checks, port: None }]].concat();
        assert_eq!(blue_green(&asked, &observed).unwrap().steps, verified);
        let test: SmokeTest = "./smoke".parse().unwrap();
        let tested = BlueGreenRequest { tests: vec![test.clone()], ..asked.clone() };
        let plan = blue_green(&tested, &observed).unwrap();
        assert_eq!(plan.steps, [&verified[..], &[Step::Smoke { test }]].concat(), "before the switch");
        assert_eq!(plan.share_before(verified.len()), Some(0));
        asked.promote = true;
        let finish = [
            Step::AwaitCanary,
            Step::Freeze,
            TO_CANARY,
            Step::Soak { seconds: 30, analyze: None },
            Step::Release,
            Step::AwaitRollout,
            OWN,
            Step::Withdraw,
        ];
        assert_eq!(blue_green(&asked, &observed).unwrap().steps, [&verified[..], &finish].concat());
        assert_eq!(promote(&second_set("web-1")).unwrap().steps, finish);
        assert_eq!(promote(&second_set("web-2")).unwrap().steps, finish, "once more, whatever was done");
    }

    #[test]
    fn metrics_are_judged_once_the_second_set_has_all_of_the_requests() {
        let asked = crate::plan::Analyze { max_error_rate: Some(0.02), ..crate::fixtures::analyze() };
        let asked = asked.alone().unwrap();
        let request = BlueGreenRequest { promote: true, analyze: Some(asked.clone()), ..request("web:2") };
        let steps = blue_green(&request, &served(idle(), None)).unwrap().steps;
        let soak = Step::Soak { seconds: 30, analyze: Some(Box::new(asked)) };
        assert_eq!(steps.iter().position(|step| *step == soak), Some(7), "{steps:?}");
        assert_eq!(steps[6], TO_CANARY);
    }

    #[test]
    fn what_is_held_already_is_not_started_again() {
        let again = blue_green(&request("web:2"), &second_set("web-1")).unwrap().steps;
        let Step::Hold { template, size, stable, .. } = hold("web:2") else { panic!() };
        let held = Step::Hold { template, size, stable, changes: true };
        assert_eq!(again, [TO_STABLE, held, Step::AwaitCanary, PREVIEW]);
        let mut frozen = second_set("web-2");
        frozen.workload.spec.paused = true;
        assert_eq!(blue_green(&request("web:2"), &frozen).unwrap(), Plan::default(), "it serves");
    }

    /// It would end well without the version that was asked for, or promote the other one.
    #[test]
    fn another_version_is_not_taken_for_the_one_that_has_the_traffic() {
        let mut frozen = second_set("web-2");
        frozen.workload.spec.paused = true;
        for (image, promote) in [("web:3", false), ("web:3", true), ("web:1", false)] {
            let (kind, text) = refused(&BlueGreenRequest { promote, ..request(image) }, &frozen);
            assert!(kind == Kind::Refused && text.contains("web:2 has the traffic"), "{text}");
        }
        let whatever = BlueGreenRequest { promote: true, ..BlueGreenRequest::default() };
        assert_eq!(blue_green(&whatever, &frozen).unwrap(), promote(&frozen).unwrap());
    }

    #[test]
    fn an_abort_switches_back_before_a_pod_goes() {
        let back = [TO_STABLE, Step::Restore, Step::AwaitStable, OWN, Step::Withdraw];
        assert_eq!(abort(&second_set("web-1")).steps, back);
        assert_eq!(abort(&second_set("web-2")).steps, back);
        // Killed before the hold, or after the rollout: only the Service is left.
        let left = served(idle(), Some("web-1"));
        assert_eq!(abort(&left).steps, [OWN, OWN, Step::Withdraw]);
        assert_eq!(promote(&left).unwrap().steps, [Step::AwaitRollout, OWN, Step::Withdraw]);
        assert_eq!(promote(&served(idle(), Some("web-0"))).unwrap().steps, [OWN, OWN, Step::Withdraw]);
    }

    #[test]
    fn what_cannot_be_switched_is_refused() {
        let (kind, text) = refused(&request("web:2"), &idle());
        assert!(kind == Kind::Refused && text.starts_with("no Service selects the pods"), "{text}");
        let mut share = served(held(), None);
        share.traffic = Some(Traffic::direct("web"));
        insta::assert_snapshot!(refused(&request("web:2"), &share).1, @"a canary of deployment/web in namespace shop is held: it has to be promoted or aborted first");
        let (kind, text) = refused(&request("web:1"), &served(idle(), None));
        assert!(kind == Kind::Usage && text.contains("runs that version already"), "{text}");
        assert_eq!(refused(&BlueGreenRequest::default(), &served(idle(), None)).0, Kind::Usage);
        let mut rolling = served(idle(), None);
        rolling.workload.spec.template = template("web:2");
        rolling.workload.status.updated_replicas = 1;
        rolling.revisions.push(replica_set("web:2", 1));
        for image in ["web:2", "web:3"] {
            assert!(refused(&request(image), &rolling).1.contains("is under way"), "{image}");
        }
        let mut shared = served(idle(), None);
        let endpoint = |pod: &str| json!({"conditions": {"ready": true}, "targetRef": {"name": pod}});
        let slice = |endpoints: &Value| {
            let labels = json!({"kubernetes.io/service-name": "web"});
            vec![Arc::new(json!({"metadata": {"labels": labels}, "endpoints": endpoints}))]
        };
        shared.traffic_objects.slices = slice(&json!([endpoint("web-web-1-abcde")]));
        assert!(blue_green(&request("web:2"), &shared).is_ok());
        shared.traffic_objects.slices =
            slice(&json!([endpoint("web-web-1-abcde"), endpoint("web-old-1-abcde")]));
        insta::assert_snapshot!(refused(&request("web:2"), &shared).1, @"service/web also has pods that are not of deployment/web in namespace shop (web-old-1-abcde): switched to one version of it, it would lose them");
    }

    #[test]
    fn nothing_else_is_rolled_out_over_a_service_that_stayed_pinned() {
        let left = served(idle(), Some("web-1"));
        let error = rolling(&template("web:2"), &left).unwrap_err();
        assert_eq!(error.next, ["kubectl rollout-plus abort web -n shop"]);
        let asked = CanaryRequest {
            template: Some(template("web:2")),
            wanted: Wanted { weights: vec![10], ..Wanted::default() },
            ..CanaryRequest::default()
        };
        assert_eq!(canary(&asked, &left).unwrap_err().kind, Kind::Refused);
        let own = served(idle(), None);
        assert!(rolling(&template("web:2"), &own).is_ok() && canary(&asked, &own).is_ok());
    }

    #[test]
    fn a_version_that_was_never_tried_is_not_switched_to() {
        let mut other = second_set("web-1");
        other.workload.spec.template = template("web:3");
        insta::assert_snapshot!(promote(&other).unwrap_err().message, @"another client replaced the canary of deployment/web in namespace shop by a version that was never tried: web:3");
        let mut dead = second_set("web-1");
        dead.revisions[1].status.ready_replicas = 0;
        insta::assert_snapshot!(promote(&dead).unwrap_err().message, @"no pod of the new version of deployment/web in namespace shop is Ready");
    }
}

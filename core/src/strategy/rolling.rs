//! Replace the version by a stock rolling update: with a new one, a former one, or the same anew.

use serde_json::Value;

use crate::error::Error;
use crate::model::{ObjectName, images, same_template};
use crate::plan::{Analyze, Plan, Step};
use crate::situation::{Observed, Phase, Situation};
use crate::strategy::VerifyRequest;
use crate::strategy::canary::uncountable;
use crate::strategy::routed::RoutedSteps;

/// What the new version of a rolling update has to stand beside being healthy.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// What its pods have to answer in the end.
    pub verify: VerifyRequest,
    /// What the metrics are to tell while both versions serve.
    pub analyze: Option<Analyze>,
}

/// Returns the plan of a rolling update to a template.
///
/// The version that is live already is not rolled out again, but it is waited for: whoever deploys from CI twice
/// wants to know twice.
///
/// # Errors
/// [`crate::error::Kind::Refused`] if a canary is held or not undone, or the Deployment is paused.
pub fn rolling(template: &Value, observed: &Observed) -> Result<Plan, Error> {
    let situation = Situation::of(observed);
    let workload = situation.workload();
    let id = workload.id();
    if situation.hold.is_some() {
        return Err(Error::refused(format!(
            "a canary of {id} is held ({}): it has to be promoted or aborted first",
            images(&workload.spec.template).join(", ")
        ))
        .next(id.command("promote"))
        .next(id.command("abort")));
    }
    if RoutedSteps::of(observed).is_some_and(|moves| moves.is_in_force()) {
        // They would lose the pods that they name.
        return Err(Error::refused(format!(
            "a canary of {id} was interrupted: its routes still send requests to the pods of one version"
        ))
        .next(id.command("resume"))
        .next(id.command("abort")));
    }
    if workload.spec.paused {
        return Err(Error::refused(format!("{id} is paused")).next(id.kubectl("rollout resume")));
    }
    if let Some((service, _)) = situation.loose_pin() {
        return Err(still_pinned(service, &id));
    }
    let mut steps = vec![Step::AwaitRollout];
    if !same_template(template, &workload.spec.template) {
        steps.insert(0, Step::Update { template: template.clone() });
    }
    Ok(Plan { steps })
}

/// Returns the same, with what the new version has to stand.
///
/// # Errors
/// As [`rolling()`]; [`crate::error::Kind::Usage`] if there is no port to ask.
pub fn tried(template: &Value, trial: &Trial, observed: &Observed) -> Result<Plan, Error> {
    let mut plan = rolling(template, observed)?;
    let is_complete = plan.only_follows() && Situation::of(observed).phase == Phase::Idle;
    if let Some(asked) = trial.analyze.as_ref().filter(|_| !is_complete) {
        if observed.workload.is_recreate() {
            let id = observed.workload.id();
            return Err(Error::refused(format!(
                "{id} has the strategy Recreate: its versions never serve beside each other, so there is nothing to compare"
            ))
            .next(format!("{} (judged without metrics)", id.command("rolling"))));
        }
        if asked.from.is_router() {
            return Err(uncountable("a rolling update has no Service for each version", observed));
        }
        let end = plan.steps.len().saturating_sub(1);
        plan.steps.insert(end, Step::Follow { analyze: Box::new(asked.clone()) });
    }
    plan.steps.extend(trial.verify.steps(template, observed)?);
    Ok(plan)
}

/// Returns the plan for the version that a Deployment was made with, if it has had no other: there is nothing to compare it
/// with. `None` for any other version.
///
/// # Errors
/// As [`tried()`].
pub fn first(
    template: Option<&Value>,
    verify: &VerifyRequest,
    observed: &Observed,
) -> Option<Result<Plan, Error>> {
    let live = &observed.workload.spec.template;
    let template = template.filter(|template| same_template(template, live))?;
    let trial = Trial { verify: verify.clone(), analyze: None };
    (observed.revisions.len() <= 1).then(|| tried(template, &trial, observed))
}

/// A run was interrupted with the Service on one version: no other version would get a request, and this one goes.
pub(super) fn still_pinned(service: &str, id: &ObjectName) -> Error {
    Error::refused(format!(
        "service/{service} is still pinned to one version of {id} by a run that was interrupted"
    ))
    .next(id.command("abort"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Kind;
    use crate::fixtures::{held, idle, template};
    use crate::traffic::{Target, Traffic};

    #[test]
    fn the_first_version_is_only_followed_and_another_is_not_the_first() {
        let mut observed = idle();
        observed.revisions.truncate(1);
        let live = observed.workload.spec.template.clone();
        let none = VerifyRequest::default();
        let first = |template: Option<&Value>, observed: &Observed| first(template, &none, observed);
        assert_eq!(first(Some(&live), &observed), Some(Ok(Plan { steps: vec![Step::AwaitRollout] })));
        assert_eq!((first(Some(&template("web:9")), &observed), first(None, &observed)), (None, None));
        let other = observed.revisions[0].clone();
        observed.revisions.push(other);
        assert_eq!(first(Some(&live), &observed), None, "it has had another");
    }

    #[test]
    fn a_new_version_is_set_and_followed_and_the_live_one_only_followed() {
        let plan = rolling(&template("web:2"), &idle()).unwrap();
        assert_eq!(plan.steps, [Step::Update { template: template("web:2") }, Step::AwaitRollout]);
        assert_eq!(rolling(&template("web:1"), &idle()).unwrap().steps, [Step::AwaitRollout]);
    }

    #[test]
    fn a_version_is_asked_once_its_rollout_is_complete() {
        let checks = vec!["/health~up".parse().unwrap()];
        let verify =
            VerifyRequest { checks: checks.clone(), port: Some("8080".into()), ..VerifyRequest::default() };
        let asked = Step::Verify { checks, port: Some(8080) };
        let trial = |verify: &VerifyRequest| Trial { verify: verify.clone(), analyze: None };
        let steps = |image: &str| tried(&template(image), &trial(&verify), &idle()).unwrap().steps;
        let update = Step::Update { template: template("web:2") };
        assert_eq!(steps("web:2"), [update, Step::AwaitRollout, asked.clone()]);
        assert_eq!(steps("web:1"), [Step::AwaitRollout, asked.clone()], "the live version, too");
        let test: crate::plan::SmokeTest = "./smoke".parse().unwrap();
        let tested =
            tried(&template("web:1"), &trial(&VerifyRequest::tests(std::slice::from_ref(&test))), &idle())
                .unwrap();
        assert_eq!(tested.steps, [Step::AwaitRollout, Step::Smoke { test }]);
        assert!(tested.only_follows(), "{tested:?}");
        let nowhere = VerifyRequest { port: Some("http".into()), ..verify.clone() };
        let error = tried(&template("web:2"), &trial(&nowhere), &idle()).unwrap_err();
        assert_eq!((error.kind, &*error.message), (Kind::Usage, "--verify: the pods have no port http"));
        assert_eq!(error.next, ["--verify-port PORT"]);
        let mut observed = idle();
        observed.revisions.truncate(1);
        let live = observed.workload.spec.template.clone();
        let plan = first(Some(&live), &verify, &observed).unwrap().unwrap();
        assert_eq!(plan.steps, [Step::AwaitRollout, asked]);
    }

    #[test]
    fn metrics_are_compared_for_as_long_as_both_versions_serve() {
        let asked = crate::fixtures::analyze();
        let trial = Trial { analyze: Some(asked.clone()), ..Trial::default() };
        let follow = Step::Follow { analyze: Box::new(asked) };
        let steps =
            |image: &str, observed: &Observed| tried(&template(image), &trial, observed).unwrap().steps;
        let update = Step::Update { template: template("web:2") };
        assert_eq!(steps("web:2", &idle()), [update, follow.clone(), Step::AwaitRollout]);
        assert_eq!(steps("web:1", &idle()), [Step::AwaitRollout], "it is live and alone");
        let mut rolling = idle();
        rolling.workload.spec.template = template("web:2");
        rolling.revisions.push(crate::fixtures::replica_set("web:2", 1));
        assert_eq!(steps("web:2", &rolling), [follow, Step::AwaitRollout], "it is under way");
        let mut recreated = idle();
        recreated.workload.spec.strategy = Some(json!({"type": "Recreate"}));
        let error = tried(&template("web:2"), &trial, &recreated).unwrap_err();
        insta::assert_snapshot!(error.message, @"deployment/web in namespace shop has the strategy Recreate: its versions never serve beside each other, so there is nothing to compare");
        let matchers = crate::prometheus::Matchers::new();
        let from =
            crate::reading::MetricSource::Router { server: "service:m/p:9090".parse().unwrap(), matchers };
        let routed =
            Trial { analyze: Some(Analyze { from, ..crate::fixtures::analyze() }), ..Trial::default() };
        let error = tried(&template("web:2"), &routed, &idle()).unwrap_err();
        insta::assert_snapshot!(error.message, @"deployment/web in namespace shop: the router's metrics cannot be compared: a rolling update has no Service for each version");
    }

    #[test]
    fn what_is_held_or_paused_is_refused() {
        assert_eq!(rolling(&template("web:3"), &held()).unwrap_err().kind, Kind::Refused);
        let mut paused = idle();
        paused.workload.spec.paused = true;
        assert_eq!(rolling(&template("web:2"), &paused).unwrap_err().kind, Kind::Refused);
    }

    #[test]
    fn pods_that_a_route_names_are_not_replaced() {
        let mut observed = idle();
        observed.traffic =
            Some(Traffic { router: "httproute".into(), isolate: true, ..Traffic::direct("web") });
        let pinned = json!({"metadata": {"annotations": {crate::keys::SELECTOR_ANNOTATION: "{}"}}});
        observed.traffic_objects.objects.insert(Target::service("shop", "web"), pinned);
        assert_eq!(rolling(&template("web:2"), &observed).unwrap_err().kind, Kind::Refused);
        observed.traffic_objects.objects.clear();
        assert_eq!(rolling(&template("web:2"), &observed).unwrap().steps.len(), 2);
    }
}

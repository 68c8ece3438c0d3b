//! What the journal says of a plan beside its steps.

use crate::journal::{Loan, Snapshot};
use crate::model::same_template;
use crate::plan::{Plan, Step};
use crate::situation::{Observed, Phase, Situation};
use crate::{step, strategy};

/// What a run leaves for the next one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Left {
    /// A hold.
    pub(super) held: bool,
    /// Requests that go by what is ours.
    pub(super) routed: bool,
    /// Fields of the user's with values of ours.
    pub(super) owes: bool,
}

impl Left {
    pub(super) fn of(observed: &Observed) -> Self {
        let held = observed.is_held();
        Self { held, routed: held || strategy::is_woven(observed), owes: observed.owes() }
    }
}

/// Returns the way home, to be noted before the first write of a plan.
pub(super) fn snapshot(plan: &Plan, observed: &Observed) -> Option<Snapshot> {
    let new = plan.steps.iter().find_map(Step::template);
    let known = observed.snapshot().map(|snapshot| snapshot.canary.clone());
    let situation = Situation::of(observed);
    if let Some(home) = unanswered(plan, &situation) {
        return Some(home);
    }
    let mut snapshot = situation.snapshot(new.unwrap_or(&observed.workload.spec.template))?;
    // On the way back the live template may be the stable one already; the canary's name must survive.
    if new.is_none() && plan.steps.contains(&Step::Restore) && situation.is_on_stable_template() {
        snapshot.canary = known.unwrap_or_default();
    }
    Some(snapshot)
}

/// Returns where a version that is whole came from, if a plan asks it or takes it back. What is whole is stable otherwise, and
/// a run that was killed before it asked would have nothing to go back to.
fn unanswered(plan: &Plan, situation: &Situation<'_>) -> Option<Snapshot> {
    let goes_on = plan.steps.iter().any(|step| step.asks() || *step == Step::Restore);
    let live = &situation.workload().spec.template;
    let is_live = plan.steps.iter().find_map(Step::template).is_none_or(|new| same_template(new, live));
    let is_whole = situation.phase == Phase::Idle;
    let before = situation.came_from().filter(|_| goes_on && is_live && is_whole)?;
    Some(Snapshot { original: situation.own_settings(), ..before.clone() })
}

/// Returns what a plan is going to put into fields of the user's.
pub(super) fn loan(plan: &Plan, observed: &Observed) -> Option<Loan> {
    observed.lending(step::limits(plan, &Situation::of(observed)))
}

#[cfg(test)]
mod tests {
    use rollout_plus_core::fixtures::{idle, journal, replica_set, template};

    use super::*;
    use crate::journal::{Journal, Verb};
    use crate::model::fingerprint;

    fn verify() -> Step {
        Step::Verify { checks: vec!["/health".parse().unwrap()], port: Some(80) }
    }

    #[test]
    fn a_version_that_has_not_passed_its_test_is_not_home_either() {
        let update = Step::Update { template: template("web:2") };
        let smoke = Step::Smoke { test: "./smoke".parse().unwrap() };
        let plan = Plan { steps: vec![update, Step::AwaitRollout, smoke.clone()] };
        let again = Plan { steps: vec![Step::AwaitRollout, smoke] };
        let home = snapshot(&again, &killed(&plan)).unwrap();
        assert!(same_template(&home.template, &template("web:1")), "{home:?}");
    }

    /// `web:2` is whole, and the run that rolled it out was killed.
    fn killed(plan: &Plan) -> Observed {
        let mut observed = idle();
        let snapshot = snapshot(plan, &observed);
        observed.journal = Some(Journal { snapshot, cursor: 2, ..journal(Verb::Rolling, plan.clone()) });
        observed.workload.spec.template = template("web:2");
        observed.revisions = vec![replica_set("web:1", 0), replica_set("web:2", 3)];
        observed
    }

    #[test]
    fn a_version_that_has_not_answered_yet_is_not_what_its_run_goes_back_to() {
        let update = Step::Update { template: template("web:2") };
        let plan = Plan { steps: vec![update, Step::AwaitRollout, verify()] };
        let again = Plan { steps: vec![Step::AwaitRollout, verify()] };
        let back = Plan { steps: vec![Step::Restore, Step::AwaitStable] };
        for left in [&plan, &again, &back] {
            let mut observed = killed(&plan);
            // However often it is killed.
            for _ in 0..3 {
                let home = snapshot(left, &observed).unwrap();
                assert!(same_template(&home.template, &template("web:1")), "{home:?}");
                assert_eq!((&*home.stable, home.canary.clone()), ("web-1", fingerprint(&template("web:2"))));
                observed.journal =
                    Some(Journal { snapshot: Some(home), ..journal(Verb::Rolling, left.clone()) });
            }
        }
    }

    #[test]
    fn what_is_whole_is_stable_where_nothing_is_asked_of_it() {
        let plan = Plan { steps: vec![Step::Update { template: template("web:2") }, Step::AwaitRollout] };
        let is_home = |plan: &Plan, observed: &Observed, image: &str| {
            same_template(&snapshot(plan, observed).unwrap().template, &template(image))
        };
        let follow = Plan { steps: vec![Step::AwaitRollout] };
        assert!(is_home(&follow, &killed(&plan), "web:2"));
        let verified = Plan { steps: vec![Step::AwaitRollout, verify()] };
        let mut observed = killed(&plan);
        observed.journal = None;
        assert!(is_home(&verified, &observed, "web:2"), "no run came from elsewhere");
        let third = Plan { steps: vec![Step::Update { template: template("web:3") }, verify()] };
        assert!(is_home(&third, &killed(&plan), "web:2"), "another version takes its place");
    }
}

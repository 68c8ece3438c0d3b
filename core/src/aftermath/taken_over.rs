//! What became of the version of a run that another one took over, once nobody has the lock any more.

use crate::journal::{Snapshot, State, Verb};
use crate::model::{fingerprint, images, same_template};
use crate::situation::{Phase, Situation};

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// What the run was for.
    Met(String),
    /// Something else.
    Missed(String),
    /// Nothing, and nobody is about to change that.
    Stuck(String),
    /// The controller goes on.
    Open,
}

/// Reads it off what is there. `mine` are the two versions of the run, `run` is its id.
pub fn fate(verb: Verb, situation: &Situation<'_>, mine: Option<&Snapshot>, run: &str) -> Fate {
    let kind = situation.workload().id().kind;
    let live = &situation.workload().spec.template;
    let is_mine = mine.is_some_and(|mine| mine.canary == fingerprint(live));
    let is_former = mine.is_some_and(|mine| same_template(&mine.template, live));
    let is_at_rest = matches!(situation.phase, Phase::Held | Phase::Idle);
    // Pods that are not whole since are none of its business.
    let is_through = situation.observed.journal.as_ref().is_some_and(|journal| journal.state == State::Done);
    if is_at_rest || is_through || !is_mine && !is_former {
        return became(verb, situation, is_mine, is_former, run);
    }
    if situation.workload().spec.paused {
        return Fate::Stuck(format!("the {} is paused", kind.kind));
    }
    if situation.phase == Phase::Failed {
        return Fate::Stuck(format!("the {} controller gave the rollout up", kind.kind));
    }
    Fate::Open
}

fn became(verb: Verb, situation: &Situation<'_>, is_mine: bool, is_former: bool, run: &str) -> Fate {
    let live = &situation.workload().spec.template;
    match (&situation.hold, is_mine) {
        (Some(hold), true) => {
            let by = hold.record.as_ref().map(|record| &record.run);
            Fate::Met(match by {
                Some(by) if by.id == run => "the version is held as this run left it".to_owned(),
                Some(by) => format!("the version is held by {}", by.holder),
                None => "the version is held".to_owned(),
            })
        }
        (None, true) if verb == Verb::Abort => Fate::Missed("the version was promoted".to_owned()),
        (None, true) => Fate::Met("the version was promoted".to_owned()),
        (None, false) if is_former && verb == Verb::Abort => Fate::Met("the version was aborted".to_owned()),
        (None, false) if is_former => {
            Fate::Missed("the version was aborted, and the former one is back".to_owned())
        }
        (_, false) => Fate::Missed(format!("another version ({}) took its place", images(live).join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{held, idle, journal, replica_set, template};
    use crate::plan::Plan;
    use crate::situation::Observed;

    /// What became of a canary of `web:2` that `promote` took over, with what that run says of itself.
    fn of(mut observed: Observed, state: State) -> Fate {
        let mine = Situation::of(&held()).snapshot(&template("web:2"));
        let snapshot = mine.clone().filter(|_| state != State::Done);
        observed.journal =
            Some(crate::journal::Journal { state, snapshot, ..journal(Verb::Promote, Plan::default()) });
        fate(Verb::Canary, &Situation::of(&observed), mine.as_ref(), "mine")
    }

    /// A rolling update of this image that is under way.
    fn rolling(image: &str) -> Observed {
        let mut observed = idle();
        observed.workload.spec.template = template(image);
        observed.workload.status.updated_replicas = 1;
        observed.revisions.push(replica_set(image, 1));
        observed
    }

    #[test]
    fn what_is_at_rest_is_told() {
        assert_eq!(of(held(), State::Interrupted), Fate::Met("the version is held by me@here".into()));
        let back = Fate::Missed("the version was aborted, and the former one is back".into());
        assert_eq!(of(idle(), State::Failed), back);
    }

    /// The controller brings a rolling update to its end by itself.
    #[test]
    fn a_rolling_update_that_was_left_alone_is_waited_for() {
        assert_eq!(of(rolling("web:2"), State::Interrupted), Fate::Open);
    }

    /// Its pods may have crashed since, and need never be whole again.
    #[test]
    fn who_says_that_it_is_through_is_not_waited_for() {
        assert_eq!(of(rolling("web:2"), State::Done), Fate::Met("the version was promoted".into()));
    }

    #[test]
    fn a_version_that_somebody_else_brought_is_not_waited_for() {
        let another = Fate::Missed("another version (web:3) took its place".into());
        assert_eq!(of(rolling("web:3"), State::Failed), another);
    }

    #[test]
    fn what_nobody_moves_is_not_waited_for() {
        let mut paused = rolling("web:2");
        paused.workload.spec.paused = true;
        assert_eq!(of(paused, State::Interrupted), Fate::Stuck("the Deployment is paused".into()));
        let mut failed = rolling("web:2");
        failed.workload.status.conditions = serde_json::from_value(serde_json::json!([
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]))
        .unwrap();
        let gave_up = "the Deployment controller gave the rollout up";
        assert_eq!(of(failed, State::Interrupted), Fate::Stuck(gave_up.into()));
    }
}

use super::*;
use crate::fixtures::{held, idle, journal, replica_set, template};
use crate::journal::{Journal, State, Verb};

/// After the hold of `web:2` is off, with the record of a run that is not through.
fn released(verb: Verb, cursor: usize) -> Observed {
    let hold = Step::Hold {
        template: None,
        size: crate::share::Size::Pods(1),
        stable: crate::share::Stable::Whole,
        changes: false,
    };
    let snapshot = Situation::of(&held()).snapshot(&template("web:2")).map(|mut snapshot| {
        snapshot.live = crate::model::fingerprint(&template("web:1"));
        snapshot
    });
    let mut observed = idle();
    observed.workload.spec.template = template("web:2");
    observed.workload.status.updated_replicas = 1;
    observed.revisions.push(replica_set("web:2", 1));
    let plan = Plan { steps: vec![hold, Step::AwaitCanary, Step::Release, Step::AwaitRollout] };
    observed.journal = Some(Journal { cursor, snapshot, ..journal(verb, plan) });
    observed
}

const BACK: [Step; 2] = [Step::Restore, Step::AwaitStable];

#[test]
fn a_promotion_in_one_command_has_a_way_back_once_the_hold_is_off() {
    for verb in [Verb::Canary, Verb::BlueGreen] {
        for cursor in [2, 3] {
            let observed = released(verb, cursor);
            assert_eq!(Situation::of(&observed).phase, Phase::Promoting);
            assert_eq!((abort(&observed).steps, undo(&observed).steps), (BACK.to_vec(), BACK.to_vec()));
        }
    }
}

#[test]
fn a_version_whose_pods_were_all_there_is_undone_by_its_own_run_and_no_other() {
    let mut observed = released(Verb::Canary, 3);
    observed.workload.status = idle().workload.status;
    observed.revisions = vec![replica_set("web:1", 0), replica_set("web:2", 3)];
    assert_eq!(Situation::of(&observed).phase, Phase::Idle);
    assert_eq!(abort(&observed).steps, []);
    assert_eq!(undo(&observed).steps, BACK);
    assert_eq!(Situation::of(&observed).home(), Some(&template("web:1")));
}

/// Another client broke the hold, and the canary became whole.
#[test]
fn leftovers_of_a_version_that_is_whole_go_and_it_stays() {
    let mut observed = held();
    observed.journal = Some(Journal {
        state: crate::journal::State::Done,
        snapshot: Situation::of(&observed).snapshot(&template("web:2")),
        ..journal(Verb::Canary, Plan::default())
    });
    observed.workload.spec.min_ready_seconds = None;
    observed.revisions = vec![replica_set("web:1", 0), replica_set("web:2", 3)];
    let situation = Situation::of(&observed);
    assert!(situation.phase == Phase::Idle && situation.way_back.is_some());
    assert_eq!(abort(&observed).steps, [Step::Release]);
}

#[test]
fn a_version_without_a_replica_set_has_a_way_back() {
    let mut observed = released(Verb::Rolling, 3);
    observed.revisions.truncate(1);
    observed.workload.status.observed_generation = 3;
    assert_eq!(abort(&observed).steps, BACK);
}

#[test]
fn who_follows_the_version_that_is_live_does_not_abort_it() {
    let mut observed = released(Verb::Rolling, 3);
    let snapshot = observed.journal.as_mut().and_then(|journal| journal.snapshot.as_mut()).unwrap();
    snapshot.template = template("web:2");
    assert_eq!(Situation::of(&observed).phase, Phase::Progressing);
}

#[test]
fn settings_that_changed_before_the_hold_are_seen() {
    let mut observed = idle();
    let snapshot = Situation::of(&observed).snapshot(&template("web:2"));
    observed.journal = Some(Journal { snapshot, ..journal(Verb::Canary, Plan::default()) });
    assert!(!Situation::of(&observed).has_other_settings());
    observed.workload.spec.min_ready_seconds = Some(7);
    assert!(Situation::of(&observed).has_other_settings());
    observed.workload.spec.min_ready_seconds = Some(crate::keys::HELD);
    assert!(!Situation::of(&observed).has_other_settings(), "that is ours");
}

#[test]
fn an_old_record_of_what_is_whole_says_nothing_of_the_settings() {
    let mut observed = released(Verb::Rolling, 3);
    observed.workload.status = idle().workload.status;
    observed.revisions = vec![replica_set("web:2", 3)];
    observed.workload.spec.min_ready_seconds = Some(7);
    let snapshot = Situation::of(&observed).snapshot(&template("web:3")).unwrap();
    assert_eq!(snapshot.original.min_ready_seconds, Some(7));
    assert_eq!((snapshot.template, snapshot.stable.as_str()), (template("web:2"), "web-2"));
}

#[test]
fn a_version_that_is_whole_goes_back_as_long_as_it_has_not_answered() {
    let verify = || Step::Verify { checks: Vec::new(), port: Some(80) };
    let steps = vec![Step::Update { template: template("web:2") }, Step::AwaitRollout, verify()];
    let mut observed = idle();
    let snapshot = Situation::of(&observed).snapshot(&template("web:2"));
    let journal = Journal { snapshot, cursor: 2, ..journal(Verb::Rolling, Plan { steps }) };
    observed.workload.spec.template = template("web:2");
    observed.revisions = vec![replica_set("web:1", 0), replica_set("web:2", 3)];
    let aborted = |change: &dyn Fn(&mut Journal)| {
        let mut observed = observed.clone();
        let mut journal = journal.clone();
        change(&mut journal);
        observed.journal = Some(journal);
        abort(&observed).steps
    };
    for state in [State::Open, State::Interrupted, State::Failed] {
        assert_eq!(aborted(&|journal| journal.state = state), BACK, "{state:?}");
    }
    assert_eq!(aborted(&|journal| journal.state = State::Done), [], "it has answered");
    let unasked = |journal: &mut Journal| journal.plan.steps.truncate(2);
    assert_eq!(aborted(&unasked), [], "nothing is asked of it");
    let begun = |journal: &mut Journal| {
        journal.plan.steps = BACK.to_vec();
        journal.cursor = 0;
    };
    assert_eq!(aborted(&begun), BACK, "an abort was killed");
    assert_eq!(aborted(&|journal| journal.snapshot = None), [], "it came from nowhere");
    let other = |journal: &mut Journal| {
        journal.snapshot.as_mut().unwrap().canary = crate::model::fingerprint(&template("web:3"));
    };
    assert_eq!(aborted(&other), [], "it is another run's");
}

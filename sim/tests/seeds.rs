//! The first seeds hold: as many as fit into a test. `sim --seeds` plays more.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use sim::scenario::{chaos, crowd, judged, play, routed};

#[test]
fn the_first_seeds_hold() {
    for seed in 1..=8 {
        let report = play(seed, false).unwrap();
        assert!(report.broken.is_empty(), "seed {seed}: {:?}\n{}", report.broken, report.drawn);
    }
}

fn holds(seed: u64) {
    let report = crowd::of_seed(seed, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

/// An agent applied its manifest to a frozen blue-green: the Deployment stayed paused for ever.
#[test]
fn a_freeze_goes_with_its_hold() {
    holds(349);
    holds(1205);
}

/// The strategy was edited between the record of the way home and the hold, and the way back brought the old one.
#[test]
fn settings_of_the_last_moment_are_those_to_come_back_to() {
    holds(834);
}

/// Somebody wrote limits during a hold, another canary limited it anew, and the way back brought those of before the hold.
#[test]
fn limits_that_somebody_wrote_during_a_hold_are_those_to_come_back_to() {
    holds(196);
}

/// `kubectl rollout undo` brought the record of the canary before back, or took the only one away: limits and deadline of ours stayed.
#[test]
fn limits_of_ours_are_known_whatever_record_an_undo_leaves() {
    holds(198);
    holds(536);
}

/// A controller that was killed while it was busy lost a key to the look that it had been about to take.
#[test]
fn a_controller_that_starts_again_loses_no_key() {
    let report = play(88, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

/// A set that was shrunk before left room for more canary pods than the share that was named takes, and the controller filled it.
#[test]
fn a_share_that_was_named_stays() {
    holds(5729);
    holds(8919);
}

/// Another version was asked for while the one that was switched to waited for an end; and an autoscaler scaled that one while
/// its Deployment was paused.
#[test]
fn a_blue_green_that_was_switched_is_scaled_and_not_taken_for_another_version() {
    holds(8253);
}

/// A version that was tried before was still there beside the two that were told.
#[test]
fn all_versions_that_are_held_are_told() {
    holds(2431);
    holds(6394);
}

/// Pods that crashed after a promotion was through, a third version, and a pause: who was taken over waited ten minutes.
#[test]
fn who_was_taken_over_waits_for_nothing_that_nobody_does() {
    for seed in [2757, 8315, 8385] {
        holds(seed);
    }
}

/// Of these the rule was wrong: `kubectl rollout undo` and a third version within a second; and two templates while the controller of
/// the ReplicaSets was behind.
#[test]
fn pods_that_nothing_can_keep_are_not_asked_for() {
    holds(6189);
    holds(11394);
}

#[test]
fn the_first_routed_seeds_hold() {
    for seed in 1..=8 {
        let report = routed::of_seed(seed, false).unwrap();
        assert!(report.broken.is_empty(), "seed {seed}: {:?}\n{}", report.broken, report.drawn);
    }
}

/// A second set whose run was killed before the route named its Service got all requests, and had no Service.
#[test]
fn a_second_set_has_a_service_before_the_switch() {
    let report = routed::of_seed(1104, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

/// The former version was put back under a hold, and the route went on sending the canary its share, whatever was done.
#[test]
fn a_version_that_was_taken_back_loses_its_share() {
    let report = routed::of_seed(550, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

/// The canary's Service was deleted, and a run ended with the share on it.
#[test]
fn a_service_that_is_gone_loses_its_share() {
    let report = routed::of_seed(328, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

/// Requests went back to the user's Service as soon as it had forgotten the canary's pods, and the proxies had not yet.
#[test]
fn a_service_that_forgot_pods_gets_requests_when_the_proxies_did_too() {
    for seed in [384, 748] {
        let report = routed::of_seed(seed, false).unwrap();
        assert!(report.broken.is_empty(), "seed {seed}: {:?}\n{}", report.broken, report.drawn);
    }
}

/// Somebody replaced the version before it was held, and the route had named its Service already: nobody had any pods.
#[test]
fn a_stable_version_that_was_replaced_before_the_hold_loses_its_route() {
    for seed in [1732, 1884] {
        let report = routed::of_seed(seed, false).unwrap();
        assert!(report.broken.is_empty(), "seed {seed}: {:?}\n{}", report.broken, report.drawn);
    }
}

/// The former version was put back while the data plane followed the last share: the run ended well, and left the share to
/// nobody.
#[test]
fn a_version_that_is_taken_back_while_its_share_is_followed_loses_it() {
    let report = routed::of_seed(1089, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

/// Somebody scaled down in the middle: a later step asked for as many pods as its share was of the former size, and ended the run.
#[test]
fn pods_for_a_share_follow_the_size() {
    let report = routed::of_seed(4555, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

/// A whole manifest took the hold off a blue-green and left its pause: the controller took the new version's pods all the same.
#[test]
fn a_pause_keeps_no_pods_of_a_version_that_went_with_its_hold() {
    let report = routed::of_seed(787, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

/// `status` was asked at the instant in which a pod that no proxy knew of yet had become Ready again.
#[test]
fn a_danger_that_is_over_need_not_be_named() {
    let report = routed::of_seed(1045, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

/// The only pod of the version that was switched to crashed, and nothing told that all requests failed.
#[test]
fn a_service_that_is_switched_to_nobody_is_named() {
    let report = routed::of_seed(9090, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

/// Somebody put the former version back under a hold, somebody else one that crashes in its place: only the pods of the version
/// that is tried are left, and only the way back brings others.
#[test]
fn a_version_that_is_tried_is_not_given_the_requests_of_a_stable_one_without_pods() {
    let report = routed::of_seed(2502, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

/// Somebody wrote the Deployment, or the route, between a run's look and its write, or its rehearsal: 422 ended the run.
#[test]
fn what_others_write_between_look_and_write_is_met_by_another_look() {
    for seed in [14, 59, 67] {
        holds(seed);
    }
    let report = routed::of_seed(96, false).unwrap();
    assert!(report.broken.is_empty(), "{:?}\n{}", report.broken, report.drawn);
}

#[test]
fn the_first_judged_seeds_hold() {
    for seed in 1..=6 {
        let report = judged::of_seed(seed, false).unwrap();
        assert!(report.broken.is_empty(), "seed {seed}: {:?}\n{}", report.broken, report.drawn);
    }
}

fn stands(seed: u64) {
    let report = chaos::of_seed(seed, false).unwrap();
    assert!(report.broken.is_empty(), "seed {seed}: {:?}\n{}", report.broken, report.drawn);
}

#[test]
fn faults_that_are_made_on_purpose_are_undone() {
    (1..=8).for_each(stands);
}

/// The pods that were hit could not be deleted, and the record that names them was taken away all the same: nobody knew of them
/// any more, and their policies stayed for as long as the pods that the kubelet had ended.
#[test]
fn what_could_not_be_undone_stays_written_down() {
    [834, 1027].into_iter().for_each(stands);
}

/// A run that made a fault was killed, and `resume` said that nothing was interrupted.
#[test]
fn resume_ends_a_fault_that_was_left() {
    [246, 316, 445, 1623].into_iter().for_each(stands);
}

/// The lock of a run that made a fault was held, and `status` did not say by whom.
#[test]
fn status_tells_whose_fault_is_on() {
    [72, 365, 2127].into_iter().for_each(stands);
}

/// Others took the pod away that was hit before the fault was seen on it, and the new version went on as if it had stood it.
#[test]
fn who_was_taken_away_by_others_shows_nothing() {
    [9450, 11700].into_iter().for_each(stands);
}

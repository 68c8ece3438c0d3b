use proptest::prelude::*;

use super::*;

fn weight(weight: u8, replicas: u32) -> Sizing {
    Sizing::choose("Deployment", Size::Weight(weight), Stable::Whole, replicas, replicas).unwrap()
}

fn limits(surge: u32, unavailable: Unavailable) -> Bounds {
    Bounds { surge, unavailable }
}

/// Old pods that the controller would take at once, with all old ones Available and no new one
/// (`reconcileOldReplicaSets`).
fn taken(bounds: Bounds, replicas: u32, old: u32, new: u32) -> u32 {
    let unavailable = match bounds.unavailable {
        Unavailable::Pods(pods) => pods,
        Unavailable::Percent(percent) => percent * replicas / 100,
    };
    let unavailable = if unavailable == 0 && bounds.surge == 0 { 1 } else { unavailable.min(replicas) };
    let total = old + new;
    total.saturating_sub(replicas - unavailable).saturating_sub(new).min(old)
}

#[test]
fn a_limit_is_read_as_it_is_written() {
    for unavailable in [Unavailable::Pods(2), Unavailable::Percent(50)] {
        let text = serde_json::to_string(&unavailable).unwrap();
        assert_eq!(serde_json::from_str::<Unavailable>(&text).unwrap(), unavailable, "{text}");
    }
    assert!(serde_json::from_str::<Unavailable>("\"many\"").is_err());
}

#[test]
fn the_nearest_share_is_chosen_and_both_numbers_are_named() {
    for (asked, replicas, canary, sentence) in [
        (10, 3, 1, "asked 10 %, with 3 replicas the nearest is 25 %: 1 of 4 pods"),
        (25, 3, 1, "25 %: 1 of 4 pods"),
        (10, 9, 1, "10 %: 1 of 10 pods"),
        (50, 3, 3, "50 %: 3 of 6 pods"),
        (90, 3, 3, "asked 90 %, with 3 replicas the nearest is 50 %: 3 of 6 pods"),
        (10, 1, 1, "asked 10 %, with 1 replica the nearest is 50 %: 1 of 2 pods"),
        (33, 4, 2, "asked 33 %, with 4 replicas the nearest is 33.3 %: 2 of 6 pods"),
    ] {
        let sizing = weight(asked, replicas);
        assert_eq!((sizing.canary, sizing.sentence().as_str()), (canary, sentence));
    }
}

#[test]
fn advice_says_what_would_be_exact() {
    insta::assert_snapshot!(weight(10, 3).advice().unwrap(), @"exactly 10 % takes 9 replicas (1 of 10 pods) or a router");
    assert!(weight(90, 3).advice().unwrap().contains("router"));
    assert_eq!(weight(25, 3).advice(), None);
}

#[test]
fn one_is_not_many() {
    let half = Sizing { size: Size::Weight(50), replicas: 4, stable: 4, canary: 1 };
    assert_eq!(half.advice().unwrap(), "exactly 50 % takes 1 replica (1 of 2 pods) or a router");
    let none = Sizing::choose("Deployment", Size::Pods(1), Stable::Whole, 6, 5).unwrap_err();
    assert_eq!(none.message, "1 canary pod cannot be kept: with 6 replicas and 5 stable pods it is 2 to 6");
}

#[test]
fn shrinking_meets_shares_that_a_whole_set_cannot() {
    let sizing = Sizing::choose("Deployment", Size::Weight(10), Stable::Shrink, 10, 10).unwrap();
    assert_eq!((sizing.canary, sizing.stable, sizing.is_exact()), (1, 9, true));
    assert_eq!(sizing.bounds(Stable::Shrink), limits(0, Unavailable::Percent(10)));
    let sizing = Sizing::choose("Deployment", Size::Weight(75), Stable::Shrink, 4, 4).unwrap();
    assert_eq!((sizing.canary, sizing.stable), (3, 1));
    assert!(Sizing::choose("Deployment", Size::Weight(50), Stable::Shrink, 1, 1).is_err());
}

/// The controller fills up to as many pods as there are replicas: fewer canary pods than the set that was shrunk has left room for
/// would be promised and not be there.
#[test]
fn a_set_that_was_shrunk_before_leaves_its_room_to_the_canary() {
    for (asked, replicas, left, canary, stable) in [(34, 3, 1, 2, 1), (71, 8, 2, 6, 2), (90, 8, 2, 7, 1)] {
        let sizing =
            Sizing::choose("Deployment", Size::Weight(asked), Stable::Shrink, replicas, left).unwrap();
        assert_eq!((sizing.canary, sizing.stable), (canary, stable), "{asked} % of {replicas}");
    }
    let few = Sizing::choose("Deployment", Size::Pods(1), Stable::Shrink, 8, 2).unwrap_err();
    insta::assert_snapshot!(few.message, @"1 canary pod cannot be kept: with 8 replicas and 2 stable pods it is 6 to 7");
}

#[test]
fn a_rollout_under_way_is_held_where_it_stands() {
    let sizing = Sizing::choose("Deployment", Size::Pods(2), Stable::AsIs, 3, 1).unwrap();
    assert_eq!(sizing.bounds(Stable::AsIs), limits(0, Unavailable::Pods(1)), "an old set never grows");
    let sizing = Sizing::choose("Deployment", Size::Pods(1), Stable::AsIs, 3, 3).unwrap();
    assert_eq!(sizing.bounds(Stable::AsIs), limits(1, Unavailable::Pods(0)));
}

#[test]
fn pods_that_the_controller_would_not_keep_are_refused() {
    assert!(Sizing::choose("Deployment", Size::Pods(4), Stable::Whole, 3, 3).is_err());
    assert!(Sizing::choose("Deployment", Size::Pods(0), Stable::Whole, 3, 3).is_err());
    assert!(Sizing::choose("Deployment", Size::Weight(10), Stable::Whole, 0, 0).is_err());
    // After an autoscaler went from 3 to 6 the stable set is at 5: one canary pod cannot be kept.
    assert!(Sizing::choose("Deployment", Size::Pods(1), Stable::Whole, 6, 5).is_err());
}

proptest! {
    #[test]
    fn no_other_number_of_pods_is_nearer(asked in 1_u8..100, replicas in 1_u32..200) {
        let chosen = weight(asked, replicas);
        let off = |k: u32| (f64::from(k) / f64::from(k + replicas) * 100.0 - f64::from(asked)).abs();
        for other in 1..=replicas {
            prop_assert!(off(chosen.canary) <= off(other) + 1e-6);
        }
    }

    #[test]
    fn the_limits_keep_just_these_pods(asked in 1_u8..100, replicas in 1_u32..200, shrink: bool) {
        prop_assume!(!shrink || replicas > 1);
        let use_of = if shrink { Stable::Shrink } else { Stable::Whole };
        let sizing = Sizing::choose("Deployment", Size::Weight(asked), use_of, replicas, replicas).unwrap();
        let bounds = sizing.bounds(use_of);
        prop_assert_eq!(replicas + bounds.surge, sizing.stable + sizing.canary);
        // From a whole set it takes just those that are not to stay, and then no more.
        prop_assert_eq!(taken(bounds, replicas, replicas, sizing.canary), replicas - sizing.stable);
        prop_assert_eq!(taken(bounds, replicas, sizing.stable, sizing.canary), 0);
        prop_assert!(sizing.canary <= replicas);
    }

    /// Whatever is left of the stable set, and however it may be used.
    #[test]
    fn the_controller_fills_up_to_just_these_pods(
        asked in 1_u8..100, replicas in 2_u32..200, left in 1_u32..200, way in 0_usize..3,
    ) {
        let use_of = [Stable::Whole, Stable::AsIs, Stable::Shrink][way];
        let sizing = Sizing::choose("Deployment", Size::Weight(asked), use_of, replicas, left.min(replicas)).unwrap();
        let room = replicas + sizing.bounds(use_of).surge - sizing.stable;
        prop_assert_eq!(sizing.canary, room.min(replicas), "{:?}", sizing);
    }

    /// Whoever scales a held Deployment down takes pods of both versions (`scale` in kubernetes/pkg/controller/deployment:
    /// in proportion), and the limits that stay behind take none.
    #[test]
    fn no_stable_pod_goes_because_somebody_scales_down(
        asked in 1_u8..100, before in 2_u32..200, after in 2_u32..200, shrink: bool, left in 1_u32..200,
    ) {
        prop_assume!(after <= before);
        let (use_of, left) = if shrink { (Stable::Shrink, before) } else { (Stable::AsIs, left.min(before)) };
        let sizing = Sizing::choose("Deployment", Size::Weight(asked), use_of, before, left).unwrap();
        let bounds = sizing.bounds(use_of);
        let total = after + bounds.surge;
        let canary = (total * sizing.canary / (sizing.canary + sizing.stable)).min(total - 1);
        let stable = (total - canary).min(sizing.stable);
        let kept = stable - taken(bounds, after, stable, canary);
        let due = after * sizing.stable / (sizing.stable + sizing.canary);
        // One pod may go by rounding; the others stay.
        prop_assert!(kept + 1 >= due, "{:?}: {} of {} stable pods are kept", bounds, kept, due);
    }
}

#[test]
fn pods_for_a_routers_share_follow_the_size_and_those_that_were_asked_for_do_not() {
    let of = |by_share, replicas, stable| {
        let size = Size::Routed { weight: 50, pods: 5, by_share };
        Sizing::choose("Deployment", size, Stable::Whole, replicas, stable).map(|sizing| sizing.canary)
    };
    // As planned, scaled down, scaled up; and a stable set that does not grow under a hold.
    for (replicas, stable, canary) in [(10, 10, 5), (4, 4, 2), (20, 20, 10), (10, 4, 7), (1, 1, 1)] {
        assert_eq!(of(true, replicas, stable).unwrap(), canary, "{replicas} {stable}");
    }
    assert_eq!((of(false, 10, 10).unwrap(), of(false, 20, 20).unwrap()), (5, 5));
    insta::assert_snapshot!(of(false, 4, 4).unwrap_err().message, @"5 canary pods cannot be kept: with 4 replicas and 4 stable pods it is 1 to 4");
    // As runs of older versions have written it.
    let size: Size = serde_json::from_str(r#"{"routed":{"weight":50,"pods":5}}"#).unwrap();
    assert_eq!(size, Size::Routed { weight: 50, pods: 5, by_share: false });
}

//! A version that has a share of the requests and no pods any more.

use super::RoutedSteps;
use crate::plan::{Plan, Step};
use crate::situation::{Observed, Situation};
use crate::traffic::{Role, Target};

/// What is told while a retreat is done.
pub const RETREATING: &str = "requests go to pods that are gone: giving them to pods that are there";

/// Returns the plan that takes the share from whoever has no pods: a version whose place somebody gave to another, or to the
/// former one, while it was held or with the hold, so that its pods go at this very time; a stable version that somebody
/// replaced before it was held; and a Service of ours that somebody deleted. The route would go on sending them requests.
/// Without steps if there is nothing to take.
pub fn retreat(observed: &Observed) -> Plan {
    let situation = Situation::of(observed);
    // Under a pause no pod is replaced.
    let replaced = (situation.is_superseded() || situation.is_taken_back()) && !observed.workload.spec.paused;
    let Some(moves) = RoutedSteps::of(observed) else { return Plan::default() };
    let steps = if moves.is_outlived() {
        moves.root_again()
    } else if replaced || moves.is_left() || moves.lack_a_service() {
        moves.retreat()
    } else {
        Vec::new()
    };
    Plan { steps }
}

/// Whether something of ours is left in the routes, or a Service of ours beside them: the way home must stay known.
pub fn is_woven(observed: &Observed) -> bool {
    let Some(moves) = RoutedSteps::of(observed) else { return false };
    let is_there = |role: Role| observed.traffic_objects.service(&moves.service(role)).is_some();
    moves.is_woven() || Role::ALL.into_iter().any(is_there)
}

/// Returns a route whose status does not say that it is served, before anything was written to it, and what it says.
pub fn unanswered(observed: &Observed) -> Option<(Target, String)> {
    let moves = RoutedSteps::of(observed).filter(|_| Situation::of(observed).hold.is_none())?;
    moves.unanswered().map(|(target, why)| (target.clone(), why))
}

impl RoutedSteps<'_> {
    /// Whether a route names a Service of ours that is not there.
    fn lack_a_service(&self) -> bool {
        let is_gone = |role: Role| self.observed.traffic_objects.service(&self.service(role)).is_none();
        [Role::Stable, Role::Canary].into_iter().any(|role| is_gone(role) && self.mentions(role))
    }

    /// Whether nothing is held, and another version is live than that whose requests are not the canary's, or than the canary
    /// if it has all: its pods go.
    pub(super) fn is_outlived(&self) -> bool {
        let first = [Role::Stable, Role::Canary].into_iter().find(|role| self.mentions(*role));
        let is_let_go = self.is_released() && !self.observed.workload.spec.paused;
        is_let_go && first.is_some_and(|role| self.is_past(role))
    }

    /// Whether those of the canary go, and the stable ones stay. A pause keeps none of them: once all pods of the live version are
    /// Available, the controller takes all others also then (`IsSaturated` in `scale`, `pkg/controller/deployment/sync.go`).
    fn is_left(&self) -> bool {
        self.is_released() && self.is_past(Role::Canary) && !self.is_past(Role::Stable)
    }

    fn is_released(&self) -> bool {
        Situation::of(self.observed).hold.is_none()
    }

    fn is_past(&self, role: Role) -> bool {
        Situation::of(self.observed).is_of_live(&self.service(role)) == Some(false)
    }

    /// The user's own Service has all: whatever pods there are.
    pub(super) fn root_again(&self) -> Vec<Step> {
        self.back(self.split(Some(100), None, None))
    }

    fn retreat(&self) -> Vec<Step> {
        let is_there = |role: Role| self.observed.traffic_objects.service(&self.service(role)).is_some();
        let canary = is_there(Role::Canary).then_some(0);
        let back = if is_there(Role::Stable) {
            self.split(Some(0), Some(100), canary)
        } else {
            self.split(Some(100), None, canary)
        };
        if !self.mentions(Role::Canary) || self.says(&back) {
            return Vec::new();
        }
        self.forward(back)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::ways::Way;
    use super::super::world::{Command, Root, World};
    use super::*;
    use crate::step::{self, Progress};

    const WAYS: [Way; 4] = [Way::Backends, Way::Subsets, Way::Amended, Way::Groups];

    /// A canary with this share, in whose place somebody put a third version.
    fn replaced(way: Way, weight: u8) -> World {
        let mut world = World::new(way, &["web"], false);
        assert!(world.run(Command::Canary(Some("web:2"), weight), usize::MAX, &|_| {}));
        world.replace("web:3");
        world
    }

    fn complaint(world: &World) -> Option<String> {
        world.complaint(100, Root::Any)
    }

    #[test]
    fn a_share_is_taken_from_a_version_that_was_replaced_whatever_is_done() {
        for (way, weight) in WAYS.into_iter().flat_map(|way| [(way, 10), (way, 100)]) {
            let world = replaced(way, weight);
            assert!(complaint(&world).unwrap().ends_with("has a share and no pods"), "{way:?}");
            for command in [
                Command::Retreat,
                Command::Abort,
                Command::Canary(Some("web:2"), 10),
                Command::Canary(Some("web:3"), 10),
            ] {
                let mut world = world.clone();
                let generation = world.observed.workload.generation();
                let mended = Cell::new(false);
                let judge = |world: &World| {
                    let complaint = complaint(world);
                    let told = format!("{command:?} of {way:?} at {weight} %: {complaint:?}");
                    assert!(!mended.get() || complaint.is_none(), "{told}");
                    assert!(
                        complaint.is_none() || world.observed.workload.generation() == generation,
                        "{told}"
                    );
                    mended.set(complaint.is_none());
                };
                assert!(world.run(command, usize::MAX, &judge));
                assert!(mended.get());
                assert_eq!(retreat(&world.observed), Plan::default(), "{command:?} of {way:?}");
                assert!(world.run(Command::Abort, usize::MAX, &|_| {}));
                assert_eq!(
                    world.picture()[2],
                    world.user[2],
                    "{command:?} of {way:?}: something of ours is left"
                );
            }
        }
    }

    /// A canary with a share, to which somebody did something that a retreat mends.
    fn mended(way: Way, spoil: impl Fn(&mut World), told: &str) {
        let mut world = World::new(way, &["web"], false);
        assert!(world.run(Command::Canary(Some("web:2"), 10), usize::MAX, &|_| {}));
        spoil(&mut world);
        assert!(complaint(&world).is_some_and(|complaint| complaint.contains(told)), "{way:?}");
        assert!(world.run(Command::Retreat, usize::MAX, &|_| {}));
        assert_eq!(complaint(&world), None, "{way:?}");
        assert_eq!(retreat(&world.observed), Plan::default(), "{way:?}");
        assert!(world.run(Command::Abort, usize::MAX, &|_| {}));
        assert_eq!(world.picture(), world.user, "{way:?}: something of ours is left");
    }

    #[test]
    fn a_share_is_taken_from_a_version_that_somebody_took_back() {
        for way in WAYS {
            mended(way, |world| world.replace("web:1"), "has a share and no pods");
        }
    }

    #[test]
    fn a_share_is_taken_from_a_version_that_went_with_its_hold() {
        for way in WAYS {
            mended(way, |world| world.apply("web:1"), "has a share and no pods");
        }
        let mut world = World::new(Way::Backends, &["web"], false);
        assert!(world.run(Command::Canary(Some("web:2"), 10), usize::MAX, &|_| {}));
        world.apply("web:1");
        world.observed.workload.spec.paused = true;
        assert_ne!(retreat(&world.observed), Plan::default(), "a pause keeps no pod of it");
        // The stable version is none that stays: the user's own Service has whatever pods there are.
        for image in ["web:2", "web:3"] {
            let mut world = World::new(Way::Backends, &["web"], false);
            assert!(world.run(Command::Canary(Some("web:2"), 10), usize::MAX, &|_| {}));
            world.apply(image);
            assert!(complaint(&world).is_some(), "{image}");
            assert!(world.run(Command::Retreat, usize::MAX, &|_| {}));
            assert_eq!(complaint(&world), None, "{image}");
            assert!(is_woven(&world.observed), "its Services are left, and how to find them");
            assert!(world.run(Command::Abort, usize::MAX, &|_| {}));
            assert_eq!(world.picture()[2], world.user[2], "something of ours is left");
        }
    }

    #[test]
    fn a_promotion_takes_nothing_from_the_version_that_it_brings() {
        for weight in [10, 100] {
            let mut world = World::new(Way::Backends, &["web"], false);
            assert!(world.run(Command::Canary(Some("web:2"), weight), usize::MAX, &|_| {}));
            let judge = |world: &World| {
                assert_eq!(retreat(&world.observed), Plan::default(), "{weight} %: {world:#?}");
                let situation = Situation::of(&world.observed);
                let moves = RoutedSteps::of(&world.observed).unwrap();
                let whole = moves.split(Some(0), None, Some(100));
                let halted = step::halted(&situation, &whole).filter(|_| moves.says(&whole));
                assert_eq!(halted, None, "{weight} %: {world:#?}");
            };
            assert!(world.run(Command::Promote, usize::MAX, &judge));
            assert!(!is_woven(&world.observed));
        }
    }

    #[test]
    fn a_share_is_taken_from_a_service_that_somebody_deleted() {
        for role in [Role::Canary, Role::Stable] {
            let delete = |world: &mut World| {
                let service = Target::service("shop", &role.service("web"));
                world.observed.traffic_objects.objects.remove(&service).unwrap();
                world.settle();
            };
            mended(Way::Backends, delete, "which is not there");
        }
    }

    #[test]
    fn the_root_has_all_again_where_somebody_replaced_the_stable_version_before_it_was_held() {
        let start = Command::Canary(Some("web:2"), 10);
        let mut world = World::new(Way::Backends, &["web"], false);
        // Killed, or stopped by what somebody did, between the routes and the hold.
        assert!(!world.run(start, 3, &|_| {}));
        assert_eq!(retreat(&world.observed), Plan::default());
        world.replace("web:3");
        assert!(complaint(&world).is_some_and(|complaint| complaint.contains("has a share and no pods")));
        let mut next = world.clone();
        assert!(world.run(Command::Retreat, usize::MAX, &|_| {}));
        assert_eq!(complaint(&world), None);
        assert_eq!(retreat(&world.observed), Plan::default());
        // The next canary does so first, and keeps the version that is there.
        assert!(next.run(start, usize::MAX, &|_| {}));
        assert_eq!(complaint(&next), None);
    }

    #[test]
    fn nothing_is_taken_from_a_version_that_is_there() {
        for way in WAYS {
            let mut world = World::new(way, &["web"], false);
            assert_eq!(retreat(&world.observed), Plan::default());
            assert!(world.run(Command::Canary(Some("web:2"), 0), usize::MAX, &|_| {}));
            assert_eq!(retreat(&world.observed), Plan::default());
            let mut without = world.clone();
            without.replace("web:3");
            assert_eq!(retreat(&without.observed), Plan::default(), "it has no share");
            assert!(world.run(Command::Canary(None, 10), usize::MAX, &|_| {}));
            assert_eq!(retreat(&world.observed), Plan::default());
            world.observed.workload.spec.paused = true;
            world.replace("web:3");
            assert_eq!(retreat(&world.observed), Plan::default(), "its pods stay under a pause");
        }
    }

    /// What somebody did to a held version, and what is told of it.
    fn ends() -> [(World, &'static str); 3] {
        let held = || {
            let mut world = World::new(Way::Backends, &["web"], false);
            assert!(world.run(Command::Canary(Some("web:2"), 10), usize::MAX, &|_| {}));
            world
        };
        let (mut taken_back, mut applied) = (held(), held());
        taken_back.replace("web:1");
        applied.apply("web:1");
        [
            (replaced(Way::Backends, 10), "by a third version"),
            (taken_back, "was put back by another client"),
            (applied, "is no longer held"),
        ]
    }

    #[test]
    fn a_version_that_is_tried_no_more_gets_no_request() {
        for (world, told) in ends() {
            let moves = RoutedSteps::of(&world.observed).unwrap();
            let up = moves.split(Some(0), Some(80), Some(20));
            let mut copied = moves.split(Some(0), Some(100), Some(0));
            copied.mirror = Some(5);
            let steps = [
                Step::Route { split: up.clone(), grace: 0 },
                Step::Route { split: copied, grace: 0 },
                Step::Own { split: up, grace: 0 },
                Step::Publish { role: Role::Canary },
            ];
            let situation = Situation::of(&world.observed);
            for step in steps {
                let error = step::refused(&step, &situation).unwrap();
                assert!(error.message.contains(told), "{step:?}: {error}");
                if !matches!(step, Step::Own { .. }) {
                    let progress = step::progress(&step, &situation, &|_| None);
                    let halted = matches!(&progress, Progress::Halted(error) if error.message.contains(told));
                    assert!(halted, "{step:?}: {progress:?}");
                }
            }
            for step in [
                Step::Publish { role: Role::Stable },
                Step::Route { split: moves.split(Some(0), Some(100), Some(0)), grace: 0 },
            ] {
                assert_eq!(step::refused(&step, &situation), None, "{step:?}");
            }
        }
    }
}

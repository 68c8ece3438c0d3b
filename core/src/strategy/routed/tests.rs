//! Plans of a routed canary as data, and runs that are killed after every write.

use serde_json::json;

use super::RoutedSteps;
use super::ways::Way;
use super::world::{Command, Root, World};
use crate::plan::Step;
use crate::situation::Situation;
use crate::step::{self, Progress};
use crate::traffic::{Role, Target};

const START: Command = Command::Canary(Some("web:2"), 10);

/// The step without what is the same everywhere.
fn short(step: &Step) -> String {
    let share = |share: Option<u8>| share.map_or("-".to_owned(), |share| share.to_string());
    match step {
        Step::Hold { template, size, .. } => {
            let size = format!("{size:?}").replace("Routed ", "");
            format!("hold{} {size}", if template.is_some() { " new" } else { "" })
        }
        Step::Route { split, .. } => {
            format!("{}/{}/{}", share(split.root), share(split.stable), share(split.canary))
        }
        Step::Publish { role } => format!("publish {}", role.word()),
        Step::Pin { role } => format!("pin {}", role.map_or("none", Role::word)),
        step => format!("{step:?}").to_lowercase(),
    }
}

fn plan(world: &mut World, command: Command) -> Vec<String> {
    world.plan(command).unwrap().steps.iter().map(short).collect()
}

/// After these commands.
fn after(commands: &[Command]) -> World {
    let mut world = World::new(Way::Backends, &["web"], false);
    for command in commands {
        assert!(world.run(*command, usize::MAX, &|_| {}));
    }
    world
}

#[test]
fn a_start_names_each_version_before_it_gets_a_share() {
    let wanted = [
        "publish stable",
        "100/0/-",
        "0/100/-",
        "hold new { weight: 10, pods: 1, by_share: true }",
        "awaitcanary",
        "publish canary",
        "0/100/0",
        "0/90/10",
    ];
    assert_eq!(plan(&mut after(&[]), START), wanted);
}

#[test]
fn pods_come_before_a_larger_share_and_go_after_a_smaller_one() {
    let raise = ["hold { weight: 50, pods: 2, by_share: true }", "awaitcanary", "publish canary", "0/50/50"];
    assert_eq!(plan(&mut after(&[START]), Command::Canary(None, 50)), raise);
    let lower = ["0/90/10", "hold { weight: 10, pods: 1, by_share: true }", "awaitcanary"];
    assert_eq!(plan(&mut after(&[START, Command::Canary(None, 50)]), Command::Canary(None, 10)), lower);
}

#[test]
fn a_share_is_compared_with_what_the_routes_say_whatever_was_asked() {
    // Killed after its hold: the routes still say 10 %.
    let mut world = after(&[START]);
    assert!(!world.run(Command::Canary(None, 50), 1, &|_| {}));
    let to_20 = ["hold { weight: 20, pods: 1, by_share: true }", "awaitcanary", "publish canary", "0/80/20"];
    assert_eq!(plan(&mut world, Command::Canary(None, 20)), to_20);
    // Killed before its hold: the routes say 10 % already.
    let mut world = after(&[START, Command::Canary(None, 50)]);
    assert!(!world.run(START, 1, &|_| {}));
    assert_eq!(plan(&mut world, Command::Canary(None, 20)), to_20);
}

#[test]
fn a_status_that_complains_of_the_roots_absence_keeps_nobody_waiting() {
    let mut world = after(&[START]);
    let route = world.plan(START).unwrap().steps.pop().unwrap();
    let condition =
        |kind: &str, status: &str| json!({"type": kind, "status": status, "observedGeneration": 9});
    for (target, object) in &mut world.observed.traffic_objects.objects {
        if target.kind == "HTTPRoute" {
            let conditions = [condition("Accepted", "True"), condition("ResolvedRefs", "False")];
            object["status"]["parents"][0]["conditions"] = json!(conditions);
        }
    }
    let progress = |world: &World| step::progress(&route, &Situation::of(&world.observed), &|_| None);
    assert!(matches!(progress(&world), Progress::Waiting(..)), "{:?}", progress(&world));
    world.observed.traffic_objects.objects.remove(&Target::service("shop", "web"));
    assert_eq!(progress(&world), Progress::Done);
}

#[test]
fn the_version_that_is_held_keeps_its_requests_when_it_is_named_again() {
    let named = plan(&mut after(&[START]), Command::Canary(Some("web:2"), 50));
    assert_eq!(
        named,
        ["hold new { weight: 50, pods: 2, by_share: true }", "awaitcanary", "publish canary", "0/50/50"]
    );
}

#[test]
fn another_version_gets_no_request_before_its_pods_are_ready() {
    let wanted = [
        "0/100/-",
        "hold new { weight: 20, pods: 1, by_share: true }",
        "awaitcanary",
        "publish canary",
        "0/100/0",
        "0/80/20",
    ];
    assert_eq!(plan(&mut after(&[START]), Command::Canary(Some("web:3"), 20)), wanted);
}

#[test]
fn a_promotion_goes_by_the_root_unless_the_canary_has_all() {
    let wanted = ["100/0/0", "100/-/-", "release", "awaitrollout", "100/-/-", "withdraw"];
    assert_eq!(plan(&mut after(&[START]), Command::Promote), wanted);
    let wanted = [
        "awaitcanary",
        "publish canary",
        "0/-/100",
        "release",
        "awaitrollout",
        "100/-/0",
        "100/-/-",
        "withdraw",
    ];
    assert_eq!(plan(&mut after(&[START, Command::Canary(None, 100)]), Command::Promote), wanted);
}

#[test]
fn an_abort_takes_the_share_then_the_pods_then_the_services() {
    let wanted = ["0/100/0", "0/100/-", "restore", "awaitstable", "100/0/-", "100/-/-", "withdraw"];
    assert_eq!(plan(&mut after(&[START]), Command::Abort), wanted);
    assert_eq!(plan(&mut after(&[]), Command::Abort), [""; 0]);
    // Killed between the first change of a route and the hold.
    let mut world = after(&[]);
    world.run(START, 2, &|_| {});
    assert_eq!(plan(&mut world, Command::Abort), ["100/0/-", "100/-/-", "withdraw"]);
    // Killed after the release of a promotion at 100 %.
    let mut world = after(&[START, Command::Canary(None, 100)]);
    world.run(Command::Promote, 2, &|_| {});
    assert_eq!(plan(&mut world, Command::Abort), ["100/-/0", "100/-/-", "withdraw"]);
}

#[test]
fn a_switch_is_one_only_where_the_shares_are() {
    for way in [Way::Backends, Way::Subsets, Way::Amended, Way::Groups] {
        let mut world = World::new(way, &["web"], false);
        for (weight, is_switched) in [(0, false), (50, false), (100, true)] {
            let image = (weight == 0).then_some("web:2");
            assert!(world.run(Command::Canary(image, weight), usize::MAX, &|_| {}));
            let moves = RoutedSteps::of(&world.observed).unwrap();
            assert_eq!(moves.is_switched(), is_switched, "{way:?} at {weight} %");
        }
    }
}

/// Each case: commands before, the command that is killed, the most that the canary may have, whose pods the root may
/// have.
const CASES: [(&[Command], Command, u64, Root); 9] = [
    (&[], START, 10, Root::Stable),
    (&[], Command::Canary(Some("web:2"), 100), 100, Root::Stable),
    (&[START], Command::Canary(None, 50), 50, Root::Stable),
    (&[START], Command::Canary(Some("web:3"), 20), 20, Root::Stable),
    (&[START, Command::Canary(None, 50)], START, 50, Root::Stable),
    (&[START], Command::Canary(None, 100), 100, Root::Stable),
    (&[START], Command::Abort, 10, Root::Stable),
    (&[START], Command::Promote, 10, Root::Any),
    (&[START, Command::Canary(None, 100)], Command::Promote, 100, Root::New),
];

fn lawful(world: &World, story: &dyn Fn() -> String, (most, root): (u64, Root)) {
    let complaint = world.complaint(most, root);
    assert_eq!(complaint, None, "{}: {:#?}", story(), world.observed.journal);
}

/// What is done about a state: with how it came to be, the undisturbed end, the command that was killed, and the law.
type Work<'w> = dyn Fn(&World, &dyn Fn() -> String, World, Command, (u64, Root)) + 'w;

/// Every state in which a run of a case may be killed, with its first state and its end.
fn killed(work: &Work<'_>) {
    for (way, routes, isolate) in [
        (Way::Backends, &["web"][..], false),
        (Way::Backends, &["web"], true),
        (Way::Backends, &["a", "b"], false),
        (Way::Subsets, &["web"], false),
        (Way::Amended, &["web"], false),
        (Way::Groups, &["web"], false),
    ] {
        for (before, command, most, root) in CASES {
            let mut first = World::new(way, routes, isolate);
            for one in before {
                assert!(first.run(*one, usize::MAX, &|_| {}));
            }
            let mut end = first.clone();
            assert!(end.run(command, usize::MAX, &|_| {}));
            for writes in 0..100 {
                let mut world = first.clone();
                let complain = |world: &World| {
                    let complaint = world.complaint(most, root);
                    assert_eq!(
                        complaint, None,
                        "{command:?} after {before:?}, {writes} writes, {way:?}, {routes:?}, {isolate}: {world:#?}"
                    );
                };
                let is_through = world.run(command, writes, &complain);
                let story = || {
                    format!(
                        "{command:?} after {before:?} killed after {writes} writes, {way:?}, {routes:?}, isolate {isolate}"
                    )
                };
                work(&world, &story, end.clone(), command, (most, root));
                if is_through {
                    assert!(writes > 1);
                    break;
                }
            }
        }
    }
}

#[test]
fn an_abort_leaves_nothing_wherever_a_run_was_killed_and_was_killed_itself() {
    killed(&|world, story, _, command, (most, root)| {
        let (most, root) = if command == Command::Promote { (most, Root::Any) } else { (most, root) };
        // One way to be killed twice is enough for each.
        let first = if world.is_plain() { 0 } else { 100 };
        for writes in first..=100 {
            let mut world = world.clone();
            if world.plan(Command::Abort).unwrap().steps.is_empty() {
                break;
            }
            let judge = |world: &World| lawful(world, story, (most, root));
            let is_through = world.run(Command::Abort, writes, &judge);
            assert!(world.run(Command::Abort, usize::MAX, &judge));
            let picture = world.picture();
            let is_promoted = picture[0]["template"] != world.user[0]["template"];
            let mut wanted = world.user.clone();
            if command == Command::Promote && is_promoted {
                (wanted[0]["template"], wanted[1]) =
                    (picture[0]["template"].clone(), json!({"web-web-2": 3}));
            }
            assert_eq!(picture, wanted, "{}", story());
            if is_through {
                break;
            }
        }
    });
}

#[test]
fn the_same_command_again_ends_as_if_nothing_had_been() {
    killed(&|world, story, end, command, (most, root)| {
        let mut world = world.clone();
        if world.picture() == end.picture() && matches!(command, Command::Promote | Command::Abort) {
            return;
        }
        assert!(world.run(command, usize::MAX, &|world: &World| lawful(world, story, (most, root))));
        assert_eq!(world.picture(), end.picture(), "{}", story());
    });
}

#[test]
fn a_run_that_is_resumed_ends_as_if_nothing_had_been() {
    killed(&|world, story, end, _, law| {
        let mut world = world.clone();
        assert!(world.go_on(usize::MAX, &|world: &World| lawful(world, story, law)));
        assert_eq!(world.picture(), end.picture(), "{}", story());
    });
}

#[test]
fn whatever_comes_after_a_kill_names_nobody_who_is_gone_and_can_be_aborted() {
    let commands = [
        START,
        Command::Canary(None, 50),
        Command::Canary(Some("web:3"), 20),
        Command::Canary(Some("web:2"), 100),
        Command::Promote,
    ];
    killed(&|world, story, _, _, _| {
        for command in commands {
            let tell = || format!("{}, then {command:?}", story());
            let judge = |world: &World| lawful(world, &tell, (100, Root::Any));
            let mut world = world.clone();
            if world.plan(command).is_err() {
                continue;
            }
            assert!(world.run(command, usize::MAX, &judge));
            if world.plan(Command::Abort).unwrap().steps.is_empty() {
                assert_eq!(world.picture()[2], world.user[2], "{}: something of ours is left", tell());
                continue;
            }
            assert!(world.run(Command::Abort, usize::MAX, &judge));
            assert_eq!(world.picture()[2], world.user[2], "{}: something of ours is left", tell());
        }
    });
}

#[test]
fn a_second_set_gets_no_request_before_its_service_is_there() {
    let mut world = World::new(Way::Backends, &["web"], false);
    // Killed after the hold, and before the second set had its Service.
    assert!(!world.run(START, 4, &|_| {}));
    world.observed.journal.as_mut().unwrap().traffic.as_mut().unwrap().switch = Some(0);
    let judge = |world: &World| assert_eq!(world.complaint(100, Root::Any), None);
    assert!(world.run(Command::Promote, usize::MAX, &judge));
    assert_eq!(world.picture()[2], world.user[2], "something of ours is left");
}

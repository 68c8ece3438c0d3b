//! When new pods are asked where a router gives the shares.

use super::ways::Way;
use super::world::{Command, World};
use crate::plan::{Check, Step};
use crate::strategy::VerifyRequest;

const START: Command = Command::Canary(Some("web:2"), 10);

fn check() -> Check {
    "/health".parse().unwrap()
}

/// After these commands.
fn after(commands: &[Command]) -> World {
    let mut world = World::new(Way::Backends, &["web"], false);
    world.verify = VerifyRequest { checks: vec![check()], ..VerifyRequest::default() };
    for command in commands {
        assert!(world.run(*command, usize::MAX, &|_| {}));
    }
    world
}

/// The steps in a word each, routes by the share of the canary.
fn plan(world: &mut World, command: Command) -> Vec<String> {
    let short = |step: &Step| match step {
        Step::Smoke { test } => test.to_string(),
        Step::Verify { checks, port } => {
            assert_eq!(*checks, [check()]);
            format!("verify {}", port.unwrap())
        }
        step if step.holds() => "hold".to_owned(),
        step => match step.routed() {
            Some(split) => split.canary.map_or("-".to_owned(), |share| share.to_string()),
            None => format!("{step:?}").to_lowercase(),
        },
    };
    world.plan(command).unwrap().steps.iter().map(short).collect()
}

#[test]
fn ready_pods_are_asked_before_their_first_share_and_after_it() {
    let start = plan(&mut after(&[]), START);
    let wanted = ["hold", "awaitcanary", "verify 80", "publish { role: canary }", "0", "10", "verify 80"];
    assert_eq!(start[3..], wanted, "{start:?}");
}

#[test]
fn tests_run_when_pods_are_asked_and_after_that() {
    let mut world = after(&[]);
    world.verify.tests = vec!["./smoke --fast".parse().unwrap()];
    let wanted = [
        "hold",
        "awaitcanary",
        "verify 80",
        "./smoke --fast",
        "publish { role: canary }",
        "0",
        "10",
        "verify 80",
        "./smoke --fast",
    ];
    assert_eq!(plan(&mut world, START)[3..], wanted);
    let steps = world.plan(START).unwrap();
    let shares = [6, 11].map(|index| {
        assert!(steps.steps[index].test().is_some(), "{steps:?}");
        steps.share_before(index)
    });
    assert_eq!(shares, [Some(0), Some(10)], "of the traffic");
}

#[test]
fn a_rise_is_asked_after_and_a_fall_is_not() {
    let rise = ["hold", "awaitcanary", "publish { role: canary }", "50", "verify 80"];
    assert_eq!(plan(&mut after(&[START]), Command::Canary(None, 50)), rise);
    let fall = plan(&mut after(&[START, Command::Canary(None, 50)]), Command::Canary(None, 10));
    assert_eq!(fall, ["10", "hold", "awaitcanary"]);
}

#[test]
fn another_version_is_asked_before_its_first_share() {
    let other = plan(&mut after(&[START]), Command::Canary(Some("web:3"), 20));
    let wanted =
        ["-", "hold", "awaitcanary", "verify 80", "publish { role: canary }", "0", "20", "verify 80"];
    assert_eq!(other, wanted);
}

#[test]
fn the_port_of_the_pods_is_where_the_service_sends_requests() {
    let mut world = after(&[]);
    world.verify.port = Some("8080".into());
    let start = plan(&mut world, START);
    assert_eq!(start.iter().filter(|step| *step == "verify 8080").count(), 2, "{start:?}");
    world.verify.port = Some("http".into());
    let error = world.plan(START).unwrap_err();
    assert_eq!(error.message, "--verify: the pods have no port http");
}

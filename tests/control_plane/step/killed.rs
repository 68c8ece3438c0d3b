//! Builds that are killed in the middle of a step: the next one goes on or undoes, as it is set up.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::pipeline::{Build, Pipeline, System};
use crate::jobs::each;
use crate::proxy::{Fault, Proxy, Rule, When};
use crate::shop::{Claims, Ended, Shop};

const V1: &str = "shop/web:v1";
const V2: &str = "shop/web:v2";
const V3: &str = "shop/web:v3";
const NOWHERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/nowhere.yaml");

/// The line at which a build is killed, in the order in which they come.
const AT_THE_START: &str = "kubectl rollout-plus canary";
const AT_THE_HOLD: &str = "hold with the new template at 25 %";
const WITH_A_SHARE: &str = "let the canary serve for 2 s";
const AT_THE_NEXT_SHARE: &str = "hold at 50 %";
const AT_THE_PROMOTION: &str = "restore the Deployment's own settings, keep the new template";

/// What the next build does.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The same build is run again.
    Again,
    /// `action: resume`.
    Resume,
    /// `action: abort`.
    Abort,
    /// It brings another version.
    Another,
    /// It brings a version that fails, with `on_failure: abort`.
    Fails,
}

fn canary(image: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![
        ("deployment", "frontend"),
        ("image", image),
        ("strategy", "canary"),
        ("steps", "25,50"),
        ("step_wait", "2s"),
        ("promote", "true"),
    ]
}

/// Runs a command, and sends it a signal when a line appears. Returns how long it lived on.
fn signalled(
    shop: &Shop,
    command: &mut Command,
    signal: &str,
    line: &str,
    mut before: impl FnMut(),
) -> (Ended, Duration) {
    let claims = Claims::of_step(&shop.namespace, "frontend");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start the tool");
    let mut stderr = String::new();
    let mut sent = None;
    for told in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        stderr.push_str(&told);
        stderr.push('\n');
        if sent.is_none() && told.contains(line) {
            before();
            let id = child.id().to_string();
            assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
            sent = Some(Instant::now());
        }
    }
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let code = child.wait().unwrap().code();
    let sent = sent.unwrap_or_else(|| panic!("no line has '{line}':\n{stderr}"));
    let (ended, lived) = (Ended { code, stdout, stderr }, sent.elapsed());
    if let Some(claims) = claims.filter(|_| code.is_some()) {
        claims.check(&claims.read(), &ended);
    }
    (ended, lived)
}

#[test]
fn whatever_build_is_killed_at_whatever_moment_the_next_goes_on_or_undoes() {
    use System::{Drone, Woodpecker};
    let jobs = vec![
        (Woodpecker, AT_THE_START, Next::Again),
        (Drone, AT_THE_HOLD, Next::Again),
        (Woodpecker, WITH_A_SHARE, Next::Again),
        (Drone, AT_THE_NEXT_SHARE, Next::Again),
        (Woodpecker, AT_THE_PROMOTION, Next::Again),
        (Drone, AT_THE_HOLD, Next::Abort),
        (Woodpecker, AT_THE_NEXT_SHARE, Next::Abort),
        (Woodpecker, AT_THE_HOLD, Next::Resume),
        (Drone, AT_THE_PROMOTION, Next::Resume),
        (Woodpecker, WITH_A_SHARE, Next::Another),
        (Drone, WITH_A_SHARE, Next::Fails),
    ];
    let failed = each(jobs, 6, |&(system, line, next)| {
        let pipeline = Pipeline::new(Shop::new(3));
        let mut first = pipeline.command(Build::push(system, 42), &pipeline.secrets, &canary(V2));
        let (ended, _) = signalled(&pipeline.shop, &mut first, "-KILL", line, || ());
        assert_eq!(ended.code, None, "it was not killed: {}", ended.stderr);
        // Users have the stable version, whatever else.
        assert!(line == AT_THE_PROMOTION || pipeline.shop.pods_of(V1).1 == 3);
        follow(&pipeline, system, next);
    });
    assert!(failed.is_empty(), "{failed:?}");
}

/// Runs the next build, and looks at what it leaves.
fn follow(pipeline: &Pipeline, system: System, next: Next) {
    let named = [("deployment", "frontend")];
    let second = Build::push(system, 43);
    let run = |settings: &[(&str, &str)]| pipeline.run(second, &pipeline.secrets, settings);
    let (image, others) = match next {
        Next::Again => {
            run(&canary(V2)).expect(0);
            (V2, [V1, V3])
        }
        Next::Resume => {
            run(&[&named[..], &[("action", "resume")]].concat()).expect(0);
            (V2, [V1, V3])
        }
        Next::Abort => {
            run(&[&named[..], &[("action", "abort")]].concat()).expect(0);
            (V1, [V2, V3])
        }
        Next::Another => {
            run(&canary(V3)).expect(0);
            (V3, [V1, V2])
        }
        Next::Fails => {
            let fails = [
                ("strategy", "canary"),
                ("weight", "25"),
                ("manifests", NOWHERE),
                ("tolerate", "Unschedulable=0s"),
                ("on_failure", "abort"),
            ];
            let ended = run(&[&named[..], &fails].concat()).expect(6);
            assert!(ended.stderr.contains("the former version is back"), "{}", ended.stderr);
            (V1, [V2, V3])
        }
    };
    pipeline.shop.until("one version is left", |shop| {
        shop.pods_of(image) == (3, 3) && others.iter().all(|other| shop.pods_of(other).0 == 0)
    });
    pipeline.shop.expect_own_fields(image);
    let status = pipeline.shop.status();
    assert_eq!(status["phase"], "Idle", "{status}");
}

#[test]
fn sigterm_ends_a_build_within_its_grace_with_what_is_left_and_the_next_command() {
    let jobs = vec![
        (System::Woodpecker, AT_THE_HOLD),
        (System::Drone, WITH_A_SHARE),
        (System::Woodpecker, AT_THE_NEXT_SHARE),
    ];
    let failed = each(jobs, 3, |&(system, line)| {
        let pipeline = Pipeline::new(Shop::new(3));
        let mut first = pipeline.command(Build::push(system, 42), &pipeline.secrets, &canary(V2));
        let (ended, after) = signalled(&pipeline.shop, &mut first, "-TERM", line, || ());
        assert!(after < Duration::from_secs(20), "it ended {after:?} after SIGTERM");
        let ended = ended.expect(130);
        assert!(ended.stderr.contains("what is there stays as it is"), "{}", ended.stderr);
        let next = format!("next: kubectl rollout-plus resume frontend -n {}", pipeline.shop.namespace);
        assert!(ended.stderr.contains(&next), "{}", ended.stderr);
        // The lock is free: nobody waits for the dead.
        let begun = Instant::now();
        follow(&pipeline, system, Next::Again);
        println!("SIGTERM at '{line}': ended after {after:?}, the next build took {:?}", begun.elapsed());
    });
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn sigterm_ends_a_build_whose_server_does_not_answer() {
    let pipeline = Pipeline::new(Shop::new(3));
    for line in [WITH_A_SHARE, AT_THE_START] {
        let proxy = Proxy::start(&pipeline.shop.kubeconfig);
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = proxy.kubeconfig(folder.path(), &pipeline.shop.namespace);
        let kubeconfig = std::fs::read_to_string(kubeconfig).unwrap();
        let settings = [&canary(V2)[..], &[("kubeconfig", kubeconfig.as_str())]].concat();
        let mut build = pipeline.command(Build::push(System::Drone, 42), &[], &settings);
        let (ended, after) = signalled(&pipeline.shop, &mut build, "-TERM", line, || {
            proxy.on(Rule { when: When::matching(|_| true), times: usize::MAX, fault: Fault::Hang });
        });
        println!("SIGTERM at '{line}' with a server that hangs: ended after {after:?}");
        assert!(after < Duration::from_secs(20), "it ended {after:?} after SIGTERM");
        let ended = ended.expect(130);
        assert!(
            ended.stderr.contains("stays as it is") && ended.stderr.contains("next: "),
            "{}",
            ended.stderr
        );
    }
    follow(&pipeline, System::Woodpecker, Next::Abort);
}

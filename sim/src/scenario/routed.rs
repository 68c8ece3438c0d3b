//! A canary by a route, or blue-green: others act while it is under way, requests go wrong, runs are killed.

mod acts;
mod judge;
mod shape;
mod smaller;

use std::sync::PoisonError;
use std::time::Duration;

use serde_json::json;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::shop::{self, LOCK, NAME, NAMESPACE, Settings, VERSIONS};
use super::way_out::typed;
use super::{PATIENCE, Report, report};
use crate::acts::{Act, Sight};
use crate::controllers::gateway::Gateways;
use crate::dataplane::plane::Asked;
use crate::dataplane::proxies::{Proxy, Shared, Way};
use crate::draw::Draw;
use crate::driver::Driver;
use crate::driver::faults::{Fault, How, Kill};
use crate::driver::runs::End;
use crate::invariants::{ending, requests};
use crate::object::{Key, Kind};
use acts::Foreign;
use shape::{Shape, Wanted};

pub use smaller::smallest;

/// The slowest proxy has everything after this time, and so has the slowest controller.
const SETTLED: Duration = Duration::from_secs(15);

/// How the new version is brought.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verb {
    /// By shares of the requests.
    Canary { steps: Vec<u8>, wait: u64, promote: bool, isolate: bool },
    /// As a second set.
    BlueGreen { soak: u64, promote: bool },
}

/// What follows the first run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Abort,
    Promote,
    Again,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Routed {
    settings: Settings,
    /// The route; nothing where the Service itself is switched.
    shape: Option<Shape>,
    verb: Verb,
    image: &'static str,
    then: Then,
    acts: Vec<(Duration, Foreign)>,
    faults: Vec<Fault>,
    kills: Vec<(usize, Kill)>,
    /// How late each proxy is at most, in milliseconds, and the route's controller, in its cache and in its steps.
    lags: [u64; 3],
    controller: [u64; 2],
}

impl Routed {
    /// Draws one.
    pub fn draw(draw: &mut Draw) -> Self {
        let number = |draw: &mut Draw, least, most| u32::try_from(draw.number(least..=most)).unwrap_or(1);
        let settings = Settings {
            replicas: if draw.chance(800) { number(draw, 1, 5) } else { number(draw, 6, 12) },
            surge: if draw.chance(500) { json!("25%") } else { json!(number(draw, 1, 3)) },
            unavailable: if draw.chance(500) { json!("25%") } else { json!(number(draw, 0, 3)) },
            ready_seconds: if draw.chance(500) { 0 } else { number(draw, 1, 10) },
        };
        let canary = draw.chance(650);
        let verb = if canary {
            let weight = |draw: &mut Draw| if draw.chance(100) { 100 } else { draw.number(1..=60) };
            let mut steps: Vec<u8> =
                (0..draw.number(1..=2)).map(|_| u8::try_from(weight(draw)).unwrap_or(1)).collect();
            steps.sort_unstable();
            steps.dedup();
            let wait = if draw.chance(500) { 0 } else { draw.number(1..=60) };
            Verb::Canary { steps, wait, promote: draw.chance(400), isolate: draw.chance(200) }
        } else {
            Verb::BlueGreen { soak: draw.number(0..=40), promote: draw.chance(500) }
        };
        let shape = (canary || draw.chance(500)).then(|| Shape::draw(draw));
        let run = |draw: &mut Draw| usize::try_from(draw.number(0..=1)).unwrap_or(0);
        let faults = (0..draw.number(0..=2)).map(|_| Fault {
            run: run(draw),
            nth: draw.number(1..=120),
            how: draw.one(&How::ALL).copied().unwrap_or(How::Busy),
        });
        let faults = faults.collect();
        let kills = (0..draw.number(0..=2).saturating_sub(u64::from(draw.chance(500))))
            .map(|run| (usize::try_from(run).unwrap_or(0), Kill::draw(draw, 120)))
            .collect();
        let then = draw.one(&[Then::Abort, Then::Promote, Then::Again]).copied().unwrap_or(Then::Abort);
        let late = |draw: &mut Draw, most| draw.number(1..=most);
        let slow = draw.chance(100);
        Self {
            acts: Foreign::some(draw, settings.replicas),
            settings,
            shape,
            verb,
            image: draw.one(&VERSIONS).copied().unwrap_or("shop:v2-good"),
            then,
            faults,
            kills,
            lags: [late(draw, 1_500), late(draw, 1_500), late(draw, 1_500)],
            controller: if slow {
                [late(draw, 4_000), late(draw, 1_000)]
            } else {
                [late(draw, 60), late(draw, 20)]
            },
        }
    }

    fn promotes(&self) -> bool {
        match self.verb {
            Verb::Canary { promote, .. } | Verb::BlueGreen { promote, .. } => promote,
        }
    }

    fn words(&self) -> Vec<String> {
        let (mut line, flag) = match &self.verb {
            Verb::Canary { steps, wait, isolate, .. } => {
                let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
                let isolate = if *isolate { " --isolate" } else { "" };
                (
                    format!("canary {NAME} --steps {} --step-wait {wait}s{isolate}", steps.join(",")),
                    "--promote",
                )
            }
            Verb::BlueGreen { soak, .. } => (format!("blue-green {NAME} --soak {soak}s"), "--auto-promote"),
        };
        line = format!("{line} --image {} -n {NAMESPACE}", self.image);
        if self.promotes() {
            line = format!("{line} {flag}");
        }
        line.split(' ').map(str::to_owned).collect()
    }

    fn does(&self, is: impl Fn(&Foreign) -> bool) -> bool {
        self.acts.iter().any(|(_, act)| is(act))
    }

    /// Whether the new version stays Ready once it is.
    fn is_good(&self) -> bool {
        self.image.ends_with("-good") || self.image.ends_with("-slow")
    }

    fn asked(&self) -> Asked {
        let calm = !self.does(|act| !act.is_harmless());
        let kept = self.settings.replicas > self.settings.missing();
        let direct = match self.verb {
            Verb::Canary { isolate, .. } => isolate,
            Verb::BlueGreen { .. } => self.shape.is_none(),
        };
        let whole = calm && !self.image.ends_with("-late");
        // Somebody's own weights are what he asked for, and without a route no share is asked.
        let share = !self.does(|act| matches!(act, Foreign::Weights | Foreign::NoRoute));
        Asked { share, whole, whole_after: whole && kept && self.is_good(), direct: direct && calm }
    }

    /// Makes the shop, its route and its data plane.
    async fn open(&self, driver: &mut Driver) -> Option<Shared> {
        let shared = Shared::default();
        if let Some(shape) = self.shape {
            driver.server.has_custom = true;
            let [lag, step] = self.controller;
            let controller = Gateways { words: shape.words, shared: Shared::clone(&shared) };
            driver.join(Box::new(controller), 0..=lag, 0..=step);
        }
        for (way, lag) in Way::ALL.into_iter().zip(self.lags) {
            driver.join(Box::new(Proxy { way, shared: Shared::clone(&shared) }), 0..=lag, 0..=1);
        }
        requests::watch(driver, &shared);
        shop::create(driver, Kind::Deployment, shape::deployment(&self.settings));
        shop::create(driver, Kind::Service, shape::service());
        if let Some(shape) = self.shape {
            shop::create(driver, Kind::Route, shape.route());
        }
        shop::rest(driver).await;
        pass(driver, SETTLED).await;
        shared.lock().unwrap_or_else(PoisonError::into_inner).asked = self.asked();
        shop::is_settled(driver).then_some(shared)
    }

    async fn play(&self, driver: &mut Driver, draw: &mut Draw) {
        let Some(shared) = self.open(driver).await else { return };
        let mut wanted = Wanted::of(driver);
        let mut settings = self.settings.clone();
        driver.faults.clone_from(&self.faults);
        driver.kills.clone_from(&self.kills);
        let begin = driver.elapsed();
        let first = Self::start(driver, &shared, &self.words());
        let mut late = false;
        for (after, act) in &self.acts {
            pass(driver, (begin + *after).saturating_sub(driver.elapsed())).await;
            late |= driver.runs.get(first).is_some_and(|run| run.end.is_some());
            if self.act(driver, act, draw) {
                wanted.wrote(act, driver);
                if let Foreign::Shop(Act::Scale(replicas)) = act {
                    settings.replicas = *replicas;
                }
            }
        }
        let Some(end) = driver.end_of(first, PATIENCE).await else {
            return driver.breaks("ends", "the first run does not end".into());
        };
        self.judge(driver, &shared, first, late).await;
        // A manifest takes the hold off, and leaves all else.
        let reverted = self.does(|act| *act == Foreign::Shop(Act::Revert));
        if end != End::Code(0) || reverted || ending::is_held(&shop::deployment(driver)) {
            let words = match self.then {
                Then::Abort => typed("abort"),
                Then::Promote => typed("promote"),
                Then::Again => self.words(),
            };
            pass(driver, LOCK).await;
            self.warned(driver, &shared).await;
            let second = Self::start(driver, &shared, &words);
            if driver.end_of(second, PATIENCE).await.is_none() {
                return driver.breaks("ends", format!("'{}' does not end", words.join(" ")));
            }
            self.judge(driver, &shared, second, false).await;
            pass(driver, LOCK).await;
            let last = Self::start(driver, &shared, &typed("abort"));
            match driver.end_of(last, PATIENCE).await {
                None => return driver.breaks("ends", "'abort' does not end".into()),
                Some(End::Code(0)) => self.judge(driver, &shared, last, false).await,
                // Somebody's own version, which is bad, stays bad.
                Some(_) if self.does(is_bad) => return,
                Some(end) => {
                    return driver.breaks("abort converges", format!("'abort' alone ends with {end:?}"));
                }
            }
        }
        self.close(driver, &shared, &settings, &wanted).await;
    }

    fn start(driver: &mut Driver, shared: &Shared, words: &[String]) -> usize {
        let promotes =
            words.iter().any(|word| ["promote", "--promote", "--auto-promote"].contains(&word.as_str()));
        let mut plane = shared.lock().unwrap_or_else(PoisonError::into_inner);
        plane.may_end |= promotes;
        plane.ends |= words.iter().any(|word| word == "promote");
        drop(plane);
        driver.start(words)
    }

    fn act(&self, driver: &mut Driver, act: &Foreign, draw: &mut Draw) -> bool {
        let (target, manifest) = (Key::new(NAMESPACE, NAME), shape::deployment(&self.settings));
        let now = driver.now();
        let sight = Sight { store: &driver.server.store, target: &target, manifest: &manifest, now };
        let requests = act.requests(&sight, draw);
        !requests.is_empty() && requests.iter().all(|request| driver.serve(request).is_ok())
    }
}

fn is_bad(act: &Foreign) -> bool {
    use crate::controllers::kubelet::script::Behaviour;
    matches!(act, Foreign::Shop(Act::ThirdVersion(behaviour)) if *behaviour != Behaviour::Good)
}

async fn pass(driver: &mut Driver, time: Duration) {
    driver.until(time, |_| false).await;
}

/// Plays a scenario; the delays follow from the seed.
///
/// # Errors
/// If there is no runtime.
pub fn play(scenario: &Routed, seed: u64, traced: bool) -> std::io::Result<Report> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let local = LocalSet::new();
    Ok(local.block_on(&runtime, async {
        let mut draw = Draw::new(seed.wrapping_add(1 << 41));
        let mut others = draw.fork();
        let mut driver = Driver::new(draw, None, traced);
        let at = driver.elapsed();
        driver.trace.tell(at, || format!("seed {seed}: {scenario:?}"));
        scenario.play(&mut driver, &mut others).await;
        report(&mut driver, format!("{scenario:?}"))
    }))
}

/// Plays the scenario of a seed.
///
/// # Errors
/// If there is no runtime.
pub fn of_seed(seed: u64, traced: bool) -> std::io::Result<Report> {
    play(&Routed::draw(&mut Draw::new(seed)), seed, traced)
}

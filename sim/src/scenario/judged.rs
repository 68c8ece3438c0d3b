//! A canary that metrics judge: how much each version fails and how much is asked of it is drawn, runs are killed at any moment
//! and gone on with, and the same is played without kills.

use std::time::Duration;

use serde_json::json;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::shop::{self, LOCK, NAME, NAMESPACE, Settings};
use super::way_out::typed;
use super::{PATIENCE, Report, report};
use crate::draw::Draw;
use crate::driver::Driver;
use crate::driver::faults::Kill;
use crate::driver::runs::End;
use crate::invariants::{Broken, ending};
use crate::object::Kind;
use crate::shrink::{Shrink, shrink, without_some};

/// The rule.
const RULE: &str = "the verdict is right";
/// Of a thousand requests so many fail, at least, in a version that is worse without any doubt, ...
const MUCH: u64 = 50;
/// ... and so many times as many as in the stable one.
const TIMES: u64 = 10;
/// With so many requests a second of each pod a clear case is found out in the shortest time that is drawn.
const BUSY: u64 = 10;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Judged {
    settings: Settings,
    /// Of a thousand requests so many fail: in the stable version, and in the new one.
    fails: [u64; 2],
    /// Requests a second of each pod, in the mean.
    rate: u64,
    weight: u64,
    /// `--step-wait`, in seconds.
    wait: u64,
    /// The first run is killed then, and so is the one that goes on.
    kills: Vec<Kill>,
    /// Whether `resume` is typed after a kill, and not the same again.
    resumes: bool,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The new version is everywhere.
    Promoted,
    /// It is worse, and gone.
    Worse,
    /// There was not enough data, and it is gone.
    NotEnough,
    /// It is gone, and the last run only brought that to its end.
    Back,
    /// Something else.
    Other,
}

/// What the judge is held to over many seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// The new version fails no more than the stable one.
    pub is_same: bool,
    /// It was called worse.
    pub is_worse: bool,
}

impl Judged {
    /// Draws one.
    pub fn draw(draw: &mut Draw) -> Self {
        let stable = draw.one(&[0, 1, 2, 5, 10, 20, 50]).copied().unwrap_or(10);
        let canary = match draw.number(0..=9) {
            0..=2 => stable,
            3 => draw.number(0..=stable),
            4..=7 => MUCH.max(TIMES * stable) + draw.number(0..=200),
            _ => draw.number(0..=100),
        };
        let kill = |draw: &mut Draw| match draw.number(0..=2) {
            0 => Kill::Sending(draw.number(1..=400)),
            1 => Kill::Done(draw.number(1..=400)),
            _ => Kill::After(draw.number(0..=600_000)),
        };
        let replicas = u32::try_from(draw.number(2..=8)).unwrap_or(4);
        Self {
            settings: Settings { replicas, surge: json!("25%"), unavailable: json!("25%"), ready_seconds: 0 },
            fails: [stable, canary],
            rate: if draw.chance(300) { draw.number(1..=BUSY) } else { draw.number(BUSY..=40) },
            weight: draw.number(5..=50),
            wait: draw.number(0..=300),
            kills: (0..draw.number(0..=2)).map(|_| kill(draw)).collect(),
            resumes: draw.chance(500),
        }
    }

    fn image(&self, version: usize) -> String {
        let fails = self.fails.get(version).copied().unwrap_or_default();
        format!("shop:v{}-e{fails}r{}", version + 1, self.rate)
    }

    fn words(&self) -> Vec<String> {
        let line = format!(
            "canary {NAME} --image {} --steps {} --step-wait {}s --promote --analyze --metrics-port 8080 -n {NAMESPACE}",
            self.image(1),
            self.weight,
            self.wait
        );
        line.split(' ').map(str::to_owned).collect()
    }

    const fn is_same(&self) -> bool {
        self.fails[1] <= self.fails[0]
    }

    const fn is_much_worse(&self) -> bool {
        self.fails[1] >= MUCH && self.fails[1] >= TIMES * self.fails[0]
    }

    async fn play(&self, driver: &mut Driver, kills: &[Kill]) -> Verdict {
        let mut deployment = self.settings.deployment();
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(self.image(0));
        shop::create(driver, Kind::Deployment, deployment);
        shop::rest(driver).await;
        driver.kills = kills.iter().copied().enumerate().collect();
        let mut words = self.words();
        let mut last = None;
        // Each kill takes one run, and a run that finds nothing to go on with another.
        for _ in 0..2 + 2 * kills.len() {
            let run = driver.start(&words);
            last = driver.end_of(run, PATIENCE).await;
            match last {
                None => {
                    driver.breaks("ends", format!("'{}' does not end", words.join(" ")));
                    return Verdict::Other;
                }
                Some(End::Killed) => {
                    driver.until(LOCK, |_| false).await;
                    words = if self.resumes { typed("resume") } else { self.words() };
                }
                // Killed before there was anything to go on with.
                Some(End::Code(_)) if words == typed("resume") && finds_nothing(driver, run) => {
                    words = self.words();
                }
                Some(End::Code(_) | End::Spun) => {
                    ending::check(driver, run);
                    break;
                }
            }
        }
        shop::rest(driver).await;
        for why in ending::leftovers(&shop::deployment(driver), &self.settings) {
            driver.breaks("nothing is left", why);
        }
        let is_new = shop::image(&shop::deployment(driver)) == self.image(1);
        match last {
            Some(End::Code(0)) if is_new => Verdict::Promoted,
            Some(End::Code(0)) => Verdict::Back,
            Some(End::Code(1)) if !is_new => Verdict::Worse,
            Some(End::Code(7)) if !is_new => Verdict::NotEnough,
            Some(End::Code(_) | End::Killed | End::Spun) | None => Verdict::Other,
        }
    }

    /// What is wrong with a verdict.
    fn wrong(&self, verdict: Verdict) -> Option<String> {
        let [stable, canary] = self.fails;
        let told = format!("{canary} of a thousand fail instead of {stable}, and the end is {verdict:?}");
        let found = [Verdict::Worse, Verdict::Back].contains(&verdict);
        let is_wrong = verdict == Verdict::Other
            || self.is_much_worse() && (verdict == Verdict::Promoted || self.rate >= BUSY && !found);
        is_wrong.then_some(told)
    }
}

/// Whether a run found nothing to go on with.
fn finds_nothing(driver: &Driver, run: usize) -> bool {
    driver.runs.get(run).is_some_and(|run| run.printed().stderr.contains("nothing to resume"))
}

/// Plays a scenario, with kills and without.
///
/// # Errors
/// If there is no runtime.
pub fn play(scenario: &Judged, seed: u64, traced: bool) -> std::io::Result<Report> {
    let (mut report, whole) = once(scenario, &[], seed, traced)?;
    let mut verdict = whole;
    if !scenario.kills.is_empty() {
        let (killed, other) = once(scenario, &scenario.kills, seed, traced)?;
        verdict = other;
        report = Report {
            broken: report.broken.into_iter().chain(killed.broken).collect(),
            trace: format!("{}\n--- and with kills\n{}", report.trace, killed.trace),
            took: report.took + killed.took,
            ..killed
        };
        let is_clear = scenario.rate >= BUSY && (scenario.is_same() || scenario.is_much_worse());
        let alike = |verdict| if verdict == Verdict::Back { Verdict::Worse } else { verdict };
        // After a kill the time of looks begins anew, and more of them may be enough.
        let is_open = [whole, other].contains(&Verdict::NotEnough);
        if is_clear && !is_open && alike(whole) != alike(other) {
            let why = format!("with kills the end is {other:?}, without {whole:?}");
            report.broken.push(Broken { name: RULE, at: Duration::ZERO, why });
        }
    }
    let is_worse = [whole, verdict].contains(&Verdict::Worse);
    report.opinion = Some(Opinion { is_same: scenario.is_same(), is_worse });
    Ok(report)
}

fn once(scenario: &Judged, kills: &[Kill], seed: u64, traced: bool) -> std::io::Result<(Report, Verdict)> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let local = LocalSet::new();
    Ok(local.block_on(&runtime, async {
        let mut driver = Driver::new(Draw::new(seed.wrapping_add(1 << 42)), None, traced);
        let at = driver.elapsed();
        driver.trace.tell(at, || format!("seed {seed}: {scenario:?}"));
        let verdict = scenario.play(&mut driver, kills).await;
        driver.seen.look(RULE);
        if let Some(why) = scenario.wrong(verdict) {
            driver.breaks(RULE, why);
        }
        (report(&mut driver, format!("{scenario:?}")), verdict)
    }))
}

/// Plays the scenario of a seed.
///
/// # Errors
/// If there is no runtime.
pub fn of_seed(seed: u64, traced: bool) -> std::io::Result<Report> {
    play(&Judged::draw(&mut Draw::new(seed)), seed, traced)
}

/// Looks for the smallest scenario that breaks the same rule as this one.
pub fn smallest(seed: u64, rule: &str) -> (Judged, usize) {
    let fails = |one: &Judged| {
        play(one, seed, false).is_ok_and(|report| report.broken.iter().any(|broken| broken.name == rule))
    };
    shrink(Judged::draw(&mut Draw::new(seed)), 100, fails)
}

impl Shrink for Judged {
    fn smaller(&self) -> Vec<Self> {
        let mut all: Vec<Self> =
            without_some(&self.kills).into_iter().map(|kills| Self { kills, ..self.clone() }).collect();
        all.extend((self.wait > 0).then(|| Self { wait: 0, ..self.clone() }));
        all.extend(self.settings.smaller().into_iter().map(|settings| Self { settings, ..self.clone() }));
        all
    }
}

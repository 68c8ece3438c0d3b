//! Scenarios: what is drawn from a seed, played, and what came of it.

pub mod canary;
pub mod chaos;
pub mod crowd;
pub mod judged;
pub mod routed;
pub mod shop;
pub mod verbs;
pub mod way_out;

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::coverage::Seen;
use crate::draw::Draw;
use crate::driver::Driver;
use crate::driver::faults::{Fault, Kill};
use crate::driver::runs::{End, Printed};
use crate::invariants::{Broken, anew, budget};
use crate::shrink::{Shrink, shrink};

/// For how long a run may go on: whatever happens, each wait of the product is bounded.
pub const PATIENCE: Duration = Duration::from_secs(4 * 3600);

/// One run of the product, and how it ended.
#[derive(Clone, Debug)]
pub struct Told {
    /// What was typed.
    pub words: Vec<String>,
    /// How it ended; nothing if it did not.
    pub end: Option<End>,
    /// How many requests it sent.
    pub requests: u64,
    /// What it printed.
    pub printed: Printed,
}

/// What came of a scenario.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was drawn, in words.
    pub drawn: String,
    /// What did not hold.
    pub broken: Vec<Broken>,
    /// The runs.
    pub runs: Vec<Told>,
    /// What happened, if it was to be traced.
    pub trace: String,
    /// How long it took in virtual time.
    pub took: Duration,
    /// What happened, for the coverage of the draw.
    pub seen: Seen,
    /// What was thought of the new version, where metrics judge it.
    pub opinion: Option<judged::Opinion>,
}

/// The kinds of scenarios that a seed may be.
#[derive(Clone, Debug)]
pub enum Scenario {
    /// A canary by steps.
    Canary(canary::Canary),
    /// Verbs one after the other.
    Verbs(verbs::Verbs),
}

impl Scenario {
    fn draw(draw: &mut Draw) -> Self {
        if draw.chance(500) {
            Self::Canary(canary::Canary::draw(draw))
        } else {
            Self::Verbs(verbs::Verbs::draw(draw))
        }
    }
}

impl Shrink for Scenario {
    fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Canary(canary) => canary.smaller().into_iter().map(Self::Canary).collect(),
            Self::Verbs(verbs) => verbs.smaller().into_iter().map(Self::Verbs).collect(),
        }
    }
}

/// What a seed is, and what is left of it for the delays.
pub fn of_seed(seed: u64) -> (Scenario, Draw) {
    let mut draw = Draw::new(seed);
    (Scenario::draw(&mut draw), draw)
}

/// Plays the scenario of a seed.
///
/// # Errors
/// If there is no runtime.
pub fn play(seed: u64, traced: bool) -> std::io::Result<Report> {
    let (scenario, draw) = of_seed(seed);
    play_with(&scenario, draw, seed, traced)
}

/// Plays a scenario; the delays follow from the draw.
///
/// # Errors
/// If there is no runtime.
pub fn play_with(scenario: &Scenario, draw: Draw, seed: u64, traced: bool) -> std::io::Result<Report> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let local = LocalSet::new();
    Ok(local.block_on(&runtime, async {
        let mut driver = Driver::new(draw, None, traced);
        let at = driver.elapsed();
        driver.trace.tell(at, || format!("seed {seed}: {scenario:?}"));
        match scenario {
            Scenario::Canary(canary) => canary.play(&mut driver).await,
            Scenario::Verbs(verbs) => verbs.play(&mut driver).await,
        }
        report(&mut driver, format!("{scenario:?}"))
    }))
}

/// Looks for the smallest scenario that breaks the same rule as this one.
pub fn smallest(seed: u64, rule: &str) -> (Scenario, usize) {
    let (scenario, draw) = of_seed(seed);
    let fails = |one: &Scenario| {
        play_with(one, draw.clone(), seed, false)
            .is_ok_and(|report| report.broken.iter().any(|broken| broken.name == rule))
    };
    shrink(scenario, 300, fails)
}

/// Has the faults and kills of one line of a scenario meet the run that begins next.
fn aim(driver: &mut Driver, line: usize, faults: &[Fault], kills: &[(usize, Kill)]) {
    let run = driver.runs.len();
    let faults = faults.iter().filter(|fault| fault.run == line).map(|fault| Fault { run, ..*fault });
    driver.faults.extend(faults);
    driver.kills.extend(kills.iter().filter(|(of, _)| *of == line).map(|(_, kill)| (run, *kill)));
}

fn report(driver: &mut Driver, drawn: String) -> Report {
    anew::check(driver);
    budget::check(driver);
    let mut broken = driver.broken.clone();
    for what in &driver.server.unknown {
        broken.push(Broken { name: "not simulated", at: driver.elapsed(), why: what.clone() });
    }
    let mut seen = driver.seen.clone();
    for run in &driver.runs {
        seen.verb(run.words.first().map_or("", String::as_str));
        seen.look("ends");
        run.end.into_iter().for_each(|end| seen.ending(end));
    }
    for broken in &broken {
        seen.broken(broken.name);
    }
    let told = driver.runs.iter().map(|run| Told {
        words: run.words.clone(),
        end: run.end,
        requests: run.requests,
        printed: run.printed(),
    });
    Report {
        drawn,
        broken,
        runs: told.collect(),
        trace: driver.trace.text().to_string(),
        took: driver.elapsed(),
        seen,
        opinion: None,
    }
}

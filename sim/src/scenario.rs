//! Scenarios: what is drawn from a seed, played, and what came of it.

pub mod canary;
pub mod crowd;
pub mod shop;
pub mod verbs;

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::draw::Draw;
use crate::driver::Driver;
use crate::driver::runs::{End, Printed};
use crate::invariants::Broken;

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
}

/// The kinds of scenarios that a seed may be.
#[derive(Clone, Debug)]
enum Scenario {
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

/// Plays the scenario of a seed.
///
/// # Errors
/// If there is no runtime.
pub fn play(seed: u64, traced: bool) -> std::io::Result<Report> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let local = LocalSet::new();
    Ok(local.block_on(&runtime, async move {
        let mut draw = Draw::new(seed);
        let scenario = Scenario::draw(&mut draw);
        let mut driver = Driver::new(draw, None, traced);
        let at = driver.elapsed();
        driver.trace.tell(at, || format!("seed {seed}: {scenario:?}"));
        match &scenario {
            Scenario::Canary(canary) => canary.play(&mut driver).await,
            Scenario::Verbs(verbs) => verbs.play(&mut driver).await,
        }
        report(&driver, format!("{scenario:?}"))
    }))
}

fn report(driver: &Driver, drawn: String) -> Report {
    let mut broken = driver.broken.clone();
    for what in &driver.server.unknown {
        broken.push(Broken { name: "not simulated", at: driver.elapsed(), why: what.clone() });
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
    }
}

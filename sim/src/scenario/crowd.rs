//! Commands on one workload, one after the other, while others act: people, autoscalers, agents, and runs of other people.

mod draw;
mod fields;
mod judge;
pub mod line;
mod play;
mod stays;
mod watch;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::shop::Settings;
use super::{Report, report};
use crate::acts::Due;
use crate::draw::Draw;
use crate::driver::Driver;
use crate::shrink::{Shrink, lower, shrink, without_some};
use line::{Line, Typed};
use play::Play;

/// A command, and what others do from its beginning on. The next one is typed when all of its runs have ended.
#[derive(Clone, Debug)]
pub struct Stage {
    typed: Typed,
    acts: Vec<Due>,
    /// When another run begins, and what it is.
    rival: Option<(Duration, Typed)>,
    /// How long nothing is done after its end.
    rest: Duration,
}

/// What befalls the cluster itself, counted from the first command on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A controller is killed and starts again.
    Restart(Duration, usize),
    /// All watches are cut; whether what they would go on from is forgotten.
    Cut(Duration, bool),
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Crowd {
    settings: Settings,
    /// `progressDeadlineSeconds`.
    deadline: u32,
    /// The limits of an autoscaler.
    scaler: Option<(u32, u32)>,
    trouble: Option<Trouble>,
    stages: Vec<Stage>,
}

impl Crowd {
    /// The Deployment as its user applies it.
    fn manifest(&self) -> Value {
        let mut manifest = self.settings.deployment();
        manifest["spec"]["progressDeadlineSeconds"] = json!(self.deadline);
        manifest
    }

    /// All that is typed.
    fn typed(&self) -> impl Iterator<Item = &Typed> {
        self.stages
            .iter()
            .flat_map(|stage| std::iter::once(&stage.typed).chain(stage.rival.iter().map(|(_, typed)| typed)))
    }
}

impl Typed {
    fn smaller(&self) -> Vec<Self> {
        let plain = [
            Self { kill: None, ..self.clone() },
            Self { late: None, ..self.clone() },
            Self { timeout: None, ..self.clone() },
            Self { keeps: false, ..self.clone() },
        ];
        let faults = without_some(&self.faults).into_iter().map(|faults| Self { faults, ..self.clone() });
        faults.chain(plain).filter(|smaller| smaller != self).collect()
    }
}

impl Stage {
    fn smaller(&self) -> Vec<Self> {
        let rival = self.rival.is_some().then(|| Self { rival: None, ..self.clone() });
        let acts = without_some(&self.acts).into_iter().map(|acts| Self { acts, ..self.clone() });
        let typed = self.typed.smaller().into_iter().map(|typed| Self { typed, ..self.clone() });
        rival.into_iter().chain(acts).chain(typed).collect()
    }
}

impl Shrink for Crowd {
    fn smaller(&self) -> Vec<Self> {
        let fewer = without_some(&self.stages).into_iter().filter(|stages| !stages.is_empty());
        let mut all: Vec<Self> = fewer.map(|stages| Self { stages, ..self.clone() }).collect();
        for (at, stage) in self.stages.iter().enumerate() {
            all.extend(stage.smaller().into_iter().map(|smaller| {
                let mut crowd = self.clone();
                crowd.stages.splice(at..=at, [smaller]);
                crowd
            }));
        }
        all.extend(self.trouble.is_some().then(|| Self { trouble: None, ..self.clone() }));
        all.extend(self.scaler.is_some().then(|| Self { scaler: None, ..self.clone() }));
        all.extend((self.deadline != 600).then(|| Self { deadline: 600, ..self.clone() }));
        all.extend(lower(self.settings.replicas, 1).into_iter().map(|replicas| {
            let settings = Settings { replicas, ..self.settings.clone() };
            Self { settings, ..self.clone() }
        }));
        all
    }
}

/// Plays a scenario; the delays follow from the seed.
///
/// # Errors
/// If there is no runtime.
pub fn play(scenario: &Crowd, seed: u64, traced: bool) -> std::io::Result<Report> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let local = LocalSet::new();
    Ok(local.block_on(&runtime, async move {
        let mut draw = Draw::new(seed.wrapping_add(1 << 40));
        let others = draw.fork();
        let mut driver = Driver::new(draw, None, traced);
        let at = driver.elapsed();
        driver.trace.tell(at, || format!("seed {seed}: {scenario:?}"));
        Play::new(scenario, &mut driver, others).all().await;
        report(&mut driver, format!("{scenario:?}"))
    }))
}

/// Plays the scenario of a seed.
///
/// # Errors
/// If there is no runtime.
pub fn of_seed(seed: u64, traced: bool) -> std::io::Result<Report> {
    play(&Crowd::draw(&mut Draw::new(seed)), seed, traced)
}

/// Looks for the smallest scenario that breaks the same rule as this one.
pub fn smallest(scenario: Crowd, seed: u64, rule: &str) -> (Crowd, usize) {
    let fails = |one: &Crowd| {
        play(one, seed, false).is_ok_and(|report| report.broken.iter().any(|broken| broken.name == rule))
    };
    shrink(scenario, 400, fails)
}

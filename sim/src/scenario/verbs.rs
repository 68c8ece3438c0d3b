//! One verb after the other on the same workload, each with what goes wrong; then `abort`, which leaves nothing behind.

use std::time::Duration;

use serde_json::json;

use super::PATIENCE;
use super::shop::{self, NAME, NAMESPACE, Settings};
use crate::draw::Draw;
use crate::driver::Driver;
use crate::driver::faults::{Fault, How, Kill};
use crate::driver::runs::End;
use crate::invariants::ending;
use crate::object::{Key, Kind};
use crate::server::resources::of_kind;

/// A lock runs out within this time.
const LOCK: Duration = Duration::from_secs(35);

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Verbs {
    settings: Settings,
    lines: Vec<String>,
    faults: Vec<Fault>,
    kills: Vec<(usize, Kill)>,
    /// When a controller is killed, and which one.
    restart: Option<(u64, usize)>,
    /// When all watches are cut, and whether what they would go on from is forgotten.
    cut: Option<(u64, bool)>,
}

fn line(draw: &mut Draw, number: usize) -> String {
    let behaviour = ["good", "good", "good", "crash", "unready"];
    let behaviour = draw.one(&behaviour).copied().unwrap_or("good");
    let image = format!("--image shop:v{}-{behaviour}", number + 2);
    match draw.number(0..=11) {
        0 => format!("rolling {NAME} {image}"),
        1 => format!("restart {NAME}"),
        2 => format!("rollback {NAME}"),
        3 => format!("blue-green {NAME} {image} --soak {}s", draw.number(0..=40)),
        4 => format!("blue-green {NAME} {image} --soak {}s --auto-promote", draw.number(0..=40)),
        5 => format!("canary {NAME} {image} --weight {}", draw.number(1..=99)),
        6 => format!("canary {NAME} {image} --weight {} --promote", draw.number(1..=50)),
        7 => format!("canary {NAME} --weight {}", draw.number(1..=99)),
        8 => format!("promote {NAME}"),
        9 => format!("resume {NAME}"),
        10 => format!("status {NAME}"),
        _ => format!("history {NAME}"),
    }
}

impl Verbs {
    /// Draws one.
    pub fn draw(draw: &mut Draw) -> Self {
        let number = |draw: &mut Draw, least, most| u32::try_from(draw.number(least..=most)).unwrap_or(1);
        let settings = Settings {
            replicas: number(draw, 1, 6),
            surge: if draw.chance(500) { json!("25%") } else { json!(number(draw, 1, 3)) },
            unavailable: if draw.chance(500) { json!("25%") } else { json!(number(draw, 0, 2)) },
            ready_seconds: if draw.chance(500) { 0 } else { number(draw, 1, 10) },
        };
        let count = usize::try_from(draw.number(1..=4)).unwrap_or(1);
        let lines = (0..count).map(|number| line(draw, number)).collect();
        let run = |draw: &mut Draw| usize::try_from(draw.number(0..=3)).unwrap_or(0).min(count - 1);
        let faults = (0..draw.number(0..=3)).map(|_| Fault {
            run: run(draw),
            nth: draw.number(1..=50),
            how: draw.one(&How::ALL).copied().unwrap_or(How::Busy),
        });
        let faults = faults.collect();
        let kills = (0..draw.number(0..=2)).map(|_| (run(draw), Kill::draw(draw, 50))).collect();
        let restart = draw
            .chance(200)
            .then(|| (draw.number(0..=60_000), usize::try_from(draw.number(0..=8)).unwrap_or(0)));
        let cut = draw.chance(200).then(|| (draw.number(0..=60_000), draw.chance(500)));
        Self { settings, lines, faults, kills, restart, cut }
    }

    /// Plays it.
    pub async fn play(&self, driver: &mut Driver) {
        if !shop::open(driver, &self.settings).await {
            return;
        }
        driver.faults.clone_from(&self.faults);
        driver.kills.clone_from(&self.kills);
        if let Some((millis, at)) = self.restart {
            driver.restart_controller(Duration::from_millis(millis), at);
        }
        if let Some((millis, forgets)) = self.cut {
            driver.cut(Duration::from_millis(millis), forgets);
        }
        for line in &self.lines {
            if self.run(driver, line).await.is_none() {
                return;
            }
        }
        match self.run(driver, &format!("abort {NAME}")).await {
            None => return,
            Some(End::Code(0)) => {}
            Some(end) => return driver.breaks("abort converges", format!("'abort' alone ends with {end:?}")),
        }
        for why in ending::leftovers(&shop::deployment(driver), &self.settings) {
            driver.breaks("nothing is left", why);
        }
        for why in beside(driver) {
            driver.breaks("nothing is left", why);
        }
        let good = shop::image(&shop::deployment(driver)).ends_with("-good");
        if good {
            shop::rest(driver).await;
        }
    }

    /// Types a line, and waits for its end and for its lock.
    async fn run(&self, driver: &mut Driver, line: &str) -> Option<End> {
        let words: Vec<String> = line.split(' ').chain(["-n", NAMESPACE]).map(str::to_owned).collect();
        let run = driver.start(&words);
        let end = driver.end_of(run, PATIENCE).await;
        match end {
            None => driver.breaks("ends", format!("'{line}' does not end")),
            Some(End::Killed) => drop(driver.until(LOCK, |_| false).await),
            Some(End::Code(_) | End::Spun) => {}
        }
        end
    }
}

/// Names what of ours is left beside the Deployment.
fn beside(driver: &Driver) -> Vec<String> {
    let Some(services) = of_kind(Kind::Service) else { return Vec::new() };
    let mut left = Vec::new();
    for (key, service) in driver.server.store.all(services) {
        if *key != Key::new(NAMESPACE, NAME) {
            left.push(format!("service/{} is left", key.name));
        } else if service["spec"]["selector"] != json!({"app": NAME}) {
            left.push(format!("service/{NAME} selects {}", service["spec"]["selector"]));
        }
    }
    left
}

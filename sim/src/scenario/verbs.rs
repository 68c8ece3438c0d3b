//! One verb after the other on the same workload, each with what goes wrong; then `abort`, which leaves nothing behind.

use std::time::Duration;

use serde_json::json;

use super::shop::{self, LOCK, NAME, NAMESPACE, Settings};
use super::way_out::{self, WayOut};
use super::{PATIENCE, aim};
use crate::draw::Draw;
use crate::driver::Driver;
use crate::driver::faults::{Fault, How, Kill};
use crate::driver::runs::End;
use crate::invariants::ending;
use crate::object::{Key, Kind};
use crate::server::resources::of_kind;
use crate::shrink::{Shrink, without_some};

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Verbs {
    settings: Settings,
    lines: Vec<Line>,
    faults: Vec<Fault>,
    kills: Vec<(usize, Kill)>,
    /// When a controller is killed, and which one.
    restart: Option<(u64, usize)>,
    /// When all watches are cut, and whether what they would go on from is forgotten.
    cut: Option<(u64, bool)>,
}

/// A line, and what is done about it if it is killed.
#[derive(Clone, Debug)]
struct Line {
    text: String,
    then: Option<WayOut>,
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
        let lines = (0..count).map(|number| Line {
            text: line(draw, number),
            then: draw.chance(500).then(|| WayOut::draw(draw)),
        });
        let lines = lines.collect();
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
        if let Some((millis, at)) = self.restart {
            driver.restart_controller(Duration::from_millis(millis), at);
        }
        if let Some((millis, forgets)) = self.cut {
            driver.cut(Duration::from_millis(millis), forgets);
        }
        for (number, line) in self.lines.iter().enumerate() {
            aim(driver, number, &self.faults, &self.kills);
            let words: Vec<String> =
                line.text.split(' ').chain(["-n", NAMESPACE]).map(str::to_owned).collect();
            match (self.run(driver, &words).await, line.then) {
                (None, _) => return,
                (Some(End::Killed), Some(then)) => self.out(driver, then, &words).await,
                (Some(_), _) => {}
            }
        }
        driver.seen.look("abort converges");
        match self.run(driver, &way_out::typed("abort")).await {
            None => return,
            Some(End::Code(0)) => {}
            Some(end) => return driver.breaks("abort converges", format!("'abort' alone ends with {end:?}")),
        }
        driver.seen.look("nothing is left");
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

    /// The same without a line, and without what goes wrong with it.
    fn without(&self, line: usize) -> Self {
        let moved = |of: usize| if of > line { of - 1 } else { of };
        let mut shorter = self.clone();
        shorter.lines.remove(line);
        shorter.faults.retain(|fault| fault.run != line);
        shorter.faults.iter_mut().for_each(|fault| fault.run = moved(fault.run));
        shorter.kills.retain(|(of, _)| *of != line);
        shorter.kills.iter_mut().for_each(|(of, _)| *of = moved(*of));
        shorter
    }

    /// `status` says how it is, and one of the ways out is gone.
    async fn out(&self, driver: &mut Driver, way: WayOut, killed: &[String]) {
        let status = way_out::status(driver).await;
        // Who resumes brings what was killed, which may be another version than the live one.
        let brings = |word: &String| word.ends_with("-good");
        let good = shop::image(&shop::deployment(driver)).ends_with("-good")
            && (way != WayOut::Resume || killed.iter().any(brings));
        let end = self.run(driver, &way.words(killed)).await;
        // What was killed may have been about to be refused.
        if good && way != WayOut::Again && way.has_to_succeed(&status) {
            driver.seen.look("the way out");
            if end != Some(End::Code(0)) {
                driver.breaks("the way out", format!("'{way:?}' ends with {end:?}"));
            }
        }
        way_out::status(driver).await;
    }

    /// Types a line, and waits for its end and for its lock.
    async fn run(&self, driver: &mut Driver, words: &[String]) -> Option<End> {
        let run = driver.start(words);
        let end = driver.end_of(run, PATIENCE).await;
        match end {
            None => driver.breaks("ends", format!("'{}' does not end", words.join(" "))),
            Some(End::Killed) => drop(driver.until(LOCK, |_| false).await),
            Some(End::Code(_) | End::Spun) => {}
        }
        end
    }
}

impl Shrink for Verbs {
    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        // The last lines go first: the others keep their numbers.
        let shorter = (1..self.lines.len()).filter_map(|count| self.lines.get(..count));
        all.extend(shorter.map(|lines| Self { lines: lines.to_vec(), ..self.clone() }));
        all.extend(without_some(&self.faults).into_iter().map(|faults| Self { faults, ..self.clone() }));
        all.extend(without_some(&self.kills).into_iter().map(|kills| Self { kills, ..self.clone() }));
        all.extend(self.restart.is_some().then(|| Self { restart: None, ..self.clone() }));
        all.extend(self.cut.is_some().then(|| Self { cut: None, ..self.clone() }));
        all.extend(self.settings.smaller().into_iter().map(|settings| Self { settings, ..self.clone() }));
        all.extend((1..self.lines.len()).map(|at| self.without(at - 1)));
        all
    }
}

/// Names what of ours is left beside the Deployment.
pub(super) fn beside(driver: &Driver) -> Vec<String> {
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

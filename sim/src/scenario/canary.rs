//! A canary by pods: started with steps, then gone on with or taken back; with faults and kills.

use std::time::Duration;

use rollout_plus::share::{Size, Sizing, Stable};
use serde_json::json;

use super::shop::{self, LOCK, NAME, NAMESPACE, Settings, VERSIONS};
use super::way_out::{self, WayOut};
use super::{PATIENCE, aim};
use crate::draw::Draw;
use crate::driver::Driver;
use crate::driver::faults::{Fault, How, Kill};
use crate::driver::runs::End;
use crate::invariants::ending;
use crate::invariants::pods::{Share, Whole};
use crate::shrink::{Shrink, without_some};

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Canary {
    settings: Settings,
    image: &'static str,
    steps: Vec<u8>,
    step_wait: u64,
    promote: bool,
    /// What is done about a canary that is held at the end, or about a run that was killed.
    then: WayOut,
    faults: Vec<Fault>,
    kills: Vec<(usize, Kill)>,
    signal: Option<u64>,
}

impl Canary {
    /// Draws one.
    pub fn draw(draw: &mut Draw) -> Self {
        let number = |draw: &mut Draw, range| u32::try_from(draw.number(range)).unwrap_or(1);
        // Most of what goes wrong goes wrong with few pods, and those are quick.
        let replicas = match draw.number(0..=9) {
            0 => number(draw, 11..=30),
            1 | 2 => number(draw, 6..=10),
            _ => number(draw, 1..=5),
        };
        let limit = |draw: &mut Draw, least: u64| match draw.number(0..=2) {
            0 => json!(draw.number(least..=5)),
            1 => json!("25%"),
            _ => json!(format!("{}%", draw.number(least..=100))),
        };
        let settings = Settings {
            replicas,
            surge: limit(draw, 1),
            unavailable: limit(draw, 0),
            ready_seconds: if draw.chance(500) { 0 } else { number(draw, 1..=20) },
        };
        let mut steps: Vec<u8> =
            (0..draw.number(1..=3)).map(|_| u8::try_from(draw.number(1..=50)).unwrap_or(1)).collect();
        steps.sort_unstable();
        steps.dedup();
        let runs = 2;
        let how = |draw: &mut Draw| draw.one(&How::ALL).copied().unwrap_or(How::Busy);
        let faults = (0..draw.number(0..=3))
            .map(|_| Fault {
                run: usize::try_from(draw.number(0..=runs - 1)).unwrap_or(0),
                nth: draw.number(1..=60),
                how: how(draw),
            })
            .collect();
        let kills = (0..draw.number(0..=2))
            .map(|run| (usize::try_from(run).unwrap_or(0), Kill::draw(draw, 60)))
            .collect();
        let then = WayOut::draw(draw);
        Self {
            settings,
            image: draw.one(&VERSIONS).copied().unwrap_or("shop:v2-good"),
            steps,
            step_wait: if draw.chance(500) { 0 } else { draw.number(1..=60) },
            promote: draw.chance(500),
            then,
            faults,
            kills,
            signal: draw.chance(50).then(|| draw.number(0..=60_000)),
        }
    }

    fn words(&self) -> Vec<String> {
        let steps: Vec<String> = self.steps.iter().map(ToString::to_string).collect();
        let (steps, wait) = (steps.join(","), format!("{}s", self.step_wait));
        let mut words = vec![
            "canary",
            NAME,
            "-n",
            NAMESPACE,
            "--image",
            self.image,
            "--steps",
            &steps,
            "--step-wait",
            &wait,
        ];
        if self.promote {
            words.push("--promote");
        }
        words.into_iter().map(str::to_owned).collect()
    }

    /// As many pods of the new version there may be while it is held.
    fn most(&self) -> u32 {
        let replicas = self.settings.replicas;
        let sizes = self.steps.iter().filter_map(|step| {
            Sizing::choose("Deployment", Size::Weight(*step), Stable::Whole, replicas, replicas)
                .ok()
                .map(|sizing| sizing.canary)
        });
        sizes.max().unwrap_or_default()
    }

    /// Plays it.
    pub async fn play(&self, driver: &mut Driver) {
        if !shop::open(driver, &self.settings).await {
            return;
        }
        let least = self.settings.replicas - self.settings.missing();
        driver.invariants.push(Box::new(Whole::new(least, self.image.ends_with("-good"))));
        driver.invariants.push(Box::new(Share { image: self.image, most: self.most() }));
        let end = self.line(driver, 0, &self.words()).await;
        let is_held = ending::is_held(&shop::deployment(driver));
        if end.is_none() || (end == Some(End::Code(0)) && !is_held) {
            return self.close(driver).await;
        }
        // The lock of a run that was killed runs out.
        driver.until(LOCK, |_| false).await;
        let status = way_out::status(driver).await;
        let words = self.then.words(&self.words());
        let end = self.line(driver, 1, &words).await;
        let is_alone =
            !self.faults.iter().any(|fault| fault.run == 1) && !self.kills.iter().any(|(run, _)| *run == 1);
        if is_alone && self.image.ends_with("-good") && self.then.has_to_succeed(&status) {
            driver.seen.look("the way out");
            if end != Some(End::Code(0)) {
                driver.breaks("the way out", format!("'{}' ends with {end:?}", words.join(" ")));
            }
        }
        driver.until(LOCK, |_| false).await;
        way_out::status(driver).await;
        // Whatever happened, this is the way back.
        driver.seen.look("abort converges");
        match self.line(driver, 2, &way_out::typed("abort")).await {
            None => return,
            Some(End::Code(0)) => {}
            Some(end) => return driver.breaks("abort converges", format!("'abort' alone ends with {end:?}")),
        }
        self.close(driver).await;
    }

    /// Types a line, with what goes wrong with it, and holds what was said against the store.
    async fn line(&self, driver: &mut Driver, line: usize, words: &[String]) -> Option<End> {
        aim(driver, line, &self.faults, &self.kills);
        let run = driver.start(words);
        if let Some(millis) = self.signal.filter(|_| line == 0) {
            driver.signal(Duration::from_millis(millis), run);
        }
        let end = driver.end_of(run, PATIENCE).await;
        match end {
            Some(_) => ending::check(driver, run),
            None => driver.breaks("ends", format!("'{}' does not end", words.join(" "))),
        }
        end
    }

    /// Nothing of ours may be left, and the cluster comes to rest.
    async fn close(&self, driver: &mut Driver) {
        driver.seen.look("nothing is left");
        for why in ending::leftovers(&shop::deployment(driver), &self.settings) {
            driver.breaks("nothing is left", why);
        }
        let good = shop::image(&shop::deployment(driver)).ends_with("-good");
        if good {
            shop::rest(driver).await;
        }
    }
}

impl Shrink for Canary {
    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        all.extend(without_some(&self.faults).into_iter().map(|faults| Self { faults, ..self.clone() }));
        all.extend(without_some(&self.kills).into_iter().map(|kills| Self { kills, ..self.clone() }));
        all.extend(self.signal.is_some().then(|| Self { signal: None, ..self.clone() }));
        let fewer = without_some(&self.steps).into_iter().filter(|steps| !steps.is_empty());
        all.extend(fewer.map(|steps| Self { steps, ..self.clone() }));
        all.extend((self.step_wait > 0).then(|| Self { step_wait: 0, ..self.clone() }));
        all.extend(self.settings.smaller().into_iter().map(|settings| Self { settings, ..self.clone() }));
        all
    }
}

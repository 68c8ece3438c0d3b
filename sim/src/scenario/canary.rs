//! A canary by pods: started with steps, then promoted or aborted; with faults and kills.

use std::time::Duration;

use rollout_plus::share::{Size, Sizing, Stable};
use serde_json::json;

use super::PATIENCE;
use super::shop::{self, NAME, NAMESPACE, Settings};
use crate::draw::Draw;
use crate::driver::Driver;
use crate::driver::faults::{Fault, How, Kill};
use crate::driver::runs::End;
use crate::invariants::ending;
use crate::invariants::pods::{Share, Whole};

/// How the new version behaves.
const VERSIONS: [&str; 8] = [
    "shop:v2-good",
    "shop:v2-good",
    "shop:v2-good",
    "shop:v2-good",
    "shop:v2-crash",
    "shop:v2-unready",
    "shop:v2-slow",
    "shop:v2-late",
];

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Canary {
    settings: Settings,
    image: &'static str,
    steps: Vec<u8>,
    step_wait: u64,
    promote: bool,
    /// What is done about a canary that is held at the end, or about a run that was killed.
    then: Then,
    faults: Vec<Fault>,
    kills: Vec<(usize, Kill)>,
    signal: Option<u64>,
}

/// What follows the first run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Abort,
    Promote,
    Again,
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
        let then = match draw.number(0..=2) {
            0 => Then::Abort,
            1 => Then::Promote,
            _ => Then::Again,
        };
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
            Sizing::choose(Size::Weight(*step), Stable::Whole, replicas, replicas)
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
        driver.faults.clone_from(&self.faults);
        driver.kills.clone_from(&self.kills);
        let least = self.settings.replicas - self.settings.missing();
        driver.invariants.push(Box::new(Whole::new(least, self.image.ends_with("-good"))));
        driver.invariants.push(Box::new(Share { image: self.image, most: self.most() }));
        let first = driver.start(&self.words());
        if let Some(millis) = self.signal {
            driver.signal(Duration::from_millis(millis), first);
        }
        let Some(end) = driver.end_of(first, PATIENCE).await else {
            return driver.breaks("ends", "the first run does not end".into());
        };
        ending::check(driver, first);
        let is_held = ending::is_held(&shop::deployment(driver));
        if end == End::Code(0) && !is_held {
            return self.close(driver).await;
        }
        let typed = |verb: &str| [verb, NAME, "-n", NAMESPACE].map(str::to_owned).to_vec();
        let words = match self.then {
            Then::Abort => typed("abort"),
            Then::Promote => typed("promote"),
            Then::Again => self.words(),
        };
        // The lock of a run that was killed runs out.
        driver.until(Duration::from_secs(35), |_| false).await;
        let second = driver.start(&words);
        if driver.end_of(second, PATIENCE).await.is_none() {
            return driver.breaks("ends", format!("'{}' does not end", words.join(" ")));
        }
        ending::check(driver, second);
        driver.until(Duration::from_secs(35), |_| false).await;
        // Whatever happened, this is the way back.
        let last = driver.start(&typed("abort"));
        match driver.end_of(last, PATIENCE).await {
            None => return driver.breaks("ends", "'abort' does not end".into()),
            Some(End::Code(0)) => ending::check(driver, last),
            Some(end) => return driver.breaks("abort converges", format!("'abort' alone ends with {end:?}")),
        }
        self.close(driver).await;
    }

    /// Nothing of ours may be left, and the cluster comes to rest.
    async fn close(&self, driver: &mut Driver) {
        for why in ending::leftovers(&shop::deployment(driver), &self.settings) {
            driver.breaks("nothing is left", why);
        }
        let good = shop::image(&shop::deployment(driver)).ends_with("-good");
        if good {
            shop::rest(driver).await;
        }
    }
}

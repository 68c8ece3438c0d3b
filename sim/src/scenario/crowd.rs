//! One run among others: people, autoscalers, agents and a second run act while it is under way.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::shop::{self, NAME, NAMESPACE, Settings};
use super::{PATIENCE, Report, report, way_out};
use crate::acts::{Act, Due, Field, Sight};
use crate::controllers::kubelet::script::Behaviour;
use crate::draw::Draw;
use crate::driver::Driver;
use crate::driver::faults::{Fault, How, Kill};
use crate::driver::runs::End;
use crate::invariants::ending;
use crate::invariants::endpoints::Endpoints;
use crate::invariants::kept::Kept;
use crate::invariants::taken_over::TakenOver;
use crate::object::Key;
use crate::shrink::{Shrink, lower, shrink, without_some};

/// How the new version behaves.
const VERSIONS: [&str; 6] =
    ["shop:v2-good", "shop:v2-good", "shop:v2-good", "shop:v2-crash", "shop:v2-unready", "shop:v2-slow"];

/// Within this time others act: a run with a step or two takes about as long.
const WITHIN: Duration = Duration::from_secs(120);

/// The verb of the first run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// A canary that stays held.
    Held,
    /// A canary whose share takes stable pods away.
    Shrunk,
    /// A canary that is promoted.
    Promoted,
    /// A rolling update.
    Rolling,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Crowd {
    settings: Settings,
    verb: Verb,
    weight: u32,
    image: &'static str,
    acts: Vec<Due>,
    faults: Vec<Fault>,
    kills: Vec<(usize, Kill)>,
    /// When a second run begins, and what it does.
    rival: Option<(Duration, &'static str)>,
}

impl Crowd {
    /// Draws one.
    pub fn draw(draw: &mut Draw) -> Self {
        let number = |draw: &mut Draw, least, most| u32::try_from(draw.number(least..=most)).unwrap_or(1);
        let replicas = number(draw, 1, 12);
        let settings = Settings {
            replicas,
            surge: if draw.chance(500) { json!("25%") } else { json!(number(draw, 1, 3)) },
            unavailable: if draw.chance(500) { json!("25%") } else { json!(number(draw, 0, 3)) },
            ready_seconds: if draw.chance(500) { 0 } else { number(draw, 1, 10) },
        };
        let verbs = [Verb::Held, Verb::Held, Verb::Shrunk, Verb::Promoted, Verb::Rolling];
        let faults = (0..draw.number(0..=2)).map(|_| Fault {
            run: 0,
            nth: draw.number(1..=60),
            how: draw.one(&How::ALL).copied().unwrap_or(How::Busy),
        });
        let faults = faults.collect();
        let kills = (0..draw.number(0..=1)).map(|_| (0, Kill::draw(draw, 60))).collect();
        let rivals = ["abort", "promote"];
        let begins = draw.millis(0..=120_000);
        let rival = draw.one(&rivals).copied().filter(|_| draw.chance(200)).map(|verb| (begins, verb));
        Self {
            settings,
            verb: draw.one(&verbs).copied().unwrap_or(Verb::Held),
            weight: number(draw, 5, 50),
            image: draw.one(&VERSIONS).copied().unwrap_or("shop:v2-good"),
            acts: Act::some(draw, 3, WITHIN, replicas),
            faults,
            kills,
            rival,
        }
    }

    fn words(&self) -> Vec<String> {
        let weight = self.weight.to_string();
        let canary = ["canary", NAME, "-n", NAMESPACE, "--image", self.image, "--weight", &weight];
        let words: Vec<&str> = match self.verb {
            Verb::Held => canary.to_vec(),
            Verb::Shrunk => canary.into_iter().chain(["--shrink-stable"]).collect(),
            Verb::Promoted => canary.into_iter().chain(["--promote"]).collect(),
            Verb::Rolling => vec!["rolling", NAME, "-n", NAMESPACE, "--image", self.image],
        };
        words.into_iter().map(str::to_owned).collect()
    }

    fn does(&self, is: impl Fn(&Act) -> bool) -> bool {
        self.acts.iter().any(|due| is(&due.act))
    }

    fn watch(&self, driver: &mut Driver) {
        driver.invariants.push(Box::new(TakenOver::default()));
        let version = self.does(Act::changes_version);
        let edits = self.does(|act| matches!(act, Act::Edit(_) | Act::RevertSettings | Act::Pause));
        let kept = self.settings.replicas > self.settings.missing();
        if kept && !version && !self.does(Act::takes_pods) && !edits {
            driver.invariants.push(Box::new(Endpoints::default()));
        }
        let held = matches!(self.verb, Verb::Held | Verb::Shrunk) && self.rival.is_none();
        if held && !version && !edits {
            driver.invariants.push(Box::new(Kept::new(self.image, u64::from(self.weight))));
        }
    }

    async fn play(&self, driver: &mut Driver, draw: &mut Draw) {
        if !shop::open(driver, &self.settings).await {
            return;
        }
        driver.faults.clone_from(&self.faults);
        driver.kills.clone_from(&self.kills);
        self.watch(driver);
        let begin = driver.elapsed();
        let mut fields = Fields::of(&self.settings);
        driver.start(&self.words());
        let mut rival = self.rival;
        for due in &self.acts {
            if let Some((after, verb)) = rival.take_if(|(after, _)| *after <= due.after) {
                wait(driver, begin + after).await;
                driver.start(&typed(verb));
            }
            wait(driver, begin + due.after).await;
            self.act(driver, &due.act, &mut fields, draw);
        }
        if let Some((after, verb)) = rival {
            wait(driver, begin + after).await;
            driver.start(&typed(verb));
        }
        for run in 0..driver.runs.len() {
            let Some(end) = driver.end_of(run, PATIENCE).await else {
                return driver.breaks("ends", format!("run {run} does not end"));
            };
            let alone = self.rival.is_none()
                && !self
                    .does(|act| act.changes_version() || matches!(act, Act::Edit(_) | Act::RevertSettings));
            if matches!(end, End::Code(_)) && alone {
                ending::check(driver, run);
            }
        }
        self.go_back(driver, &fields).await;
    }

    fn act(&self, driver: &mut Driver, act: &Act, fields: &mut Fields, draw: &mut Draw) {
        let (target, manifest) = (Key::new(NAMESPACE, NAME), self.settings.deployment());
        let now = driver.now();
        let sight = Sight { store: &driver.server.store, target: &target, manifest: &manifest, now };
        let requests = act.requests(&sight, draw);
        let done = requests.iter().filter(|request| driver.serve(request).is_ok()).count();
        if done > 0 {
            driver.seen.act(act);
            fields.wrote(act, &self.settings);
        }
    }

    /// Whatever happened: `status` says how it is, and `abort` alone brings everything back.
    async fn go_back(&self, driver: &mut Driver, fields: &Fields) {
        wait(driver, driver.elapsed() + Duration::from_secs(35)).await;
        if shop::deployment(driver).is_null() {
            return;
        }
        way_out::status(driver).await;
        for verb in ["status", "abort"] {
            let run = driver.start(&typed(verb));
            match driver.end_of(run, PATIENCE).await {
                None => return driver.breaks("ends", format!("'{verb}' does not end")),
                Some(End::Code(0)) => {}
                // Somebody's own version, which is bad, stays bad.
                Some(_) if verb == "abort" && self.does(is_bad) => {}
                Some(end) => {
                    let printed = driver.runs.get(run).map(|run| run.printed().stderr).unwrap_or_default();
                    let said: Vec<&str> = printed.lines().filter(|line| line.starts_with("error")).collect();
                    driver.breaks("the way back", format!("'{verb}' ends with {end:?}: {}", said.join(" ")));
                }
            }
        }
        let deployment = shop::deployment(driver);
        for why in fields.lost(&deployment) {
            driver.breaks("nothing is lost", why);
        }
        let good = shop::image(&deployment).ends_with("-good");
        if good {
            shop::rest(driver).await;
        }
    }
}

/// Whether somebody brings a version whose pods do not stay Ready.
fn is_bad(act: &Act) -> bool {
    matches!(act, Act::ThirdVersion(behaviour) if !matches!(behaviour, Behaviour::Good | Behaviour::Slow))
}

fn typed(verb: &str) -> Vec<String> {
    [verb, NAME, "-n", NAMESPACE].map(str::to_owned).to_vec()
}

async fn wait(driver: &mut Driver, until: Duration) {
    let left = until.saturating_sub(driver.elapsed());
    driver.until(left, |_| false).await;
}

/// The fields that runs borrow, as their user or whoever wrote them last wants them.
#[derive(Clone, Debug)]
struct Fields(BTreeMap<&'static str, Value>);

impl Fields {
    fn of(settings: &Settings) -> Self {
        let spec = &settings.deployment()["spec"];
        let names = ["strategy", "minReadySeconds", "progressDeadlineSeconds", "paused"];
        Self(names.into_iter().map(|name| (name, spec[name].clone())).collect())
    }

    fn wrote(&mut self, act: &Act, settings: &Settings) {
        let mut set = |name, value| drop(self.0.insert(name, value));
        match act {
            Act::Edit(Field::MinReadySeconds(seconds)) => set("minReadySeconds", json!(seconds)),
            Act::Edit(Field::ProgressDeadline(seconds)) => set("progressDeadlineSeconds", json!(seconds)),
            Act::Edit(Field::Surge(percent)) => {
                let limits = json!({"maxSurge": format!("{percent}%"), "maxUnavailable": 0});
                set("strategy", json!({"type": "RollingUpdate", "rollingUpdate": limits}));
            }
            Act::Pause => set("paused", json!(true)),
            Act::Resume => set("paused", Value::Null),
            Act::Revert | Act::RevertSettings => *self = Self::of(settings),
            Act::Edit(Field::History(_) | Field::Annotation | Field::Label)
            | Act::Scale(_)
            | Act::ThirdVersion(_)
            | Act::Undo
            | Act::Restart
            | Act::Quota(_)
            | Act::NoQuota
            | Act::Evict(_)
            | Act::EndPods(_)
            | Act::NodeLost(_)
            | Act::NodeBack(_)
            | Act::Delete => {}
        }
    }

    fn lost(&self, deployment: &Value) -> Vec<String> {
        let nothing = |value: &Value| value.is_null() || *value == json!(0) || *value == json!(false);
        let differs = |(name, wanted): (&&'static str, &Value)| {
            let is = &deployment["spec"][*name];
            let same = is == wanted || (nothing(is) && nothing(wanted));
            (!same).then(|| format!("spec.{name} is {is}, and {wanted} was written last"))
        };
        let held = deployment["metadata"]["annotations"][rollout_plus::keys::HELD_ANNOTATION].is_string();
        let left = held.then(|| format!("the annotation {} is left", rollout_plus::keys::HELD_ANNOTATION));
        self.0.iter().filter_map(differs).chain(left).collect()
    }
}

impl Shrink for Crowd {
    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        all.extend(without_some(&self.acts).into_iter().map(|acts| Self { acts, ..self.clone() }));
        all.extend(without_some(&self.faults).into_iter().map(|faults| Self { faults, ..self.clone() }));
        all.extend(without_some(&self.kills).into_iter().map(|kills| Self { kills, ..self.clone() }));
        all.extend(self.rival.is_some().then(|| Self { rival: None, ..self.clone() }));
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
    Ok(local.block_on(&runtime, async {
        let mut draw = Draw::new(seed.wrapping_add(1 << 40));
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
    play(&Crowd::draw(&mut Draw::new(seed)), seed, traced)
}

/// Looks for the smallest scenario that breaks the same rule as this one.
pub fn smallest(scenario: Crowd, seed: u64, rule: &str) -> (Crowd, usize) {
    let fails = |one: &Crowd| {
        play(one, seed, false).is_ok_and(|report| report.broken.iter().any(|broken| broken.name == rule))
    };
    shrink(scenario, 300, fails)
}

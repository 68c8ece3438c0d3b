//! Faults that a run makes on purpose: alone, on two versions that serve, and as what a new version has to stand. The run is
//! killed or stopped at any moment, its requests go wrong, and others scale, drain, roll out and abort meanwhile.

mod play;
mod smaller;
mod watch;

use std::time::Duration;

use serde_json::{Value, json};

use super::Report;
use super::shop::{NAME, NAMESPACE, Settings};
use crate::acts::{Act, Due};
use crate::draw::Draw;
use crate::driver::faults::{Fault, How, Kill};

pub use play::play;
pub use smaller::smallest;

/// What faults are called.
const FAULTS: [&str; 4] = ["kill-pods", "fail-pods", "slow-pods", "cut-pods"];
/// What a new version is: most are good, some never start a second time, some end by themselves.
const VERSIONS: [&str; 6] = [GOOD, GOOD, GOOD, GOOD, ONCE, "shop:v2-late"];
/// One that stands all.
const GOOD: &str = "shop:v2-good";
/// One whose pods do not come back.
const ONCE: &str = "shop:v2-once";

/// How a fault comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By `chaos`, where one version is.
    Alone,
    /// By `chaos`, where a new version is held: on it, or on both one after the other.
    Held {
        /// Both.
        compare: bool,
    },
    /// By a canary or a blue-green that has to stand it.
    Gate {
        /// Whether it is a blue-green.
        blue_green: bool,
        /// Whether it goes on by itself then.
        promote: bool,
    },
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Chaos {
    settings: Settings,
    way: Way,
    version: &'static str,
    fault: &'static str,
    /// `--count`.
    count: u64,
    /// `--for`, in seconds.
    lasting: u64,
    /// `--recover-within`, in seconds.
    within: u64,
    min_ready: u64,
    /// Whether something enforces policies.
    has_firewall: bool,
    /// What goes wrong with the requests of the run.
    faults: Vec<Fault>,
    /// When it is killed, and when it gets SIGTERM.
    kill: Option<Kill>,
    signal: Option<Duration>,
    /// What others do, and what is typed elsewhere meanwhile.
    acts: Vec<Due>,
    rival: Option<(Duration, String)>,
    /// What is typed after a kill, before `abort`.
    again: Option<&'static str>,
}

impl Chaos {
    /// Draws one.
    pub fn draw(draw: &mut Draw) -> Self {
        let replicas = u32::try_from(draw.number(2..=6)).unwrap_or(3);
        let way = match draw.number(0..=5) {
            0 | 1 => Way::Alone,
            2 => Way::Held { compare: draw.chance(500) },
            _ => Way::Gate { blue_green: draw.chance(250), promote: draw.chance(700) },
        };
        let fault = draw.one(&FAULTS).copied().unwrap_or(FAULTS[0]);
        let is_calm = draw.chance(300);
        let within = Duration::from_secs(120);
        let settings =
            Settings { replicas, surge: json!("25%"), unavailable: json!("25%"), ready_seconds: 0 };
        let version = draw.one(&VERSIONS).copied().unwrap_or(GOOD);
        let count = if draw.chance(700) { 1 } else { draw.number(1..=u64::from(replicas)) };
        let lasting = draw.number(5..=60);
        let recovers = if draw.chance(700) { draw.number(20..=90) } else { draw.number(0..=20) };
        let min_ready = if draw.chance(700) { 1 } else { draw.number(0..=u64::from(replicas)) };
        let has_firewall = draw.chance(850);
        let mut one = Self {
            settings,
            way,
            version,
            fault,
            count,
            lasting,
            within: recovers,
            min_ready,
            has_firewall,
            faults: Vec::new(),
            kill: None,
            signal: None,
            acts: Vec::new(),
            rival: None,
            again: None,
        };
        if !is_calm {
            one.trouble(draw, within, replicas);
        }
        one
    }

    /// Draws what goes wrong.
    fn trouble(&mut self, draw: &mut Draw, within: Duration, replicas: u32) {
        let millis = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        if draw.chance(500) {
            self.kill = Some(match draw.number(0..=2) {
                0 => Kill::Sending(draw.number(1..=150)),
                1 => Kill::Done(draw.number(1..=150)),
                _ => Kill::After(draw.number(0..=millis)),
            });
        } else if draw.chance(300) {
            self.signal = Some(draw.millis(0..=millis));
        }
        if draw.chance(250) {
            let nth = draw.number(1..=150);
            let how = draw.one(&How::ALL).copied().unwrap_or(How::Busy);
            let many = draw.number(1..=6);
            self.faults = (nth..nth + many).map(|nth| Fault { run: 0, nth, how }).collect();
        }
        if draw.chance(500) {
            self.acts = Act::some(draw, 3, within, replicas);
        }
        if draw.chance(350) {
            let other = FAULTS[usize::try_from(draw.number(0..=3)).unwrap_or(0)];
            let line = match draw.number(0..=5) {
                0 | 1 => format!("abort {NAME}"),
                2 => format!("promote {NAME}"),
                3 => format!("rolling {NAME} --image shop:v3-good"),
                _ => format!("chaos {other} {NAME} --for 10s --min-ready 0"),
            };
            self.rival = Some((draw.millis(0..=millis), line));
        }
        self.again = draw.one(&[None, Some("resume"), Some("chaos"), Some("same")]).copied().flatten();
    }

    /// Nobody but the run does anything, and nothing goes wrong with it.
    fn is_calm(&self) -> bool {
        self.is_alone() && self.kill.is_none() && self.signal.is_none() && self.faults.is_empty()
    }

    /// Nobody but the run does anything.
    fn is_alone(&self) -> bool {
        self.acts.is_empty() && self.rival.is_none()
    }

    fn does(&self, is: impl Fn(&Act) -> bool) -> bool {
        self.acts.iter().any(|due| is(&due.act))
    }

    /// For how long a fault lasts at most before its pods end.
    fn seconds(&self) -> u64 {
        if self.fault == FAULTS[0] { 0 } else { self.lasting }
    }

    /// What is typed.
    fn words(&self) -> Vec<String> {
        let Self { fault, count, lasting, within, min_ready, version, .. } = self;
        let of_gate = |verb: &str, flags: &str| {
            format!(
                "{verb} {NAME} --image {version} {flags} --chaos {fault} --chaos-count {count} --chaos-for {lasting}s \
                 --chaos-recover-within {within}s --chaos-min-ready {min_ready}"
            )
        };
        let line = match self.way {
            Way::Alone | Way::Held { .. } => {
                let both = if self.way == (Way::Held { compare: true }) { " --compare" } else { "" };
                format!(
                    "chaos {fault} {NAME} --count {count} --for {lasting}s --recover-within {within}s --min-ready {min_ready}{both}"
                )
            }
            Way::Gate { blue_green: true, promote } => {
                of_gate("blue-green", if promote { "--auto-promote" } else { "--soak 1s" })
            }
            Way::Gate { blue_green: false, promote } => {
                of_gate("canary", if promote { "--steps 50 --promote" } else { "--weight 50" })
            }
        };
        typed(&line)
    }

    /// The Deployment: it names a port and asks for CPU, so that every fault can be made.
    fn deployment(&self) -> Value {
        let mut deployment = self.settings.deployment();
        let container = &mut deployment["spec"]["template"]["spec"]["containers"][0];
        container["ports"] = json!([{"containerPort": 8080}]);
        container["resources"] = json!({"requests": {"cpu": "500m"}, "limits": {"cpu": "1"}});
        deployment
    }
}

/// A line about the shop, in words.
fn typed(line: &str) -> Vec<String> {
    format!("{line} -n {NAMESPACE}").split_whitespace().map(str::to_owned).collect()
}

/// Plays the scenario of a seed.
///
/// # Errors
/// If there is no runtime.
pub fn of_seed(seed: u64, traced: bool) -> std::io::Result<Report> {
    play(&Chaos::draw(&mut Draw::new(seed)), seed, traced)
}

//! What is drawn of a crowd.

use std::time::Duration;

use serde_json::json;

use super::line::{Line, Typed};
use super::{Crowd, Stage, Trouble};
use crate::acts::{Act, Due};
use crate::draw::Draw;
use crate::driver::faults::{How, Kill};
use crate::scenario::shop::Settings;

/// How new versions behave.
const BEHAVIOURS: [&str; 9] = ["good", "good", "good", "good", "slow", "crash", "unready", "late", "noimage"];

/// Within this time runs are likely to be under way.
const SOON: Duration = Duration::from_secs(15);
/// Within this time others act: by its end most canaries are held.
const WITHIN: Duration = Duration::from_secs(120);

impl Crowd {
    /// Draws one.
    pub fn draw(draw: &mut Draw) -> Self {
        let first = first(draw);
        // Of a few pods no share can be kept to the pod, so those who take pods away often have many.
        let many = matches!(first, Line::Canary { shrink: true, .. }) && draw.chance(500);
        let replicas = if many { number(draw, 12, 30) } else { number(draw, 1, 12) };
        let settings = Settings {
            replicas,
            surge: if draw.chance(500) { json!("25%") } else { json!(number(draw, 1, 3)) },
            unavailable: if draw.chance(500) { json!("25%") } else { json!(number(draw, 0, 3)) },
            ready_seconds: if draw.chance(500) { 0 } else { number(draw, 1, 10) },
        };
        let mut stages = vec![Stage::draw(draw, first, 0, replicas)];
        let more = draw.number(0..=9);
        for number in 1..=u64::from(more >= 4) + u64::from(more >= 8) {
            let line = match draw.number(0..=9) {
                0 | 1 => stages.first().map_or(Line::Other("abort"), |stage| stage.typed.line.clone()),
                2..=4 => back_or_on(draw),
                _ => another(draw, number + 3),
            };
            stages.push(Stage::draw(draw, line, number, replicas));
        }
        let scaler = draw.chance(80).then(|| (number(draw, 1, 4), number(draw, 5, 14)));
        let trouble = draw.chance(100).then(|| {
            let after = draw.millis(0..=60_000);
            match draw.number(0..=2) {
                0 => Trouble::Cut(after, draw.chance(500)),
                _ => Trouble::Restart(after, usize::try_from(draw.number(0..=8)).unwrap_or(0)),
            }
        });
        let deadline = if draw.chance(750) { 600 } else { number(draw, 15, 60) };
        Self { settings, deadline, scaler, trouble, stages }
    }
}

impl Stage {
    fn draw(draw: &mut Draw, line: Line, at: u64, replicas: u32) -> Self {
        let within = if draw.chance(500) { SOON } else { WITHIN };
        let acts: Vec<Due> = Act::some(draw, if at == 0 { 2 } else { 1 }, within, replicas);
        let begins = if draw.chance(500) { SOON } else { WITHIN };
        let typed = typed(draw, line);
        // What is long on its way matters to whoever decides otherwise meanwhile.
        let rival = draw.chance(if typed.late.is_some() { 500 } else { 150 }).then(|| {
            let line = if draw.chance(650) { back_or_on(draw) } else { another(draw, at + 7) };
            (draw.millis(0..=millis(begins)), Typed::plain(line))
        });
        let rest = match draw.number(0..=9) {
            0..=3 => draw.millis(0..=5_000),
            4..=8 => draw.millis(0..=40_000),
            _ => draw.millis(0..=600_000),
        };
        Self { typed, acts, rival, rest }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn number(draw: &mut Draw, least: u64, most: u64) -> u32 {
    u32::try_from(draw.number(least..=most)).unwrap_or(1)
}

fn image(draw: &mut Draw, version: u64) -> String {
    let behaviour = draw.one(&BEHAVIOURS).copied().unwrap_or("good");
    format!("shop:v{version}-{behaviour}")
}

fn share(draw: &mut Draw, most: u64) -> u8 {
    u8::try_from(draw.number(5..=most)).unwrap_or(5)
}

fn typed(draw: &mut Draw, line: Line) -> Typed {
    let how = |draw: &mut Draw| draw.one(&How::ALL).copied().unwrap_or(How::Busy);
    // `status` has no such flag.
    let keeps = line != Line::Other("status");
    let count = if draw.chance(500) { 0 } else { draw.number(0..=2) };
    Typed {
        line,
        timeout: draw.chance(100).then(|| draw.number(10..=60)),
        keeps: keeps && draw.chance(70),
        faults: (0..count).map(|_| (draw.number(1..=60), how(draw))).collect(),
        kill: draw.chance(250).then(|| Kill::draw(draw, 60)),
        late: draw.chance(150).then(|| (draw.number(1..=2), draw.millis(1_000..=20_000))),
    }
}

/// The line with which it begins.
fn first(draw: &mut Draw) -> Line {
    match draw.number(0..=19) {
        0..=5 => canary(draw, 2, false),
        6 | 7 => Line::Canary {
            image: Some(image(draw, 2)),
            steps: vec![share(draw, 80)],
            wait: 0,
            shrink: true,
            promote: false,
        },
        8..=11 => canary(draw, 2, true),
        12..=15 => Line::Rolling { image: image(draw, 2) },
        16 | 17 => blue_green(draw, 2),
        18 => Line::Other("restart"),
        _ => Line::Other("status"),
    }
}

fn canary(draw: &mut Draw, version: u64, promote: bool) -> Line {
    let mut steps: Vec<u8> = (0..draw.number(1..=2)).map(|_| share(draw, 50)).collect();
    steps.sort_unstable();
    steps.dedup();
    Line::Canary {
        image: Some(image(draw, version)),
        steps,
        wait: draw.number(0..=60),
        shrink: false,
        promote,
    }
}

fn blue_green(draw: &mut Draw, version: u64) -> Line {
    Line::BlueGreen { image: image(draw, version), soak: draw.number(0..=40), promote: draw.chance(500) }
}

/// A line that goes on with what is there, or back.
fn back_or_on(draw: &mut Draw) -> Line {
    let verbs = ["abort", "abort", "promote", "promote", "resume", "rollback", "restart"];
    Line::Other(draw.one(&verbs).copied().unwrap_or("abort"))
}

/// A line that asks for another version, or for another share of the one that is there.
fn another(draw: &mut Draw, version: u64) -> Line {
    match draw.number(0..=9) {
        0..=4 => {
            let promote = draw.chance(300);
            canary(draw, version, promote)
        }
        5..=7 => Line::Canary {
            image: None,
            steps: vec![share(draw, 60)],
            wait: 0,
            shrink: draw.chance(200),
            promote: false,
        },
        8 => Line::Rolling { image: image(draw, version) },
        _ => blue_green(draw, version),
    }
}

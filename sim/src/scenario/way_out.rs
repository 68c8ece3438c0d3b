//! What people do about a run that was killed or ended half way: they ask `status`, and type one of the verbs that it offers.

use serde_json::Value;

use super::PATIENCE;
use super::shop::{NAME, NAMESPACE};
use crate::draw::Draw;
use crate::driver::Driver;
use crate::driver::runs::End;
use crate::invariants::status::{Facts, untrue};

/// What is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayOut {
    /// `abort`.
    Abort,
    /// The same command again.
    Again,
    /// `promote`, where `status` shows something to promote.
    Promote,
    /// `resume`.
    Resume,
}

impl WayOut {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Abort, Self::Again, Self::Promote, Self::Resume];

    /// Draws one.
    pub fn draw(draw: &mut Draw) -> Self {
        draw.one(&Self::ALL).copied().unwrap_or(Self::Abort)
    }

    /// The command line, after what was typed first.
    pub fn words(self, first: &[String]) -> Vec<String> {
        match self {
            Self::Abort => typed("abort"),
            Self::Again => first.to_vec(),
            Self::Promote => typed("promote"),
            Self::Resume => typed("resume"),
        }
    }

    /// Whether it has to succeed, with a good version, in a state that `status` shows so.
    pub fn has_to_succeed(self, status: &Value) -> bool {
        match self {
            Self::Abort | Self::Again | Self::Resume => true,
            Self::Promote => status["phase"] == "Held" || status["phase"] == "Promoting",
        }
    }
}

/// A verb about the shop.
pub fn typed(verb: &str) -> Vec<String> {
    [verb, NAME, "-n", NAMESPACE].map(str::to_owned).to_vec()
}

/// So often somebody looks who finds that something changed while they looked.
const LOOKS: u32 = 3;

/// Asks `status`, and holds what it says against the store. Returns its document.
///
/// What changes while it reads is not compared: it says how the objects were, each at its time.
pub async fn status(driver: &mut Driver) -> Value {
    for _ in 0..LOOKS {
        let before = Facts::of(&driver.server.store);
        let words: Vec<String> =
            typed("status").into_iter().chain(["-o", "json"].map(str::to_owned)).collect();
        let run = driver.start(&words);
        let end = driver.end_of(run, PATIENCE).await;
        let Some((facts, now)) = before.zip(Facts::of(&driver.server.store)) else { return Value::Null };
        if end != Some(End::Code(0)) {
            driver.breaks("status says it", format!("'status' ends with {end:?}"));
            return Value::Null;
        }
        let printed = driver.runs.get(run).map(|run| run.printed().stdout).unwrap_or_default();
        let said: Value = serde_json::from_str(&printed).unwrap_or_default();
        if facts == now {
            driver.seen.look("status says it");
            for why in untrue(&facts, &said) {
                driver.breaks("status says it", why);
            }
            return said;
        }
    }
    Value::Null
}

//! Smaller ones of a scenario that fails.

use super::{Chaos, play};
use crate::draw::Draw;
use crate::shrink::{Shrink, shrink, without_some};

/// Looks for the smallest scenario that breaks the same rule as this one.
pub fn smallest(seed: u64, rule: &str) -> (Chaos, usize) {
    let fails = |one: &Chaos| {
        play(one, seed, false).is_ok_and(|report| report.broken.iter().any(|broken| broken.name == rule))
    };
    shrink(Chaos::draw(&mut Draw::new(seed)), 200, fails)
}

impl Shrink for Chaos {
    fn smaller(&self) -> Vec<Self> {
        let mut all: Vec<Self> =
            without_some(&self.acts).into_iter().map(|acts| Self { acts, ..self.clone() }).collect();
        all.extend(without_some(&self.faults).into_iter().map(|faults| Self { faults, ..self.clone() }));
        all.extend(self.rival.is_some().then(|| Self { rival: None, ..self.clone() }));
        all.extend(self.kill.is_some().then(|| Self { kill: None, ..self.clone() }));
        all.extend(self.signal.is_some().then(|| Self { signal: None, ..self.clone() }));
        all.extend(self.again.is_some().then(|| Self { again: None, ..self.clone() }));
        all.extend((self.count > 1).then(|| Self { count: 1, ..self.clone() }));
        all.extend(self.settings.smaller().into_iter().map(|settings| Self { settings, ..self.clone() }));
        all
    }
}

//! How a routed scenario that fails is made small.

use super::shape::Shape;
use super::{Routed, Verb, play};
use crate::shrink::{Shrink, shrink, without_some};

/// Looks for the smallest scenario that breaks the same rule as this one.
pub fn smallest(scenario: Routed, seed: u64, rule: &str) -> (Routed, usize) {
    let fails = |one: &Routed| {
        play(one, seed, false).is_ok_and(|report| report.broken.iter().any(|broken| broken.name == rule))
    };
    shrink(scenario, 400, fails)
}

impl Shrink for Routed {
    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        all.extend(without_some(&self.acts).into_iter().map(|acts| Self { acts, ..self.clone() }));
        all.extend(without_some(&self.faults).into_iter().map(|faults| Self { faults, ..self.clone() }));
        all.extend(without_some(&self.kills).into_iter().map(|kills| Self { kills, ..self.clone() }));
        all.extend(self.verb.smaller().into_iter().map(|verb| Self { verb, ..self.clone() }));
        let shapes = self.shape.map(Shape::smaller).unwrap_or_default();
        all.extend(shapes.into_iter().map(|shape| Self { shape: Some(shape), ..self.clone() }));
        all.extend(self.settings.smaller().into_iter().map(|settings| Self { settings, ..self.clone() }));
        let prompt = Self { lags: [1; 3], controller: [1; 2], ..self.clone() };
        all.extend((self.lags != prompt.lags || self.controller != prompt.controller).then_some(prompt));
        all
    }
}

impl Verb {
    fn smaller(&self) -> Vec<Self> {
        let all = match self {
            Self::Canary { steps, wait, promote, isolate } => {
                let fewer = without_some(steps).into_iter().filter(|steps| !steps.is_empty());
                let of = |steps: &[u8], wait, promote, isolate| Self::Canary {
                    steps: steps.to_vec(),
                    wait,
                    promote,
                    isolate,
                };
                let mut all: Vec<Self> = fewer.map(|steps| of(&steps, *wait, *promote, *isolate)).collect();
                all.extend([
                    of(steps, 0, *promote, *isolate),
                    of(steps, *wait, false, *isolate),
                    of(steps, *wait, *promote, false),
                ]);
                all
            }
            Self::BlueGreen { soak, promote } => {
                vec![
                    Self::BlueGreen { soak: 0, promote: *promote },
                    Self::BlueGreen { soak: *soak, promote: false },
                ]
            }
        };
        all.into_iter().filter(|smaller| smaller != self).collect()
    }
}

impl Shape {
    fn smaller(self) -> Vec<Self> {
        let all =
            [Self { two: false, ..self }, Self { internal: false, ..self }, Self { weight: false, ..self }];
        all.into_iter().filter(|smaller| *smaller != self).collect()
    }
}

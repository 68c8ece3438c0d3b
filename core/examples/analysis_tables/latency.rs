//! Latency: log-normal with a median of 50 ms, in the buckets that client libraries have.

use rollout_plus_core::analysis::{Count, Counted, State, bounds};

use crate::draw::{Dice, LOOK};
use crate::play::first;
use crate::table::{Figure, print};

const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const LOOKS: usize = 40;

/// How a version answers.
#[derive(Clone, Copy)]
struct Version {
    /// So many times as slow.
    factor: f64,
    /// So many requests of a hundred take some 600 ms.
    slow: f64,
    /// Standard deviation of a pod's factor, anew in each look.
    mood: f64,
}

impl Version {
    /// Requests of a pod in a look, and those above each bucket's bound.
    fn pod(self, requests: u64, dice: &mut Dice) -> Vec<(f64, Count)> {
        let mood = if self.mood > 0.0 { dice.log_normal(1.0, self.mood) } else { 1.0 };
        let mut above = [0_u64; BUCKETS.len()];
        for _ in 0..requests {
            let is_slow = self.slow > 0.0 && dice.chance(self.slow);
            let seconds = if is_slow { dice.log_normal(0.6, 0.4) } else { dice.log_normal(0.05, 0.8) };
            let seconds = seconds * self.factor * mood;
            above.iter_mut().zip(BUCKETS).for_each(|(above, bound)| *above += u64::from(seconds > bound));
        }
        BUCKETS.into_iter().zip(above).map(|(bound, bad)| (bound, Count { requests, bad })).collect()
    }
}

/// What is found, by the share above a bound that was named, and by the mean over bounds that are chosen.
pub fn found(runs: usize) -> Vec<String> {
    let mut broken = Vec::new();
    let stable = Version { factor: 1.0, slow: 0.0, mood: 0.0 };
    let chosen = bounds(&stable.pod(100_000, &mut Dice::new(70)));
    for rate in [10.0, 100.0] {
        let mut rows = Vec::new();
        for (name, canary) in [
            ("the same", stable),
            ("the same; pods' mood sd .2 a look", Version { mood: 0.2, ..stable }),
            ("x1.2", Version { factor: 1.2, ..stable }),
            ("x1.5", Version { factor: 1.5, ..stable }),
            ("2 % at 600 ms", Version { slow: 0.02, ..stable }),
            ("5 % at 600 ms", Version { slow: 0.05, ..stable }),
        ] {
            let stable = Version { mood: canary.mood, ..stable };
            let mut row = vec![name.to_owned()];
            for judged in [&[0.25][..], &[0.5], &chosen] {
                let mut dice = Dice::new(71);
                let figure = Figure::of(runs, |_| {
                    let mut pod = |version: Version, share: f64| {
                        let requests = dice.poisson(rate * LOOK * share);
                        let mut slow = version.pod(requests, &mut dice);
                        slow.retain(|(bound, _)| judged.contains(bound));
                        Counted { errors: None, slow }
                    };
                    let look = |_| [vec![pod(canary, 0.1)], (0..3).map(|_| pod(stable, 0.3)).collect()];
                    first((0..LOOKS).map(look), State::Worse, 1)
                });
                row.push(figure.text());
                if canary.factor <= 1.0 && canary.slow == 0.0 && figure.breaks_the_claim(1.0) {
                    broken.push(format!("latency, {name}, {rate}/s: {} % of false alarms", figure.percent()));
                }
            }
            rows.push(row);
        }
        let head = ["canary", "--slower-than 250ms", "--slower-than 500ms", "bounds that are chosen"];
        print(
            &format!("### Latency, {rate} requests a second: found in 10 minutes, % / median s"),
            &head,
            &rows,
        );
    }
    broken
}

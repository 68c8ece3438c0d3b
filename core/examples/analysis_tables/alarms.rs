//! False alarms: versions that are no worse, and are called worse.

use crate::draw::{Dice, NOISES, Noise, Traffic};
use crate::play::{plain, threshold, worse};
use crate::table::{Figure, print, round};

/// Noise that comes anew in each look is what the claim is about.
fn is_claimed(noise: Noise) -> bool {
    noise.pods == 0.0 && !noise.long
}

/// 64 kinds of traffic under each noise: the worst of them, and the mean.
pub fn everywhere(runs: usize) -> Vec<String> {
    let mut broken = Vec::new();
    let mut rows = Vec::new();
    for (number, (name, noise)) in NOISES.iter().enumerate() {
        let mut row = vec![(*name).to_owned()];
        for (column, (stables, test)) in
            [(3, plain as fn(&[_]) -> _), (3, worse), (9, worse)].into_iter().enumerate()
        {
            let mut dice = Dice::new(1000 + number as u64);
            let mut all = Vec::new();
            for base in [0.0001, 0.001, 0.01, 0.05] {
                for weight in [0.01, 0.05, 0.1, 0.5] {
                    for rate in [1.0, 10.0, 100.0, 1000.0] {
                        let usual = Traffic::usual(base, 1.0);
                        let traffic = Traffic { rate, weight, stables, noise: *noise, ..usual };
                        all.push(Figure::of(runs, |_| test(&traffic.draw(&mut dice))).percent());
                    }
                }
            }
            let worst = all.iter().copied().fold(0.0, f64::max);
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            row.push(format!("{} / {}", round(worst), round(mean)));
            if column > 0 && is_claimed(*noise) && mean > 1.0 {
                broken.push(format!("{name}: {mean} % of false alarms"));
            }
        }
        rows.push(row);
    }
    let head = ["noise", "no guard, 1 of 4 pods", "**1 of 4**", "**1 of 10**"];
    print("### False alarms in 10 minutes, %: the worst of 64 kinds of traffic / the mean", &head, &rows);
    broken
}

/// What lasts in a pod is told from the version by more pods.
pub fn more_pods(runs: usize) -> Vec<String> {
    let mut rows = Vec::new();
    let mut broken = Vec::new();
    for (canaries, stables) in [(1, 3), (1, 9), (2, 6), (3, 9)] {
        let mut row = vec![format!("{canaries}/{stables}")];
        for (number, ratio) in [(4, 1.0), (5, 1.0), (7, 1.0), (5, 4.0)] {
            let (name, noise) = NOISES[number];
            let traffic = Traffic { canaries, stables, noise, ..Traffic::usual(0.01, ratio) };
            let mut dice = Dice::new(91);
            let figure = Figure::of(runs, |_| worse(&traffic.draw(&mut dice)));
            row.push(figure.text());
            if canaries > 1 && ratio < 1.5 && figure.breaks_the_claim(1.0) {
                broken.push(format!("{canaries}/{stables}, {name}: {} % of false alarms", figure.percent()));
            }
        }
        rows.push(row);
    }
    let head = ["canary/stable pods", "sd .3", "sd .5", "bursts of a minute", "x4 with sd .5: found/s"];
    print("### More canary pods: false alarms in %", &head, &rows);
    broken
}

/// The same traffic, and thresholds as they are usually written.
pub fn beside_thresholds(runs: usize) -> Vec<String> {
    let mut broken = Vec::new();
    for rate in [10.0, 100.0, 1000.0] {
        let mut rows = Vec::new();
        for (name, base, ratio, number) in [
            ("same, 0.1 %", 0.001, 1.0, 0),
            ("same, 0.5 %", 0.005, 1.0, 0),
            ("same, 0.5 %, rho .01", 0.005, 1.0, 2),
            ("same, 0.5 %, both x1..3 for a while", 0.005, 1.0, 8),
            ("same, 0.1 %, bursts in pods", 0.001, 1.0, 6),
            ("same, 1 %", 0.01, 1.0, 0),
            ("better, 3 -> 2 %", 0.03, 0.667, 0),
            ("0.1 -> 0.5 %", 0.001, 5.0, 0),
            ("0.1 -> 2 %", 0.001, 20.0, 0),
            ("0.5 -> 1.5 %", 0.005, 3.0, 0),
            ("1 -> 3 %", 0.01, 3.0, 0),
            ("0.5 -> 5 %", 0.005, 10.0, 0),
        ] {
            let traffic = Traffic { rate, noise: NOISES[number].1, ..Traffic::usual(base, ratio) };
            let mut row = vec![name.to_owned()];
            for (limit, nth) in [(0.99, 1), (0.99, 4), (0.95, 1), (0.95, 4)] {
                let mut dice = Dice::new(41);
                row.push(Figure::of(runs, |_| threshold(&traffic.draw(&mut dice), limit, nth)).text());
            }
            let mut dice = Dice::new(41);
            let figure = Figure::of(runs, |_| worse(&traffic.draw(&mut dice)));
            row.push(format!("**{}**", figure.text()));
            if ratio <= 1.0 && figure.breaks_the_claim(1.0) {
                broken.push(format!("{name}, {rate}/s: {} % of false alarms", figure.percent()));
            }
            rows.push(row);
        }
        let head =
            ["canary against stable", "< 99 % once", "< 99 %, 4th", "< 95 % once", "< 95 %, 4th", "**here**"];
        print(&format!("### {rate} requests a second: rolled back, % / median s"), &head, &rows);
    }
    broken
}

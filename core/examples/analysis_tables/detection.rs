//! What is found, how soon; what young pods come to; what is known to be good.

use crate::draw::{Dice, LOOK, Look, NOISES, Traffic};
use crate::play::{good, worse};
use crate::table::{Figure, print};

/// Versions that are worse.
pub fn found(runs: usize) {
    let mut rows = Vec::new();
    for (base, ratio, weight) in
        [(0.001, 10.0, 0.1), (0.01, 2.0, 0.1), (0.01, 3.0, 0.01), (0.01, 3.0, 0.1), (0.01, 3.0, 0.5)]
    {
        let mut row = vec![format!("{} -> {} %, {} %", base * 100.0, base * ratio * 100.0, weight * 100.0)];
        for rate in [10.0, 100.0, 1000.0] {
            let both = [0, 2].map(|number| {
                let traffic =
                    Traffic { rate, weight, noise: NOISES[number].1, ..Traffic::usual(base, ratio) };
                let mut dice = Dice::new(21);
                Figure::of(runs, |_| worse(&traffic.draw(&mut dice))).text()
            });
            row.push(both.join(" \\| "));
        }
        rows.push(row);
    }
    let head = ["error, weight", "10/s", "100/s", "1000/s"];
    print("### Found in 10 minutes, % / median s: independent \\| rho .01", &head, &rows);
}

/// Pods that fail 10 % more at first, which decays.
pub fn young_pods(runs: usize) {
    let mut rows = Vec::new();
    for (rate, decay) in [(10.0, 60.0), (100.0, 30.0), (100.0, 60.0), (1000.0, 60.0)] {
        let mut row = vec![format!("{rate}/s, {decay} s")];
        for window in [0.0, 30.0, 60.0, 120.0, 300.0] {
            let mut dice = Dice::new(81);
            let figure = Figure::of(runs, |_| {
                let look = |at: usize| {
                    let age = window + LOOK * at as f64;
                    let mut pod = |share: f64, fails: f64| {
                        let requests = dice.poisson(rate * LOOK * share);
                        (requests, dice.binomial(requests, fails))
                    };
                    let canary = vec![pod(0.1, 0.01 + 0.1 * (-age / decay).exp())];
                    Look { canary, stable: (0..3).map(|_| pod(0.3, 0.01)).collect() }
                };
                worse(&(0..40).map(look).collect::<Vec<_>>())
            });
            row.push(figure.text());
        }
        rows.push(row);
    }
    let head = ["traffic, time constant", "no warm-up", "30 s", "60 s", "120 s", "300 s"];
    print("### Young pods: false alarms in %, by --warm-up", &head, &rows);
}

/// Versions that are the same, and that are too much worse to be good.
pub fn passed(runs: usize) -> Vec<String> {
    let mut rows = Vec::new();
    let mut broken = Vec::new();
    for base in [0.0, 0.001, 0.01] {
        let mut row = vec![format!("{} %, the same", base * 100.0)];
        for rate in [10.0, 150.0, 1000.0] {
            let traffic = Traffic { rate, looks: 120, ..Traffic::usual(base, 1.0) };
            let mut dice = Dice::new(31);
            row.push(Figure::of(runs, |_| good(&traffic.draw(&mut dice))).text());
        }
        rows.push(row);
    }
    // From 100 requests a second on twice as many are excluded, below three times as many. Above the floor of 0.5 %, and as many times as bad as is excluded at that rate.
    for (base, number) in [(0.01, 0), (0.01, 1), (0.01, 2), (0.05, 0)] {
        let (name, noise) = NOISES[number];
        let mut row = vec![format!("{} %, twice (three times at 10/s) as bad, {name}", base * 100.0)];
        for rate in [10.0, 150.0, 1000.0] {
            let ratio = if rate < 100.0 { 3.0 } else { 2.0 };
            let traffic = Traffic { rate, noise, looks: 120, ..Traffic::usual(base, ratio) };
            let mut dice = Dice::new(32);
            let figure = Figure::of(runs, |_| good(&traffic.draw(&mut dice)));
            row.push(figure.text());
            if number == 0 && figure.breaks_the_claim(5.0) {
                broken.push(format!("{base}, {rate}/s: {} % wrong passes", figure.percent()));
            }
        }
        rows.push(row);
    }
    print("### Known to be good in 30 minutes, % / median s", &["canary", "10/s", "150/s", "1000/s"], &rows);
    broken
}

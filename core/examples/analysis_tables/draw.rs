//! Traffic: requests of each pod in each look, and how many of them fail.

use rand::{RngExt, SeedableRng};
use rand_distr::{Beta, Binomial, Distribution, Normal, Poisson};
use rand_xorshift::XorShiftRng;

/// Seconds from one look to the next.
pub const LOOK: f64 = 15.0;

/// Requests, and bad ones among them.
pub type Pair = (u64, u64);

/// What each pod has counted in a look.
#[derive(Clone, Debug)]
pub struct Look {
    pub canary: Vec<Pair>,
    pub stable: Vec<Pair>,
}

/// Why requests do not fail independently of each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Noise {
    /// Correlation within a pod's look (beta-binomial).
    pub rho: f64,
    /// Standard deviation of a lasting log-normal factor of each pod.
    pub pods: f64,
    /// Share of a pod's looks in which 20 % more fail.
    pub bursts: f64,
    /// Whether such a burst lasts for more than a minute.
    pub long: bool,
    /// Whether both versions fail up to three times as much for a while.
    pub drift: bool,
}

/// No noise, and one of each.
pub const NOISES: [(&str, Noise); 9] = {
    const NONE: Noise = Noise { rho: 0.0, pods: 0.0, bursts: 0.0, long: false, drift: false };
    [
        ("independent", NONE),
        ("rho .001", Noise { rho: 0.001, ..NONE }),
        ("rho .01", Noise { rho: 0.01, ..NONE }),
        ("rho .05", Noise { rho: 0.05, ..NONE }),
        ("pods sd .3", Noise { pods: 0.3, ..NONE }),
        ("pods sd .5", Noise { pods: 0.5, ..NONE }),
        ("bursts of a look", Noise { bursts: 0.01, ..NONE }),
        ("bursts of a minute", Noise { bursts: 0.004, long: true, ..NONE }),
        ("drift x1..3", Noise { drift: true, ..NONE }),
    ]
};

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// Requests a second of both versions.
    pub rate: f64,
    /// The canary's share.
    pub weight: f64,
    pub canaries: usize,
    pub stables: usize,
    /// The share of requests that the stable version fails.
    pub base: f64,
    /// So many times as many fail in the canary.
    pub ratio: f64,
    pub noise: Noise,
    pub looks: usize,
}

impl Traffic {
    /// 100 requests a second, a tenth of them to one canary pod of four, ten minutes.
    pub const fn usual(base: f64, ratio: f64) -> Self {
        let noise = NOISES[0].1;
        Self { rate: 100.0, weight: 0.1, canaries: 1, stables: 3, base, ratio, noise, looks: 40 }
    }

    /// Draws a run.
    pub fn draw(&self, dice: &mut Dice) -> Vec<Look> {
        let (canaries, stables) = (self.canaries, self.stables);
        let moods: Vec<f64> = (0..canaries + stables).map(|_| dice.mood(self.noise.pods)).collect();
        let bursts: Vec<Vec<bool>> = moods.iter().map(|_| dice.bursts(self.looks, self.noise)).collect();
        let look = |at: usize, dice: &mut Dice| {
            let drift = if self.noise.drift { drift(at, self.looks) } else { 1.0 };
            let mut pod = |place: usize| {
                let (share, pods, ratio) = if place < canaries {
                    (self.weight, canaries, self.ratio)
                } else {
                    (1.0 - self.weight, stables, 1.0)
                };
                let requests = dice.poisson(self.rate * LOOK * share / pods as f64);
                let fails = (self.base * ratio).min(0.95) * moods[place] * drift;
                let fails = dice.correlated(fails.min(0.999), self.noise.rho);
                let burst = if bursts[place][at] { 0.2 } else { 0.0 };
                (requests, dice.binomial(requests, (fails + burst).min(1.0)))
            };
            let canary = (0..canaries).map(&mut pod).collect();
            Look { canary, stable: (canaries..canaries + stables).map(pod).collect() }
        };
        (0..self.looks).map(|at| look(at, dice)).collect()
    }
}

fn drift(at: usize, looks: usize) -> f64 {
    let place = std::f64::consts::PI * at as f64 / (looks - 1) as f64;
    1.0 + 2.0 * place.sin().powi(2)
}

/// A source of chance.
pub struct Dice(XorShiftRng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(XorShiftRng::seed_from_u64(seed))
    }

    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 0.0 { Poisson::new(mean).unwrap().sample(&mut self.0) as u64 } else { 0 }
    }

    pub fn binomial(&mut self, trials: u64, p: f64) -> u64 {
        Binomial::new(trials, p.clamp(0.0, 1.0)).unwrap().sample(&mut self.0)
    }

    /// A log-normal factor whose mean is 1.
    pub fn mood(&mut self, sd: f64) -> f64 {
        if sd > 0.0 { self.log_normal((-sd * sd / 2.0).exp(), sd) } else { 1.0 }
    }

    /// A log-normal number.
    pub fn log_normal(&mut self, median: f64, sd: f64) -> f64 {
        median * Normal::new(0.0, sd).unwrap().sample(&mut self.0).exp()
    }

    pub fn chance(&mut self, p: f64) -> bool {
        self.0.random::<f64>() < p
    }

    fn correlated(&mut self, p: f64, rho: f64) -> f64 {
        if rho == 0.0 {
            return p;
        }
        let size = (1.0 - rho) / rho;
        let (a, b) = ((p * size).max(1e-12), ((1.0 - p) * size).max(1e-12));
        // So rare that the generator's own numbers end: what is drawn then is 0.
        Beta::new(a, b).map_or(0.0, |beta| beta.sample(&mut self.0)).clamp(0.0, 1.0)
    }

    fn bursts(&mut self, looks: usize, noise: Noise) -> Vec<bool> {
        let mut all: Vec<bool> =
            (0..looks).map(|_| noise.bursts > 0.0 && self.chance(noise.bursts)).collect();
        let longer = if noise.long { 3 } else { 0 };
        for by in 1..=longer {
            for at in (by..looks).rev() {
                all[at] |= all[at - by];
            }
        }
        all
    }
}
